//! `youji keygen`: a publisher's key.

use crate::author;
use crate::out;
use anyhow::{Context, Result};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_help = "\
Whoever has the key can publish in your name, and without it your programs can't be updated: keep a copy where nobody else comes. \
The file with the ending .pub is for the operator of a host, who allows it there.

Examples:
  youji keygen
  youji keygen --out keys/tea-house.key")]
pub(crate) struct Arguments {
    /// Where to; what exists is never overwritten [default: author.key in the user's data folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, make(&arguments))
}

fn make(arguments: &Arguments) -> Result<ExitCode> {
    let file = match &arguments.out {
        Some(file) => file.clone(),
        None => author::default_key()?,
    };
    anyhow::ensure!(
        !file.exists(),
        "{} exists already and was left as it is; name another file with --out FILE",
        file.display()
    );
    let public = youji_dev::publisher_key(&file)?.public();
    let public_file = PathBuf::from(format!("{}.pub", file.display()));
    std::fs::write(&public_file, public.save()).with_context(|| format!("{} can't be written", public_file.display()))?;
    if arguments.json {
        out::line(json!({"id": public.id(), "key": file, "public": public_file}));
    } else {
        out::line(format_args!("Made the key {} in {}", public.id(), file.display()));
        out::line(format_args!("For operators: {}", public_file.display()));
    }
    Ok(ExitCode::SUCCESS)
}
