//! `youji bench`: figures, each with the machine beside it.

use crate::local::Workspace;
use crate::out;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use youji_bench::figures::Machine;
use youji_bench::length::Length;
use youji_bench::{decode, density, events, gate, guests, ledger, messages, open, packets, payments, prepare, runaway, unload};

#[derive(clap::Args)]
#[command(after_help = "\
Each ends within 50 seconds once `youji bench --prepare` has built what they need; ledger within 140, ledger-steady within seven minutes.

  open      from the code's text to the first view, cached and never seen
  unload    resident memory before and after ten thousand sessions
  density   memory of a session, of a socket
  events    from a tap to the patch over 200 sockets; events a second at saturation
  runaway   programs that never return, and their neighbours
  messages  from a durable send to the lines of a thousand recipients
  gate      what the gate and the audit add to a host call
  decode    photographs of codes with their texts, in four rotations
  ledger    durable transfers a second, one by one, a million accounts; the start after a kill (needs 12 GB of disk)
  ledger-steady  the same for five minutes at 100,000 a second, with checkpoints and spilling of old ids
  payments       asked for and agreed to over HTTP, 512 at once; and confirmations with a PIN
  guest-payments from 512 programs' calls at the gate to their outcomes, after one confirmation with a PIN each
  red-packet     claims of one packet's 10,000 shares by as many people, 1,000 at a time

Examples:
  youji bench --prepare
  youji bench open --json
  youji bench open --program target/youji/tea-house.ma
  youji bench decode photographs --json")]
pub(crate) struct Arguments {
    /// Which
    #[arg(value_parser = ["open", "unload", "density", "events", "runaway", "messages", "gate", "decode", "ledger", "ledger-steady", "payments", "guest-payments", "red-packet"], required_unless_present = "prepare")]
    name: Option<String>,
    /// For decode: folder of pictures with a .txt or .bin beside each. For ledger, payments and red-packet: a folder on the disk that counts [default: target/ of the workspace]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// For open: this package instead of the samples, as `youji build` left it (target/youji/NAME.ma)
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only build what benches need
    #[arg(long)]
    prepare: bool,
    /// Only see that it works, in a second or so: no figure of it means anything
    #[arg(long)]
    short: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    workspace: Workspace,
    /// One part of a bench, in a process of its own
    #[arg(long, hide = true, value_name = "PART")]
    part: Option<String>,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no async runtime could be started")?;
    if arguments.prepare {
        prepare::packages(&arguments.workspace.folder()?, &mut |line| out::note(line))?;
        prepare::hostile(&arguments.workspace.folder()?)?;
        out::note("ready");
        return Ok(ExitCode::SUCCESS);
    }
    let Some(name) = arguments.name.as_deref() else {
        return Ok(ExitCode::SUCCESS);
    };
    let length = if arguments.short { Length::Short } else { Length::Full };
    if cfg!(debug_assertions) && arguments.part.is_none() && !arguments.short {
        out::note("This is a debug build: figures mean nothing. Use `cargo run --release -- bench …`.");
    }
    if name == "decode" {
        let Some(folder) = &arguments.folder else {
            bail!("name the folder of pictures: `youji bench decode DIR`")
        };
        return print(&arguments, name, folder.clone(), decode::run(folder)?);
    }
    if name.starts_with("ledger") || matches!(name, "red-packet" | "payments" | "guest-payments") {
        return money(&arguments, name, length, &tokio);
    }
    if let Some(package) = &arguments.program {
        anyhow::ensure!(name == "open", "--program is for `youji bench open`");
        let scratch = std::env::temp_dir();
        let figures = tokio.block_on(open::program(package, &scratch, length))?;
        return print(&arguments, name, scratch, figures);
    }
    let packages = prepare::packages(&arguments.workspace.folder()?, &mut |line| out::note(line))?;
    if let Some(part) = &arguments.part {
        tokio.block_on(density::part(&packages, part, length, &mut |line| out::line(line)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = packages.folder.clone();
    match name {
        "open" => print(&arguments, name, folder, tokio.block_on(open::run(&packages, length))?),
        "unload" => print(&arguments, name, folder, tokio.block_on(unload::run(&packages, length))?),
        "events" => print(&arguments, name, folder, tokio.block_on(events::run(&packages, length))?),
        "messages" => print(&arguments, name, folder, tokio.block_on(messages::run(&packages, length))?),
        "gate" => print(&arguments, name, folder, tokio.block_on(gate::run(&packages, length))?),
        "density" => {
            let root = arguments.workspace.folder()?.display().to_string();
            let mut again = vec!["bench", "density", "--root", &root];
            again.extend(arguments.short.then_some("--short"));
            again.push("--part");
            print(&arguments, name, folder, tokio.block_on(density::run(&again, length))?)
        }
        "runaway" => {
            let hostile = prepare::hostile(&arguments.workspace.folder()?)?;
            print(&arguments, name, folder, tokio.block_on(runaway::run(&packages, &hostile, length))?)
        }
        other => bail!("there is no bench \"{other}\""),
    }
}

/// Benches that need no programs, only a disk.
fn money(arguments: &Arguments, name: &str, length: Length, tokio: &tokio::runtime::Runtime) -> Result<ExitCode> {
    let disk = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => arguments.workspace.folder()?.join("target"),
    };
    std::fs::create_dir_all(&disk).with_context(|| format!("{} can't be made", disk.display()))?;
    if name == "payments" {
        let figures = tokio.block_on(payments::run(&disk, length))?;
        return print(arguments, name, disk, figures);
    }
    if name == "guest-payments" {
        let figures = tokio.block_on(guests::run(&disk, length))?;
        return print(arguments, name, disk, figures);
    }
    if name == "red-packet" {
        let figures = tokio.block_on(packets::run(&disk, length))?;
        return print(arguments, name, disk, figures);
    }
    let steady = name == "ledger-steady";
    if arguments.part.is_some() {
        tokio.block_on(ledger::load(&disk, length, steady, &mut |line| out::line(line)))?;
        return Ok(ExitCode::SUCCESS);
    }
    // The process that is loaded, and killed, is this program again.
    let mut again = vec!["bench", name, "--part", "load"];
    again.extend(arguments.short.then_some("--short"));
    let figures = tokio.block_on(ledger::run(&disk, &again, length, steady))?;
    print(arguments, name, disk, figures)
}

fn print(arguments: &Arguments, name: &str, folder: PathBuf, figures: impl Serialize) -> Result<ExitCode> {
    let mut object = json!({ "bench": name });
    if let (Value::Object(object), Value::Object(figures)) = (&mut object, serde_json::to_value(figures)?) {
        object.extend(figures);
        object.insert("machine".to_owned(), serde_json::to_value(Machine::here(&folder))?);
        object.insert(
            "settings".to_owned(),
            json!({"version": env!("CARGO_PKG_VERSION"), "allocator": "zeroizing system", "short": arguments.short}),
        );
    }
    out::line(if arguments.json {
        serde_json::to_string(&object)?
    } else {
        serde_json::to_string_pretty(&object)?
    });
    Ok(ExitCode::SUCCESS)
}
