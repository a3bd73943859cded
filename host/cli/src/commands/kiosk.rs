//! `youji kiosk`: Chromium full screen on a kiosk, brought back after a crash.

use crate::{out, place, serving};
use anyhow::{Context, Result, bail};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Names under which the browser is installed, the likeliest first.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// A browser that ran for so long has started properly.
const STARTED: Duration = Duration::from_secs(20);
/// Starts that fail in a row before it is given up, when none has ever worked.
const FAILURES_MAX: u32 = 5;
/// Longest pause before the next start.
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
#[command(after_help = "\
The kiosk itself is opened by `youji demo` or `youji serve`.

Examples:
  youji kiosk
  youji kiosk --url http://localhost:9000
  youji kiosk --browser /opt/chrome/chrome -- --force-device-scale-factor=1.5")]
pub(crate) struct Arguments {
    /// Address of the kiosk
    #[arg(long, value_name = "URL", default_value = "http://localhost:8080")]
    url: String,
    /// Data folder, in which the browser's own profile is kept [default: as for `youji serve`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The browser's program [default: chromium or google-chrome]
    #[arg(long, value_name = "PROGRAM")]
    browser: Option<PathBuf>,
    /// Options for the browser
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => place::data_folder()?,
    };
    let profile = data.join("browser");
    std::fs::create_dir_all(&profile)
        .with_context(|| format!("{} can't be made; choose another folder with --data DIR", profile.display()))?;
    let browser = match &arguments.browser {
        Some(browser) => browser.clone(),
        None => {
            find().context("no Chromium was found. Install one (Debian: apt-get install chromium), or name it with --browser PROGRAM")?
        }
    };
    let authority = authority(&arguments.url)?;
    serving::run(keep_open(browser, profile, arguments.url, authority, arguments.options))
}

async fn keep_open(browser: PathBuf, profile: PathBuf, url: String, authority: String, options: Vec<String>) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
    let keep = async {
        let mut ever_started = false;
        let mut failures = 0_u32;
        loop {
            reachable(&authority, &url).await;
            let begun = Instant::now();
            let mut child = start(&browser, &profile, &url, &options)?;
            let status = child.wait().await.context("the browser can't be waited for")?;
            if begun.elapsed() >= STARTED {
                ever_started = true;
                failures = 0;
            }
            if status.success() {
                out::note("The browser was closed.");
                return Ok(ExitCode::SUCCESS);
            }
            failures += 1;
            if !ever_started && failures >= FAILURES_MAX {
                bail!(
                    "{} ended {failures} times at once ({}). {}",
                    browser.display(),
                    words(status),
                    ROOT_HINT
                );
            }
            let pause = PAUSE_MAX.min(Duration::from_secs(1 << failures.min(5).saturating_sub(1)));
            out::note(format_args!(
                "The browser ended ({}); it comes back in {} s.",
                words(status),
                pause.as_secs()
            ));
            tokio::time::sleep(pause).await;
        }
    };
    // The child goes with its handle.
    tokio::select! {
        ended = keep => ended,
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    }
}

const ROOT_HINT: &str = "Run it as a user other than root on a machine with a screen; its own words are above";

fn words(status: ExitStatus) -> String {
    status.to_string()
}

fn start(browser: &Path, profile: &Path, url: &str, options: &[String]) -> Result<Child> {
    Command::new(browser)
        .arg("--kiosk")
        .arg(format!("--app={url}"))
        .arg(format!("--user-data-dir={}", profile.display()))
        .args([
            "--no-first-run",
            "--no-default-browser-check",
            "--noerrdialogs",
            "--disable-session-crashed-bubble",
            "--hide-crash-restore-bubble",
            "--disable-pinch",
            "--overscroll-history-navigation=0",
            "--disable-features=Translate",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--password-store=basic",
        ])
        .args(options)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} can't be started; name another with --browser PROGRAM", browser.display()))
}

/// Waits until the kiosk answers: a browser that starts before it shows an error page and stays there.
async fn reachable(authority: &str, url: &str) {
    let mut told = false;
    while tokio::net::TcpStream::connect(authority).await.is_err() {
        if !told {
            out::note(format_args!("Waiting for {url}; open it with `youji serve` or `youji demo`."));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Host and port of an address.
fn authority(url: &str) -> Result<String> {
    let wrong = || format!("\"{url}\" is not an address such as http://localhost:8080");
    let (scheme, rest) = url.split_once("://").with_context(wrong)?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => bail!(wrong()),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let named = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if named {
        authority.to_owned()
    } else {
        format!("{authority}:{default}")
    };
    authority.to_socket_addrs().with_context(wrong)?;
    Ok(authority)
}

fn find() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    let all = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.chain([mac]).find(|program| program.is_file())
}
