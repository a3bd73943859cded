//! `youji dev`: builds, shows, and does both again at every save.

use crate::author::{self, Work};
use crate::{out, place};
use anyhow::{Context, Result};
use serde_json::json;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use youji_dev::watch::Watch;
use youji_dev::{Developer, Notice, Place, Simulator};
use youji_kiosk::qr::{Code, Terminal};
use youji_kiosk::{HostConfig, Server};

#[derive(clap::Args)]
#[command(after_help = "\
Every save builds the program again and puts it in the place of the instance that runs, which hands its state over by `save`. What does not \
build leaves the last good one where it is. The page at /dev shows the program and beside it what it does; it answers on this machine only. \
The people of the simulator have no PIN but 2468.

With --json, each line on stdout is one object: first {\"what\": \"open\"}, then \"building\", \"failed\", \"running\", \"refused\", \"fault\".

Exit codes: 0 closed with Ctrl+C, 1 it could not begin

Examples:
  youji dev
  youji dev tea-house --lan          phones on this network can scan the code
  youji dev --port 0 --no-open --json")]
pub(crate) struct Arguments {
    /// The project's folder, or one inside it
    #[arg(value_name = "DIR")]
    project: Option<PathBuf>,
    #[command(flatten)]
    work: Work,
    /// Port; 0 takes a free one
    #[arg(long, value_name = "NUMBER", default_value_t = 8090)]
    port: u16,
    /// Let phones on the network in, and put this machine's address into the code
    #[arg(long)]
    lan: bool,
    /// Language that the program is first launched in, such as zh-CN; yours unless told
    #[arg(long, visible_alias = "lang", value_name = "TAG")]
    language: Option<String>,
    /// Keep what the simulator stores in this folder; otherwise it is gone when it closes
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Don't show the page in the browser
    #[arg(long)]
    no_open: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    if let Some(dir) = arguments.project.take() {
        arguments.work.go_to(dir);
    }
    let as_json = arguments.json;
    author::finish(as_json, crate::serving::run(async move { Box::pin(dev(arguments)).await }))
}

async fn dev(arguments: Arguments) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
    let project = arguments.work.project()?;
    let key = arguments.work.key()?;
    if let (true, Some(sdk)) = (project.is_script(), arguments.work.sdk(&project)?) {
        author::engine(&sdk, arguments.json)?;
    }
    let temporary = tempfile::tempdir().context("no temporary folder can be made")?;
    let data = arguments.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    let mut config = HostConfig {
        address: SocketAddr::from((if arguments.lan { [0, 0, 0, 0] } else { [127, 0, 0, 1] }, arguments.port)),
        lan: arguments.lan,
        language: arguments.language.clone().unwrap_or_else(place::language),
        name: "Youji dev".to_owned(),
        compiled: Some(project.compiled()),
        ..HostConfig::new(data)
    };
    let listener = Server::bind(&mut config).await?;
    let page = format!("http://localhost:{}/dev", config.address.port());
    let watch = Watch::new(&project)?;
    let simulator = Simulator::open(project.clone(), config).await?;
    let mut notices = simulator.notices();
    let server = simulator.serve(listener);
    if arguments.json {
        out::line(json!({"what": "open", "page": page, "project": project.dir}));
    } else {
        out::line(format_args!("Simulator: {page}\nWatching {}", project.dir.display()));
        if !arguments.no_open {
            crate::serving::show(&page);
        }
    }
    let work = simulator.clone();
    let working = tokio::spawn(async move { Box::pin(work.work(Developer::new(project, key), watch)).await });
    let mut printer = Printer {
        simulator,
        as_json: arguments.json,
        coded: false,
    };
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Ok(notice) => printer.print(&notice)?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    working.abort();
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

struct Printer {
    simulator: Simulator,
    as_json: bool,
    /// Whether the code was printed.
    coded: bool,
}

impl Printer {
    fn print(&mut self, notice: &Notice) -> Result<()> {
        if self.as_json {
            let mut line = serde_json::to_value(notice)?;
            if let Notice::Running { .. } = notice {
                line["code"] = json!(self.simulator.code());
            }
            out::line(line);
            return Ok(());
        }
        match notice {
            Notice::Building { build, files } if files.is_empty() => out::line(format_args!("[{build}] building …")),
            Notice::Building { build, files } => out::line(format_args!("[{build}] {} saved, building …", files.join(", "))),
            Notice::Failed { build, message, .. } => {
                out::line(format_args!("{}\n[{build}] not built; the last good one stays", message.trim_end()));
            }
            Notice::Running {
                build,
                state,
                parts,
                total_us,
            } => {
                let what = if state.kept { "state kept" } else { "began fresh" };
                out::line(format_args!("[{build}] new view after {}; {what} ({})", ms(*total_us), state.why));
                out::line(format_args!("     {}", longest(parts)));
                self.code();
            }
            Notice::Refused { build, message, places } => {
                out::line(format_args!("[{build}] built, but it does not open: {message}"));
                print_places(places);
                self.code();
            }
            Notice::Fault { code, message, places } => {
                out::line(format_args!("{code}: {message}"));
                print_places(places);
            }
        }
        Ok(())
    }

    /// Once: it stays the same for every build.
    fn code(&mut self) {
        if self.coded {
            return;
        }
        let Some(text) = self.simulator.code() else { return };
        self.coded = true;
        let terminal = if std::io::stdout().is_terminal() {
            Terminal::Colours
        } else {
            Terminal::DarkBackground
        };
        if let Ok(code) = Code::new(&text) {
            out::line(format_args!("\n{}{text}", code.terminal(terminal)));
        }
        out::line("Ctrl+C closes it.");
    }
}

fn print_places(places: &[Place]) {
    for place in places {
        let mark = if place.own { "  at >" } else { "  at  " };
        out::line(format_args!("{mark} {place}"));
    }
}

fn ms(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

/// What took at least a hundredth of a second, longest first.
fn longest(parts: &[(&'static str, u64)]) -> String {
    let mut parts: Vec<_> = parts.iter().filter(|(_, us)| *us >= 10_000).collect();
    parts.sort_by_key(|(_, us)| std::cmp::Reverse(*us));
    let named: Vec<String> = parts.iter().map(|(name, us)| format!("{name} {}", ms(*us))).collect();
    named.join(", ")
}
