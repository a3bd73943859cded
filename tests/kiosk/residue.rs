//! Gone means gone: a random canary is looked for everywhere after the person has left.
//!
//! What somebody wrote stands in the log and in the projection sealed, so that a search for the canary would find nothing there either way.
//! What is looked for in files is therefore the sealed bytes too.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use youji_bench::client::{Seat, Stage};
use youji_tests::kiosk::{Kiosk, data, run_in};
use youji_tests::memory::{any_in_folder, in_folder, in_process};
use youji_tests::order::{DISH, sit_down, wanted};

/// A data folder as the demonstration leaves it, with a program beside the restaurant that keeps what people hand in.
async fn with_a_form() -> Result<TempDir> {
    let folder = data().await?;
    let work = tempfile::tempdir()?;
    let (at, kept) = (work.path().to_owned(), folder.path().to_owned());
    tokio::task::spawn_blocking(move || {
        run_in(&at, &["new", "form", "--template", "form"])?;
        let kept = kept.to_str().context("a temporary folder has a plain name")?;
        run_in(&at.join("form"), &["publish", "--data", kept])
    })
    .await??;
    Ok(folder)
}

/// Hands a canary in at the form, which puts it into its storage, and types it into a field of the restaurant: it then stands in storage,
/// in the saved state and in the memory of two guests.
async fn plant(kiosk: &Kiosk) -> Result<(Seat, Stage, String)> {
    let canary = format!("canary-{:016x}", rand::random::<u64>());
    let mut seat = kiosk.seat();
    seat.visitor("en").await?;
    let mut stage = sit_down(&mut seat, &kiosk.code("form", "")?).await?;
    stage.event(&wanted("change", "Name"), Value::from(canary.as_str())).await?;
    stage.tap("Hand in").await?;
    stage.sees("Handed in").await?;
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
    let folder = with_a_form().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &["--idle", "600"]).await?;
    let (mut seat, mut stage, canary) = plant(&kiosk).await?;

    // The control: without leaving, it must be found, or the search is worth nothing.
    let there = in_process(kiosk.process(), &canary)?;
    ensure!(!there.is_empty(), "the control found nothing: the canary was never there");

    stage.close().await?;
    drop(stage);
    seat.post("/api/reset", &json!({})).await?.ok()?;
    drop(seat);
    // Connections and tasks that carried it end a moment after their answer.
    let end = std::time::Instant::now() + Duration::from_secs(120);
    let mut left;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = in_process(kiosk.process(), &canary)?;
        if left.is_empty() || std::time::Instant::now() > end {
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

/// What the log may hold of somebody: profile, saved state, stored values, outcomes.
const MEMBERS: [&str; 4] = ["profile", "state", "value", "event"];

/// Such members of somebody, sealed, as they stand in the log.
fn sealed(data: &Path, person: &str, members: &[&str]) -> Result<Vec<String>> {
    let person = format!("\"person\":\"{person}\"");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data.join("services/log"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let text: String = std::fs::read(path)?.into_iter().map(char::from).collect();
        for change in text.split(&person).skip(1) {
            let change = change.split('}').next().unwrap_or_default();
            for member in members {
                let value = change.split(&format!("\"{member}\":\"")).nth(1);
                let value = value.and_then(|rest| rest.split('"').next());
                found.extend(value.filter(|value| value.len() > 80).map(str::to_owned));
            }
        }
    }
    Ok(found)
}

/// The bytes that base64url stands for.
fn decoded(text: &str) -> Result<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let place = LETTERS.iter().position(|letter| *letter == byte).context("no base64url")?;
        (bits, count) = ((bits << 6) | u32::try_from(place)?, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xFF)?);
        }
    }
    Ok(bytes)
}

/// A sealed value in each form that it takes: text in the log, bytes in the projection. Its middle, since a page may part it.
fn forms(values: &[String]) -> Result<Vec<Vec<u8>>> {
    let mut forms = Vec::new();
    for value in values {
        let bytes = decoded(value)?;
        forms.push(value.as_bytes().to_vec());
        forms.push(bytes[25..bytes.len().min(57)].to_vec());
    }
    Ok(forms)
}

/// Ids of the visitors who are here.
async fn visitors(kiosk: &Kiosk) -> Result<Vec<String>> {
    let summary = kiosk.operator().await?.summary().await?;
    let people = summary["people"].as_array().cloned().unwrap_or_default();
    let visitors = people.iter().filter(|person| person["visitor"] == true);
    Ok(visitors.filter_map(|person| person["id"].as_str().map(str::to_owned)).collect())
}

/// Waits until the log holds what the form stored and what the restaurant saved when it went.
async fn kept(data: &Path, person: &str) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let (stored, state) = (sealed(data, person, &["value"])?, sealed(data, person, &["state"])?);
        if !stored.is_empty() && !state.is_empty() {
            return sealed(data, person, &MEMBERS);
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(60),
            "{person} left {} stored values and {} states",
            stored.len(),
            state.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_forgets_who_left_and_nobody_else() -> Result<()> {
    let folder = with_a_form().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &["--idle", "600"]).await?;
    let (stayer, mut stays, here) = plant(&kiosk).await?;
    let one = visitors(&kiosk).await?;
    let (mut goer, mut stage, gone) = plant(&kiosk).await?;
    let both = visitors(&kiosk).await?;
    let id_here = one.first().context("a visitor")?;
    let id_gone = both.iter().find(|id| *id != id_here).context("another visitor")?;
    stays.close().await?;
    stage.close().await?;
    drop((stays, stage));
    let (theirs_gone, before) = (kept(folder.path(), id_gone).await?, kept(folder.path(), id_here).await?);
    let forms_gone = forms(&theirs_gone)?;
    let files = any_in_folder(&folder.path().join("services/log"), &forms_gone)?;
    ensure!(!files.is_empty(), "the control: it is in the log");

    goer.post("/api/reset", &json!({})).await?.ok()?;
    drop(goer);
    let mut operator = kiosk.operator().await?;
    let done = operator.compact().await?;
    ensure!(done["nothing"].as_u64() > Some(0), "{done}");

    let left = any_in_folder(folder.path(), &forms_gone)?;
    ensure!(left.is_empty(), "in files after compaction: {left:?}");
    ensure!(sealed(folder.path(), id_gone, &MEMBERS)?.is_empty());
    ensure!(in_folder(folder.path(), &gone)?.is_empty(), "the canary itself");
    // The control: the same without a reset.
    let after = sealed(folder.path(), id_here, &MEMBERS)?;
    ensure!(
        !after.is_empty() && after.iter().all(|value| before.contains(value)),
        "who stays keeps what is theirs"
    );
    ensure!(
        !any_in_folder(&folder.path().join("services/log"), &forms(&after)?)?.is_empty(),
        "found in the log"
    );
    ensure!(
        !any_in_folder(&folder.path().join("services/projection"), &forms(&after)?)?.is_empty(),
        "found in the projection"
    );
    ensure!(in_folder(folder.path(), &here)?.is_empty(), "but in the clear nowhere");
    drop(stayer);
    kiosk.stop().await?;
    let left = any_in_folder(folder.path(), &forms_gone)?;
    ensure!(left.is_empty(), "in files after the end: {left:?}");
    Ok(())
}
