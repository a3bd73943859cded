//! The example does what its page says: a code for a room, a view of one, and a kiosk beside it.

use anyhow::{Context, Result};
use embed::Service;
use std::path::Path;
use std::time::{Duration, Instant};
use youji_bench::client::Seat;
use youji_dev::Options;
use youji_kiosk::HostConfig;
use youji_package::PublisherKey;
use youji_runtime::Compiler;

#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_a_code_that_the_kiosk_opens() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let key = PublisherKey::from_seed(&[9; 32]);
    let out = folder.path().join("out");
    let built = youji_dev::build(&root.join("miniprograms/counter"), &Options::new(&root, &out, &key), &mut |_| {})?;
    let config = || HostConfig {
        address: ([127, 0, 0, 1], 0).into(),
        compiler: Compiler::InProcess,
        ..HostConfig::new(folder.path().join("data"))
    };
    let own = ([127, 0, 0, 1], 0).into();
    let service = Service::start(config(), own, built.bytes.clone(), &key.public()).await?;

    let mut house = Seat::new(service.address);
    let code = house.get("/rooms/12/code.svg").await?;
    assert!(code.status == 200 && code.body.starts_with("<svg"), "{code:?}");
    let view = house.get("/rooms/12/first-view").await?.ok()?;
    let kinds: Vec<&str> = view["view"]["tree"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"button"), "{view}");
    assert_eq!(view["receipt"]["reason"], "closed");
    assert_eq!(house.get("/health").await?.ok()?["programs"], 1);
    assert_eq!(house.get("/rooms/none/code.svg").await?.status, 400);

    let mut guest = Seat::new(service.kiosk);
    guest.visitor("en").await?;
    let state = guest.get("/api/state").await?.ok()?;
    let code = state["programs"][0]["code"].as_str().context("a program with its code")?.to_owned();
    let mut stage = guest.open(&serde_json::json!({"code": code, "language": "en"})).await?;
    stage.close().await?;
    service.stop().await;

    // A package of somebody else for the same program is refused, and the error says so.
    let other = PublisherKey::from_seed(&[8; 32]);
    let theirs = youji_dev::build(&root.join("miniprograms/counter"), &Options::new(&root, &out, &other), &mut |_| {})?;
    // What the first one still does in the background holds the folder for a moment.
    let begun = Instant::now();
    let refused = loop {
        let refused = Service::start(config(), own, theirs.bytes.clone(), &other.public()).await;
        let refused = refused.err().context("another publisher was let in")?.to_string();
        if !refused.contains("in use") || begun.elapsed() > Duration::from_secs(60) {
            break refused;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(refused.contains("youji.counter belongs to publisher"), "{refused}");
    Ok(())
}
