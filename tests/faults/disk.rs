//! A full disk: what people are told, what still works, and what is there once there is room again.

use crate::support::{ANN, BALANCE, Kiosk, PIN, PLAIN, accept, data, open, wallet};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use youji_bench::client::{Answer, Stage};
use youji_tests::not_checked::not_checked;

/// The disk on which the data folder lies, and how it is filled.
trait Disk {
    /// What starts a kiosk on it.
    fn around(&self) -> Vec<String>;
    /// The data folder as the kiosk names it.
    fn data(&self) -> PathBuf;
    fn fill(&mut self, kiosk: &Kiosk) -> Result<()>;
    /// After the kiosk has ended.
    fn free(&mut self) -> Result<()>;
    /// Whether what was set aside for the log can still be written.
    fn has_room_in_the_log(&self) -> bool;
}

/// A disk of its own in a mount namespace that ends with the process that holds it.
struct Small {
    holder: Child,
    at: PathBuf,
    /// Whether it has a user namespace of its own too: who is not root mounts there only.
    user: bool,
    _folder: tempfile::TempDir,
}

impl Small {
    /// None where the system lets nobody mount anything.
    fn new(folder: tempfile::TempDir) -> Result<Option<Small>> {
        let at = folder.path().join("small");
        std::fs::create_dir(&at)?;
        let script = r#"mount -t tmpfs -o size=24m,mode=700 tmpfs "$1" && cp -a "$2" "$1" && echo ready && exec cat"#;
        for user in [false, true] {
            let more: &[&str] = if user { &["--user", "--map-root-user"] } else { &[] };
            let mut holder = Command::new("unshare")
                .arg("--mount")
                .args(more)
                .args(["sh", "-c", script, "sh"])
                .arg(&at)
                .arg(folder.path().join("data"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?;
            let mut word = [0; 5];
            let ready = holder.stdout.as_mut().context("its output")?;
            if std::io::Read::read_exact(ready, &mut word).is_ok() && &word == b"ready" {
                return Ok(Some(Small {
                    holder,
                    at,
                    user,
                    _folder: folder,
                }));
            }
            holder.wait()?;
        }
        Ok(None)
    }

    /// The disk as seen from outside of its namespace.
    fn outside(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.at.strip_prefix("/").unwrap_or(&self.at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Disk for Small {
    fn around(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        let user: &[&str] = if self.user { &["--user", "--preserve-credentials"] } else { &[] };
        let words = ["nsenter", "--mount", "--target", &holder];
        words.iter().chain(user).map(|word| (*word).to_owned()).collect()
    }

    fn data(&self) -> PathBuf {
        self.at.join("data")
    }

    fn fill(&mut self, _: &Kiosk) -> Result<()> {
        let mut filler = std::fs::File::create(self.outside().join("filler"))?;
        let mut size = 1 << 20;
        while size > 0 {
            if filler.write_all(&vec![1; size]).is_err() {
                size /= 2;
            }
        }
        Ok(())
    }

    fn free(&mut self) -> Result<()> {
        Ok(std::fs::remove_file(self.outside().join("filler"))?)
    }

    fn has_room_in_the_log(&self) -> bool {
        true
    }
}

/// No file of the process may be written any more: works everywhere, but says "too large" instead of "no space".
struct Limited {
    folder: tempfile::TempDir,
}

impl Disk for Limited {
    fn around(&self) -> Vec<String> {
        // The signal that tells of the limit would end the process.
        ["sh", "-c", r#"trap "" XFSZ; exec "$0" "$@""#].map(str::to_owned).to_vec()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn fill(&mut self, kiosk: &Kiosk) -> Result<()> {
        let process = kiosk.process().to_string();
        let set = Command::new("prlimit").args(["--pid", &process, "--fsize=1:unlimited"]).status()?;
        ensure!(set.success(), "prlimit (of util-linux) failed");
        Ok(())
    }

    /// The limit ended with its process.
    fn free(&mut self) -> Result<()> {
        Ok(())
    }

    fn has_room_in_the_log(&self) -> bool {
        false
    }
}

/// Refused, with words that say what did not happen and what to do.
fn refused(what: &str, answer: &Answer, says: &[&str]) {
    eprintln!("{what}: {} {}", answer.status, answer.body);
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    assert!(matches!(answer.status, 503 | 507), "{what}: {answer:?}");
    let text = format!("{} {}", problem["detail"], problem["remedy"]).to_lowercase();
    for word in says {
        assert!(text.contains(word), "{what}: expected {word:?} in {text}");
    }
    assert!(!text.contains("/data/"), "{what}: paths are not for strangers: {text}");
}

async fn check(mut disk: impl Disk) -> Result<()> {
    let around = disk.around();
    let around: Vec<&str> = around.iter().map(String::as_str).collect();
    let kiosk = Kiosk::start(&around, &disk.data()).await?;
    let mut seat = kiosk.ann().await?;
    let mut stage = open(&mut seat, "", "").await?;
    stage.tap("add").await?;
    // From here on what she has in the program has a key of its own.
    stage.tap("keep").await?;
    stage.sees("Ok").await?;
    let mut visitor = kiosk.visitor().await?;

    disk.fill(&kiosk)?;
    // Something that must be written is refused, at first and ever after; nothing of it is seen.
    for _ in 0..3 {
        let answer = kiosk.seat().post("/api/visitor", &json!({"language": "en"})).await?;
        refused("a visitor", &answer, &["disk"]);
    }
    stage.tap("pay").await?;
    if disk.has_room_in_the_log() {
        // The log's file is ahead of what is in it, so that people who are here can finish.
        accept(&mut stage).await?;
        stage.sees("done").await?;
        assert_eq!(wallet(&mut seat).await?, ("49.00".to_owned(), 1));
    } else {
        // The first write that failed half way is in doubt, and may have been one of the host's own; whoever comes after it is refused
        // outright.
        let said = |stage: &Stage| {
            let text = stage.view.text();
            (text.contains("in-doubt") || text.contains("failed")).then_some(())
        };
        stage.until("\"in-doubt\" or \"failed\"", said).await?;
        stage.tap("pay").await?;
        stage.sees("failed").await?;
        assert!(
            stage.sheets.is_empty(),
            "nobody is asked to pay what could not be kept: {:?}",
            stage.sheets
        );
        assert_eq!(wallet(&mut seat).await?, (BALANCE.to_owned(), 0));
        let answer = kiosk.seat().get("/healthz").await?;
        refused("/healthz", &answer, &["free space", "restart"]);
    }
    // What needs nothing written goes on.
    stage.tap("add").await?;
    stage.sees("2").await?;
    assert_eq!(visitor.get("/api/state").await?.status, 200);
    let before = wallet(&mut seat).await?;

    kiosk.signal("TERM")?;
    let ended = stage.until("the receipt", |stage| stage.ended.clone()).await?;
    assert_eq!(ended["reason"], "shutdown", "{ended}");
    let (status, said) = kiosk.ended().await?;
    assert!(status.success(), "it ends in good order, with no room still: {status}: {said}");
    disk.free()?;
    assert!(
        said.contains("ERROR") && said.contains("os error"),
        "the operator's terminal says why: {said}"
    );
    assert!(!said.contains("panicked"), "{said}");

    let kiosk = Kiosk::start(&around, &disk.data()).await?;
    let mut seat = kiosk.ann().await?;
    assert_eq!(wallet(&mut seat).await?, before, "what was paid is paid, and nothing else");
    if before.1 == 0 {
        let mut stage = open(&mut seat, "", "").await?;
        stage.tap("pay").await?;
        accept(&mut stage).await?;
        stage.sees("done").await?;
        assert_eq!(wallet(&mut seat).await?, ("49.00".to_owned(), 1));
    }
    kiosk.still_works().await?;
    kiosk.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_loses_nothing() -> Result<()> {
    match Small::new(data().await?)? {
        Some(disk) => check(disk).await,
        None => {
            not_checked(
                "a disk without space: nothing can be mounted here, neither as root nor in a user namespace; only writes that fail were",
            );
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_are_said_and_lose_nothing() -> Result<()> {
    check(Limited { folder: data().await? }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_from_the_start_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let around = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#];
    let data = folder.path().join("data");
    let (code, said) = Kiosk::refused(&around, &data).await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("youji: ") && said.contains(&*data.to_string_lossy()), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    // A person with room again starts on the same folder.
    let kiosk = Kiosk::start(PLAIN, &data).await?;
    let nobody = kiosk.seat().post("/api/sign-in", &json!({"code": ANN, "pin": PIN})).await?;
    assert_eq!(nobody.problem(), "denied");
    kiosk.stop().await
}
