//! A data folder with the guest that misbehaves as told, the real `youji` on it, and devices.

use anyhow::{Context, Result, anyhow};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command as AsyncCommand};
use youji_api::ProgramId;
use youji_bench::client::{Seat, Stage};
use youji_kiosk::{Host, HostConfig};
use youji_package::{Draft, Issuer, PackageLimits, PublisherKey, ScanKeys};
use youji_runtime::Compiler;
use youji_services::{Merchant, Names, NewPerson};
use youji_tests::kiosk::{workspace, youji};

/// The guest that behaves as its launch tells it.
pub(crate) const PROGRAM: &str = "org.example.trial";
/// A person with a wallet, and their PIN.
pub(crate) const ANN: &str = "ann";
pub(crate) const PIN: &str = "135790";
/// What they have at first, in minor units and as the page says it; an order of the guest costs 1.00.
const WALLET: u64 = 5_000;
pub(crate) const BALANCE: &str = "50.00";
/// How long a start or an end may take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// Everything that the guest imports.
pub(crate) const PERMISSIONS: [&str; 5] = ["payment", "storage", "navigation", "clock", "log"];

pub(crate) fn key() -> PublisherKey {
    PublisherKey::from_seed(&[7; 32])
}

/// The guest as a component; built once a process.
pub(crate) fn component() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = "wasm32-unknown-unknown";
        let built = Command::new(cargo)
            .args(["build", "-q", "--profile", "miniprogram", "--target", target, "-p", "youji-hostile"])
            .current_dir(workspace())
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status();
        assert!(built.expect("cargo starts").success(), "run `rustup target add {target}`");
        let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let module = std::fs::read(folder.join(target).join("miniprogram/youji_hostile.wasm")).expect("the guest was built");
        let encode = || wit_component::ComponentEncoder::default().module(&module)?.encode();
        encode().expect("the guest fits the contract")
    })
}

/// Its files, with that version and those permissions.
pub(crate) fn draft(version: u32, permissions: &[&str]) -> Draft {
    let permissions: Vec<Value> = permissions
        .iter()
        .map(|name| json!({"name": name, "reason": "For a test"}))
        .collect();
    let manifest = json!({
        "app_id": PROGRAM, "name": "Trial", "short_name": "Trial", "description": "For tests.",
        "icons": [{"src": "common/icon.svg", "sizes": "48x48"}],
        "version": {"code": version, "name": version.to_string()}, "platform_version": {"min_code": 1},
        "pages": ["pages/home", "pages/second"], "lang": "en", "accent": "#336699",
        "req_permissions": permissions,
    });
    let icon = r#"<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><rect width="48" height="48"/></svg>"#;
    Draft::new()
        .with("app.wasm", component())
        .with("manifest.json", manifest.to_string())
        .with("common/icon.svg", icon)
}

pub(crate) fn sign(draft: &Draft) -> Vec<u8> {
    draft.sign(&key(), &PackageLimits::default()).expect("the package is fine")
}

/// Settings of a host in this process.
pub(crate) fn config(data: &Path) -> HostConfig {
    HostConfig {
        compiler: Compiler::InProcess,
        ..HostConfig::new(data)
    }
}

/// Publishes the guest and makes the person.
pub(crate) async fn furnish(host: &Arc<Host>) -> Result<()> {
    let public = key().public();
    host.registry().allow_publisher("Trial Publisher", &public).await?;
    host.registry().publish(sign(&draft(1, &PERMISSIONS))).await?;
    let shop = Merchant {
        publisher: public.id(),
        id: String::new(),
        name: Names::new("试", "Trial Shop"),
    };
    host.services().enrol_merchant(shop).await.map_err(failed)?;
    let ann = NewPerson {
        name: "Ann".into(),
        code: ANN.into(),
        pin: PIN.into(),
        language: "en".into(),
        balance: WALLET,
        profile: Vec::new(),
    };
    host.services().create_person(ann).await.map_err(failed)?;
    Ok(())
}

pub(crate) fn failed(failure: youji_api::Failure) -> anyhow::Error {
    anyhow!("{}: {}", failure.code, failure.message)
}

/// A furnished data folder in a folder of its own, as a host leaves it; made once, copied for each test.
pub(crate) async fn data() -> Result<TempDir> {
    static MADE: tokio::sync::OnceCell<TempDir> = tokio::sync::OnceCell::const_new();
    let made = MADE
        .get_or_try_init(async || {
            let folder = tempfile::tempdir()?;
            let host = Host::new(config(&folder.path().join("data"))).await?;
            furnish(&host).await?;
            host.shutdown().await;
            Ok::<_, anyhow::Error>(folder)
        })
        .await?;
    let copy = tempfile::tempdir()?;
    let copied = Command::new("cp")
        .arg("-a")
        .arg(made.path().join("data"))
        .arg(copy.path())
        .status()?;
    anyhow::ensure!(copied.success(), "cp failed");
    Ok(copy)
}

/// Random values whose seed is printed, so that a failure can be repeated: YOUJI_SEED=… cargo test.
pub(crate) fn seeded() -> ChaCha8Rng {
    let given = std::env::var("YOUJI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    eprintln!("YOUJI_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// `youji serve` as a process of its own.
pub(crate) struct Kiosk {
    child: Child,
    stderr: tokio::task::JoinHandle<String>,
    report: Value,
    address: SocketAddr,
    data: PathBuf,
}

/// Nothing around it.
pub(crate) const PLAIN: &[&str] = &["env"];

impl Kiosk {
    /// On that folder and a free port. `around` is the command that starts it, such as `env` or `nsenter …`.
    pub(crate) async fn start(around: &[&str], data: &Path) -> Result<Kiosk> {
        let (child, mut stdout, stderr) = Self::spawn(around, data).await?;
        let line = tokio::time::timeout(PATIENCE, stdout.next_line())
            .await
            .context("the kiosk did not open in time")??;
        let Some(line) = line else {
            return Err(anyhow!("the kiosk did not open: {}", stderr.await?));
        };
        let report: Value = serde_json::from_str(&line)?;
        let port = report["address"]
            .as_str()
            .and_then(|address| address.rsplit(':').next()?.parse().ok());
        let port: u16 = port.ok_or_else(|| anyhow!("no port in {report}"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Kiosk {
            child,
            stderr,
            report,
            address,
            data: data.to_owned(),
        })
    }

    /// What it says when it does not open, and its exit code.
    pub(crate) async fn refused(around: &[&str], data: &Path) -> Result<(Option<i32>, String)> {
        let (mut child, mut stdout, stderr) = Self::spawn(around, data).await?;
        let end = async {
            anyhow::ensure!(stdout.next_line().await?.is_none(), "it opened");
            Ok((child.wait().await?.code(), stderr.await?))
        };
        tokio::time::timeout(PATIENCE, end).await?
    }

    /// Starts one, and kills it as soon as something holds, or when it is open.
    pub(crate) async fn killed_at_start(data: &Path, when: impl Fn() -> Result<bool>) -> Result<()> {
        let (mut child, mut stdout, _stderr) = Self::spawn(PLAIN, data).await?;
        let moment = async {
            while !when()? {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::select! {
            moment = moment => moment?,
            _ = stdout.next_line() => {}
        }
        child.kill().await?;
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "said once")]
    async fn spawn(
        around: &[&str],
        data: &Path,
    ) -> Result<(
        Child,
        tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
        tokio::task::JoinHandle<String>,
    )> {
        let program = tokio::task::spawn_blocking(youji).await?;
        let (first, rest) = around.split_first().context("a command")?;
        let mut child = AsyncCommand::new(first)
            .args(rest)
            .arg(program)
            .args(["serve", "--json", "--no-open", "--port", "0", "--idle", "600", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut errors = child.stderr.take().context("no errors")?;
        let stderr = tokio::spawn(async move {
            let mut all = Vec::new();
            let _ = errors.read_to_end(&mut all).await;
            String::from_utf8_lossy(&all).into_owned()
        });
        Ok((child, stdout, stderr))
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// A device with nobody at it.
    pub(crate) fn seat(&self) -> Seat {
        Seat::new(self.address)
    }

    /// A device with a fresh visitor.
    pub(crate) async fn visitor(&self) -> Result<Seat> {
        let mut seat = self.seat();
        seat.visitor("en").await?;
        Ok(seat)
    }

    /// A device with the person.
    pub(crate) async fn ann(&self) -> Result<Seat> {
        let mut seat = self.seat();
        seat.post("/api/sign-in", &json!({"code": ANN, "pin": PIN})).await?.ok()?;
        Ok(seat)
    }

    /// The operator at their page.
    pub(crate) async fn operator(&self) -> Result<Seat> {
        let mut seat = self.seat();
        let pin = json!({"pin": self.report["operatorPin"]});
        seat.post("/api/operator/sign-in", &pin).await?.ok()?;
        Ok(seat)
    }

    /// Everybody whom the operator's page lists.
    pub(crate) async fn people(&self) -> Result<Vec<Value>> {
        let mut seat = self.seat();
        let pin = json!({"pin": self.report["operatorPin"]});
        seat.post("/api/operator/sign-in", &pin).await?.ok()?;
        let summary = seat.get("/api/operator/summary").await?.ok()?;
        Ok(summary["people"].as_array().cloned().unwrap_or_default())
    }

    /// The guest's code as the host printed it.
    pub(crate) fn code(&self) -> Result<String> {
        let codes = self.report["codes"].as_array().context("codes")?;
        let text = codes
            .iter()
            .find(|code| code["program"] == PROGRAM)
            .and_then(|code| code["text"].as_str());
        text.map(str::to_owned).with_context(|| format!("no code in {}", self.report))
    }

    /// Makes codes as this host would.
    pub(crate) fn issuer(&self) -> Result<Issuer> {
        let keys = ScanKeys::load(&std::fs::read_to_string(self.data.join("scan-keys.json"))?).map_err(|error| anyhow!("{error}"))?;
        let origin = self.report["publicUrl"].as_str().context("an address")?.parse();
        Ok(Issuer {
            origin: origin.map_err(|error| anyhow!("{error}"))?,
            key: keys.newest().clone(),
        })
    }

    /// As `kill` and the system's service manager would.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let told = Command::new("kill")
            .args([&format!("-{name}"), &self.process().to_string()])
            .status()?;
        anyhow::ensure!(told.success(), "the kiosk was gone");
        Ok(())
    }

    /// Its end, and everything that it wrote for people.
    pub(crate) async fn ended(mut self) -> Result<(ExitStatus, String)> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("it did not end in time")??;
        Ok((status, self.stderr.await?))
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) -> Result<()> {
        self.signal("TERM")?;
        let (status, said) = self.ended().await?;
        anyhow::ensure!(status.success(), "{status}: {said}");
        Ok(())
    }

    /// Whether it answers a neighbour, from a fresh person to the first view.
    pub(crate) async fn still_works(&self) -> Result<()> {
        let mut seat = self.visitor().await?;
        let mut stage = seat.open(&json!({"code": self.code()?})).await?;
        stage.tap("add").await?;
        stage.sees("1").await?;
        stage.close().await?;
        seat.post("/api/reset", &json!({})).await?.ok()?;
        Ok(())
    }
}

/// Opens the guest with an instruction.
pub(crate) async fn open(seat: &mut Seat, act: &str, at: &str) -> Result<Stage> {
    seat.open(&instruction(act, at)).await
}

pub(crate) fn instruction(act: &str, at: &str) -> Value {
    json!({"program": ProgramId::from(PROGRAM), "page": "", "query": {"act": act, "at": at}})
}

/// What the person has, as the page says it, and how many receipts.
pub(crate) async fn wallet(seat: &mut Seat) -> Result<(String, usize)> {
    let person = seat.get("/api/person").await?.ok()?;
    let receipts = seat.get("/api/person/receipts").await?.ok()?;
    let balance = person["balance"].as_str().context("a balance")?.to_owned();
    Ok((balance, receipts["receipts"].as_array().map_or(0, Vec::len)))
}

/// Accepts the payment sheet that is open, as a person with a PIN does.
pub(crate) async fn accept(stage: &mut Stage) -> Result<()> {
    let sheet = stage.sheet("payment").await?;
    tokio::time::sleep(Duration::from_millis(550)).await;
    let answer = json!({"t": "answer", "id": sheet["id"], "accepted": true, "chosen": [], "pin": PIN, "afterMs": 550});
    stage.send(&answer).await
}
