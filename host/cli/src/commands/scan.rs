//! `youji scan`: what a kiosk does with a code, without a browser.

use super::decode;
use crate::local::DataFolder;
use crate::out;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use youji_api::SheetKind;
use youji_bench::view::View;
use youji_kiosk::{FirstSheet, Host, OpenRequest, Problem};
use youji_runtime::{EndReason, Update};

/// The picture holds several codes and none was chosen.
const SEVERAL: u8 = 4;
/// A code that does not open here.
const REFUSED: u8 = 5;
/// The program can't do without something, and nobody said yes.
const ASKED: u8 = 6;

#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 opened and unloaded, 1 the picture or the data folder can't be used, 3 no code in the picture,
            4 several codes and none chosen, 5 the code or its program was refused,
            6 the program can't do without something that the visitor must accept first

Examples:
  youji scan photo.jpg
  youji scan photo.jpg --json
  youji scan several.png --pick 2
  youji scan photo.jpg --accept")]
pub(crate) struct Arguments {
    /// PNG or JPEG
    picture: PathBuf,
    /// Which code of several, from top to bottom, beginning with 1
    #[arg(long, value_name = "N")]
    pick: Option<usize>,
    /// The visitor accepts what the program can't do without; otherwise it is printed, and nothing of the program runs
    #[arg(long)]
    accept: bool,
    /// Language of the visitor
    #[arg(long, value_name = "BCP47", default_value = "en")]
    language: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: DataFolder,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let texts = match decode::read(&arguments.picture)? {
        Ok(texts) => texts,
        Err(error) => return Ok(decode::refused(&error, arguments.json)),
    };
    let decode_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(target: "youji::step", step = "decode", us = decode_us);
    let code = match (texts.as_slice(), arguments.pick) {
        ([code], None) => code.clone(),
        (several, None) => return Ok(ask_which(several, arguments.json)),
        (several, Some(pick)) => match pick.checked_sub(1).and_then(|index| several.get(index)) {
            Some(code) => code.clone(),
            None => {
                return Err(anyhow!(
                    "--pick {pick}: the picture has {} codes; choose 1 to {}",
                    several.len(),
                    several.len()
                ));
            }
        },
    };
    let scanned = arguments
        .folder
        .with_host(async |host| scan(&host, &code, &arguments.language, arguments.accept).await)?;
    match scanned {
        Ok(scan) => {
            let scan = Scan { decode_us, code, ..scan };
            if arguments.json {
                out::line(scan.json())
            } else {
                scan.print()
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => {
            if arguments.json {
                out::line(json!({"text": code, "error": problem}));
            } else if let Some(first) = &problem.first {
                asked_first(first);
            } else {
                out::note(format_args!("youji: {problem}"));
            }
            Ok(ExitCode::from(if problem.first.is_some() { ASKED } else { REFUSED }))
        }
    }
}

fn ask_which(texts: &[String], as_json: bool) -> ExitCode {
    if as_json {
        let error = json!({"code": "several-codes", "detail": format!("the picture has {} codes; choose one with --pick N", texts.len())});
        out::line(json!({"codes": texts, "error": error}));
    } else {
        out::note(format_args!("The picture has {} codes; choose one with --pick N:", texts.len()));
        for (index, text) in texts.iter().enumerate() {
            out::note(format_args!("  {}  {text}", index + 1));
        }
    }
    ExitCode::from(SEVERAL)
}

struct Scan {
    code: String,
    decode_us: u64,
    program: Value,
    steps: Vec<(&'static str, u64)>,
    total_us: u64,
    view: View,
    tree: Value,
    receipt: Value,
}

/// What the visitor would read before the first run.
fn asked_first(first: &FirstSheet) {
    let sheet = &first.sheet;
    out::note(format_args!("{} ({}) can't do without:", sheet.program, sheet.publisher));
    if let SheetKind::Consent { scopes, .. } = &sheet.kind {
        for line in scopes {
            out::note(format_args!("  {}  {}", line.scope, line.reason));
        }
    }
    out::note("Nothing of it has run. With --accept the visitor says yes.");
}

async fn scan(host: &Arc<Host>, code: &str, language: &str, accept: bool) -> Result<Result<Scan, Problem>> {
    let visitor = host.services().create_visitor(language).await?;
    let request = OpenRequest::scan(code, language);
    let opened = match accept {
        true => Box::pin(host.open_accepting(&visitor.id, request)).await,
        false => Box::pin(host.open(&visitor.id, request)).await,
    };
    let scan = match opened {
        Err(problem) => Err(problem),
        Ok(opened) => {
            let mut view = View::default();
            let first = serde_json::to_value(Update::Full(Arc::clone(&opened.first)))?;
            view.apply(&first)
                .map_err(|error| anyhow!("the first view does not fit together: {error}"))?;
            let receipt = opened.session.close(EndReason::Closed).await;
            Ok(Scan {
                code: String::new(),
                decode_us: 0,
                program: serde_json::to_value(&opened.program)?,
                steps: opened.steps,
                total_us: opened.total_us,
                view,
                tree: first,
                receipt: serde_json::to_value(&receipt)?,
            })
        }
    };
    host.services().forget(&visitor.id).await?;
    Ok(scan)
}

impl Scan {
    fn json(&self) -> Value {
        let mut steps = vec![("decode", self.decode_us)];
        steps.extend(&self.steps);
        json!({
            "text": self.code,
            "program": self.program,
            "steps": steps,
            "totalUs": self.decode_us + self.total_us,
            "nodes": self.view.len(),
            "view": self.tree,
            "receipt": self.receipt,
        })
    }

    fn print(&self) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        out::line(&self.code);
        out::line(format_args!(
            "{} {}, signed by {}",
            text(&self.program["id"]),
            text(&self.program["version"]),
            text(&self.program["publisher"])
        ));
        out::line("");
        out::line(self.view.outline());
        out::line(format_args!("{:>10} µs  decode", self.decode_us));
        for (name, us) in &self.steps {
            out::line(format_args!("{us:>10} µs  {name}"));
        }
        out::line(format_args!("{:>10} µs  from the code to the first view", self.total_us));
        out::line("");
        let before = &self.receipt["before"];
        let after = &self.receipt["after"];
        out::line(format_args!(
            "unloaded: {} bytes of memory and {} bytes of view freed; {} instances left",
            before["memoryBytes"], before["treeBytes"], after["instances"]
        ));
        for kept in self.receipt["kept"].as_array().into_iter().flatten() {
            out::line(format_args!("kept: {}, {} bytes", text(&kept["code"]), kept["bytes"]));
        }
    }
}
