//! `youji check`: what is worth knowing before publishing.

use crate::author::{self, Work, bytes};
use crate::local::with_host;
use crate::out;
use anyhow::{Context, Result};
use std::process::ExitCode;
use youji_dev::Report;
use youji_dev::check::{PERMISSION_MISSING, Weight};
use youji_kiosk::HostConfig;

#[derive(clap::Args)]
#[command(after_help = "\
Builds the package that would be published, opens each of its entries in both languages on a host of its own, and looks at: size by cause, \
permissions that are requested and not used, files that nothing names, size of the views, labels and contrast, missing translations. \
A serious finding takes 10 points, a minor one 3, a hint none; one rule takes at most 25.

Exit codes: 0 at least --min points, 1 fewer, or it could not be built

Examples:
  youji check
  youji check --min 90 --json      for CI")]
pub(crate) struct Arguments {
    #[command(flatten)]
    work: Work,
    /// Fewest points that pass
    #[arg(long, value_name = "POINTS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    min: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, check(&arguments))
}

fn check(arguments: &Arguments) -> Result<ExitCode> {
    let project = arguments.work.project()?;
    let key = arguments.work.key()?;
    let built = author::build(&project, &key, arguments.json)?;
    let data = tempfile::tempdir().context("no temporary folder can be made")?;
    let config = HostConfig {
        compiled: Some(project.compiled()),
        ..HostConfig::new(data.path())
    };
    let report = with_host(config, async |host| {
        let installed = author::install(&host, built.bytes.clone(), &key.public(), "Youji Check").await;
        let report = Box::pin(youji_dev::check(&project.dir, &built, installed.is_ok().then_some(&host))).await?;
        match installed {
            // That it was refused is what the finding says, with the line of the manifest.
            Err(_) if report.findings.iter().any(|finding| finding.rule == PERMISSION_MISSING) => Ok(report),
            Err(refused) => Err(refused),
            Ok(_) => Ok(report),
        }
    })?;
    if arguments.json {
        out::line(serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.score >= arguments.min {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(report: &Report) {
    for finding in &report.findings {
        let mark = match finding.weight {
            Weight::Serious => "SERIOUS",
            Weight::Minor => "minor  ",
            Weight::Hint => "hint   ",
        };
        out::line(format_args!("{mark} {} [{}]", finding.place, finding.rule));
        out::line(format_args!("        {}; {}", finding.found, finding.remedy));
    }
    out::line(format_args!("\nSize: the package has {}", bytes(report.package_bytes)));
    for part in report.sizes.iter().take(8) {
        out::line(format_args!("  {:>10}  {}", bytes(part.bytes), part.cause));
    }
    out::line("\nFirst views:");
    for view in &report.views {
        out::line(format_args!(
            "  {} ({}): {} nodes, depth {}, {}",
            view.page,
            view.language,
            view.nodes,
            view.depth,
            bytes(view.bytes)
        ));
    }
    let reasons: Vec<String> = report.reasons.iter().map(|(rule, points)| format!("{rule} -{points}")).collect();
    let why = if reasons.is_empty() {
        String::new()
    } else {
        format!("  ({})", reasons.join(", "))
    };
    out::line(format_args!("\n{} of 100 points{why}", report.score));
}
