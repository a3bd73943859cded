//! `youji test`: unit tests without WebAssembly, and scenarios against the built program.

use crate::author::{self, Work};
use crate::drive::{Own, Scenario, Snapshots, SteppedClock, play};
use crate::local::with_host;
use crate::out;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Instant;
use youji_dev::{Built, Project};
use youji_kiosk::HostConfig;
use youji_package::PublisherKey;
use youji_services::SeededRandom;

#[derive(clap::Args)]
#[command(after_help = "\
A scenario is a JSON file in scenarios/: persons, and what each does and sees. The program is the project's own; each scenario has a \
fresh host. A \"snapshot\" step keeps the view in scenarios/snapshots/, or holds it against what was kept.

Exit codes: 0 all passed, 1 something failed

Examples:
  youji test
  youji test scenarios/counts.json
  youji test --update              the views that are seen now are the right ones
  youji test --locked --json       for CI: a missing snapshot is an error")]
pub(crate) struct Arguments {
    /// Scenario files; all of scenarios/ unless told
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    work: Work,
    /// Keep what is seen as the right views
    #[arg(long, conflicts_with = "locked")]
    update: bool,
    /// A snapshot that is missing is an error
    #[arg(long)]
    locked: bool,
    /// Leave out `cargo test`
    #[arg(long)]
    no_unit: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What came of one scenario.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Played {
    file: PathBuf,
    passed: bool,
    steps: usize,
    ms: u64,
    snapshots_written: usize,
    /// Empty when it passed.
    problem: String,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, test(&arguments))
}

fn test(arguments: &Arguments) -> Result<ExitCode> {
    let project = arguments.work.project()?;
    let unit = if arguments.no_unit || project.is_script() {
        None
    } else {
        Some(unit_tests(&project, arguments.json)?)
    };
    let key = arguments.work.key()?;
    let built = author::build(&project, &key, arguments.json)?;
    let files = match arguments.scenarios.is_empty() {
        true => scenarios(&project.dir)?,
        false => arguments.scenarios.clone(),
    };
    let mut played = Vec::new();
    for file in files {
        let one = one(arguments, &project, &built, &key, &file)?;
        if !arguments.json {
            let mark = if one.passed { "ok    " } else { "FAILED" };
            out::line(format_args!("{mark} {} ({} steps, {} ms)", one.file.display(), one.steps, one.ms));
            if one.snapshots_written > 0 {
                let s = if one.snapshots_written == 1 { "" } else { "s" };
                out::line(format_args!("       {} snapshot{s} kept", one.snapshots_written));
            }
            if !one.passed {
                out::line(format_args!("       {}", one.problem.replace('\n', "\n       ")));
            }
        }
        played.push(one);
    }
    let failed = played.iter().filter(|one| !one.passed).count();
    let passed = failed == 0 && unit != Some(false);
    if arguments.json {
        out::line(serde_json::json!({"passed": passed, "unit": unit, "scenarios": played}));
    } else {
        out::line(format_args!("{} scenarios, {failed} failed", played.len()));
        if unit == Some(false) {
            out::line("The unit tests failed; see above.");
        }
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether `cargo test` passed; what it says goes to stderr.
fn unit_tests(project: &Project, quiet: bool) -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet"]).current_dir(&project.dir).stdin(Stdio::null());
    cargo.stdout(if quiet { Stdio::null() } else { std::io::stderr().into() });
    if quiet {
        cargo.stderr(Stdio::null());
    }
    let status = cargo.status().context("cargo can't be started; run `youji doctor`")?;
    Ok(status.success())
}

fn scenarios(dir: &Path) -> Result<Vec<PathBuf>> {
    let folder = dir.join("scenarios");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("{} can't be read", folder.display())),
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    Ok(files)
}

fn one(arguments: &Arguments, project: &Project, built: &Built, key: &PublisherKey, file: &Path) -> Result<Played> {
    let scenario = Scenario::read(file)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let snapshots = Snapshots::new(&project.dir.join("scenarios/snapshots"), &name, arguments.update, arguments.locked);
    let data = tempfile::tempdir().context("no temporary folder can be made")?;
    let clock = Arc::new(SteppedClock::new(scenario.start_ms));
    let config = HostConfig {
        clock: Arc::clone(&clock) as _,
        random: Arc::new(SeededRandom::new(scenario.seed)),
        compiled: Some(project.compiled()),
        ..HostConfig::new(data.path())
    };
    let begun = Instant::now();
    let own = Own {
        program: &built.app_id,
        snapshots: &snapshots,
    };
    let outcome = with_host(config, async |host| {
        author::install(&host, built.bytes.clone(), &key.public(), "Youji Test").await?;
        Box::pin(play(&host, &scenario, &clock, Some(own))).await
    });
    Ok(Played {
        file: file.to_owned(),
        passed: outcome.is_ok(),
        steps: scenario.steps.len(),
        ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        snapshots_written: snapshots.written(),
        problem: outcome.err().map(|error| format!("{error:#}")).unwrap_or_default(),
    })
}
