//! A line of server-sent events with a person's messages, as a page follows them.

use crate::client::{PATIENCE, Seat};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest piece of the answer that is taken.
const CHUNK_BYTES: usize = 1 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// "message" or "gap".
    pub kind: String,
    /// Where a lost line goes on.
    pub id: u64,
    /// JSON.
    pub data: String,
}

impl Letter {
    /// The data.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.data).with_context(|| format!("an event's data is no JSON: {}", self.data))
    }
}

/// Follows the messages of the person at a seat.
pub struct Line {
    stream: TcpStream,
    /// What came and is still in chunks.
    raw: Vec<u8>,
    /// What came, out of its chunks.
    text: Vec<u8>,
    /// Up to where no end of an event was found in `text`.
    looked: usize,
}

impl Line {
    /// Messages after that number, or from the oldest that is kept.
    ///
    /// # Errors
    /// The kiosk refuses.
    pub async fn open(seat: &Seat, after: Option<u64>) -> Result<Line> {
        let last = after.map_or_else(String::new, |after| format!("last-event-id: {after}\r\n"));
        let head = format!(
            "GET /api/messages HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\naccept: text/event-stream\r\n{last}\r\n",
            seat.authority(),
            seat.cookie_line()
        );
        let mut stream = TcpStream::connect(seat.address()).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut raw = Vec::with_capacity(4 << 10);
        let end = loop {
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut raw)).await;
            ensure!(
                read.context("no answer in time")?? > 0 && raw.len() < CHUNK_BYTES,
                "the kiosk closed the line"
            );
            if let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
        };
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200 "), "the line was refused: {head}");
        raw.drain(..end + 4);
        Ok(Line {
            stream,
            raw,
            text: Vec::new(),
            looked: 0,
        })
    }

    /// The next event, however long it takes; none when the host ended the line.
    ///
    /// # Errors
    /// What came is no stream of events.
    pub async fn next(&mut self) -> Result<Option<Letter>> {
        loop {
            while let Some(block) = self.block() {
                if let Some(letter) = letter(&block)? {
                    return Ok(Some(letter));
                }
            }
            match self.chunk()? {
                Some(0) => return Ok(None),
                Some(_) => {}
                None if self.stream.read_buf(&mut self.raw).await.unwrap_or(0) == 0 => return Ok(None),
                None => {}
            }
        }
    }

    /// Takes the next whole chunk out of `raw`; its length.
    fn chunk(&mut self) -> Result<Option<usize>> {
        let Some(line) = self.raw.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let length = usize::from_str_radix(std::str::from_utf8(&self.raw[..line])?.trim(), 16)?;
        ensure!(length <= CHUNK_BYTES, "a chunk of {length} bytes came");
        if self.raw.len() < line + 4 + length {
            return Ok(None);
        }
        self.text.extend_from_slice(&self.raw[line + 2..line + 2 + length]);
        self.raw.drain(..line + 4 + length);
        Ok(Some(length))
    }

    /// The next whole block of lines.
    fn block(&mut self) -> Option<Vec<u8>> {
        let found = self.text[self.looked..].windows(2).position(|two| two == b"\n\n");
        let Some(at) = found else {
            self.looked = self.text.len().saturating_sub(1);
            return None;
        };
        let rest = self.text.split_off(self.looked + at + 2);
        self.looked = 0;
        Some(std::mem::replace(&mut self.text, rest))
    }
}

/// The event of a block; none for comments and settings.
fn letter(block: &[u8]) -> Result<Option<Letter>> {
    let (mut kind, mut id, mut data) = (None, None, None);
    for line in std::str::from_utf8(block)?.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => kind = Some(value),
            "id" => id = Some(value),
            "data" => data = Some(value),
            _ => {}
        }
    }
    let (Some(kind), Some(id), Some(data)) = (kind, id, data) else {
        return Ok(None);
    };
    Ok(Some(Letter {
        kind: kind.to_owned(),
        id: id.parse().map_err(|_| anyhow!("an event has the id {id}"))?,
        data: data.to_owned(),
    }))
}
