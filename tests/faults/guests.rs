//! Programs that misbehave, as their person meets them at a kiosk; and that the neighbour at the next one does not notice.

use crate::support::{BALANCE, Kiosk, PLAIN, data, instruction, open, wallet};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use youji_bench::client::Seat;
use youji_bench::view::Wanted;

/// At fault while it opens: the scan ends with that problem.
async fn check_opening(seat: &mut Seat, act: &str, at: &str, code: &str) -> Result<()> {
    let answer = seat.post("/api/open", &instruction(act, at)).await?;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (502, "fault"),
        "{act} in {at}: {answer:?}"
    );
    assert!(
        answer.body.contains(&format!("({code})")),
        "{act} in {at}: expected {code} in {}",
        answer.body
    );
    assert!(answer.body.contains("safe"), "it says that nothing was lost: {}", answer.body);
    Ok(())
}

/// At fault at a tap: the stage ends with that fault and a receipt.
async fn check_tap(seat: &mut Seat, act: &str, code: &str) -> Result<Value> {
    let mut stage = open(seat, act, "event").await.with_context(|| act.to_owned())?;
    let tap = Wanted {
        event: "tap",
        label: "add",
        within: "",
    };
    let node = stage.until("a button", |stage| stage.view.find(&tap)).await?;
    stage.send_event(node, "tap", Value::Null).await?;
    let ended = stage
        .until("its end", |stage| stage.ended.clone())
        .await
        .with_context(|| act.to_owned())?;
    assert_eq!(
        (&ended["reason"], &ended["fault"]["code"]),
        (&json!("fault"), &json!(code)),
        "{act}: {ended}"
    );
    assert!(
        ended["fault"]["message"].as_str().is_some_and(|message| message.contains("safe")),
        "{ended}"
    );
    assert!(
        ended["receipt"]["before"]["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 0),
        "{ended}"
    );
    assert!(stage.sheets.is_empty(), "no sheet outlives its program: {:?}", stage.sheets);
    Ok(ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_at_fault_ends_alone_and_its_person_is_told() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start(PLAIN, &folder.path().join("data")).await?;
    let mut neighbour = kiosk.visitor().await?;
    let mut beside = open(&mut neighbour, "", "").await?;
    beside.tap("add").await?;

    let mut seat = kiosk.ann().await?;
    for (act, at, code) in [
        ("loop", "launched", "cpu"),
        ("memory", "launched", "memory"),
        ("trap", "launched", "trap"),
        ("stack", "shown", "trap"),
        ("calls", "launched", "host-calls"),
        ("loop", "view", "cpu"),
        ("call", "view", "in-view"),
        ("many", "view", "view"),
        ("deep", "view", "view"),
        ("unclosed", "view", "view"),
        ("two-roots", "view", "view"),
        ("empty", "view", "view"),
        ("huge", "view", "too-large"),
    ] {
        check_opening(&mut seat, act, at, code).await?;
    }
    for (act, code) in [
        ("loop", "cpu"),
        ("memory", "memory"),
        ("trap", "trap"),
        ("calls", "host-calls"),
        ("large-call", "too-large"),
        ("pages", "pages"),
    ] {
        check_tap(&mut seat, act, code).await?;
    }
    // With a payment asked for and not answered: the sheet goes, the money stays.
    check_tap(&mut seat, "trap-after-ticket", "trap").await?;
    assert_eq!(wallet(&mut seat).await?, (BALANCE.to_owned(), 0));

    let state = seat.get("/api/state").await?.ok()?;
    assert_eq!(state["sessions"], json!([]), "none of them is left");
    open(&mut seat, "", "").await?.close().await?;
    beside.tap("add").await?;
    beside.sees("2").await?;
    kiosk.still_works().await?;
    kiosk.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_was_typed_survives_a_lost_socket() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start(PLAIN, &folder.path().join("data")).await?;
    let mut seat = kiosk.visitor().await?;
    let mut stage = open(&mut seat, "", "").await?;
    let field = Wanted {
        event: "input",
        label: "field",
        within: "",
    };
    stage.event(&field, json!("half a sent")).await?;
    stage.sees("half a sent").await?;
    // Sent, and the socket is gone before anything comes back.
    let node = stage.view.find(&field).context("the field")?;
    stage.send_event(node, "input", json!("half a sentence, 半句话")).await?;
    let session = stage.session.clone();
    drop(stage);

    let mut stage = seat.stage(&session, 0).await?;
    stage.sees("half a sentence, 半句话").await?;
    // The page sends again what was not acknowledged: under the same number it is not applied twice.
    let node = stage.view.find(&field).context("the field")?;
    for (number, text, applied) in [("new", "changed since", true), ("2", "half a sentence, 半句话", false)] {
        let id = format!("{session}-{number}");
        stage
            .send(&json!({"t": "event", "id": node, "kind": "input", "value": text, "eventId": id}))
            .await?;
        assert_eq!(stage.acknowledged(&id).await?, applied, "{text}");
        stage.sees("changed since").await?;
    }
    stage.close().await?;
    kiosk.stop().await
}
