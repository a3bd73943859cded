//! Visitors who are there when the host is killed: the next start erases them before it lets anybody in.

use crate::support::{ANN, BALANCE, Kiosk, PLAIN, accept, config, data, open, wallet};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use youji_kiosk::Host;
use youji_tests::not_checked::not_checked;

/// Names of the key files of one kind: "key" of those who are here, "gone" of those who were forgotten.
fn keys(data: &Path, kind: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(data.join("services/keys"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == kind) {
            names.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Lines of the event file that tell of visitors whom a start erased.
fn told(data: &Path) -> Result<Vec<Value>> {
    let events = std::fs::read_to_string(data.join("events.jsonl"))?;
    // A kill may cut a line short.
    let lines = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_starts = |line: &Value| line["kind"] == "reset" && line["reason"] == "start";
    Ok(lines.filter(of_starts).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_was_there_at_a_kill_is_gone_after_the_start() -> Result<()> {
    let folder = data().await?;
    let data = folder.path().join("data");
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let mut ann = kiosk.ann().await?;
    let mut hers = open(&mut ann, "", "").await?;
    hers.tap("keep").await?;
    hers.sees("Ok").await?;
    let before = keys(&data, "key")?;
    // One visitor is in the middle of everything, and another one only came.
    let mut visitor = kiosk.visitor().await?;
    let mut stage = open(&mut visitor, "", "").await?;
    stage.tap("keep").await?;
    stage.tap("pay").await?;
    accept(&mut stage).await?;
    stage.sees("done").await?;
    let _idle = kiosk.visitor().await?;
    let theirs: BTreeSet<String> = keys(&data, "key")?.difference(&before).cloned().collect();
    // One for each, and one for what the first has in the program.
    ensure!(theirs.len() == 3, "the control: their keys are there: {theirs:?}");
    let people = kiosk.people().await?;
    ensure!(people.iter().filter(|person| person["visitor"] == true).count() == 2, "{people:?}");
    kiosk.signal("KILL")?;
    kiosk.ended().await?;
    ensure!(
        keys(&data, "key")?.is_superset(&theirs),
        "the control: a killed host erases nobody by itself"
    );

    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let people = kiosk.people().await?;
    let codes: Vec<&str> = people.iter().filter_map(|person| person["code"].as_str()).collect();
    assert_eq!(codes, [ANN], "only those with an account are left: {people:?}");
    ensure!(keys(&data, "gone")? == theirs, "their keys are destroyed");
    ensure!(keys(&data, "key")? == before, "and nobody else's");
    let mut ann = kiosk.ann().await?;
    assert_eq!(
        wallet(&mut ann).await?,
        (BALANCE.to_owned(), 0),
        "who has an account keeps what is theirs"
    );
    kiosk.still_works().await?;
    kiosk.stop().await?;
    let told = told(&data)?;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|line| line["visitor"] == true && line["erased"]["keys"] == 1),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line["erased"]["receipts"] == 1 && line["erased"]["orders"] == 1 && line["erased"]["storage"] == 1),
        "{told:?}"
    );

    let host = Host::new(config(&data)).await?;
    let services = host.services();
    services.check_ledger().await.map_err(anyhow::Error::msg)?;
    services.verify_log().await.map_err(anyhow::Error::msg)?;
    let publisher = crate::support::key().public().id();
    assert_eq!(services.merchants(&publisher)[0].1, 100, "the merchant keeps what it took in");
    host.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_killed_while_it_erases_is_finished_by_the_next() -> Result<()> {
    const VISITORS: usize = 24;
    const KILLS: u32 = 8;
    let folder = data().await?;
    let data = folder.path().join("data");
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let before = keys(&data, "key")?;
    for _ in 0..VISITORS {
        kiosk.visitor().await?;
    }
    let theirs: BTreeSet<String> = keys(&data, "key")?.difference(&before).cloned().collect();
    ensure!(theirs.len() == VISITORS, "{theirs:?}");
    kiosk.signal("KILL")?;
    kiosk.ended().await?;
    let mut between = 0;
    for _ in 0..KILLS {
        let before = keys(&data, "gone")?.len();
        if before == VISITORS {
            break;
        }
        Kiosk::killed_at_start(&data, || Ok(keys(&data, "gone")?.len() > before)).await?;
        let gone = keys(&data, "gone")?.len();
        between += u32::from(gone > before && gone < VISITORS);
    }
    eprintln!("{between} kills hit the erasing");
    if between == 0 {
        not_checked("a start that is killed while it erases visitors: it had erased all of them before it could be killed");
    }
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let people = kiosk.people().await?;
    assert!(people.iter().all(|person| person["visitor"] == false), "{people:?}");
    assert_eq!(keys(&data, "gone")?, theirs);
    assert_eq!(keys(&data, "key")?, before);
    kiosk.still_works().await?;
    kiosk.stop().await?;
    let host = Host::new(config(&data)).await?;
    host.services().check_ledger().await.map_err(anyhow::Error::msg)?;
    host.services().verify_log().await.map_err(anyhow::Error::msg)?;
    host.shutdown().await;
    Ok(())
}
