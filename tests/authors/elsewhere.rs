//! A program goes to another host and from there to a third, by the commands that people type.

use crate::author::{Author, Said, replace};
use std::path::Path;
use youji_tests::kiosk::Kiosk;

const PROGRAM: &str = "example.tea";

/// Scans a picture; the version that opened, or the code of what refused it.
fn scan(author: &Author, picture: &Path, data: &str) -> Result<String, String> {
    let here = author.path("");
    let said = author.youji(&here, &["scan", &picture.display().to_string(), "--data", data, "--json"]);
    let json = said.json();
    match said.code {
        Some(0) => Ok(json["program"]["version"].as_str().unwrap_or_default().to_owned()),
        _ => Err(json["error"]["code"].as_str().unwrap_or_default().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn published_at_a_host_and_fetched_by_another() -> anyhow::Result<()> {
    let author = Author::new();
    let dir = author.project("tea", "counter");
    let manifest = dir.join("manifest.json");
    let (first, second) = (author.path("first"), author.path("second").display().to_string());
    let folder = first.display().to_string();
    let own = author
        .youji(&dir, &["publish", "--data", &folder, "--publisher", "Tea House", "--json"])
        .ok()
        .json();
    let publisher = own["publisher"].as_str().unwrap_or_default().to_owned();
    let registry = Kiosk::start("serve", &first, &[]).await?;
    let url = format!("http://localhost:{}", registry.address.port());

    // Nothing but a trial: nobody else finds it.
    let alone = author.path("alone").display().to_string();
    author.youji(&dir, &["publish", "--data", &alone, "--channel", "trial"]).ok();
    let listed = author.youji(&dir, &["programs", "list", "--data", &alone, "--json"]).ok().json();
    assert_eq!(
        (&listed["programs"][0]["trial"], &listed["programs"][0]["open"]),
        (&1.into(), &false.into()),
        "{listed}"
    );

    // A second version is tried out, then everybody gets it.
    replace(&manifest, "\"code\": 1, \"name\": \"0.1.0\"", "\"code\": 2, \"name\": \"0.2.0\"");
    let send = |channel: &str| -> Said { author.youji(&dir, &["publish", "--to", &url, "--channel", channel, "--json"]) };
    for (channel, changed) in [("trial", true), ("trial", false), ("release", true), ("release", false)] {
        let sent = send(channel).ok().json();
        assert_eq!(
            (&sent["changed"], &sent["version"]),
            (&changed.into(), &2.into()),
            "{channel}: {sent}"
        );
    }
    let refused = send("trial");
    assert!(
        refused.code == Some(1)
            && refused.json()["error"]
                .as_str()
                .is_some_and(|error| error.contains("is released already")),
        "{refused:?}"
    );

    // Another host asks it: the operator is asked about the publisher first.
    Kiosk::start("serve", Path::new(&second), &["--registry", &url])
        .await?
        .stop()
        .await?;
    let picture = author.path("code.png");
    let here = author.path("");
    author
        .youji(
            &here,
            &[
                "qr",
                "--program",
                PROGRAM,
                "--data",
                &second,
                "--png",
                &picture.display().to_string(),
            ],
        )
        .ok();
    assert_eq!(scan(&author, &picture, &second), Err("unknown-publisher".into()));
    let listed = author.youji(&here, &["programs", "list", "--data", &second, "--json"]).ok().json();
    assert_eq!(
        (&listed["asked"][0]["publisher"], &listed["registries"][0]),
        (&publisher.as_str().into(), &url.as_str().into()),
        "{listed}"
    );
    author
        .youji(&here, &["programs", "allow", &publisher, "--name", "Tea House", "--data", &second])
        .ok();
    assert_eq!(scan(&author, &picture, &second).as_deref(), Ok("0.2.0"));

    // It is withdrawn, and the operator goes back to the first, which was never here.
    author.youji(&dir, &["yank", "2", "--reason", "wrong prices", "--to", &url]).ok();
    let told = author.youji(&here, &["programs", "update", "--data", &second]).ok();
    assert!(told.out.contains(PROGRAM), "{told:?}");
    assert_eq!(scan(&author, &picture, &second), Err("yanked".into()));
    let told = author.youji(&here, &["programs", "list", "--data", &second]).ok();
    assert!(
        told.out.contains("withdrawn wrong prices") && told.out.contains(&format!("from {url}")),
        "{told:?}"
    );
    author.youji(&here, &["rollback", PROGRAM, "1", "--data", &second]).ok();
    assert_eq!(scan(&author, &picture, &second).as_deref(), Ok("0.1.0"));

    // Without the registry everything that is here opens, and what is not says what to do.
    registry.stop().await?;
    assert_eq!(scan(&author, &picture, &second).as_deref(), Ok("0.1.0"));
    let told = author.youji(&here, &["programs", "update", "--data", &second]);
    assert!(
        told.code == Some(1) && told.err.contains("can't be reached") && told.err.contains("Look at the network"),
        "{told:?}"
    );
    for (arguments, says) in [
        (vec!["publish", "--to", &url], "can't be reached"),
        (vec!["publish", "--to", "tea.example"], "such as https://registry.example"),
        (vec!["yank", "7", "--data", &folder], "has stated no version 7"),
        (vec!["rollback", "example.coffee", "--data", &second], "example.coffee"),
    ] {
        let said = author.youji(&dir, &arguments);
        assert!(
            said.code.is_some_and(|code| code != 0) && said.err.contains(says),
            "{arguments:?}: {said:?}"
        );
    }
    Ok(())
}
