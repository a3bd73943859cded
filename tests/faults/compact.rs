//! A compaction that is killed at any moment: nobody's money or storage changes, and the next one finishes it.

use crate::support::{ANN, BALANCE, Kiosk, PLAIN, accept, config, data, open, seeded, wallet};
use anyhow::{Context, Result, ensure};
use rand::Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use youji_kiosk::Host;
use youji_tests::kiosk::youji;

async fn compact(data: &Path, more: &[&str]) -> Result<Command> {
    let program = tokio::task::spawn_blocking(youji).await?;
    let mut command = Command::new(program);
    command.args(["compact", "--data"]).arg(data).args(more);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

async fn copied(from: &Path, to: &Path) -> Result<PathBuf> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().await?;
    ensure!(copied.success(), "cp failed");
    Ok(to.to_owned())
}

/// Whether a compaction has begun to write beside the log or the projection, and has not tidied up yet.
fn half_done(data: &Path) -> Result<bool> {
    let names = |folder: &str| -> Result<Vec<String>> {
        std::fs::read_dir(data.join(folder))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let log = names("services/log")?;
    let generations = names("services/projection")?.into_iter().filter(|name| name.parse::<u64>().is_ok());
    Ok(generations.count() > 1 || log.iter().any(|name| name.ends_with(".new") || name == "compaction"))
}

/// Runs one to its end.
async fn compacted(data: &Path) -> Result<Value> {
    let output = compact(data, &["--json"]).await?.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("expected one JSON object")
}

/// Somebody stores something, and pays if they are the first: the guest knows one order only. Then they are erased.
async fn visit(kiosk: &Kiosk, pays: bool) -> Result<()> {
    let mut visitor = kiosk.visitor().await?;
    let mut stage = open(&mut visitor, "", "").await?;
    stage.tap("keep").await?;
    stage.sees("Ok").await?;
    if pays {
        stage.tap("pay").await?;
        accept(&mut stage).await?;
        stage.sees("done").await?;
    }
    stage.close().await?;
    visitor.post("/api/reset", &json!({})).await?.ok()?;
    Ok(())
}

/// Everybody has what they had, the sums are conserved, the chain verifies.
async fn check(data: &Path) -> Result<()> {
    let host = Host::new(config(data)).await?;
    let services = host.services();
    services.check_ledger().await.map_err(anyhow::Error::msg)?;
    services.verify_log().await.map_err(anyhow::Error::msg)?;
    let people = services.people();
    ensure!(people.len() == 1 && people[0].code == ANN, "{people:?}");
    let publisher = crate::support::key().public().id();
    ensure!(services.merchants(&publisher)[0].1 == 100, "the merchant keeps what it took in");
    host.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_is_killed_harms_nothing() -> Result<()> {
    const KILLS: u32 = 12;
    let mut random = seeded();
    let folder = data().await?;
    let data = folder.path().join("data");
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let mut ann = kiosk.ann().await?;
    let mut hers = open(&mut ann, "", "").await?;
    hers.tap("keep").await?;
    hers.close().await?;
    for visitor in 0..3 {
        visit(&kiosk, visitor == 0).await?;
    }
    // A host that runs has the folder, and says where else it can be done.
    let refused = compact(&data, &[]).await?.output().await?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        !refused.status.success() && said.contains("in use") && said.contains("operator page"),
        "{said}"
    );
    kiosk.stop().await?;

    // How long a whole one takes here.
    let whole = copied(&data, &folder.path().join("whole")).await?;
    let begun = Instant::now();
    let done = compacted(&whole).await?;
    let took = begun.elapsed();
    ensure!(done["nothing"].as_u64() > Some(0) && done["part"].as_u64() > Some(0), "{done}");

    let mut half = 0;
    for kill in 0..KILLS {
        let copy = copied(&data, &folder.path().join(format!("copy{kill}"))).await?;
        let mut child = compact(&copy, &["--json"]).await?.spawn()?;
        if kill % 3 == 0 {
            tokio::time::sleep(random.random_range(Duration::ZERO..took)).await;
        } else {
            // As soon as there is something half done, or a little later.
            while !half_done(&copy)? && child.try_wait()?.is_none() {
                tokio::time::sleep(Duration::from_micros(50)).await;
            }
            tokio::time::sleep(Duration::from_micros(random.random_range(0..20_000))).await;
        }
        // It may be over already.
        let _ = child.start_kill();
        child.wait().await?;
        half += u32::from(half_done(&copy)?);
        check(&copy).await?;
        compacted(&copy).await?;
        ensure!(!half_done(&copy)?, "kill {kill}: something half done is left");
        check(&copy).await?;
    }
    eprintln!("{half} of {KILLS} kills left a compaction half done; a whole one took {took:?}");

    // The same under a running host, from its operator's page.
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    visit(&kiosk, false).await?;
    let mut operator = kiosk.operator().await?;
    let compacting = tokio::spawn(async move { operator.post("/api/operator/compact", &json!({})).await });
    tokio::time::sleep(random.random_range(Duration::ZERO..took)).await;
    kiosk.signal("KILL")?;
    kiosk.ended().await?;
    drop(compacting.await);
    check(&data).await?;
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let mut ann = kiosk.ann().await?;
    ensure!(
        wallet(&mut ann).await? == (BALANCE.to_owned(), 0),
        "who has an account keeps what is theirs"
    );
    let mut operator = kiosk.operator().await?;
    let answer = operator.post("/api/operator/compact", &json!({})).await?.ok()?;
    ensure!(answer["entries"].as_u64() > Some(0), "{answer}");
    kiosk.still_works().await?;
    kiosk.stop().await?;
    check(&data).await
}
