//! A seat of a kiosk as a page would be one: HTTP with a cookie, and the session socket.

use crate::view::{View, Wanted};
use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// How long an answer or something expected may take: some compile a program, on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The host ignores answers to a sheet that come sooner.
const SHEET_GUARD: Duration = Duration::from_millis(550);
const MAX_ANSWER_BYTES: u64 = 8 << 20;
/// How often an event is sent whose widget went away in that moment.
const AGAIN: u32 = 5;

/// A device with its cookie.
#[derive(Clone, Debug)]
pub struct Seat {
    address: SocketAddr,
    /// What the device calls the kiosk: "localhost", or its address on the network.
    host: String,
    cookies: Vec<(String, String)>,
    /// Of the person at it; payment sheets ask for it. Empty for visitors.
    pub pin: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
}

impl Answer {
    /// The body, when all went well.
    ///
    /// # Errors
    /// The problem that came instead.
    pub fn ok(&self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "HTTP {}: {}", self.status, self.body);
        if self.body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&self.body).context("the answer is no JSON")
        }
    }

    /// The problem's code; empty when it is none.
    pub fn problem(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Seat {
    /// A fresh device at that kiosk.
    pub fn new(address: SocketAddr) -> Seat {
        Seat::calling(address, "localhost")
    }

    /// A fresh device that calls the kiosk by another name, as a phone on the network does.
    pub fn calling(address: SocketAddr, host: &str) -> Seat {
        Seat {
            address,
            host: host.to_owned(),
            cookies: Vec::new(),
            pin: String::new(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.address.port())
    }

    pub(crate) fn cookie_line(&self) -> String {
        self.cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// GET.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.request("GET", path, &[], &[], None).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answer> {
        self.request(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
            None,
        )
        .await
    }

    /// Any request; `origin` instead of the kiosk's own, "" for none.
    ///
    /// # Errors
    /// No answer.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        origin: Option<&str>,
    ) -> Result<Answer> {
        let authority = self.authority();
        let own = format!("http://{authority}");
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        let host = headers
            .iter()
            .find(|(name, _)| *name == "host")
            .map_or(authority.as_str(), |(_, value)| value);
        head.push_str(&format!("host: {host}\r\n"));
        match origin.unwrap_or(&own) {
            "" => {}
            origin => head.push_str(&format!("origin: {origin}\r\n")),
        }
        if !self.cookies.is_empty() {
            head.push_str(&format!("cookie: {}\r\n", self.cookie_line()));
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body).await?;
            let mut answer = Vec::new();
            stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let bytes = tokio::time::timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("{method} {path}: no answer in time"))??;
        let answer = parse(&bytes).with_context(|| format!("{method} {path}"))?;
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap_or_default().split_once('=').unwrap_or_default();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(answer)
    }

    /// Sits down as a fresh visitor.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn visitor(&mut self, language: &str) -> Result<Value> {
        self.post("/api/visitor", &json!({"language": language})).await?.ok()
    }

    /// Opens a program's page and its socket, and waits for the first view.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn open(&mut self, request: &Value) -> Result<Stage> {
        let opened = self.post("/api/open", request).await?.ok()?;
        let session = opened["session"]
            .as_str()
            .ok_or_else(|| anyhow!("no session in {opened}"))?
            .to_owned();
        let mut stage = self.stage(&session, 0).await?;
        stage.opened = opened;
        stage.until("the first view", |stage| (stage.view.seq > 0).then_some(())).await?;
        Ok(stage)
    }

    /// The socket of a session that is open at this seat, beginning after that view.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn stage(&mut self, session: &str, last_seq: u64) -> Result<Stage> {
        let mut request = format!("ws://{}/api/session/{session}/socket", self.authority()).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("origin", HeaderValue::from_str(&format!("http://{}", self.authority()))?);
        headers.insert("cookie", HeaderValue::from_str(&self.cookie_line())?);
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .context("the socket was refused")?;
        let mut stage = Stage {
            socket,
            session: session.to_owned(),
            view: View::default(),
            opened: Value::Null,
            sheets: Vec::new(),
            ended: None,
            events: 0,
            pin: self.pin.clone(),
        };
        stage.send(&json!({"t": "hello", "lastSeq": last_seq, "language": "en"})).await?;
        Ok(stage)
    }
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let split = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| anyhow!("the answer has no end of headers"))?;
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| anyhow!("the answer has no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked"));
    let body = &bytes[split + 4..];
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Ok(Answer {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or_else(|| anyhow!("a chunk has no length"))?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        let chunk = rest.get(end + 2..end + 2 + length).ok_or_else(|| anyhow!("a chunk is cut off"))?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + length..).unwrap_or_default();
    }
}

/// A program on the stage, with its socket.
pub struct Stage {
    socket: tokio_tungstenite::WebSocketStream<TcpStream>,
    /// Its session.
    pub session: String,
    /// What is shown.
    pub view: View,
    /// What opening it answered; null for one that was resumed.
    pub opened: Value,
    /// Open sheets.
    pub sheets: Vec<Value>,
    /// The frame that ended it.
    pub ended: Option<Value>,
    events: u64,
    pin: String,
}

impl Stage {
    /// Sends a frame.
    ///
    /// # Errors
    /// The socket is gone.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame, after it was taken in; none when the socket is closed.
    ///
    /// # Errors
    /// A frame that does not fit what is shown.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let text = match self.socket.next().await {
                None | Some(Ok(Message::Close(_)) | Err(_)) => return Ok(None),
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(_)) => continue,
            };
            let frame: Value = serde_json::from_str(&text)?;
            self.view.apply(&frame).map_err(|error| anyhow!("a frame does not fit: {error}"))?;
            match frame["t"].as_str() {
                Some("sheet") => self.sheets.push(frame["sheet"].clone()),
                Some("sheet-gone") => self.sheets.retain(|sheet| sheet["id"] != frame["id"]),
                Some("ended") => self.ended = Some(frame.clone()),
                _ => {}
            }
            return Ok(Some(frame));
        }
    }

    /// Takes frames in until something is there.
    ///
    /// # Errors
    /// It did not come in time; says what is shown instead.
    pub async fn until<T>(&mut self, what: &str, mut there: impl FnMut(&Stage) -> Option<T>) -> Result<T> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = there(self) {
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, self.next()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => bail!("the socket closed before {what}; ended: {:?}", self.ended),
                Ok(Err(error)) => return Err(error),
                Err(_) => bail!(
                    "{what} did not come; the page says:\n{}\nsheets: {:?}",
                    self.view.outline(),
                    self.sheets
                ),
            }
        }
    }

    /// Waits until the page says something.
    ///
    /// # Errors
    /// It does not.
    pub async fn sees(&mut self, text: &str) -> Result<()> {
        self.until(&format!("\"{text}\""), |stage| stage.view.text().contains(text).then_some(()))
            .await
    }

    /// Does something to the widget that is meant, and waits until the program has handled it; again when the page changed under it.
    /// The event's id.
    ///
    /// # Errors
    /// No such widget.
    pub async fn event(&mut self, wanted: &Wanted<'_>, value: Value) -> Result<String> {
        let what = format!("a widget that takes \"{}\" and says \"{}\"", wanted.event, wanted.label);
        for _ in 0..AGAIN {
            let node = self.until(&what, |stage| stage.view.find(wanted)).await?;
            let event_id = self.send_event(node, wanted.event, value.clone()).await?;
            if self.acknowledged(&event_id).await? {
                return Ok(event_id);
            }
        }
        bail!(
            "{what}: the program did not take the event {AGAIN} times; the page says:\n{}",
            self.view.outline()
        )
    }

    /// Waits until the program has handled everything that came before this, such as outcomes from before its launch.
    ///
    /// # Errors
    /// The socket is gone.
    pub async fn caught_up(&mut self) -> Result<()> {
        // No node has this number, so nothing happens; but it waits for its turn.
        let event_id = self.send_event(u32::MAX, "tap", Value::Null).await?;
        self.acknowledged(&event_id).await?;
        Ok(())
    }

    /// Taps what says this.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub async fn tap(&mut self, label: &str) -> Result<String> {
        self.event(
            &Wanted {
                event: "tap",
                label,
                within: "",
            },
            Value::Null,
        )
        .await
    }

    /// Sends an event without waiting. Its id.
    ///
    /// # Errors
    /// The socket is gone.
    pub async fn send_event(&mut self, node: u32, kind: &str, value: Value) -> Result<String> {
        self.events += 1;
        let event_id = format!("{}-{}", self.session, self.events);
        self.send(&json!({"t": "event", "id": node, "kind": kind, "value": value, "eventId": event_id}))
            .await?;
        Ok(event_id)
    }

    /// Waits for the acknowledgement of an event; whether it was applied.
    ///
    /// # Errors
    /// It did not come.
    pub async fn acknowledged(&mut self, event_id: &str) -> Result<bool> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, self.next()).await {
                Ok(Ok(Some(frame))) if frame["t"] == "ack" && frame["eventId"] == event_id => return Ok(frame["applied"] == true),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => bail!("the socket closed before {event_id} was acknowledged; ended: {:?}", self.ended),
                Ok(Err(error)) => return Err(error),
                Err(_) => bail!("{event_id} was not acknowledged"),
            }
        }
    }

    /// Waits for a sheet of that kind.
    ///
    /// # Errors
    /// There is none.
    pub async fn sheet(&mut self, kind: &str) -> Result<Value> {
        self.until(&format!("a {kind} sheet"), |stage| {
            stage.sheets.iter().find(|sheet| sheet["kind"] == kind).cloned()
        })
        .await
    }

    /// Answers a sheet of that kind once the host listens.
    ///
    /// # Errors
    /// There is none, or the socket is gone.
    pub async fn answer(&mut self, kind: &str, accepted: bool) -> Result<()> {
        let sheet = self.sheet(kind).await?;
        tokio::time::sleep(SHEET_GUARD).await;
        let names =
            |list: &Value, name: &dyn Fn(&Value) -> Value| -> Vec<Value> { list.as_array().into_iter().flatten().map(name).collect() };
        let mut chosen = names(&sheet["scopes"], &|line| line["scope"].clone());
        chosen.extend(names(&sheet["templates"], &|template| template[0].clone()));
        let after = SHEET_GUARD.as_millis() as u64;
        self.send(&json!({"t": "answer", "id": sheet["id"], "accepted": accepted, "chosen": chosen, "pin": self.pin, "afterMs": after}))
            .await
    }

    /// Leaves the program; the frame with its receipt.
    ///
    /// # Errors
    /// It did not come.
    pub async fn close(&mut self) -> Result<Value> {
        self.send(&json!({"t": "close"})).await?;
        self.until("the receipt", |stage| stage.ended.clone()).await
    }
}
