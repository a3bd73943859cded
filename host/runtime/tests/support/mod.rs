//! A runtime with fake services behind the real gate, and the guest that behaves as told.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use async_trait::async_trait;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use youji_api::caller::Requested;
use youji_api::*;
use youji_runtime::*;

/// The hostile guest as a component; built once.
pub fn hostile() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
        let built = Command::new(cargo)
            .current_dir(&root)
            .args([
                "build",
                "-q",
                "--profile",
                "miniprogram",
                "--target",
                "wasm32-unknown-unknown",
                "-p",
                "youji-hostile",
            ])
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status()
            .expect("cargo starts");
        assert!(built.success(), "run `rustup target add wasm32-unknown-unknown`");
        let target = std::env::var("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let module = std::fs::read(target.join("wasm32-unknown-unknown/miniprogram/youji_hostile.wasm")).expect("the guest was built");
        encode(&module)
    })
}

/// Wraps a core module that carries its component type.
pub fn encode(module: &[u8]) -> Vec<u8> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .expect("the module fits the contract")
}

/// One cache for all tests of a process: the guest is compiled once.
pub fn compiled() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| tempfile::tempdir().expect("a temporary folder"))
        .path()
        .join("compiled")
}

/// A call that passed the gate: from whom, which, and the code of its failure.
pub type Seen = (SessionId, &'static str, Result<(), String>);

/// Services that answer at once, and remember.
#[derive(Default)]
pub struct Services {
    pub calls: Mutex<Vec<Seen>>,
    pub saved: Mutex<Option<SavedState>>,
    pub outcomes: Mutex<Vec<Event>>,
    pub taken: Mutex<Vec<u64>>,
    pub ended: AtomicU64,
    pub lines: AtomicU64,
}

#[async_trait]
impl Capabilities for Services {
    async fn call(&self, caller: &Caller, call: Call) -> Result<Reply, Failure> {
        let (_, function) = call.name();
        let reply = match call {
            Call::ClockNow => Ok(Reply::Number(1_700_000_000_123)),
            Call::StorageGet { key } if key == "never" => std::future::pending().await,
            Call::StorageSet { .. } => Ok(Reply::Done),
            Call::NavigationPush { .. } | Call::NavigationReplace { .. } | Call::NavigationClose | Call::NavigationBack => Ok(Reply::Done),
            Call::PaymentPay(_) => Ok(Reply::Ticket(Ticket(7))),
            Call::LogWrite { .. } => {
                self.lines.fetch_add(1, Ordering::Relaxed);
                return Ok(Reply::Done);
            }
            other => Err(Failure::new(codes::UNSUPPORTED, format!("{other:?}"))),
        };
        let seen = reply.as_ref().map(|_| ()).map_err(|failure: &Failure| failure.code.clone());
        self.calls.lock().push((caller.session, function, seen));
        reply
    }
    async fn ask(&self, _caller: &Caller, _scopes: Vec<String>, _call: Call) -> Result<Reply, Failure> {
        Ok(Reply::Ticket(Ticket(8)))
    }
    async fn started(&self, _caller: &Caller) -> (Option<SavedState>, Vec<Event>) {
        (self.saved.lock().clone(), self.outcomes.lock().clone())
    }
    async fn taken(&self, _caller: &Caller, ticket: Ticket) {
        self.taken.lock().push(ticket.0);
    }
    async fn ended(&self, _caller: &Caller, saved: Option<SavedState>) -> Left {
        self.ended.fetch_add(1, Ordering::Relaxed);
        *self.saved.lock() = saved;
        Left {
            erased: vec![("watches", 2)],
            kept: vec![("records", 3)],
        }
    }
}

impl Consents for Services {
    fn consent(&self, _: &PersonId, _: &ProgramId, _: &str) -> Consent {
        Consent::Granted
    }
}

/// A runtime on a folder of its own.
pub struct Rig {
    pub runtime: Arc<Runtime>,
    pub services: Arc<Services>,
    pub requested: Arc<Requested>,
    next: AtomicU64,
}

pub fn requested(capabilities: &[&str]) -> Requested {
    Requested {
        permissions: capabilities
            .iter()
            .map(|name| ((*name).to_owned(), "for a test".to_owned()))
            .collect(),
        pages: vec!["pages/home".into(), "pages/second".into()],
        ..Requested::default()
    }
}

pub const ALL: &[&str] = &["payment", "storage", "navigation", "clock", "log"];

pub fn compiler() -> Compiler {
    Compiler::Executable(env!("CARGO_BIN_EXE_youji-compile-child").into())
}

impl Rig {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let mut config = RuntimeConfig::new(compiled());
        config.max_sessions = 128;
        config.compiler = compiler();
        config.sessions_per_person = 1_000;
        change(&mut config);
        Rig {
            runtime: Runtime::new(config).expect("the engine starts"),
            services: Arc::default(),
            requested: Arc::new(requested(ALL)),
            next: AtomicU64::new(1),
        }
    }

    pub async fn program(&self) -> Arc<Program> {
        static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _one = ONE.lock().await;
        let made = self.runtime.program("hostile", &self.requested, || Ok(hostile().to_vec())).await;
        made.unwrap_or_else(|error| panic!("the guest compiles: {error}"))
    }

    pub fn caller(&self, person: &str) -> Caller {
        Caller {
            session: SessionId(self.next.fetch_add(1, Ordering::Relaxed)),
            person: person.into(),
            program: "test.hostile".into(),
            publisher: "publisher".into(),
            roles: Arc::new([]),
            requested: self.requested.clone(),
            language: "en".into(),
        }
    }

    pub fn request(&self, program: Arc<Program>, act: &str, at: &str, person: &str) -> LaunchRequest {
        LaunchRequest {
            program,
            caller: self.caller(person),
            launch: Launch {
                query: vec![("act".into(), act.into()), ("at".into(), at.into())],
                ..Launch::default()
            },
            gate: Gate::new(self.services.clone(), self.services.clone()),
            limits: None,
            ended: None,
        }
    }

    /// Launches the guest with an act in an export.
    pub async fn launch(&self, act: &str, at: &str) -> Result<(Session, Opened), LaunchError> {
        let program = self.program().await;
        self.runtime.launch(self.request(program, act, at, "ann")).await
    }

    /// A session that must open.
    pub async fn open(&self, act: &str, at: &str) -> (Session, Screen) {
        let (session, opened) = self.launch(act, at).await.unwrap_or_else(|error| panic!("it opens: {error}"));
        let screen = Screen::of(&session);
        assert!(!opened.first.tree.is_empty());
        (session, screen)
    }
}

/// A page: holds the whole view by asking for it again after each change.
pub struct Screen {
    session: Session,
    next: u64,
}

impl Screen {
    pub fn of(session: &Session) -> Self {
        Screen {
            session: session.clone(),
            next: 0,
        }
    }

    /// The view as a new screen gets it.
    pub async fn full(&self) -> Arc<FullUpdate> {
        match self.session.subscribe(0).recv().await {
            Some(Update::Full(full)) => full,
            other => panic!("a new screen gets the whole view, not {other:?}"),
        }
    }

    /// Texts of all "text" nodes: count, field, note, events.
    pub async fn texts(&self) -> Vec<String> {
        let full = self.full().await;
        let text = |node: WireNode| {
            node.attributes
                .iter()
                .find(|(name, _)| name == "text")
                .map(|(_, value)| value.to_string())
        };
        full.tree.iter().filter(|node| node.kind == "text").filter_map(text).collect()
    }

    /// The node with that label.
    pub async fn node(&self, label: &str) -> u32 {
        let full = self.full().await;
        let found = full
            .tree
            .iter()
            .find(|node| node.attributes.iter().any(|(_, value)| value.as_text() == Some(label)));
        found.unwrap_or_else(|| panic!("a node labelled {label}")).id
    }

    pub async fn tap(&mut self, label: &str) -> Ack {
        let node = self.node(label).await;
        self.event(node, "tap", None).await
    }

    pub async fn event(&mut self, node: u32, kind: &str, value: Option<Scalar>) -> Ack {
        self.next += 1;
        let event = UiEvent {
            node,
            kind: kind.into(),
            value,
            event_id: format!("{}-{}", self.session.id(), self.next),
        };
        self.session.ui_event(event).await
    }
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
