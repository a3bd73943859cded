//! Gone means gone: a random canary is looked for everywhere after the person has left.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use youji_tests::kiosk::{Kiosk, data};
use youji_tests::memory::{in_folder, in_process};
use youji_tests::order::{DISH, sit_down, wanted};

/// Types a canary into a form of the restaurant, so that it stands in a field, in the guest's memory and in what it stores.
async fn plant(kiosk: &Kiosk) -> Result<(youji_bench::client::Seat, youji_bench::client::Stage, String)> {
    let canary = format!("canary-{:016x}", rand::random::<u64>());
    let mut seat = kiosk.seat();
    seat.visitor("en").await?;
    let mut stage = sit_down(&mut seat, &kiosk.code("restaurant", "")?).await?;
    stage.tap(DISH).await?;
    stage.tap("Add to basket").await?;
    stage.tap("Basket").await?;
    stage
        .event(&wanted("change", "Note for the kitchen"), Value::from(canary.as_str()))
        .await?;
    Ok((seat, stage, canary))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_visitor_is_left_after_a_reset() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let (mut seat, mut stage, canary) = plant(&kiosk).await?;

    // The control: without leaving, it must be found, or the search is worth nothing.
    let there = in_process(kiosk.process(), &canary)?;
    ensure!(!there.is_empty(), "the control found nothing: the canary was never there");

    stage.close().await?;
    drop(stage);
    seat.post("/api/reset", &json!({})).await?.ok()?;
    drop(seat);
    // Connections and tasks that carried it end a moment after their answer.
    let mut left = Vec::new();
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = in_process(kiosk.process(), &canary)?;
        if left.is_empty() {
            break;
        }
    }
    ensure!(left.is_empty(), "still in memory: {left:#?}");
    let files = in_folder(folder.path(), &canary)?;
    ensure!(files.is_empty(), "in files while running: {files:?}");
    kiosk.stop().await?;
    let files = in_folder(folder.path(), &canary)?;
    ensure!(files.is_empty(), "in files after the checkpoint: {files:?}");
    Ok(())
}
