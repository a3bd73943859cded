//! Attacks that are known of mini-programs, each made by a real component that calls what it is told: what it tries, what it gets, and what
//! its neighbours and the store look like afterwards. `SECURITY.md` has the table.

use crate::support::{ANN, PIN, config, failed, key};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use youji_bench::client::{Seat, Stage};
use youji_bench::view::Wanted;
use youji_kiosk::{Host, HostConfig, Server};
use youji_package::{Draft, PackageLimits, PublisherKey};
use youji_services::{Merchant, Names, NewPerson};
use youji_tests::kiosk::workspace;

/// The program that attacks, and another publisher's beside it: the same component.
const PROBER: &str = "org.example.prober";
const OTHER: &str = "org.example.other";
const PHONE: &str = "+86 138 0000 0000";

fn other_key() -> PublisherKey {
    PublisherKey::from_seed(&[9; 32])
}

/// The component that makes whatever call it is told to; built once a process.
fn component() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = "wasm32-unknown-unknown";
        let built = Command::new(cargo)
            .args(["build", "-q", "--profile", "miniprogram", "--target", target, "-p", "youji-prober"])
            .current_dir(workspace())
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status();
        assert!(built.expect("cargo starts").success(), "run `rustup target add {target}`");
        let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let module = std::fs::read(folder.join(target).join("miniprogram/youji_prober.wasm")).expect("the guest was built");
        let encode = || wit_component::ComponentEncoder::default().module(&module)?.encode();
        encode().expect("the guest fits the contract")
    })
}

/// A package around it, with these scopes beside all capabilities.
fn package(id: &str, key: &PublisherKey, version: u32, scopes: &[&str]) -> Vec<u8> {
    let capabilities = [
        "identity",
        "payment",
        "messaging",
        "storage",
        "records",
        "navigation",
        "scanner",
        "location",
        "clock",
        "random",
    ];
    let permissions: Vec<Value> = capabilities
        .iter()
        .chain(scopes)
        .map(|name| json!({"name": name, "reason": "For a test"}))
        .collect();
    let manifest = json!({
        "app_id": id, "name": id, "short_name": "Probe", "description": "For tests.",
        "icons": [{"src": "common/icon.svg", "sizes": "48x48"}],
        "version": {"code": version, "name": version.to_string()}, "platform_version": {"min_code": 1},
        "pages": ["pages/home", "pages/pay", "pages/desk"], "entries": ["pages/desk"], "lang": "en",
        "req_permissions": permissions,
        "collections": [
            {"name": "notes", "readers": ["owner"], "writers": ["owner"]},
            {"name": "board", "readers": ["everyone"], "writers": ["owner"]},
        ],
        "templates": [{"name": "ready", "title": {"en": "Ready"}, "text": {"en": "Number {number}"}}],
    });
    let icon = r#"<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><rect width="48" height="48"/></svg>"#;
    Draft::new()
        .with("app.wasm", component())
        .with("manifest.json", manifest.to_string())
        .with("common/icon.svg", icon)
        .sign(key, &PackageLimits::default())
        .expect("the package is fine")
}

/// A kiosk with both programs and with Ann, who has a phone and 50.00.
struct Kiosk {
    server: Server,
    host: Arc<Host>,
    _folder: TempDir,
}

impl Kiosk {
    async fn open() -> Result<Kiosk> {
        let folder = tempfile::tempdir()?;
        let mut config = HostConfig {
            address: ([127, 0, 0, 1], 0).into(),
            ..config(&folder.path().join("data"))
        };
        let listener = Server::bind(&mut config).await?;
        let host = Host::new(config).await?;
        for (id, key, name) in [(PROBER, key(), "Trial Shop"), (OTHER, other_key(), "Other Shop")] {
            let public = key.public();
            host.registry().allow_publisher(name, &public).await?;
            host.registry().publish(package(id, &key, 1, &["identity.nickname"])).await?;
            let shop = Merchant {
                publisher: public.id(),
                id: String::new(),
                name: Names::new(name, name),
            };
            host.services().enrol_merchant(shop).await.map_err(failed)?;
        }
        let ann = NewPerson {
            name: "Ann".into(),
            code: ANN.into(),
            pin: PIN.into(),
            language: "en".into(),
            balance: 5_000,
            profile: vec![("phone".into(), PHONE.into()), ("address".into(), "1 Long Street".into())],
        };
        host.services().create_person(ann).await.map_err(failed)?;
        Ok(Kiosk {
            server: Server::start(Arc::clone(&host), listener),
            host,
            _folder: folder,
        })
    }

    async fn ann(&self) -> Result<Seat> {
        let mut seat = Seat::new(self.server.address());
        seat.post("/api/sign-in", &json!({"code": ANN, "pin": PIN})).await?.ok()?;
        seat.pin = PIN.into();
        Ok(seat)
    }

    async fn visitor(&self) -> Result<Seat> {
        let mut seat = Seat::new(self.server.address());
        seat.visitor("en").await?;
        Ok(seat)
    }

    /// Ends it: every sum is right and the log is whole.
    async fn close(self) -> Result<()> {
        self.host.services().check_ledger().await.map_err(anyhow::Error::msg)?;
        self.host.services().verify_log().await.map_err(anyhow::Error::msg)?;
        self.server.stop().await;
        Ok(())
    }
}

async fn open(seat: &mut Seat, program: &str) -> Result<Stage> {
    seat.open(&json!({"program": program, "page": "", "query": {}})).await
}

/// The result of the newest run, "#1 ok …".
fn got(stage: &Stage, run: u32) -> Option<String> {
    let mark = format!("#{run} ");
    let text = stage.view.text();
    let from = text.find(&mark)? + mark.len();
    Some(text[from..].to_owned())
}

/// Has the program run a command at a tap. What it got: everything that is shown from there on.
async fn run(stage: &mut Stage, command: &str) -> Result<String> {
    let runs = (1..)
        .find(|run| got(stage, *run).is_some() || *run > 200)
        .filter(|run| *run <= 200)
        .unwrap_or(0);
    let field = Wanted {
        event: "input",
        label: "command",
        within: "",
    };
    stage.event(&field, json!(command)).await?;
    stage.tap("do").await?;
    let got = stage.until(command, |stage| got(stage, runs + 1)).await?;
    Ok(got.lines().next().unwrap_or_default().to_owned())
}

/// The command is refused with that code; what it was told.
async fn refused(stage: &mut Stage, command: &str, code: &str) -> Result<String> {
    let said = run(stage, command).await?;
    assert!(
        said.starts_with(&format!("refused {code}:")),
        "{command}: expected {code}, got {said}"
    );
    Ok(said)
}

/// The command works; what it got.
async fn works(stage: &mut Stage, command: &str) -> Result<String> {
    let said = run(stage, command).await?;
    let got = said.strip_prefix("ok").with_context(|| format!("{command}: {said}"))?;
    Ok(got.trim().to_owned())
}

async fn balance(seat: &mut Seat) -> Result<String> {
    let person = seat.get("/api/person").await?.ok()?;
    Ok(person["balance"].as_str().context("a balance")?.to_owned())
}

async fn pays(stage: &mut Stage, order: &str) -> Result<()> {
    assert_eq!(works(stage, &format!("pay|{order}||100")).await?, "asked");
    stage.answer("payment", true).await?;
    stage.sees("outcome=done").await
}

/// Class 1: person and program come from the session, whatever an argument, a header, a body or a frame says.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_identity_changes_nothing() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let (mut ann, mut thief) = (kiosk.ann().await?, kiosk.visitor().await?);
    let mut hers = open(&mut ann, PROBER).await?;
    let ann_id = works(&mut hers, "open-id").await?;
    works(&mut hers, "set|diary|mine").await?;
    works(&mut hers, "put|notes|hers|0|a secret").await?;
    pays(&mut hers, "ann-1").await?;
    let before = balance(&mut ann).await?;
    assert_eq!(before, "49.00");

    let mut his = open(&mut thief, PROBER).await?;
    let his_id = works(&mut his, "open-id").await?;
    assert_ne!(his_id, ann_id);
    // In arguments: her id as a path, an owner, a payer, a sender, a name of an order.
    for key in [
        "diary",
        &format!("{ann_id}/diary"),
        &format!("../{ann_id}/diary"),
        &format!("{PROBER}/{ann_id}/diary"),
    ] {
        assert_eq!(works(&mut his, &format!("get|{key}")).await?, "nothing", "{key}");
    }
    // As if there were none: who may not read a row does not learn that it is there.
    assert_eq!(works(&mut his, "row|notes|hers").await?, "nothing");
    assert_eq!(works(&mut his, &format!("rows|notes|owner={ann_id}")).await?, "");
    refused(&mut his, &format!("put|board|k|0|v|owner={ann_id}"), "forbidden").await?;
    assert_eq!(works(&mut his, "row|board|k").await?, "nothing");
    refused(&mut his, &format!("send|{ann_id}|ready|1|number=1"), "denied").await?;
    refused(&mut his, "lookup|ann-1", "not-found").await?;
    refused(&mut his, "act|ann-1|refund|amount=100", "not-found").await?;
    for option in ["from", "payer", "person"] {
        refused(&mut his, &format!("pay|his-{option}||100|{option}={ann_id}"), "unsupported").await?;
    }
    assert!(his.sheets.is_empty(), "{:?}", his.sheets);
    pays(&mut his, "his-1").await?;
    assert_eq!(balance(&mut thief).await?, "199.00");
    assert_eq!(balance(&mut ann).await?, before, "it is never her money");

    // In headers and bodies: whose seat it is says the cookie.
    let opened = thief
        .request(
            "POST",
            "/api/open",
            &[
                ("content-type", "application/json"),
                ("x-person", ANN),
                ("x-open-id", &ann_id),
                ("x-program", OTHER),
            ],
            json!({"program": PROBER, "page": "", "query": {}, "person": ANN, "openId": ann_id, "fromProgram": OTHER, "cause": "program"})
                .to_string()
                .as_bytes(),
            None,
        )
        .await?;
    let opened = opened.ok()?;
    let mut stage = thief.stage(opened["session"].as_str().context("a session")?, 0).await?;
    stage.sees("cause=").await?;
    let launch = stage.view.text();
    assert!(
        !launch.contains("from-program=org") && !launch.contains("cause=program"),
        "{launch}"
    );
    assert_eq!(works(&mut stage, "open-id").await?, his_id);
    stage.close().await?;
    // In frames: her session's name opens no socket for him, and a frame says nothing about who sends it.
    assert!(thief.stage(&hers.session, 0).await.is_err(), "a socket of hers");
    let forged = json!({"t": "hello", "lastSeq": 0, "language": "en", "session": hers.session, "person": ANN, "program": OTHER});
    his.send(&forged).await?;
    drop(his);
    let mut his = open(&mut thief, PROBER).await?;
    assert_eq!(works(&mut his, "open-id").await?, his_id);

    // She has all that she had, and her own list names nothing of his.
    assert_eq!(works(&mut hers, "get|diary").await?, "mine");
    assert!(works(&mut hers, "row|notes|hers").await?.contains("a secret"));
    let receipts = ann.get("/api/person/receipts").await?.ok()?;
    assert_eq!(receipts["receipts"].as_array().map(Vec::len), Some(1), "{receipts}");
    kiosk.close().await
}

/// Class 3: whatever page is named and whatever stands behind it, money needs a sheet and a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_straight_to_a_payment_moves_nothing() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let mut ann = kiosk.ann().await?;
    let origin = kiosk.host.public_url();
    // The page that pays is no entry: neither by address, nor by name, nor by the number in a code.
    for target in [
        json!({"code": format!("{origin}/miniapp/{PROBER}/pages/pay?amount=1&command=pay%7C1%7C%7C1")}),
        json!({"code": format!("platform://miniapp/{PROBER}/pages/pay?amount=1")}),
        json!({"program": PROBER, "page": "pages/pay", "query": {"amount": "1", "command": "pay|1||1"}}),
        json!({"program": PROBER, "page": "/pages/pay", "query": {"amount": "1"}}),
        json!({"program": PROBER, "page": "pages/desk/../pay", "query": {"amount": "1"}}),
        json!({"program": PROBER, "page": "pages/pay#pages/desk", "query": {}}),
    ] {
        let answer = ann.post("/api/open", &target).await?;
        assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
    }
    let refused_code = kiosk.host.code_for(&PROBER.into(), "pages/pay", "amount=1");
    assert!(refused_code.is_err(), "{refused_code:?}");
    let state = ann.get("/api/state").await?.ok()?;
    assert_eq!(state["sessions"], json!([]), "nothing was opened");

    // An entry that asks at once, without a tap: it is told so, and there is no sheet.
    for command in [
        "pay|1||1",
        "subscribe|ready",
        "profile|nickname",
        "scan",
        "locate",
        &format!("open|{OTHER}|"),
    ] {
        let query = json!({"amount": "1", "command": command});
        let mut stage = ann.open(&json!({"program": PROBER, "page": "pages/desk", "query": query})).await?;
        stage.sees("refused needs-tap").await?;
        stage.caught_up().await?;
        assert!(stage.sheets.is_empty(), "{command}: {:?}", stage.sheets);
        stage.close().await?;
    }
    // The order was never asked for.
    let mut stage = open(&mut ann, PROBER).await?;
    refused(&mut stage, "lookup|1", "not-found").await?;
    assert_eq!(balance(&mut ann).await?, "50.00");
    kiosk.close().await
}

/// Class 4: what one program keeps of a person, another one does not see, under no name.
#[tokio::test(flavor = "multi_thread")]
async fn two_programs_share_nothing_of_a_person() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let mut ann = kiosk.ann().await?;
    let mut first = open(&mut ann, PROBER).await?;
    works(&mut first, "set|token|from the first").await?;
    works(&mut first, "put|board|note|0|on the first board").await?;
    works(&mut first, "put|notes|note|0|a note").await?;
    let ids = [works(&mut first, "open-id").await?, works(&mut first, "union-id").await?];

    let mut second = open(&mut ann, OTHER).await?;
    assert_eq!(works(&mut second, "keys").await?, "");
    for key in [
        "token",
        &format!("{PROBER}/token"),
        &format!("../{PROBER}/token"),
        &format!("{}/token", ids[0]),
    ] {
        assert_eq!(works(&mut second, &format!("get|{key}")).await?, "nothing", "{key}");
    }
    for command in [
        "row|board|note",
        "rows|board",
        "row|notes|note",
        &format!("row|{PROBER}/board|note"),
        &format!("rows|board|owner={}", ids[0]),
    ] {
        let said = run(&mut second, command).await?;
        assert!(!said.contains("first board") && !said.contains("a note"), "{command}: {said}");
    }
    for id in ["open-id", "union-id"] {
        let other = works(&mut second, id).await?;
        assert!(!ids.contains(&other), "{id} links the two");
    }
    // Written under the same names, both stand beside each other.
    works(&mut second, "set|token|from the second").await?;
    works(&mut second, "put|board|note|0|on the second board").await?;
    assert_eq!(works(&mut first, "get|token").await?, "from the first");
    assert!(works(&mut first, "row|board|note").await?.contains("on the first board"));
    // Forgotten by one, the other one's is as it was.
    ann.post("/api/person/forget", &json!({"program": OTHER})).await?.ok()?;
    assert_eq!(works(&mut first, "get|token").await?, "from the first");
    let mut again = open(&mut ann, OTHER).await?;
    assert_eq!(works(&mut again, "get|token").await?, "nothing");
    kiosk.close().await
}

/// Class 9: a yes is for this person, this program, this scope, as long as it stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_version_asks_for_what_is_new_only() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let mut ann = kiosk.ann().await?;
    let mut first = open(&mut ann, PROBER).await?;
    refused(&mut first, "profile|phone", "undeclared").await?;
    assert!(first.sheets.is_empty(), "{:?}", first.sheets);
    works(&mut first, "profile|nickname").await?;
    first.answer("consent", true).await?;
    first.sees("profile.nickname=Ann").await?;

    let wider = package(PROBER, &key(), 2, &["identity.nickname", "identity.phone"]);
    kiosk.host.registry().publish(wider).await?;
    kiosk.host.programs_changed();
    // Who is in the old version stays there: nothing became wider for them.
    refused(&mut first, "profile|phone", "undeclared").await?;
    first.close().await?;

    let mut second = open(&mut ann, PROBER).await?;
    works(&mut second, "profile|nickname,phone").await?;
    let sheet = second.sheet("consent").await?;
    let scopes: Vec<&str> = sheet["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line["scope"].as_str())
        .collect();
    assert_eq!(scopes, ["identity.phone"], "only what is new is asked for");
    second.answer("consent", false).await?;
    second.sees("completed").await?;
    assert!(!second.view.text().contains(PHONE));
    // A no stays one, without another sheet.
    refused(&mut second, "profile|phone", "denied").await?;
    second
        .until("the sheet to go", |stage| stage.sheets.is_empty().then_some(()))
        .await?;
    // What was allowed before still is; taken back, it ends at the next call of the running session.
    works(&mut second, "profile|nickname").await?;
    let back = json!({"program": PROBER, "scope": "identity.nickname", "granted": false});
    ann.post("/api/person/consents", &back).await?.ok()?;
    refused(&mut second, "profile|nickname", "denied").await?;

    // Neither another person nor another program has it of her yes.
    let mut visitor = kiosk.visitor().await?;
    let mut theirs = open(&mut visitor, PROBER).await?;
    works(&mut theirs, "profile|nickname").await?;
    theirs.sheet("consent").await?;
    let mut other = open(&mut ann, OTHER).await?;
    works(&mut other, "profile|nickname").await?;
    other.sheet("consent").await?;
    kiosk.close().await
}

/// Class 11: only the fields that were chosen come, and only from the call that may give them.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_fields_come_than_were_chosen() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let all = [
        "identity.nickname",
        "identity.phone",
        "identity.address",
        "identity.region",
        "identity.avatar",
    ];
    kiosk.host.registry().publish(package(PROBER, &key(), 2, &all)).await?;
    kiosk.host.programs_changed();
    let mut ann = kiosk.ann().await?;
    let mut stage = open(&mut ann, PROBER).await?;
    let launch = stage.view.text();
    works(&mut stage, "profile|nickname,phone,address").await?;
    let sheet = stage.sheet("consent").await?;
    tokio::time::sleep(std::time::Duration::from_millis(550)).await;
    // She allows two, and gives another phone.
    let answer = json!({
        "t": "answer", "id": sheet["id"], "accepted": true, "afterMs": 550, "pin": "",
        "chosen": ["identity.nickname", "identity.phone"], "values": {"identity.phone": "+1 555 0100"},
    });
    stage.send(&answer).await?;
    stage.sees("profile.nickname=Ann").await?;
    let shown = stage.view.text();
    assert!(shown.contains("profile.phone=+1 555 0100"), "{shown}");
    for secret in [PHONE, "Long Street", "profile.address"] {
        assert!(!shown.contains(secret) && !launch.contains(secret), "{secret} in {shown}");
    }
    // No other call, and no name that is none, gives more.
    for command in ["profile|address", "profile|nickname,address"] {
        refused(&mut stage, command, "denied").await?;
    }
    for command in [
        "profile|*",
        "profile|pin",
        "profile|balance",
        "profile|sign",
        "profile|code",
        "profile|",
    ] {
        let said = run(&mut stage, command).await?;
        assert!(said.starts_with("refused "), "{command}: {said}");
    }
    for command in ["open-id", "union-id", "login-code", "locate"] {
        let said = run(&mut stage, command).await?;
        for secret in [PHONE, "Long Street", "Ann", ANN] {
            assert!(
                !said
                    .to_lowercase()
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word == secret.to_lowercase()),
                "{command}: {said}"
            );
        }
    }
    // Every use is in her own chain: two fields, of this program.
    let audit = ann.get("/api/person/audit").await?.ok()?;
    let records = audit["records"].as_array().context("records")?;
    let given: Vec<&Value> = records.iter().filter(|record| record["act"] == "identity.profile").collect();
    assert_eq!(given.len(), 1, "{audit}");
    let mut about: Vec<&str> = given[0]["about"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    about.sort_unstable();
    assert_eq!((about, &given[0]["program"]), (vec!["nickname", "phone"], &json!(PROBER)));
    kiosk.close().await
}

/// Class 12: a program gets the same answers about somebody who uses another program as about somebody who doesn't.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_which_other_programs_somebody_uses() -> Result<()> {
    let kiosk = Kiosk::open().await?;
    let (mut user, mut stranger) = (kiosk.visitor().await?, kiosk.visitor().await?);
    // One of the two uses the first program in every way.
    let mut first = open(&mut user, PROBER).await?;
    let known = works(&mut first, "open-id").await?;
    let union = works(&mut first, "union-id").await?;
    works(&mut first, "set|k|v").await?;
    works(&mut first, "put|board|k|0|v").await?;
    works(&mut first, "subscribe|ready").await?;
    first.answer("subscribe", true).await?;
    first.sees("template.ready=accepted").await?;
    pays(&mut first, "order-1").await?;
    first.close().await?;

    let mut answers = Vec::new();
    for seat in [&mut user, &mut stranger] {
        let mut stage = open(seat, OTHER).await?;
        let launch: Vec<String> = stage.view.text().lines().map(str::to_owned).collect();
        let mut said = vec![launch.join("\n")];
        for command in [
            "lookup|order-1".to_owned(),
            format!("send|{known}|ready|1|number=1"),
            format!("send|{union}|ready|2|number=1"),
            "send|nobody|ready|3|number=1".to_owned(),
            "keys".to_owned(),
            "rows|board".to_owned(),
            format!("rows|board|owner={known}"),
            "act|order-1|refund|amount=1".to_owned(),
            format!("open|{PROBER}|"),
            format!("open|{PROBER}|pages/desk"),
            "open|org.example.nowhere|".to_owned(),
        ] {
            said.push(run(&mut stage, &command).await?);
        }
        // Nothing that was asked differs in what the host had to decide.
        let unknown = &said[4];
        assert_eq!(&said[2], unknown, "the first program's open id is nobody here");
        assert_eq!(&said[3], unknown, "and so is its union id");
        answers.push(said);
        stage.close().await?;
    }
    assert_eq!(
        answers[0], answers[1],
        "the user of the other program and somebody who never was there"
    );
    kiosk.close().await
}
