//! A host that is told to stop in the middle of everything.

use crate::support::{BALANCE, Kiosk, PLAIN, accept, data, open, wallet};
use anyhow::{Context, Result};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_host_gives_receipts_and_starts_clean() -> Result<()> {
    let folder = data().await?;
    let data = folder.path().join("data");
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let mut seat = kiosk.ann().await?;
    let mut stage = open(&mut seat, "", "").await?;
    stage.tap("add").await?;
    stage.tap("pay").await?;
    stage.sheet("payment").await?;
    let mut visitor = kiosk.visitor().await?;
    let mut other = open(&mut visitor, "", "").await?;

    kiosk.signal("TERM")?;
    for stage in [&mut stage, &mut other] {
        let ended = stage.until("the receipt", |stage| stage.ended.clone()).await?;
        assert_eq!((&ended["reason"], &ended["fault"]), (&json!("shutdown"), &Value::Null), "{ended}");
        assert!(
            ended["receipt"]["before"]["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 0),
            "{ended}"
        );
    }
    let (status, said) = kiosk.ended().await?;
    assert!(status.success(), "{status}: {said}");
    let events = std::fs::read_to_string(data.join("events.jsonl"))?;
    let lines: Vec<Value> = events
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("whole lines")?;
    assert_eq!(lines.last().context("events")?["kind"], "stop", "the event file is complete");
    let ended = lines.iter().filter(|line| line["kind"] == "end" && line["reason"] == "shutdown");
    assert_eq!(ended.count(), 2, "{events}");

    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let mut seat = kiosk.ann().await?;
    assert_eq!(
        wallet(&mut seat).await?,
        (BALANCE.to_owned(), 0),
        "a payment that nobody confirmed moved nothing"
    );
    let state = seat.get("/api/state").await?.ok()?;
    assert_eq!(state["sessions"], json!([]));
    let mut stage = open(&mut seat, "", "").await?;
    stage.sees("1").await.context("what the program saved")?;
    // The same order number can be paid now, once.
    stage.tap("pay").await?;
    accept(&mut stage).await?;
    stage.sees("done").await?;
    assert_eq!(wallet(&mut seat).await?, ("49.00".to_owned(), 1));
    kiosk.stop().await
}
