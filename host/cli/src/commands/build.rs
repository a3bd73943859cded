//! `youji build`: from source to a signed package.

use crate::author::{self, Work, bytes};
use crate::out;
use anyhow::Result;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 built or unchanged, 1 not built; a package that an earlier build left stays

Examples:
  youji build
  youji build --dir miniprograms/counter --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    work: Work,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, build(&arguments))
}

fn build(arguments: &Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let project = arguments.work.project()?;
    let built = author::build(&project, &arguments.work.key()?, arguments.json)?;
    if arguments.json {
        out::line(json!({
            "program": built.app_id,
            "package": built.path,
            "digest": built.digest.to_string(),
            "sizes": built.sizes,
            "imports": built.imports,
            "unchanged": built.unchanged,
            "ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let what = if built.unchanged { "unchanged" } else { "built and signed" };
    out::line(format_args!(
        "{} {what} in {:.1} s: {}",
        built.app_id,
        begun.elapsed().as_secs_f64(),
        built.path.display()
    ));
    out::line(format_args!(
        "  package {}, component {}; digest {}",
        bytes(built.sizes.package),
        bytes(built.sizes.component),
        built.digest
    ));
    Ok(ExitCode::SUCCESS)
}
