//! `youji kiosk`: Chromium full screen on a kiosk; the browser and the page in it are brought back after a crash.

mod profile;
mod watch;

use crate::{out, place, serving};
use anyhow::{Context, Result, bail, ensure};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use watch::Watch;

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
The kiosk itself is opened by `youji demo` or `youji serve`. The camera is allowed without a question. A browser or a page that crashes comes \
back; nothing but this command can drive the browser.

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
        Some(browser) => {
            ensure!(
                is_there(browser),
                "{} is no program on this machine; name the browser's program with --browser PROGRAM",
                browser.display()
            );
            browser.clone()
        }
        None => {
            find().context("no Chromium was found. Install one (Debian: apt-get install chromium), or name it with --browser PROGRAM")?
        }
    };
    let kept = Kept {
        address: Address::parse(arguments.url)?,
        browser,
        profile,
        options: arguments.options,
    };
    serving::run(kept.open())
}

/// Where the kiosk is.
struct Address {
    url: String,
    /// Host and port.
    authority: String,
    /// With its port, even if it is the scheme's own.
    origin: String,
}

/// A browser that is kept open.
struct Kept {
    address: Address,
    browser: PathBuf,
    profile: PathBuf,
    options: Vec<String>,
}

impl Kept {
    async fn open(self) -> Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be received")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
        if is_root() {
            out::note(NO_SANDBOX);
        }
        // The child goes with its handle.
        tokio::select! {
            ended = self.keep() => ended,
            _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        }
    }

    async fn keep(&self) -> Result<ExitCode> {
        let mut ever_started = false;
        let mut failures = 0_u32;
        loop {
            reachable(&self.address).await;
            let begun = Instant::now();
            let status = self.once().await?;
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
                bail!("{} ended {failures} times at once ({status}). {START_HINT}", self.browser.display());
            }
            let pause = pause(failures);
            out::note(format_args!(
                "The browser ended ({status}); it comes back in {} s.",
                pause.as_secs()
            ));
            tokio::time::sleep(pause).await;
        }
    }

    /// One run of the browser, to its end.
    async fn once(&self) -> Result<ExitStatus> {
        profile::prepare(&self.profile, &self.address.origin)?;
        let (mut child, watch) = self.start()?;
        let watched = watch.run(&self.address);
        let ended = tokio::select! {
            status = child.wait() => return status.context("the browser can't be waited for"),
            ended = watched => ended,
        };
        if let Err(error) = ended {
            out::note(format_args!("The page is not watched any more: {error:#}. The browser still is."));
        }
        child.wait().await.context("the browser can't be waited for")
    }
}

const START_HINT: &str = "It needs a machine with a screen; its own words are above";
const NO_SANDBOX: &str = "Chromium has no sandbox of its own when root runs it; on a kiosk for strangers, start this as another user.";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Before the next start, after so many failures in a row: 1, 2, 4 … 30 s.
fn pause(failures: u32) -> Duration {
    PAUSE_MAX.min(Duration::from_secs(1 << failures.min(5).saturating_sub(1)))
}

impl Kept {
    fn start(&self) -> Result<(Child, Watch)> {
        let mut command = Command::new(&self.browser);
        command
            .arg("--kiosk")
            .arg(format!("--app={}", self.address.url))
            .arg(format!("--user-data-dir={}", self.profile.display()))
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
            .args(is_root().then_some("--no-sandbox"))
            .args(&self.options)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let watch = Watch::new(&mut command)?;
        let child = command
            .spawn()
            .with_context(|| format!("{} can't be started; name another with --browser PROGRAM", self.browser.display()))?;
        Ok((child, watch))
    }
}

/// Waits until the kiosk answers: a browser that starts before it shows an error page.
async fn reachable(address: &Address) {
    let mut told = false;
    while tokio::net::TcpStream::connect(&address.authority).await.is_err() {
        if !told {
            out::note(format_args!(
                "Waiting for {}; open it with `youji serve` or `youji demo`.",
                address.url
            ));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Address {
    fn parse(url: String) -> Result<Address> {
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
        let origin = format!("{scheme}://{authority}");
        Ok(Address { url, authority, origin })
    }
}

fn folders() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

/// A file with that path, or, of a name without a folder, one that the shell would find.
fn is_there(program: &Path) -> bool {
    program.is_file() || (program.components().count() == 1 && folders().iter().any(|folder| folder.join(program).is_file()))
}

fn find() -> Option<PathBuf> {
    let folders = folders();
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    let all = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.chain([mac]).find(|program| program.is_file())
}
