//! The tutorials are true: their commands and files, taken out of the page and carried out in an empty folder, lead to a paid order at a kiosk.

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use youji_tests::kiosk::{Kiosk, workspace, youji};
use youji_tests::script;

/// What the page says, in its order.
#[derive(Debug)]
enum Step {
    /// A shell script.
    Commands(String),
    /// A file with its content.
    File(PathBuf, String),
    /// The command that opens the kiosk.
    Kiosk(String),
}

fn steps(page: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->")) {
            file = Some(PathBuf::from(name));
        }
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else {
            continue;
        };
        let mut text = String::new();
        loop {
            match lines.next() {
                None => bail!("a block of {kind} has no end"),
                Some("```") => break,
                Some(line) => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        match (kind, file.take()) {
            ("sh", None) => steps.push(Step::Commands(text)),
            ("sh kiosk", None) => steps.push(Step::Kiosk(text)),
            (_, Some(name)) => steps.push(Step::File(name, text)),
            (kind, None) => bail!("a block of {kind} without a file before it: nobody would know what to do with it"),
        }
    }
    Ok(steps)
}

/// Runs a script where the last one ended, and tells where it ended itself.
fn run(commands: &str, at: &Path, home: &Path, engine: Option<&Path>) -> Result<PathBuf> {
    let program = youji();
    let folder = program.parent().context("youji is in a folder")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    if let Some(folder) = engine {
        shell.env(script::FOLDER, folder);
    }
    let output = shell
        .args(["-e", "-c", &format!("{commands}\npwd")])
        .current_dir(at)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("XDG_DATA_HOME", home)
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{commands}\nsaid:\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(PathBuf::from(said.lines().last().unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_leads_to_a_paid_order() -> Result<()> {
    check("tutorial.md", None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_in_typescript_leads_to_a_paid_order() -> Result<()> {
    let begun = Instant::now();
    let engine = tokio::task::spawn_blocking(script::engine).await?;
    eprintln!("{:>7.1} s  the script engine, once", begun.elapsed().as_secs_f64());
    check("typescript.md", Some(engine)).await
}

/// Follows a page, and prints how long each step took.
async fn check(page: &str, engine: Option<PathBuf>) -> Result<()> {
    let page = std::fs::read_to_string(workspace().join("sdk/docs/src").join(page))?;
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    let mut here = folder.path().join("work");
    std::fs::create_dir_all(&here)?;
    let mut paid = false;
    for step in steps(&page)? {
        let begun = Instant::now();
        let what = match step {
            Step::File(name, text) => {
                let path = here.join(&name);
                std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
                std::fs::write(&path, text)?;
                name.display().to_string()
            }
            Step::Commands(commands) => {
                let (at, own, engine) = (here.clone(), home.clone(), engine.clone());
                let text = commands.clone();
                here = tokio::task::spawn_blocking(move || run(&text, &at, &own, engine.as_deref())).await??;
                commands.trim().replace('\n', "; ")
            }
            Step::Kiosk(command) => {
                ensure!(
                    command.trim() == "youji serve --data ../kiosk",
                    "this test opens the kiosk as the page said: {command}"
                );
                order(&here.join("../kiosk")).await?;
                paid = true;
                command.trim().to_owned()
            }
        };
        eprintln!("{:>7.1} s  {what}", begun.elapsed().as_secs_f64());
    }
    ensure!(paid, "the tutorial ends without a paid order");
    Ok(())
}

/// What a visitor does at the kiosk that the tutorial opened.
async fn order(data: &Path) -> Result<()> {
    let kiosk = Kiosk::start("serve", data, &[]).await?;
    let mut seat = kiosk.seat();
    seat.visitor("en").await?;
    let code = kiosk.report["codes"][0]["text"].clone();
    let mut stage = seat.open(&json!({"code": code, "language": "en"})).await?;
    stage.sees("A pot of Longjing").await?;
    stage.tap("Pay").await?;
    let sheet = stage.sheet("payment").await?;
    ensure!(sheet["amount"] == "36.00", "one pot costs 36.00: {sheet}");
    stage.answer("payment", true).await?;
    stage.sees("Your tea is coming").await?;
    let receipts = seat.get("/api/person/receipts").await?.ok()?;
    ensure!(
        receipts["receipts"].as_array().is_some_and(|all| all.len() == 1),
        "one receipt: {receipts}"
    );
    kiosk.stop().await
}
