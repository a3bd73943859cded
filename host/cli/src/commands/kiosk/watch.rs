//! The page inside the browser, watched over the DevTools protocol: when it crashes or fails to load, it is opened again.
//!
//! The protocol runs over two pipes that only this process and the browser hold (`--remote-debugging-pipe`: the browser reads file
//! descriptor 3 and writes 4, messages end with a NUL byte). Nothing listens on a port. When this process ends, so does the browser.

use super::{Address, pause, reachable};
use crate::out;
use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Command;

/// Longest message that is read; those asked for are a few KiB.
const MESSAGE_MAX: u64 = 4 << 20;
/// A page that stood for so long came back properly.
const STOOD: Duration = Duration::from_secs(60);

/// The page's end of the pipes.
pub(super) struct Watch {
    to: pipe::Sender,
    from: BufReader<pipe::Receiver>,
    asked: u64,
    crashes: u32,
    crashed_at: Option<Instant>,
}

impl Watch {
    /// Gives the command the browser's ends.
    ///
    /// # Errors
    /// The system has no more pipes.
    pub(super) fn new(command: &mut Command) -> Result<Watch> {
        let wrong = "no pipe to the browser can be made";
        let (to, commands) = pipe::pipe().context(wrong)?;
        let (events, from) = pipe::pipe().context(wrong)?;
        let mappings = vec![
            FdMapping {
                parent_fd: commands.into_blocking_fd().context(wrong)?,
                child_fd: 3,
            },
            FdMapping {
                parent_fd: events.into_blocking_fd().context(wrong)?,
                child_fd: 4,
            },
        ];
        command.arg("--remote-debugging-pipe");
        command.as_std_mut().fd_mappings(mappings).context(wrong)?;
        Ok(Watch {
            to,
            from: BufReader::new(from),
            asked: 0,
            crashes: 0,
            crashed_at: None,
        })
    }

    /// Brings the page back until the browser ends.
    ///
    /// # Errors
    /// The browser says what is not of the protocol; then the page is not watched any more.
    pub(super) async fn run(mut self, address: &Address) -> Result<()> {
        let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true});
        self.ask(None, "Target.setAutoAttach", attach).await?;
        while let Some(message) = self.next().await? {
            let session = message["sessionId"].as_str();
            match message["method"].as_str() {
                Some("Target.attachedToTarget") => {
                    let about = &message["params"];
                    // What the page opens in a window of its own, such as posters to print, is not the kiosk.
                    if about["targetInfo"]["type"] == "page" && about["targetInfo"]["openerId"].is_null() {
                        let session = about["sessionId"].as_str();
                        self.ask(session, "Inspector.enable", json!({})).await?;
                        self.ask(session, "Page.enable", json!({})).await?;
                        // It may have failed before anybody listened.
                        self.ask(session, "Page.getFrameTree", json!({})).await?;
                    }
                }
                Some("Inspector.targetCrashed") => {
                    if self.crashed_at.is_none_or(|at| at.elapsed() >= STOOD) {
                        self.crashes = 0;
                    }
                    self.crashes += 1;
                    self.crashed_at = Some(Instant::now());
                    let pause = pause(self.crashes);
                    out::note(format_args!("The page crashed; it comes back in {} s.", pause.as_secs()));
                    tokio::time::sleep(pause).await;
                    self.open(session, address).await?;
                }
                Some("Page.frameNavigated") if failed(&message["params"]["frame"]) => self.open(session, address).await?,
                None if failed(&message["result"]["frameTree"]["frame"]) => self.open(session, address).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Shows the kiosk, as soon as it answers.
    async fn open(&mut self, session: Option<&str>, address: &Address) -> Result<()> {
        reachable(address).await;
        self.ask(session, "Page.navigate", json!({"url": address.url})).await
    }

    async fn ask(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<()> {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        match self.to.write_all(&bytes).await {
            // The browser is ending, which the end of the other pipe will say.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("the browser can't be told"),
        }
    }

    /// The next message; none when the browser has ended.
    async fn next(&mut self) -> Result<Option<Value>> {
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(MESSAGE_MAX).read_until(0, &mut bytes).await;
        if read.context("the browser can't be heard")? == 0 || bytes.pop() != Some(0) {
            if bytes.len() as u64 + 1 >= MESSAGE_MAX {
                bail!("expected a message of at most {MESSAGE_MAX} bytes from the browser, found a longer one");
            }
            return Ok(None);
        }
        let message = serde_json::from_slice(&bytes).context("expected JSON from the browser")?;
        Ok(Some(message))
    }
}

/// Whether a page's own frame shows the browser's error page in place of what was wanted.
fn failed(frame: &Value) -> bool {
    frame["parentId"].is_null() && frame["unreachableUrl"].as_str().is_some_and(|url| !url.is_empty())
}
