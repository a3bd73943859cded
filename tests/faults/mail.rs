//! Messages and a host that is killed: what was acknowledged to its sender arrives, once and in order.

use crate::support::{ANN, PIN, PROGRAM, config, data, failed, seeded};
use anyhow::{Context, Result, ensure};
use rand::Rng;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use youji_api::caller::{Caller, TemplateKind, TemplateRule};
use youji_api::{Answer, Call, Fields, Moment, ProgramId, Reply};
use youji_bench::client::Seat;
use youji_bench::mail::Line;
use youji_kiosk::{Host, HostConfig, OpenRequest, Server};

/// How often the host is killed.
const KILLS: u64 = 6;
/// Messages of one life: also with what was sent and not acknowledged in the one before, less than a mailbox holds.
const SENDS: u64 = 90;
/// Sends under way.
const AT_ONCE: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(60);

/// The data folder, and the number of the first message, for the host that is killed.
const FOLDER: &str = "YOUJI_TESTS_MAIL_FOLDER";
const FIRST: &str = "YOUJI_TESTS_MAIL_FIRST";

/// The caller of a session, as if its manifest had a template.
fn with_template(caller: &Caller) -> Caller {
    let mut requested = caller.requested.as_ref().clone();
    requested.permissions.push(("messaging".to_owned(), "For a test".to_owned()));
    let texts = |text: &str| BTreeMap::from([("en".to_owned(), text.to_owned())]);
    requested.templates.push(TemplateRule {
        name: "ready".to_owned(),
        title: texts("Ready"),
        text: texts("Number {number}"),
        page: String::new(),
        kind: TemplateKind::LongTerm,
    });
    Caller {
        requested: Arc::new(requested),
        ..caller.clone()
    }
}

/// A line for the test that started this process.
fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Serves, and sends to Ann; says on stdout where it is, and each message that was acknowledged. Runs until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that another test starts and kills"]
async fn the_host_that_is_killed() -> Result<()> {
    let (Some(folder), Ok(first)) = (std::env::var_os(FOLDER), std::env::var(FIRST)) else {
        return Ok(());
    };
    let first: u64 = first.parse()?;
    let mut config = HostConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..config(Path::new(&folder))
    };
    config.limits.messages_per_hour = usize::MAX;
    let listener = Server::bind(&mut config).await?;
    let host = Host::new(config).await?;
    let server = Server::start(Arc::clone(&host), listener);
    let code = host.code_for(&ProgramId::from(PROGRAM), "", "")?;
    let ann = host.services().sign_in(ANN, PIN).await.map_err(failed)?;
    let opened = Box::pin(host.open(&ann.id, OpenRequest::scan(code.as_str(), "en"))).await?;
    let caller = with_template(&opened.session.caller());
    let call = Call::MessagingSubscribe {
        templates: vec!["ready".to_owned()],
        options: Fields::new(),
    };
    host.gate().call(&caller, Moment::Tap, call).await.map_err(failed)?;
    let screen = host.screen(caller.session).context("a screen")?.now();
    // Asked once only, in the first life.
    if let Some(sheet) = screen.sheets.first() {
        let answer = Answer {
            accepted: true,
            chosen: vec!["ready".to_owned()],
            ..Answer::default()
        };
        host.services().answer(caller.session, sheet.id, answer).await.map_err(failed)?;
    }
    let to = host.services().open_id(&ann.id, &caller.program).to_string();
    // The harness has begun a line of its own.
    say(&format!("\nopen {}", server.address()))?;

    // Until whoever follows has what the life before left.
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let cook = host.services().create_visitor("en").await.map_err(failed)?;
    let opened = Box::pin(host.open(&cook.id, OpenRequest::scan(code, "en"))).await?;
    let cook = with_template(&opened.session.caller());
    let next = AtomicU64::new(first);
    let send = async || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + SENDS {
                return Ok(());
            }
            let call = Call::MessagingSend {
                to: to.clone(),
                template: "ready".to_owned(),
                fields: Fields::new().with("number", i64::try_from(number)?),
                client_id: format!("message-{number}"),
                options: Fields::new(),
            };
            match host.gate().call(&cook, Moment::Other, call).await.map_err(failed)? {
                Reply::Number(sequence) => say(&format!("sent {sequence} {number}"))?,
                other => anyhow::bail!("a number expected, {other:?} came"),
            }
        }
    };
    futures_util::future::try_join_all((0..AT_ONCE).map(|_| send())).await?;
    std::future::pending().await
}

/// One life of the host.
struct Life {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Life {
    async fn begin(folder: &Path, first: u64) -> Result<Life> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", "mail::the_host_that_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .env(FIRST, first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().context("no output")?).lines();
        let address = async {
            while let Some(line) = said.next_line().await? {
                if let Some(address) = line.strip_prefix("open ") {
                    return Ok(address.parse()?);
                }
            }
            anyhow::bail!("the host did not open")
        };
        let address = tokio::time::timeout(PATIENCE, address)
            .await
            .context("the host did not open in time")??;
        Ok(Life { child, said, address })
    }

    /// The next message that was acknowledged: its sequence and its number; none when the host is gone.
    async fn acknowledged(&mut self) -> Result<Option<(u64, u64)>> {
        let line = async {
            while let Some(line) = self.said.next_line().await? {
                if let Some((sequence, number)) = line.strip_prefix("sent ").and_then(|rest| rest.split_once(' ')) {
                    return Ok(Some((sequence.parse()?, number.parse()?)));
                }
            }
            Ok(None)
        };
        tokio::time::timeout(PATIENCE, line)
            .await
            .context("nothing was acknowledged for a minute")?
    }

    /// Lets it send.
    async fn go(&mut self) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("no input")?;
        stdin.write_all(b"\n").await?;
        Ok(stdin.flush().await?)
    }

    /// Ann's messages after that number.
    async fn follow(&self, after: u64) -> Result<Line> {
        let mut ann = Seat::new(self.address);
        ann.post("/api/sign-in", &json!({"code": ANN, "pin": PIN})).await?.ok()?;
        Line::open(&ann, (after > 0).then_some(after)).await
    }
}

/// What Ann has seen: number of the message by its place in the mailbox, which rises by one.
struct Seen(Vec<u64>);

impl Seen {
    /// Takes in what comes, until there are so many or the line ends.
    async fn take(&mut self, line: &mut Line, upto: usize) -> Result<()> {
        while self.0.len() < upto {
            let letter = tokio::time::timeout(PATIENCE, line.next()).await;
            let Some(letter) = letter.with_context(|| format!("only {} of {upto} came", self.0.len()))?? else {
                break;
            };
            ensure!(
                letter.kind == "message" && letter.id == self.0.len() as u64 + 1,
                "after {} came {letter:?}",
                self.0.len()
            );
            let text = letter.json()?["text"].as_str().unwrap_or_default().to_owned();
            let number: u64 = text.strip_prefix("Number ").context("another message")?.parse()?;
            ensure!(!self.0.contains(&number), "{number} came twice: {letter:?}");
            self.0.push(number);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_host_is_killed() -> Result<()> {
    let mut random = seeded();
    let folder = data().await?;
    let folder = folder.path().join("data");
    let (mut seen, mut acknowledged) = (Seen(Vec::new()), BTreeMap::new());
    for life in 0..KILLS {
        let mut host = Life::begin(&folder, life * SENDS).await?;
        let mut line = host.follow(seen.0.len() as u64).await?;
        // What one life sends fits a mailbox; what all send does not.
        let before = acknowledged.keys().last().copied().unwrap_or(0);
        seen.take(&mut line, usize::try_from(before)?).await?;
        host.go().await?;
        let following = tokio::spawn(async move {
            seen.take(&mut line, usize::MAX).await?;
            Ok::<_, anyhow::Error>(seen)
        });
        // Anywhere among its sends.
        for _ in 0..random.random_range(1..SENDS) {
            let (sequence, number) = host.acknowledged().await?.context("the host ended by itself")?;
            acknowledged.insert(sequence, number);
        }
        host.child.kill().await?;
        // Acknowledged, too, and on its way here.
        while let Some((sequence, number)) = host.acknowledged().await? {
            acknowledged.insert(sequence, number);
        }
        seen = following.await??;
    }
    let host = Life::begin(&folder, KILLS * SENDS).await?;
    let mut line = host.follow(seen.0.len() as u64).await?;
    let last = *acknowledged.keys().last().context("nothing was acknowledged")?;
    seen.take(&mut line, usize::try_from(last)?).await?;
    for (sequence, number) in &acknowledged {
        let came = seen.0.get(usize::try_from(*sequence)? - 1);
        ensure!(came == Some(number), "{number} was acknowledged as {sequence}, and {came:?} came");
    }
    eprintln!("{} acknowledged, {} came, over {KILLS} kills", acknowledged.len(), seen.0.len());
    Ok(())
}
