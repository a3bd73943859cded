//! `youji bench payments`: merchants' servers ask, people say yes, over HTTP.

use crate::figures::Quantiles;
use crate::length::Length;
use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use youji_kiosk::{Host, HostConfig, HostLimits, Server};
use youji_services::trade::MerchantId;
use youji_services::{Merchant, Names, NewPerson};

const PIN: &str = "2468";
/// What one costs, in minor units and as people read it.
const PRICE: u64 = 1;
const PRICE_TEXT: &str = "0.01";
/// What a person may spend without the PIN, once they entered it.
const ALLOWED: &str = "500.00";
/// PINs that are checked at once.
const PINS_AT_ONCE: usize = 16;
/// Merchants that the payments go to.
const MERCHANTS: usize = 8;

#[derive(Clone, Copy)]
struct Settings {
    people: usize,
    in_flight: usize,
    warm_up: Duration,
    time: Duration,
}

const FULL: Settings = Settings {
    people: 128,
    in_flight: 512,
    warm_up: Duration::from_secs(2),
    time: Duration::from_secs(15),
};
const SHORT: Settings = Settings {
    people: 4,
    in_flight: 8,
    warm_up: Duration::from_millis(100),
    time: Duration::from_millis(400),
};

/// Servers, people and host share the machine.
#[derive(Debug, Serialize)]
pub struct Payments {
    /// Payments a second: asked for and agreed to counted as one, durable, with a signed receipt each.
    pub payments_per_s: f64,
    /// Milliseconds from the request that asks to the answer to the yes.
    pub payment_ms: Quantiles,
    /// Of those, the 99th of 100.
    pub p99_ms: f64,
    /// Payments that are confirmed with a PIN (Argon2id) a second, each of which allows further ones.
    pub pin_confirmations_per_s: f64,
    /// Payments under way at any time, each on a connection of its own.
    pub in_flight: usize,
    /// People at as many seats.
    pub people: usize,
    /// Payments made, warm-up and PINs included; what merchants hold says the same.
    pub paid: u64,
}

/// A connection that is kept, as merchants' servers and people's devices keep theirs.
struct Line {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

struct Answer {
    status: u16,
    cookie: String,
    body: Vec<u8>,
}

impl Line {
    async fn open(address: SocketAddr) -> Result<Line> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Line {
            stream,
            address,
            buffer: Vec::with_capacity(8 << 10),
        })
    }

    async fn ask(&mut self, method: &str, path: &str, more: &str, body: &str) -> Result<Answer> {
        let port = self.address.port();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{more}\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let (head, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the host closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end])?;
                let length = header(head, "content-length")
                    .parse::<usize>()
                    .context("an answer without length")?;
                break (end + 4, length);
            }
        };
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the host closed the connection");
        }
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let cookie = header(text, "set-cookie").split(';').next().unwrap_or_default().to_owned();
        Ok(Answer {
            status,
            cookie,
            body: self.buffer[head..head + length].to_vec(),
        })
    }

    async fn good(&mut self, method: &str, path: &str, more: &str, body: &str) -> Result<Answer> {
        let answer = self.ask(method, path, more, body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(answer)
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    });
    line.unwrap_or_default()
}

/// What everybody uses.
struct Field {
    address: SocketAddr,
    tokens: Vec<String>,
    next: AtomicU64,
    paid: AtomicU64,
}

impl Field {
    /// A merchant's server asks; answers the intent.
    async fn make(&self, line: &mut Line, shop: usize) -> Result<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let token = &self.tokens[shop % self.tokens.len()];
        let more = format!("authorization: Bearer {token}\r\nidempotency-key: {number:016x}-{shop}\r\n");
        let body = format!(r#"{{"order":"{number}","description":"Tea","amount":"{PRICE_TEXT}","currency":"CNY"}}"#);
        let answer = line.good("POST", "/v1/payment_intents", &more, &body).await?;
        let text = std::str::from_utf8(&answer.body)?;
        let id = text.split_once(r#""id":""#).and_then(|(_, rest)| rest.split_once('"'));
        Ok(id.context("an intent without id")?.0.to_owned())
    }

    /// Both halves of a payment, within what the person allowed.
    async fn pay(&self, line: &mut Line, shop: usize, cookie: &str) -> Result<()> {
        let id = self.make(line, shop).await?;
        let body = format!(r#"{{"amount":"{PRICE_TEXT}","currency":"CNY"}}"#);
        let answer = line
            .good("POST", &format!("/api/payments/{id}/confirm"), &self.seat(cookie), &body)
            .await?;
        let text = std::str::from_utf8(&answer.body)?;
        ensure!(
            text.contains(r#""state":"succeeded""#) && text.contains(r#""document":"ey"#),
            "not paid: {text}"
        );
        self.paid.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn seat(&self, cookie: &str) -> String {
        format!("cookie: {cookie}\r\norigin: http://localhost:{}\r\n", self.address.port())
    }
}

/// Signs people in, lets each confirm one payment with the PIN, which allows further ones, then measures those.
///
/// # Errors
/// What the host refuses.
pub async fn run(disk: &Path, length: Length) -> Result<Payments> {
    let settings = length.of(FULL, SHORT);
    let folder = tempfile::tempdir_in(disk)?;
    let server = open(folder.path(), settings).await?;
    let host = Arc::clone(server.host());
    let mut tokens = Vec::new();
    for at in 0..MERCHANTS {
        let id = format!("stall-{at}");
        let merchant = Merchant {
            publisher: "publisher".into(),
            id: id.clone(),
            name: Names::new("小摊", "Stall"),
        };
        refused(host.services().enrol_merchant(merchant).await)?;
        tokens.push(refused(host.services().make_merchant_key(&MerchantId::new("publisher", id), "bench").await)?.1);
    }
    let field = Arc::new(Field {
        address: server.address(),
        tokens,
        next: AtomicU64::new(1),
        paid: AtomicU64::new(0),
    });
    let cookies = try_join_all((0..settings.people).map(|at| sit_down(&host, &field, at))).await?;
    let pin_confirmations_per_s = allow(&field, &cookies).await?;
    let (payments_per_s, payment_ms) = measure(&field, &cookies, settings).await?;
    let held: u64 = host.services().merchants(&"publisher".into()).iter().map(|(_, holds)| holds).sum();
    let paid = field.paid.load(Ordering::Relaxed);
    ensure!(held == paid * PRICE, "{paid} payments were answered, and merchants hold {held}");
    host.services().check_ledger().await.map_err(|wrong| anyhow!(wrong))?;
    server.stop().await;
    Ok(Payments {
        payments_per_s,
        p99_ms: payment_ms.p99,
        payment_ms,
        pin_confirmations_per_s,
        in_flight: settings.in_flight,
        people: settings.people,
        paid,
    })
}

async fn open(data: &Path, settings: Settings) -> Result<Server> {
    let limits = HostLimits {
        connections: (settings.in_flight + settings.people) * 2,
        seats: settings.people + 8,
        requests_per_second: 1_000_000,
        merchant_requests_per_second: 1_000_000,
        ..HostLimits::default()
    };
    let mut config = HostConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        limits,
        idle: Duration::from_secs(600),
        currency: "CNY".to_owned(),
        ..HostConfig::new(data)
    };
    let listener = Server::bind(&mut config).await?;
    Ok(Server::start(Host::new(config).await?, listener))
}

fn refused<T>(result: Result<T, youji_api::Failure>) -> Result<T> {
    result.map_err(|failure| anyhow!("{}: {}", failure.code, failure.message))
}

/// Somebody with a PIN, at a seat; their cookie.
async fn sit_down(host: &Arc<Host>, field: &Field, at: usize) -> Result<String> {
    let code = format!("payer-{at}");
    let new = NewPerson {
        name: code.clone(),
        code: code.clone(),
        pin: PIN.to_owned(),
        language: "en".to_owned(),
        balance: 10_000_000,
        profile: Vec::new(),
    };
    refused(host.services().create_person(new).await)?;
    let mut line = Line::open(field.address).await?;
    let body = json!({"code": code, "pin": PIN}).to_string();
    let origin = format!("origin: http://localhost:{}\r\n", field.address.port());
    let answer = line.good("POST", "/api/sign-in", &origin, &body).await?;
    Ok(answer.cookie)
}

/// Everybody confirms a payment with the PIN; so many a second.
async fn allow(field: &Field, cookies: &[String]) -> Result<f64> {
    let mut ready = Vec::new();
    for (at, cookie) in cookies.iter().enumerate() {
        let mut line = Line::open(field.address).await?;
        let id = field.make(&mut line, at).await?;
        let sheet = line.good("GET", &format!("/api/payments/{id}"), &field.seat(cookie), "").await?;
        let sheet: Value = serde_json::from_slice(&sheet.body)?;
        ready.push((line, id, sheet["id"].clone(), cookie));
    }
    // What comes sooner after its sheet confirms nothing.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let turns = Semaphore::new(PINS_AT_ONCE);
    let (begun, count) = (Instant::now(), ready.len());
    let confirm = |(mut line, id, sheet, cookie): (Line, String, Value, &String)| {
        let turns = &turns;
        let more = field.seat(cookie);
        async move {
            let _turn = turns.acquire().await?;
            let body = json!({"sheet": sheet, "amount": PRICE_TEXT, "currency": "CNY", "pin": PIN, "spending": ALLOWED});
            line.good("POST", &format!("/api/payments/{id}/confirm"), &more, &body.to_string())
                .await?;
            field.paid.fetch_add(1, Ordering::Relaxed);
            anyhow::Ok(())
        }
    };
    try_join_all(ready.into_iter().map(confirm)).await?;
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

async fn measure(field: &Arc<Field>, cookies: &[String], settings: Settings) -> Result<(f64, Quantiles)> {
    let begin = Instant::now() + settings.warm_up;
    let end = begin + settings.time;
    let workers = (0..settings.in_flight).map(|at| {
        // What a person allowed is for the merchant that they paid with the PIN.
        let shop = at % cookies.len();
        let (field, cookie) = (Arc::clone(field), cookies[shop].clone());
        tokio::spawn(async move {
            let mut line = Line::open(field.address).await?;
            let mut ms = Vec::new();
            loop {
                let begun = Instant::now();
                if begun >= end {
                    return anyhow::Ok(ms);
                }
                field.pay(&mut line, shop, &cookie).await?;
                let done = Instant::now();
                if begun >= begin && done <= end {
                    ms.push(done.duration_since(begun).as_secs_f64() * 1_000.0);
                }
            }
        })
    });
    let mut ms = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        ms.append(&mut worker.await??);
    }
    ensure!(!ms.is_empty(), "no payment was made in time");
    let per_s = ms.len() as f64 / settings.time.as_secs_f64();
    Ok((per_s, Quantiles::of(&mut ms)))
}
