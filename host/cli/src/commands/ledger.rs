//! `youji ledger`: the books, from the log alone.

use crate::{out, place};
use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use youji_services::{Books, BooksError, ExportFormat, Statement};

/// The books contradict themselves.
const DIVERGES: u8 = 3;
/// Nobody here has that id or code.
const NOBODY: u8 = 4;

#[derive(clap::Args)]
#[command(after_help = "\
Reads the log and changes nothing, also while a host runs on the folder.

Exit codes: 0 done, 1 the folder can't be read, 3 the books diverge, 4 nobody has that id or code

Examples:
  youji ledger verify
  youji ledger verify --data /srv/youji --json
  youji ledger statement ANNA
  youji ledger export --format csv > transfers.csv")]
pub(crate) struct Arguments {
    /// Data folder of the host; where `youji demo` keeps it unless told
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Replay the log, check every sum and the whole hash chain, and name the first divergence
    Verify {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// What happened to a person's money, newest first
    Statement {
        /// The code that they sign in with, or their id
        person: String,
        /// Lines at most
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// All accounts and transfers, for other programs
    Export {
        /// Format
        #[arg(long, value_enum)]
        format: Format,
        /// Where to; made, and refused if it is there [default: the terminal]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line for each transfer
    Csv,
    /// One object with accounts and transfers
    Json,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let data = match arguments.data {
        Some(data) => data,
        None => place::data_folder()?,
    };
    let services = data.join("services");
    if !services.join("log").is_dir() {
        bail!(
            "there is no host's data in {}; run `youji demo` once, or name another folder with --data DIR",
            data.display()
        );
    }
    let data = services;
    match arguments.what {
        What::Verify { json } => verify(&data, json),
        What::Statement { person, limit, json } => match replay(&data)?.statement(&person, limit as usize)? {
            None => {
                out::note(format_args!("youji: nobody here has the code or id {person:?}"));
                Ok(ExitCode::from(NOBODY))
            }
            Some(statement) => {
                if json {
                    out::line(serde_json::to_string(&statement)?);
                } else {
                    print(&statement);
                }
                Ok(ExitCode::SUCCESS)
            }
        },
        What::Export { format, to } => export(&replay(&data)?, format, to.as_deref()),
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar() -> (ProgressBar, impl FnMut(u64, u64)) {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} entries, {eta} left") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    (bar, move |done, all| {
        shown.set_length(all);
        shown.set_position(done);
    })
}

fn replay(data: &Path) -> Result<Books> {
    let (bar, mut progress) = bar();
    let books = Books::replay(data, &mut progress);
    bar.finish_and_clear();
    Ok(books?)
}

fn verify(data: &Path, as_json: bool) -> Result<ExitCode> {
    let begun = Instant::now();
    let (bar, mut progress) = bar();
    let verified = Books::verify(data, &mut progress);
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    match verified {
        Ok(verified) => {
            if as_json {
                let mut object = json!({"holds": true, "seconds": seconds});
                if let (Some(object), serde_json::Value::Object(found)) = (object.as_object_mut(), serde_json::to_value(&verified)?) {
                    object.extend(found);
                }
                out::line(object);
            } else {
                out::line(format_args!(
                    "The books hold: {} entries ({} bytes), {} accounts, {} transfers, in {seconds:.1} s.",
                    verified.entries, verified.bytes, verified.accounts, verified.transfers
                ));
                match verified.checkpoint {
                    0 => out::line("There is no checkpoint to compare with."),
                    entry => out::line(format_args!("The checkpoint of entry {entry} is what replaying comes to.")),
                }
                out::line(format_args!(
                    "Hash of the last entry, to note down: whoever has it can tell whether anything before it is changed later.\n  {}",
                    verified.head
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(BooksError::Diverges(divergence)) => {
            if as_json {
                out::line(json!({"holds": false, "seconds": seconds, "divergence": divergence}));
            } else {
                out::line(format_args!("The books diverge. First at {divergence}"));
            }
            Ok(ExitCode::from(DIVERGES))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(statement: &Statement) {
    out::line(format_args!(
        "{} {}, of which {} is held; person {}",
        statement.currency, statement.balance, statement.held, statement.person
    ));
    for line in &statement.lines {
        out::line(format_args!(
            "{}  {:<9} {:>14}  {:>14}  {}",
            out::utc(line.at),
            line.kind,
            line.amount,
            line.balance,
            if line.name.is_empty() { &line.other } else { &line.name }
        ));
    }
    if statement.more {
        out::line("… and older lines; --limit NUMBER shows more");
    }
}

fn export(books: &Books, format: Format, to: Option<&Path>) -> Result<ExitCode> {
    let format = match format {
        Format::Csv => ExportFormat::Csv,
        Format::Json => ExportFormat::Json,
    };
    let written = match to {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            books.export(format, &mut out).and_then(|()| out.flush())
        }
        Some(path) => {
            let file = File::create_new(path).with_context(|| {
                format!(
                    "{} can't be made; an export never writes over a file: remove it, or name another one with --to",
                    path.display()
                )
            })?;
            let mut out = BufWriter::new(file);
            books.export(format, &mut out).and_then(|()| out.flush())
        }
    };
    match written {
        // A reader that went away is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && to.is_none() => Ok(ExitCode::SUCCESS),
        other => other.map(|()| ExitCode::SUCCESS).context("the export was not written to its end"),
    }
}
