//! A real kiosk on a free port and a folder of its own, and devices that talk to it as browsers do.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use youji_api::ProgramId;
use youji_kiosk::{Host, HostConfig, Server};
use youji_package::{Draft, PackageLimits, PublisherKey};
use youji_runtime::Compiler;

pub const PROGRAM: &str = "org.example.trial";

/// How long an answer or a frame may take: some compile a program, unoptimised, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// The guest that behaves as its launch tells it; built once a process.
fn guest() -> Vec<u8> {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST
        .get_or_init(|| {
            let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
            let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
            let args = [
                "build",
                "-q",
                "--profile",
                "miniprogram",
                "--target",
                "wasm32-unknown-unknown",
                "-p",
                "youji-hostile",
            ];
            let built = Command::new(cargo)
                .current_dir(&root)
                .args(args)
                .env_remove("CARGO_ENCODED_RUSTFLAGS")
                .status();
            assert!(
                built.expect("cargo starts").success(),
                "run `rustup target add wasm32-unknown-unknown`"
            );
            let target = std::env::var("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
            let module = std::fs::read(target.join("wasm32-unknown-unknown/miniprogram/youji_hostile.wasm")).expect("the guest was built");
            let encode = || wit_component::ComponentEncoder::default().module(&module)?.encode();
            encode().expect("the guest fits the contract")
        })
        .clone()
}

/// A package around it, and who else may open it.
pub fn package_as(id: &str, name: &str, key: &PublisherKey, callers: &[&str]) -> Vec<u8> {
    package_of(id, name, key, callers, 1)
}

/// The same in a version.
pub fn package_of(id: &str, name: &str, key: &PublisherKey, callers: &[&str], version: u32) -> Vec<u8> {
    package_requiring(id, name, key, callers, version, &[])
}

/// The same, which can't do without these.
pub fn package_requiring(id: &str, name: &str, key: &PublisherKey, callers: &[&str], version: u32, required: &[&str]) -> Vec<u8> {
    let usual = ["payment", "storage", "navigation", "clock", "log", "identity", "identity.nickname"];
    let mut permissions: Vec<Value> = usual
        .iter()
        .filter(|name| !required.contains(name))
        .map(|name| json!({"name": name, "reason": "For a test"}))
        .collect();
    permissions.extend(
        required
            .iter()
            .map(|name| json!({"name": name, "reason": format!("For {name}"), "required": true})),
    );
    let manifest = json!({
        "app_id": id, "name": name, "short_name": name, "description": "For tests.",
        "icons": [{"src": "common/icon.svg", "sizes": "48x48"}],
        "version": {"code": version, "name": format!("{version}.0")}, "platform_version": {"min_code": 1},
        "pages": ["pages/home", "pages/second", "pages/inner"], "entries": ["pages/second"], "callers": callers,
        "lang": "en", "accent": "#336699", "req_permissions": permissions,
    });
    Draft::new()
        .with("app.wasm", guest())
        .with("manifest.json", manifest.to_string())
        .with(
            "common/icon.svg",
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><rect width="48" height="48"/></svg>"#,
        )
        .sign(key, &PackageLimits::default())
        .expect("the package is fine")
}

pub fn package() -> Vec<u8> {
    package_as(PROGRAM, "Trial", &key(), &[])
}

pub fn key() -> PublisherKey {
    PublisherKey::from_seed(&[7; 32])
}

/// A kiosk that answers.
pub struct Kiosk {
    pub server: Server,
    pub host: Arc<Host>,
    pub operator_pin: String,
    pub folder: tempfile::TempDir,
}

impl Kiosk {
    pub async fn open(change: impl FnOnce(&mut HostConfig)) -> Kiosk {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = HostConfig {
            address: ([127, 0, 0, 1], 0).into(),
            compiler: Compiler::InProcess,
            ..HostConfig::new(folder.path().join("data"))
        };
        change(&mut config);
        let listener = Server::bind(&mut config).await.expect("a port");
        let host = Host::new(config).await.expect("a host");
        host.registry()
            .allow_publisher("Trial Publisher", &key().public())
            .await
            .expect("allowed");
        host.registry().publish(package()).await.expect("published");
        let operator_pin = host.operator().new_pin().expect("a PIN");
        Kiosk {
            server: Server::start(Arc::clone(&host), listener),
            host,
            operator_pin,
            folder,
        }
    }

    /// The publisher takes money from now on.
    pub async fn enrol_shop(&self) {
        let shop = youji_services::Merchant {
            publisher: key().id(),
            id: String::new(),
            name: youji_services::Names::new("试", "Trial Shop"),
        };
        self.host.services().enrol_merchant(shop).await.expect("enrolled");
    }

    pub fn authority(&self) -> String {
        format!("localhost:{}", self.server.address().port())
    }

    pub fn code(&self) -> String {
        self.host.code_for(&ProgramId::from(PROGRAM), "", "T7").expect("a code")
    }

    pub fn device(&self) -> Device {
        Device {
            authority: self.authority(),
            at: Ipv4Addr::LOCALHOST.into(),
            cookies: Vec::new(),
        }
    }

    /// A device with a visitor at it.
    pub async fn visitor(&self) -> Device {
        let mut device = self.device();
        let answer = device.post("/api/visitor", &json!({"language": "en"})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        device
    }

    /// A device with the operator at it.
    pub async fn operator(&self) -> Device {
        let mut device = self.device();
        let answer = device.post("/api/operator/sign-in", &json!({"pin": self.operator_pin})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        device
    }
}

/// A browser, as far as a host sees one.
#[derive(Clone)]
pub struct Device {
    pub authority: String,
    /// Address of the kiosk that it calls, and so the one that it calls from.
    pub at: IpAddr,
    pub cookies: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// Code of the problem document; empty when it is none.
    pub fn code(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return String::new();
        }
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Device {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let origin = format!("http://{}", self.authority);
        let headers = [("origin", origin.as_str()), ("content-type", "application/json")];
        self.send("POST", path, &headers, body.to_string().as_bytes()).await
    }

    pub fn cookie_line(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Any request; a header given here replaces the device's own.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if method == "POST" {
            all.push(("content-length", &length));
        }
        self.send_raw(method, path, &all, body).await
    }

    /// As [`send`](Self::send), without a content length.
    pub async fn send_raw(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let port = self.authority.rsplit(':').next().expect("a port");
        let address = SocketAddr::new(self.at, port.parse().expect("a port"));
        let mut stream = TcpStream::connect(address).await.expect("the kiosk answers");
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        let given = |name: &str| headers.iter().any(|(found, _)| *found == name);
        if !given("host") {
            head += &format!("host: {}\r\n", self.authority);
        }
        if !self.cookies.is_empty() {
            head += &format!("cookie: {}\r\n", self.cookie_line());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).await.expect("sent");
        // A host that refuses a body early closes before it has all of it.
        let _ = stream.write_all(body).await;
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("an answer in time");
        let answer = parse(&bytes);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = cookie.split_once('=').expect("name=value");
            let value = rest.split(';').next().unwrap_or("");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// Opens a program by its code.
    pub async fn open(&mut self, code: &str) -> Value {
        let answer = self.post("/api/open", &json!({"code": code})).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Opens the trial program with an instruction.
    pub async fn open_with(&mut self, query: Value) -> Value {
        let answer = self
            .post("/api/open", &json!({"program": PROGRAM, "page": "", "query": query}))
            .await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    pub async fn try_socket(&self, session: &str, headers: &[(&'static str, &str)]) -> Result<Page, SocketError> {
        let port = self.authority.rsplit(':').next().expect("a port");
        let mut request = format!("ws://127.0.0.1:{port}/api/session/{session}/socket").into_client_request()?;
        let origin = format!("http://{}", self.authority);
        let mut all = vec![("host", self.authority.as_str()), ("origin", &origin)];
        all.retain(|(name, _)| !headers.iter().any(|(found, _)| found == name));
        all.extend(headers);
        let cookies = self.cookie_line();
        all.push(("cookie", &cookies));
        for (name, value) in all {
            request.headers_mut().remove(name);
            if !value.is_empty() {
                request.headers_mut().insert(name, value.parse().expect("a header"));
            }
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Page {
            socket,
            seq: 0,
            tree: Vec::new(),
            seen: Vec::new(),
        })
    }

    /// A page on a session that says hello.
    pub async fn page(&self, session: &Value, last_seq: u64) -> Page {
        let session = session["session"].as_str().expect("a session");
        let mut page = self.try_socket(session, &[]).await.expect("a socket");
        page.say(json!({"t": "hello", "lastSeq": last_seq, "language": "en"})).await;
        page
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes.get(split + 4..).unwrap_or_default().to_vec();
    if headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked")
    {
        body = unchunk(&body);
    }
    Answer { status, headers, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap_or("0").trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    whole
}

/// A page on a session.
pub struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Number of the last view.
    pub seq: u64,
    /// Nodes of the last whole view, with what was set since.
    pub tree: Vec<Value>,
    /// Every frame, in order.
    pub seen: Vec<Value>,
}

impl Page {
    pub async fn say(&mut self, frame: Value) {
        self.socket.send(Message::Text(frame.to_string().into())).await.expect("sent");
    }

    /// The next frame; none when the host closed, with code and reason in `seen`.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    self.apply(&frame);
                    self.seen.push(frame.clone());
                    return Some(frame);
                }
                Some(Ok(Message::Close(close))) => {
                    let code = close.map_or(0, |close| u16::from(close.code));
                    self.seen.push(json!({"t": "(closed)", "code": code}));
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Frames until one is of that kind.
    pub async fn until(&mut self, kind: &str) -> Value {
        self.until_match(|frame| frame["t"] == kind, kind).await
    }

    pub async fn until_match(&mut self, is: impl Fn(&Value) -> bool, what: &str) -> Value {
        loop {
            let Some(frame) = self.next().await else {
                panic!("closed before {what}: {:#?}", self.seen);
            };
            if is(&frame) {
                return frame;
            }
        }
    }

    /// The first such frame, of those that came already or will come.
    pub async fn seen_or_until(&mut self, is: impl Fn(&Value) -> bool, what: &str) -> Value {
        match self.seen.iter().find(|frame| is(frame)) {
            Some(seen) => seen.clone(),
            None => self.until_match(is, what).await,
        }
    }

    /// Whether a frame of that kind comes within that time.
    pub async fn comes(&mut self, kind: &str, within: Duration) -> bool {
        let wait = self.until(kind);
        tokio::time::timeout(within, wait).await.is_ok()
    }

    fn apply(&mut self, frame: &Value) {
        match frame["t"].as_str() {
            Some("full") => {
                self.seq = frame["seq"].as_u64().expect("seq");
                self.tree = frame["tree"].as_array().expect("tree").clone();
            }
            Some("patch") => {
                assert_eq!(frame["base"].as_u64(), Some(self.seq), "{frame}");
                self.seq = frame["seq"].as_u64().expect("seq");
                for op in frame["ops"].as_array().expect("ops") {
                    if op[0] == "set"
                        && let Some(node) = self.tree.iter_mut().find(|node| node["id"] == op[1])
                    {
                        for (name, value) in op[2].as_object().expect("attributes") {
                            node["a"][name] = value.clone();
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Number of the node with that label.
    pub fn labelled(&self, label: &str) -> u64 {
        let node = self.tree.iter().find(|node| node["a"]["label"] == label);
        node.unwrap_or_else(|| panic!("no \"{label}\" in {:#?}", self.tree))["id"]
            .as_u64()
            .expect("id")
    }

    /// Text of the nth text node.
    pub fn text(&self, nth: usize) -> String {
        let texts = self.tree.iter().filter(|node| node["kind"] == "text");
        texts
            .map(|node| node["a"]["text"].as_str().unwrap_or_default().to_owned())
            .nth(nth)
            .expect("a text")
    }

    /// Taps and waits for the acknowledgement.
    pub async fn tap(&mut self, label: &str, event_id: &str) -> Value {
        let id = self.labelled(label);
        self.say(json!({"t": "event", "id": id, "kind": "tap", "value": null, "eventId": event_id}))
            .await;
        self.until_match(|frame| frame["t"] == "ack" && frame["eventId"] == event_id, "ack")
            .await
    }
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
