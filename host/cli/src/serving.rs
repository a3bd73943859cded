//! What `demo` and `serve` have in common: options, the start, the end.

use crate::{out, place};
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use youji_kiosk::folder::{read_private, write_private};
use youji_kiosk::qr::{Code, Terminal};
use youji_kiosk::{Host, HostConfig, Server};
use youji_services::CURRENCIES;

/// Options of a command that opens a kiosk.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Data folder [default: .youji in the workspace, else one of the user's]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Port; 0 takes a free one
    #[arg(long, value_name = "NUMBER", default_value_t = 8080)]
    pub(crate) port: u16,
    /// Let other machines on the network in, and put this machine's address into the codes
    #[arg(long)]
    lan: bool,
    /// Address to put into the codes, such as https://kiosk.example
    #[arg(long, value_name = "URL", value_parser = web_address)]
    public_url: Option<String>,
    /// Let notifications of merchants go to addresses of this machine and its network too
    #[arg(long)]
    notify_private: bool,
    /// Another host to fetch programs from that are not here; kept for the next start, and may be given several times
    #[arg(long, value_name = "URL", value_parser = youji_kiosk::remote::registry_url)]
    registry: Vec<String>,
    /// Fetch programs from nowhere any more
    #[arg(long, conflicts_with = "registry")]
    no_registry: bool,
    /// Seconds without a touch after which the kiosk is reset
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    idle: u64,
    /// Seconds of warning before that
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    warn: u64,
    /// What wallets hold; a data folder keeps the one that it began with [default: the folder's, CNY for a fresh one]
    #[arg(long, value_name = "CODE", ignore_case = true, value_parser = PossibleValuesParser::new(CURRENCIES))]
    currency: Option<String>,
    /// Don't show the kiosk in the browser
    #[arg(long)]
    no_open: bool,
    /// Print one line of JSON when the kiosk is open, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// An address that a code can begin with.
fn web_address(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.trim_end_matches('/').is_empty() => Ok(text.to_owned()),
        _ => Err("expected an address such as https://kiosk.example or http://192.168.1.5:8080".to_owned()),
    }
}

impl Options {
    /// Settings, and the port, which is taken before anything that takes long.
    ///
    /// # Errors
    /// No folder to keep data in; the port is taken.
    pub(crate) async fn prepare(&self, demo: bool) -> Result<(HostConfig, TcpListener)> {
        let data = match &self.data {
            Some(data) => data.clone(),
            None => place::data_folder()?,
        };
        let idle = Duration::from_secs(self.idle);
        let mut config = HostConfig {
            address: SocketAddr::from((if self.lan { [0, 0, 0, 0] } else { [127, 0, 0, 1] }, self.port)),
            public_url: self.public_url.clone(),
            lan: self.lan,
            notify_private: self.notify_private,
            registries: (self.no_registry || !self.registry.is_empty()).then(|| self.registry.clone()),
            demo,
            idle,
            warn: Duration::from_secs(self.warn).min(idle / 2),
            currency: self.currency.as_deref().unwrap_or_default().to_ascii_uppercase(),
            ..HostConfig::new(data)
        };
        let listener = Server::bind(&mut config).await?;
        Ok((config, listener))
    }

    /// Answers until a signal comes, then closes. `report` is told to people or scripts once it is open.
    pub(crate) async fn serve(&self, host: Arc<Host>, listener: TcpListener, report: Report) -> Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be received")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
        let server = Server::start(host, listener);
        if self.json {
            out::line(serde_json::to_string(&report)?);
        } else {
            report.print();
            if !self.no_open {
                show(&report.address);
            }
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if !self.json {
            out::note("Closing: unloading every session …");
        }
        tokio::select! {
            receipts = Box::pin(server.stop()) => {
                if !self.json {
                    out::note(format_args!("Closed; {} sessions were unloaded. Everything that was confirmed is kept.", receipts.len()));
                }
                Ok(ExitCode::SUCCESS)
            }
            // Asked twice: what was confirmed is durable, so leaving at once loses nothing.
            _ = interrupt.recv() => Ok(ExitCode::FAILURE),
        }
    }
}

/// Runs a command's work on a Tokio runtime.
///
/// # Errors
/// What the work says.
pub(crate) fn run(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no async runtime could be started")?;
    tokio.block_on(work)
}

/// A person who can sign in, with what only the terminal is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) pin: String,
    /// Empty for customers.
    pub(crate) role: String,
}

/// What only the terminal is told: kept in the data folder, readable by its owner only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secrets {
    pub(crate) operator_pin: String,
    #[serde(default)]
    pub(crate) people: Vec<Known>,
}

impl Secrets {
    const FILE: &'static str = "terminal.json";

    /// From the data folder; with a fresh operator's PIN where there is none.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub(crate) fn open(host: &Host) -> Result<Secrets> {
        let path = Self::path(&host.config().data_dir);
        let mut secrets: Secrets = match read_private(&path)? {
            Some(text) => serde_json::from_str(&text).with_context(|| format!("{}: remove it, and PINs are made anew", path.display()))?,
            None => Secrets::default(),
        };
        if secrets.operator_pin.is_empty() || !host.operator().has_pin() {
            secrets.operator_pin = host.operator().new_pin()?;
            secrets.save(host)?;
        }
        Ok(secrets)
    }

    /// Into the data folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn save(&self, host: &Host) -> Result<()> {
        write_private(&Self::path(&host.config().data_dir), &serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    fn path(data: &Path) -> PathBuf {
        data.join(Self::FILE)
    }
}

/// A code that somebody can scan at once.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Printed {
    pub(crate) program: String,
    pub(crate) page: String,
    pub(crate) scene: String,
    pub(crate) text: String,
}

/// What is said when the kiosk is open. With `--json` this is the line, so members stay as they are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) address: String,
    pub(crate) public_url: String,
    pub(crate) operator_pin: String,
    pub(crate) people: Vec<Known>,
    pub(crate) codes: Vec<Printed>,
    pub(crate) programs: Vec<String>,
    pub(crate) posters: Option<PathBuf>,
    pub(crate) data: PathBuf,
    pub(crate) start_ms: u64,
    /// Since the build of this program began, on the first start behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since_build_ms: Option<u64>,
}

impl Report {
    /// Of a host that is about to answer; posters are written on the way.
    ///
    /// # Errors
    /// The posters can't be written.
    pub(crate) fn new(host: &Arc<Host>, secrets: Secrets, begun: Instant) -> Result<Report> {
        let config = host.config();
        let posters = config.data_dir.join("posters.html");
        std::fs::write(&posters, host.posters()?).with_context(|| format!("{} can't be written", posters.display()))?;
        let mut codes = Vec::new();
        for place in &config.places {
            // A program that is not published (yet) has no codes, which is no reason not to open.
            if let Ok(text) = host.code_for(&place.program, &place.page, &place.scene) {
                codes.push(Printed {
                    program: place.program.to_string(),
                    page: place.page.clone(),
                    scene: place.scene.clone(),
                    text,
                });
            }
        }
        let programs = host.programs();
        for card in &programs {
            codes.push(Printed {
                program: card.id.to_string(),
                page: String::new(),
                scene: String::new(),
                text: card.code.clone(),
            });
        }
        Ok(Report {
            address: format!("http://localhost:{}", config.address.port()),
            public_url: host.public_url(),
            operator_pin: secrets.operator_pin,
            people: secrets.people,
            codes,
            programs: programs.iter().map(|card| card.id.to_string()).collect(),
            posters: Some(posters),
            data: config.data_dir.clone(),
            start_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            since_build_ms: None,
        })
    }

    fn print(&self) {
        let seconds = Duration::from_millis(self.start_ms).as_secs_f64();
        out::line(format_args!("\nThe kiosk is open: {}   (after {seconds:.1} s)", self.address));
        if let Some(since) = self.since_build_ms {
            let seconds = since / 1_000;
            out::line(format_args!(
                "{} min {} s since the build of Youji began.",
                seconds / 60,
                seconds % 60
            ));
        }
        if self.public_url != self.address {
            out::line(format_args!("Phones reach it at {}", self.public_url));
        }
        out::line(format_args!("Operator: {}/operator with PIN {}", self.address, self.operator_pin));
        if !self.people.is_empty() {
            out::line("People to sign in as (visitors need no code):");
            for person in &self.people {
                let role = if person.role.is_empty() { "customer" } else { &person.role };
                out::line(format_args!(
                    "  code {:<10} PIN {:<8} {} ({role})",
                    person.code, person.pin, person.name
                ));
            }
        }
        if self.programs.is_empty() {
            out::line(format_args!(
                "No program is published here yet: `youji demo` makes samples, `youji publish --data {}` takes your own (close this first).",
                self.data.display()
            ));
        }
        if let Some(code) = self.codes.iter().find(|code| code.scene == "T7").or(self.codes.first())
            && let Ok(drawn) = Code::new(&code.text)
        {
            let place = if code.scene.is_empty() {
                String::new()
            } else {
                format!(" at {}", code.scene)
            };
            let terminal = if std::io::stdout().is_terminal() {
                Terminal::Colours
            } else {
                Terminal::DarkBackground
            };
            out::drawing(format_args!("\n{}", drawn.terminal(terminal)));
            out::line(format_args!("{}{place}: {}", code.program, code.text));
        }
        if let Some(posters) = &self.posters {
            out::line(format_args!("Posters to print: {}", posters.display()));
        }
        out::line("Ctrl+C closes it.");
    }
}

/// In the browser of the person at this machine, if there is a screen.
pub(crate) fn show(address: &str) {
    use std::process::{Command, Stdio};
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        "xdg-open"
    } else {
        return;
    };
    let opened = Command::new(opener)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        tracing::debug!(%error, "the browser was not opened");
    }
}
