//! Commands that need no kiosk.

use serde_json::Value;
use std::process::Output;
use youji_tests::kiosk::{Kiosk, data, run, run_in, run_traced};

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}

fn check_scan(folder: &str, picture: &str, more: &[&str], code: i32, wanted: &str) -> Value {
    let output = run(&[&["scan", picture, "--json", "--data", folder], more].concat());
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let printed = json(&output);
    assert!(printed.to_string().contains(wanted), "{wanted} is not in {printed}");
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_code_opens_its_program_and_leaves_nothing() -> anyhow::Result<()> {
    let folder = data().await?;
    let data = folder.path().display().to_string();
    let pictures = tempfile::tempdir()?;
    let picture = |name: &str| pictures.path().join(name).display().to_string();
    // Codes name the address under which they were issued.
    let kiosk = Kiosk::start("serve", folder.path(), &["--public-url", "http://localhost:8080"]).await?;
    let code = kiosk.code("restaurant", "")?;
    kiosk.stop().await?;
    for (name, text) in [
        ("ours.png", code.as_str()),
        ("foreign.png", "HTTPS://ELSEWHERE.EXAMPLE/M/AAAAAAAAAAAAAAAA"),
        ("wifi.png", "WIFI:S:x;;"),
    ] {
        assert!(run(&["qr", text, "--png", &picture(name)]).status.success());
    }

    let traced = run_traced(&["scan", &picture("ours.png"), "--json", "--data", &data], "youji::step=debug");
    assert!(traced.status.success(), "{traced:?}");
    let opened = json(&traced);
    assert_eq!(opened["program"]["id"], "youji.restaurant", "{opened}");
    assert!(
        opened["nodes"].as_u64().is_some_and(|nodes| nodes >= 100),
        "the menu has {} nodes",
        opened["nodes"]
    );
    assert_eq!(opened["receipt"]["reason"], "closed");
    assert_eq!(opened["receipt"]["after"]["instances"], 0, "{}", opened["receipt"]);
    let steps = opened["steps"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = steps.iter().filter_map(|step| step[0].as_str()).collect();
    // Nobody opened it before, so this scan compiles.
    let program = ["wasm", "check", "compile", "load"];
    let before = ["decode", "parse", "resolve", "verify", "prepare"];
    let after = ["admit", "started", "instantiate", "launched", "shown", "view"];
    let wanted = [&before[..], &program, &after[..]].concat();
    let mut found = names.iter();
    for step in &wanted {
        assert!(found.any(|name| name == step), "{step} is not in its place among {names:?}");
    }
    let sum: u64 = steps.iter().filter_map(|step| step[1].as_u64()).sum();
    assert_eq!(opened["totalUs"], sum, "the steps are the whole: {steps:?}");
    let unloading: Vec<&str> = opened["receipt"]["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| step[0].as_str())
        .collect();
    assert_eq!(unloading, ["hidden", "unloaded", "save-state", "drop", "services", "free"]);
    // Each step is in the trace, in its place; "between" is what no step took.
    let trace = String::from_utf8_lossy(&traced.stderr);
    let shown: Vec<&str> = trace
        .lines()
        .filter_map(|line| line.split("step=\"").nth(1)?.split('"').next())
        .collect();
    for list in [&names, &unloading] {
        let mut shown = shown.iter();
        for step in list.iter().filter(|step| **step != "between") {
            assert!(shown.any(|name| name == step), "{step} is not in its place in the trace: {trace}");
        }
    }

    check_scan(&data, &picture("foreign.png"), &[], 5, "foreign-host");
    check_scan(&data, &picture("wifi.png"), &[], 5, "not-ours");
    let altered: String = code
        .char_indices()
        .map(|(at, c)| {
            if at == code.len() - 3 {
                if c == 'A' { 'B' } else { 'A' }
            } else {
                c
            }
        })
        .collect();
    assert!(run(&["qr", &altered, "--png", &picture("altered.png")]).status.success());
    check_scan(&data, &picture("altered.png"), &[], 5, "altered");
    std::fs::write(picture("text.png"), "no picture")?;
    check_scan(&data, &picture("text.png"), &[], 1, "not-a-picture");

    // No code, and several: the lower one is ours.
    image::GrayImage::from_pixel(200, 200, image::Luma([255])).save(picture("blank.png"))?;
    check_scan(&data, &picture("blank.png"), &[], 3, "no-code");
    let (above, below) = (
        image::open(picture("wifi.png"))?.to_luma8(),
        image::open(picture("ours.png"))?.to_luma8(),
    );
    let (width, height) = (above.width().max(below.width()), above.height() + below.height());
    let mut both = image::GrayImage::from_pixel(width, height, image::Luma([255]));
    image::imageops::replace(&mut both, &above, 0, 0);
    image::imageops::replace(&mut both, &below, 0, i64::from(above.height()));
    both.save(picture("both.png"))?;
    let asked = check_scan(&data, &picture("both.png"), &[], 4, "several-codes");
    assert_eq!(asked["codes"], serde_json::json!(["WIFI:S:x;;", code]));
    check_scan(&data, &picture("both.png"), &["--pick", "1"], 5, "not-ours");
    check_scan(&data, &picture("both.png"), &["--pick", "2"], 0, "youji.restaurant");
    let refused = run(&["scan", &picture("both.png"), "--pick", "3", "--data", &data]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("choose 1 to 2"), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_posters_open_their_tables_also_without_any_network() -> anyhow::Result<()> {
    let folder = data().await?;
    let data = folder.path().display().to_string();
    let kiosk = Kiosk::start("serve", folder.path(), &["--public-url", "http://localhost:8080"]).await?;
    kiosk.stop().await?;
    let out = tempfile::tempdir()?;
    let place = out.path().display().to_string();
    let printed = json(&run(&[
        "posters",
        "--out",
        &place,
        "--program",
        "youji.restaurant",
        "--tables",
        "3",
        "--json",
        "--data",
        &data,
    ]));
    assert_eq!(printed["posters"], 3, "{printed}");
    for sheet in ["sheet-a4.html", "tents-a6.html"] {
        let sheet = std::fs::read_to_string(out.path().join(sheet))?;
        for table in 1..=3 {
            let code = std::fs::read_to_string(out.path().join(format!("0{table}-lanternkitchen-t{table}.svg")))?;
            assert!(sheet.contains(&code), "the code of table {table} is not on it");
        }
        for words in ["一盏小馆", "Lantern Kitchen", "T3"] {
            assert!(sheet.contains(words), "{words} is not on it");
        }
    }
    let picture = out.path().join("03-lanternkitchen-t3.png").display().to_string();
    let scan = ["scan", &picture, "--json", "--data", &data];
    check_scan(&data, &picture, &[], 0, "youji.restaurant");
    // A namespace without so much as a loopback address.
    let alone = |arguments: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command
            .arg("--net")
            .args(arguments)
            .current_dir(youji_tests::kiosk::workspace())
            .output()
    };
    if !alone(&["true"]).is_ok_and(|output| output.status.success()) {
        youji_tests::not_checked::not_checked("a scan without any network: `unshare --net` is not allowed here");
        return Ok(());
    }
    let youji = youji_tests::kiosk::youji().display().to_string();
    let output = alone(&[&[youji.as_str()], &scan[..]].concat())?;
    assert!(output.status.success(), "{output:?}");
    let opened = json(&output);
    assert_eq!(opened["program"]["id"], "youji.restaurant");
    Ok(())
}

#[test]
fn codes_are_drawn_so_that_they_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let png = folder.path().join("code.png").display().to_string();
    let svg = folder.path().join("code.svg").display().to_string();
    let output = run(&["qr", "HTTPS://A.EXAMPLE/M/ABC", "--png", &png, "--svg", &svg, "--json"]);
    assert_eq!(json(&output)["text"], "HTTPS://A.EXAMPLE/M/ABC");
    assert!(std::fs::read_to_string(svg).expect("written").starts_with("<svg"));
    assert_eq!(json(&run(&["decode", &png, "--json"]))["codes"][0], "HTTPS://A.EXAMPLE/M/ABC");
    assert_eq!(run(&["qr"]).status.code(), Some(2), "a text or a program is needed");
}

#[test]
fn scenarios_play_as_they_say() {
    for name in ["order-paid-and-ready", "payment-declined", "two-people", "friends-at-lunch"] {
        let file = format!("examples/scenarios/{name}.json");
        let output = run(&["drive", &file, "--json"]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(json(&output)["steps"].as_u64().is_some_and(|steps| steps > 0));
    }
}

#[test]
fn a_seed_decides_all_that_is_random() {
    let played = |seed: &str| {
        let output = run(&["drive", "examples/scenarios/order-paid-and-ready.json", "--seed", seed, "--json"]);
        assert!(output.status.success(), "{output:?}");
        let outcome = json(&output);
        // What is measured differs, what is decided does not.
        let receipts = outcome["receipts"].as_array().expect("receipts");
        let sessions: Vec<_> = receipts.iter().map(|receipt| receipt["session"].clone()).collect();
        let rest: Vec<_> = receipts
            .iter()
            .map(|receipt| (receipt["atMs"].clone(), receipt["kept"].clone()))
            .collect();
        (sessions, rest, outcome["balances"].clone(), outcome["turnover"].clone())
    };
    let (one, again, other) = (played("7"), played("7"), played("8"));
    assert_eq!(one, again);
    assert_ne!(one.0, other.0, "another seed, other sessions");
}

/// `youji person …` of somebody who knows that PIN.
fn person(arguments: &[&str], folder: &std::path::Path, pin: &str) -> std::io::Result<Output> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new(youji_tests::kiosk::youji())
        .arg("person")
        .args(arguments)
        .arg("--data")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().expect("piped").write_all(format!("{pin}\n").as_bytes())?;
    child.wait_with_output()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_who_used_their_data_and_takes_it_along() -> anyhow::Result<()> {
    let folder = data().await?;
    let known: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("terminal.json"))?)?;
    let text = |member: &str| known["people"][0][member].as_str().unwrap_or_default().to_owned();
    let (code, pin) = (text("code"), text("pin"));
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let mut seat = youji_bench::client::Seat::new(kiosk.address);
    seat.post("/api/sign-in", &serde_json::json!({"code": code, "pin": pin}))
        .await?
        .ok()?;
    let fields = serde_json::json!({"fields": {"phone": "555 0100"}});
    seat.post("/api/person/profile", &fields).await?.ok()?;
    kiosk.stop().await?;

    let output = person(&["log", "--code", &code, "--json"], folder.path(), &pin)?;
    assert!(output.status.success(), "{output:?}");
    let log = json(&output);
    assert_eq!(log["verified"], true, "{log}");
    let last = log["records"]
        .as_array()
        .and_then(|records| records.last())
        .cloned()
        .unwrap_or_default();
    assert_eq!(
        (&last["act"], &last["about"][0]),
        (&"profile.changed".into(), &"phone".into()),
        "{log}"
    );
    let output = person(&["log", "--code", &code, "--last", "1"], folder.path(), &pin)?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(lines.lines().count() == 1 && lines.contains("profile.changed"), "{output:?}");

    let file = folder.path().join("mine.json");
    let path = file.display().to_string();
    let output = person(&["export", "--code", &code, "--out", &path, "--json"], folder.path(), &pin)?;
    assert!(output.status.success(), "{output:?}");
    let export: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    assert_eq!(export["profile"]["phone"], "555 0100");
    assert_eq!(json(&output)["audit"], export["audit"].as_array().map_or(0, Vec::len));

    let output = person(&["export", "--code", &code], folder.path(), "0000000")?;
    assert_eq!(output.status.code(), Some(1), "a wrong PIN shows nothing: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_somebody_else_is_taken_in_once_its_publisher_is_allowed() -> anyhow::Result<()> {
    let (folder, work) = (data().await?, tempfile::tempdir()?);
    let at = work.path().to_owned();
    tokio::task::spawn_blocking(move || {
        run_in(&at, &["new", "form", "--template", "form"])?;
        run_in(&at.join("form"), &["build"])
    })
    .await??;
    let package = work.path().join("form/target/youji/form.ma").display().to_string();
    let data = folder.path().display().to_string();
    let install = |package: &str, more: &[&str]| run(&[&["install", package, "--data", &data, "--json"], more].concat());

    let unknown = install(&package, &[]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let said = json(&unknown)["error"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("whom nobody allowed here") && said.contains("--allow"), "{said}");
    let allowed = install(&package, &["--allow", "Form & Co"]);
    assert!(allowed.status.success(), "{allowed:?}");
    let publisher = json(&allowed)["publisher"].as_str().unwrap_or_default().to_owned();
    assert!(
        !publisher.is_empty() && said.contains(&publisher),
        "the id that was to be compared: {said}"
    );
    let again = install(&package, &[]);
    assert_eq!(
        (again.status.code(), &json(&again)["changed"]),
        (Some(0), &Value::from(false)),
        "{again:?}"
    );
    let mut altered = std::fs::read(&package)?;
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let path = work.path().join("altered.ma").display().to_string();
    std::fs::write(&path, altered)?;
    assert_eq!(install(&path, &["--allow", "Somebody"]).status.code(), Some(1));

    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let mut seat = kiosk.seat();
    seat.visitor("en").await?;
    let mut stage = seat
        .open(&serde_json::json!({"code": kiosk.code("form", "")?, "language": "en"}))
        .await?;
    stage.sees("Hand in").await?;
    kiosk.stop().await
}
