//! `youji person`: what a person may see of their own data, without a kiosk.

use crate::local::DataFolder;
use crate::out;
use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use youji_api::PublisherId;
use youji_kiosk::Host;
use youji_services::{AuditRecord, Person, verify_audit};

#[derive(clap::Args)]
#[command(after_help = "\
The person signs in with their code; the PIN is read from stdin, but for a role, which is the publisher's to give and the operator's to write down. The kiosk of that folder must not be open meanwhile: while it is, the \
person's page there shows the same.

Exit codes: 0 all is well; 1 refused, or the log was altered

Examples:
  youji person log --code anna                    who used what, and when
  youji person log --code anna --json < pin.txt
  youji person export --code anna --out anna.json
  youji person role --code chef --publisher mq4xkz6j3o2g7yda staff")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every use of the person's data and money, newest last, after its chain was checked
    Log(Log),
    /// Profile, consents and the whole log as one JSON document
    Export(Export),
    /// Give a person a role of a publisher, such as staff, or take it; it counts from the next launch
    Role(Role),
}

#[derive(clap::Args)]
struct Who {
    /// The person's code, with which they sign in at the kiosk
    #[arg(long, value_name = "CODE")]
    code: String,
    #[command(flatten)]
    folder: DataFolder,
}

#[derive(clap::Args)]
struct Log {
    #[command(flatten)]
    who: Who,
    /// Only the last so many
    #[arg(long, value_name = "NUMBER")]
    last: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Export {
    #[command(flatten)]
    who: Who,
    /// File to write, readable by its owner only; stdout unless told
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object about the file that was written
    #[arg(long, requires = "out")]
    json: bool,
}

#[derive(clap::Args)]
struct Role {
    #[command(flatten)]
    who: Who,
    /// The publisher's id, as `youji publish --json` and `youji programs list --json` print it
    #[arg(long, value_name = "ID")]
    publisher: String,
    /// Such as staff: a-z, 0-9 and "-"
    #[arg(value_name = "ROLE")]
    role: String,
    /// Take it instead
    #[arg(long)]
    take: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.what {
        What::Log(arguments) => log(&arguments),
        What::Export(arguments) => export(&arguments),
        What::Role(arguments) => role(&arguments),
    }
}

impl Who {
    /// Signs in, and answers what `get` finds.
    fn ask<T>(&self, get: impl AsyncFnOnce(&Arc<Host>, &Person) -> Result<T>) -> Result<T> {
        let pin = read_pin()?;
        self.folder.with_host(async |host| {
            let person = host.services().sign_in(&self.code, &pin).await;
            let person = person.map_err(|failure| anyhow::anyhow!("{}. Nothing was shown", failure.message))?;
            get(&host, &person).await
        })
    }
}

fn role(arguments: &Role) -> Result<ExitCode> {
    let publisher = PublisherId::from(arguments.publisher.as_str());
    let (code, granted) = (&arguments.who.code, !arguments.take);
    arguments.who.folder.with_host(async |host| {
        ensure!(
            host.registry().publishers().iter().any(|known| known.id == publisher),
            "there is no publisher {publisher} here; `youji programs list --json` shows those of the programs"
        );
        let person = host
            .services()
            .people()
            .into_iter()
            .find(|person| !person.visitor && person.code == *code);
        let person = person.with_context(|| format!("nobody here has the code {code}; nothing was changed"))?;
        let set = host.services().set_role(&person.id, &publisher, &arguments.role, granted).await;
        set.map_err(|failure| anyhow::anyhow!("{}; nothing was changed", failure.message))
    })?;
    if arguments.json {
        out::line(json!({"code": code, "publisher": publisher, "role": arguments.role, "granted": granted}));
    } else {
        let what = if granted { "has the role" } else { "no longer has the role" };
        out::line(format_args!("{code} {what} {} of {publisher}.", arguments.role));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line of stdin: a PIN on the command line would stand in the list of processes.
fn read_pin() -> Result<String> {
    if std::io::stdin().is_terminal() {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "PIN: ").and_then(|()| stderr.flush());
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("the PIN can't be read from stdin")?;
    let pin = line.trim();
    ensure!(!pin.is_empty(), "a PIN is expected on stdin, none came");
    Ok(pin.to_owned())
}

fn log(arguments: &Log) -> Result<ExitCode> {
    let (name, records) = arguments.who.ask(async |host, person| {
        let mut all: Vec<AuditRecord> = Vec::new();
        loop {
            let after = all.last().map_or(0, |record| record.number);
            let page = host.services().audit_log(&person.id, after, 1_000).await;
            let page = page.map_err(|failure| anyhow::anyhow!(failure.message))?;
            if page.is_empty() {
                return Ok((person.name.clone(), all));
            }
            all.extend(page);
        }
    })?;
    let verified = verify_audit(&records);
    let shown = &records[records.len().saturating_sub(arguments.last.unwrap_or(usize::MAX))..];
    if arguments.json {
        let head = records.last().map(|record| record.hash.as_str());
        out::line(
            json!({"person": name, "verified": verified.is_ok(), "problem": verified.as_ref().err(), "head": head, "records": shown}),
        );
    } else {
        shown.iter().for_each(|record| out::line(sentence(record)));
        if records.is_empty() {
            out::note("Nothing was used yet.");
        }
    }
    match verified {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(problem) if arguments.json => {
            out::note(problem);
            Ok(ExitCode::FAILURE)
        }
        Err(problem) => anyhow::bail!("the log was altered: {problem}. Ask the operator for a backup"),
    }
}

/// One record on one line: when, who, what, of what, how much, what for.
fn sentence(record: &AuditRecord) -> String {
    let who = record.program.as_ref().map_or("-", |program| program.as_str());
    let mut line = format!("{:>6}  {}  {:<24}  {:<26}", record.number, out::utc(record.at), who, record.act);
    if !record.about.is_empty() {
        line += &format!("  {}", record.about.join(", "));
    }
    if let Some((amount, currency)) = &record.amount {
        line += &format!("  {} {currency}", youji_kiosk::money::decimal(*amount, currency));
    }
    if !record.purpose.is_empty() {
        line += &format!("  ({})", record.purpose);
    }
    line
}

fn export(arguments: &Export) -> Result<ExitCode> {
    let document = arguments.who.ask(async |host, person| {
        let document = host.services().export(&person.id).await;
        document.map_err(|failure| anyhow::anyhow!(failure.message))
    })?;
    let Some(path) = &arguments.out else {
        out::line(serde_json::to_string_pretty(&document)?);
        return Ok(ExitCode::SUCCESS);
    };
    write(path, &document)?;
    if arguments.json {
        let count = |member: &str| document[member].as_array().map_or(0, Vec::len);
        out::line(json!({"file": path, "consents": count("consents"), "audit": count("audit")}));
    } else {
        out::line(format_args!("{}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, document: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(document)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        anyhow::bail!(
            "{} was not written: there is no folder {}; make it, or name another file with --out",
            path.display(),
            folder.display()
        );
    }
    youji_kiosk::folder::write_private(path, &text).with_context(|| format!("{} was not written", path.display()))
}
