//! The real `youji` as a process, on a data folder that is thrown away.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command as AsyncCommand};
use youji_bench::client::Seat;

/// How long a start may take: the first one of a clone builds the mini-programs.
const START: Duration = Duration::from_secs(900);
const STOP: Duration = Duration::from_secs(120);

/// The executable of the profile that this test was built with; built if it is not fresh.
///
/// # Panics
/// It does not build.
pub fn youji() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let here = std::env::current_exe().expect("a test has a path");
        let profile = here
            .parent()
            .and_then(Path::parent)
            .expect("tests stand in PROFILE/deps")
            .to_owned();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "youji"]).current_dir(workspace());
        if profile.file_name().is_some_and(|name| name == "release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo starts").success(), "youji does not build");
        profile.join("youji")
    });
    path.clone()
}

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Runs a command of `youji` to its end, in the workspace's folder.
///
/// # Panics
/// It does not start.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(youji())
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .expect("youji starts")
}

/// As [`run`], with a filter of the trace that goes to stderr.
///
/// # Panics
/// It does not start.
pub fn run_traced(arguments: &[&str], filter: &str) -> Output {
    Command::new(youji())
        .args(arguments)
        .env("RUST_LOG", filter)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .expect("youji starts")
}

/// Runs a command of `youji` in a folder, with the network off and keys of its own.
///
/// # Errors
/// It fails; with what it said.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new(youji())
        .args(arguments)
        .current_dir(folder)
        .env("XDG_DATA_HOME", folder.join("home"))
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "youji {}: {said}", arguments.join(" "));
    Ok(())
}

/// A data folder as the demonstration leaves it; made once, copied for each test.
///
/// # Errors
/// The demonstration does not start.
pub async fn data() -> Result<TempDir> {
    static MADE: tokio::sync::OnceCell<TempDir> = tokio::sync::OnceCell::const_new();
    let made = MADE.get_or_try_init(async || {
        let folder = tempfile::tempdir()?;
        let kiosk = Kiosk::start("demo", folder.path(), &["--idle", "600"]).await?;
        kiosk.stop().await?;
        Ok::<_, anyhow::Error>(folder)
    });
    let copy = tempfile::tempdir()?;
    copy_folder(made.await?.path(), copy.path())?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    // The host refuses folders that others may read.
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A kiosk that runs.
pub struct Kiosk {
    child: Child,
    /// What it printed when it was open.
    pub report: Value,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Kiosk {
    /// `youji demo` or `youji serve` on that folder and a free port.
    ///
    /// # Errors
    /// It does not open; with what it said.
    pub async fn start(command: &str, data: &Path, more: &[&str]) -> Result<Kiosk> {
        let program = tokio::task::spawn_blocking(youji).await?;
        let mut child = AsyncCommand::new(program)
            .args([command, "--json", "--no-open", "--port", "0", "--data"])
            .arg(data)
            .args(more)
            .current_dir(workspace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let stderr = child.stderr.take().context("no errors")?;
        let heard = tokio::spawn(async move {
            let (mut lines, mut all) = (BufReader::new(stderr).lines(), String::new());
            while let Ok(Some(line)) = lines.next_line().await {
                if all.len() < 100_000 {
                    all.push_str(&line);
                    all.push('\n');
                }
            }
            all
        });
        let line = tokio::time::timeout(START, lines.next_line())
            .await
            .context("the kiosk did not open in time")??;
        let Some(line) = line else {
            return Err(anyhow!("the kiosk did not open: {}", heard.await.unwrap_or_default()));
        };
        let report: Value = serde_json::from_str(&line).with_context(|| format!("expected JSON, found {line}"))?;
        let port = report["address"]
            .as_str()
            .and_then(|address| address.rsplit(':').next())
            .and_then(|port| port.parse().ok());
        let port: u16 = port.ok_or_else(|| anyhow!("no address in {report}"))?;
        Ok(Kiosk {
            child,
            report,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// A fresh device.
    pub fn seat(&self) -> Seat {
        Seat::new(self.address)
    }

    /// A device at which a demonstration person has signed in.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn signed_in(&self, code: &str) -> Result<Seat> {
        let people = self.report["people"].as_array().cloned().unwrap_or_default();
        let person = people
            .iter()
            .find(|person| person["code"] == code)
            .ok_or_else(|| anyhow!("nobody has the code {code}"))?;
        let mut seat = self.seat();
        seat.post("/api/sign-in", &serde_json::json!({"code": code, "pin": person["pin"]}))
            .await?
            .ok()?;
        seat.pin = person["pin"].as_str().unwrap_or_default().to_owned();
        Ok(seat)
    }

    /// The operator's page, signed in.
    ///
    /// # Errors
    /// The PIN is refused.
    pub async fn operator(&self) -> Result<Operator> {
        let mut seat = self.seat();
        seat.post("/api/operator/sign-in", &serde_json::json!({"pin": self.report["operatorPin"]}))
            .await?
            .ok()?;
        Ok(Operator { seat })
    }

    /// The scan code of a program's home page, or with that scene.
    ///
    /// # Errors
    /// There is none.
    pub fn code(&self, program: &str, scene: &str) -> Result<String> {
        let codes = self.report["codes"].as_array().cloned().unwrap_or_default();
        let fits = |code: &&Value| code["program"].as_str().is_some_and(|id| id.ends_with(program)) && code["scene"] == scene;
        let code = codes
            .iter()
            .find(fits)
            .ok_or_else(|| anyhow!("no code of {program} at \"{scene}\" in {}", self.report["codes"]))?;
        Ok(code["text"].as_str().unwrap_or_default().to_owned())
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// It was over already.
    pub async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Ends it as Ctrl+C would.
    ///
    /// # Errors
    /// It does not end, or not well.
    pub async fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").args(["-INT", &self.process().to_string()]).status()?;
        ensure!(told.success(), "the kiosk was gone before it was asked to stop");
        let status = tokio::time::timeout(STOP, self.child.wait())
            .await
            .context("the kiosk did not stop in time")??;
        ensure!(status.success(), "the kiosk stopped with {status}");
        Ok(())
    }
}

/// The operator at their page.
pub struct Operator {
    seat: Seat,
}

impl Operator {
    /// What the page shows.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn summary(&mut self) -> Result<Value> {
        self.seat.get("/api/operator/summary").await?.ok()
    }

    /// Compacts the log now.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn compact(&mut self) -> Result<Value> {
        self.seat.post("/api/operator/compact", &serde_json::json!({})).await?.ok()
    }

    /// Adds money to the wallet of the person with that code.
    ///
    /// # Errors
    /// There is no such person; the kiosk refuses.
    pub async fn top_up(&mut self, code: &str, amount: &str, key: &str) -> Result<()> {
        let summary = self.summary().await?;
        let people = summary["people"].as_array().cloned().unwrap_or_default();
        let person = people
            .iter()
            .find(|person| person["code"] == code)
            .ok_or_else(|| anyhow!("nobody has the code {code}"))?;
        let body = serde_json::json!({"person": person["id"], "amount": amount, "idempotencyKey": key});
        self.seat.post("/api/operator/top-up", &body).await?.ok()?;
        Ok(())
    }
}
