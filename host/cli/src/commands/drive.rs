//! `youji drive`: persons who use programs without a browser.

use crate::drive::{Outcome, Scenario, SteppedClock, play};
use crate::local::{Workspace, with_host};
use crate::out;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use youji_kiosk::HostConfig;
use youji_services::SeededRandom;

#[derive(clap::Args)]
#[command(after_help = "\
The programs are built from source when they changed; the host is a fresh one that is gone afterwards.

Examples:
  youji drive examples/scenarios/order-paid-and-ready.json
  youji drive examples/scenarios/payment-declined.json --json
  youji drive examples/scenarios/two-people.json --seed 7")]
pub(crate) struct Arguments {
    /// JSON file, described in examples/scenarios/README.md
    scenario: PathBuf,
    /// Another seed than the scenario's
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    workspace: Workspace,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut scenario = Scenario::read(&arguments.scenario)?;
    scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    let packages = youji_bench::prepare::packages(&arguments.workspace.folder()?, &mut |line| out::note(line))?;
    let data = tempfile::tempdir().context("no temporary folder can be made")?;
    let clock = Arc::new(SteppedClock::new(scenario.start_ms));
    let config = HostConfig {
        clock: Arc::clone(&clock) as _,
        random: Arc::new(SeededRandom::new(scenario.seed)),
        ..HostConfig::new(data.path())
    };
    let outcome = with_host(config, async |host| {
        packages.publish(&host).await?;
        Box::pin(play(&host, &scenario, &clock, None)).await
    })?;
    if arguments.json {
        out::line(serde_json::to_string(&outcome)?);
    } else {
        print(&outcome);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(outcome: &Outcome) {
    out::line(format_args!("{}: {} steps, seed {}", outcome.name, outcome.steps, outcome.seed));
    // Scenarios play on a fresh host, which is in its default currency.
    let money = |minor: u64| youji_kiosk::money::decimal(minor, "CNY");
    for (name, balance) in &outcome.balances {
        out::line(format_args!("  {name} has {}", money(*balance)));
    }
    out::line(format_args!("  {} orders paid, {} in all", outcome.orders, money(outcome.turnover)));
    out::line(format_args!("  {} sessions unloaded", outcome.receipts.len()));
}
