//! The door: programs in, sessions out, pressure, shutdown.

use crate::config::RuntimeConfig;
use crate::engine::{self, Ticker};
use crate::lanes::Lanes;
use crate::pages::{Page, Pages};
use crate::program::{Code, Program, ProgramError};
use crate::programs::Programs;
use crate::receipt::{EndReason, Ended, Fault, Receipt};
use crate::session::{Session, SessionInfo, SessionState};
use crate::shared::Shared;
use crate::task::{self, Life, micros};
use crate::update::FullUpdate;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use thiserror::Error;
use tokio::sync::oneshot;
use wasmtime::Engine;
use youji_api::caller::Requested;
use youji_api::{Caller, Event, Gate, Launch, Limits, Recipient, Scalar, SessionId};

/// Compiles, runs and unloads mini-programs.
pub struct Runtime {
    inner: Arc<Inner>,
    programs: Programs,
}

/// What a session is launched with.
pub struct LaunchRequest {
    /// From [`Runtime::program`].
    pub program: Arc<Program>,
    /// Who uses what; its session number must be new.
    pub caller: Caller,
    /// How it begins.
    pub launch: Launch,
    /// What its host calls go through.
    pub gate: Gate,
    /// Other limits than the runtime's. Memory can only be less.
    pub limits: Option<Limits>,
    /// Called once when a session that was launched is over, before anybody else hears of it; not if the launch fails. It must not block.
    pub ended: Option<OnEnd>,
}

/// What is done when a session is over.
pub type OnEnd = Box<dyn FnOnce(SessionId, &Ended) + Send>;

/// A session has its first view.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The first view.
    pub first: Arc<FullUpdate>,
    /// Name and microseconds of each step: "admit", "started", "instantiate", "launched", "shown", "view".
    pub steps: Vec<(&'static str, u64)>,
    /// From the request to the view.
    pub total_us: u64,
}

/// Why there is no session.
#[derive(Clone, Debug, Error)]
pub enum LaunchError {
    /// All places are taken by sessions that are on a stage.
    #[error("all {0} places are in use; try again in a moment")]
    Full(usize),
    /// The page is not in the manifest.
    #[error("the program has no page \"{0}\"")]
    NoSuchPage(String),
    /// The host goes down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// That number is taken.
    #[error("session {0} exists already")]
    Exists(SessionId),
    /// It ended before its first view, though its program did nothing wrong.
    #[error("the session ended before its first view ({})", .0.code())]
    Ended(EndReason),
    /// The program was at fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Counters since the start, for metrics.
#[derive(Clone, Debug, Default)]
pub struct RuntimeMetrics {
    /// Live sessions.
    pub sessions: u64,
    /// Live component instances, as the allocator counts them.
    pub instances: u64,
    /// Linear memory of live sessions, in bytes.
    pub memory_bytes: u64,
    /// Compiled programs in memory.
    pub programs: u64,
    /// Sessions opened.
    pub opened: u64,
    /// Sessions ended, by reason.
    pub ended: Vec<(&'static str, u64)>,
    /// Faults, by code.
    pub faults: Vec<(&'static str, u64)>,
    /// Programs compiled.
    pub compiled: u64,
    /// Calls into guests that went to the slow lane.
    pub slow_calls: u64,
}

/// What sessions and the runtime hold together.
pub(crate) struct Inner {
    pub(crate) config: RuntimeConfig,
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) lanes: Lanes,
    /// Linear memory of all live sessions.
    pub(crate) memory: Arc<AtomicU64>,
    sessions: Mutex<HashMap<SessionId, Arc<Shared>>>,
    showings: AtomicU64,
    stopping: AtomicBool,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    opened: u64,
    ended: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
}

impl Inner {
    pub(crate) fn next_showing(&self) -> u64 {
        self.showings.fetch_add(1, Relaxed)
    }

    /// Live instances, as the allocator counts them.
    pub(crate) fn instances(&self) -> u64 {
        self.engine
            .pooling_allocator_metrics()
            .map_or(0, |metrics| metrics.component_instances())
    }

    pub(crate) fn remove(&self, id: SessionId) {
        self.sessions.lock().remove(&id);
    }

    pub(crate) fn count_end(&self, reason: EndReason, fault: Option<&Fault>) {
        let mut counts = self.counts.lock();
        *counts.ended.entry(reason.code()).or_default() += 1;
        if let Some(fault) = fault {
            *counts.faults.entry(fault.code).or_default() += 1;
        }
    }

    /// Over the memory budget, the hidden session that was shown least recently goes.
    pub(crate) fn relieve(&self) {
        if self.memory.load(Relaxed) <= self.config.memory_budget_bytes {
            return;
        }
        let victim = least_recent(self.sessions.lock().values().filter(|shared| shared.state() != SessionState::Shown));
        if let Some(victim) = victim {
            tracing::info!(session = %victim.id, "memory is short");
            Session::new(victim).start_closing(EndReason::Pressure);
        }
    }
}

/// Of those whose end is not under way, the one that was shown least recently.
fn least_recent<'a>(sessions: impl Iterator<Item = &'a Arc<Shared>>) -> Option<Arc<Shared>> {
    sessions
        .filter(|shared| !shared.closing.load(Relaxed))
        .min_by_key(|shared| shared.shown_at.load(Relaxed))
        .cloned()
}

impl Runtime {
    /// Makes the engine and checks the cache folder. Sessions need a tokio runtime with timers.
    ///
    /// # Errors
    /// The engine can't be made here (address space), or the cache folder can't be used.
    pub fn new(config: RuntimeConfig) -> Result<Arc<Self>, ProgramError> {
        let engine = engine::pooled(&config).map_err(|error| ProgramError::Engine(format!("{error:#}")))?;
        let io = |error: std::io::Error| ProgramError::Engine(error.to_string());
        let inner = Arc::new(Inner {
            ticker: Arc::new(Ticker::new(&engine).map_err(io)?),
            lanes: Lanes::new().map_err(io)?,
            memory: Arc::default(),
            sessions: Mutex::default(),
            showings: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            counts: Mutex::default(),
            engine,
            config,
        });
        let programs = Programs::new(&inner)?;
        Ok(Arc::new(Runtime { inner, programs }))
    }

    /// The program of that digest, or of that [`Code`]: from memory, from the cache on disk, or compiled. `wasm` is called only when it must be
    /// compiled, off the async threads; whoever asks for the same digest meanwhile waits for the one compilation.
    ///
    /// # Errors
    /// Imports that are not requested, an oversized component, a compiler that refuses or is ended at a limit.
    pub async fn program<F>(&self, code: impl Into<Code>, requested: &Requested, wasm: F) -> Result<Arc<Program>, ProgramError>
    where
        F: FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    {
        self.programs.get(&code.into(), requested, wasm).await
    }

    /// Launches a session and waits for its first view. Must be called within a tokio runtime: the session lives there.
    ///
    /// # Errors
    /// No place, no such page, or the program was at fault.
    pub async fn launch(&self, request: LaunchRequest) -> Result<(Session, Opened), LaunchError> {
        let began = Instant::now();
        let LaunchRequest {
            program,
            caller,
            mut launch,
            gate,
            limits,
            ended,
        } = request;
        let pages = &caller.requested.pages;
        if launch.page.is_empty() {
            launch.page = pages.first().cloned().unwrap_or_default();
        }
        if !pages.contains(&launch.page) {
            return Err(LaunchError::NoSuchPage(launch.page));
        }
        let mut limits = limits.unwrap_or_else(|| self.inner.config.limits.clone());
        // A slot of the pool has this size.
        limits.memory_bytes = limits.memory_bytes.min(self.inner.config.limits.memory_bytes);
        let query = launch.query.iter().map(|(name, value)| (name.clone(), Scalar::Text(value.clone())));
        let first = Page {
            path: launch.page.as_str().into(),
            query: query.collect(),
        };
        let stack = Pages::new(first, limits.pages);
        let shared = Arc::new(Shared::new(self.inner.clone(), &program, caller, gate, Arc::new(limits), stack));
        self.admit(&shared).await?;
        let (reply, answer) = oneshot::channel();
        let run = task::run(shared.clone(), program, launch, micros(began.elapsed()), reply, ended);
        match Life::new(shared.home.clone(), run).until(answer).await {
            Ok(Ok(opened)) => {
                self.inner.counts.lock().opened += 1;
                Ok((Session::new(shared), opened))
            }
            Ok(Err(mut fault)) => {
                fault.cpu_us = shared.ended().map_or(0, |ended| ended.receipt.before.cpu_us);
                Err(fault.into())
            }
            Err(_) => Err(match shared.ended() {
                Some(ended) if ended.reason != EndReason::Fault => LaunchError::Ended(ended.reason),
                _ => Fault::new("host", "met an error of the host").into(),
            }),
        }
    }

    /// Gives a session its place; others make room.
    async fn admit(&self, new: &Arc<Shared>) -> Result<(), LaunchError> {
        let person = new.caller().person.clone();
        loop {
            let leaving = {
                let mut sessions = self.inner.sessions.lock();
                if self.inner.stopping.load(Relaxed) {
                    return Err(LaunchError::ShuttingDown);
                }
                if sessions.contains_key(&new.id) {
                    return Err(LaunchError::Exists(new.id));
                }
                if sessions.len() < self.inner.config.max_sessions {
                    let theirs = || sessions.values().filter(|shared| shared.caller().person == person);
                    let live = theirs().filter(|shared| !shared.closing.load(Relaxed)).count();
                    if live >= self.inner.config.sessions_per_person
                        && let Some(oldest) = least_recent(theirs())
                    {
                        Session::new(oldest).start_closing(EndReason::Pressure);
                    }
                    sessions.insert(new.id, new.clone());
                    return Ok(());
                }
                // One that leaves already will do; else a hidden one has to.
                let leaving = sessions.values().find(|shared| shared.closing.load(Relaxed)).cloned();
                let hidden = || least_recent(sessions.values().filter(|shared| shared.state() != SessionState::Shown));
                leaving.or_else(hidden).ok_or(LaunchError::Full(self.inner.config.max_sessions))?
            };
            Session::new(leaving).close(EndReason::Pressure).await;
        }
    }

    /// The live session of that number.
    pub fn session(&self, id: SessionId) -> Option<Session> {
        self.inner.sessions.lock().get(&id).cloned().map(Session::new)
    }

    /// All live sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let all: Vec<Arc<Shared>> = self.inner.sessions.lock().values().cloned().collect();
        all.into_iter().map(|shared| Session::new(shared).info()).collect()
    }

    /// Queues an event for a session or for all sessions of a person in a program; false when there is none. Never blocks.
    pub fn deliver(&self, to: &Recipient, event: Event) -> bool {
        match to {
            Recipient::Session(id) => self.session(*id).is_some_and(|session| session.deliver(event)),
            Recipient::PersonIn(person, program) => {
                let is_theirs = |shared: &&Arc<Shared>| {
                    let caller = shared.caller();
                    caller.person == *person && caller.program == *program
                };
                let theirs: Vec<Arc<Shared>> = self.inner.sessions.lock().values().filter(is_theirs).cloned().collect();
                let reached = theirs.into_iter().filter(|shared| shared.mailbox.event(event.clone()));
                reached.count() > 0
            }
        }
    }

    /// Counters.
    pub fn metrics(&self) -> RuntimeMetrics {
        let counts = self.inner.counts.lock();
        let list = |counts: &BTreeMap<&'static str, u64>| counts.iter().map(|(name, count)| (*name, *count)).collect();
        RuntimeMetrics {
            sessions: self.inner.sessions.lock().len() as u64,
            instances: self.inner.instances(),
            memory_bytes: self.inner.memory.load(Relaxed),
            programs: self.programs.kept() as u64,
            opened: counts.opened,
            ended: list(&counts.ended),
            faults: list(&counts.faults),
            compiled: self.programs.compiled(),
            slow_calls: self.inner.lanes.moved(),
        }
    }

    /// Unloads every session and refuses new ones.
    pub async fn shutdown(&self) -> Vec<Receipt> {
        self.inner.stopping.store(true, Relaxed);
        let all: Vec<Arc<Shared>> = self.inner.sessions.lock().values().cloned().collect();
        let all: Vec<Session> = all.into_iter().map(Session::new).collect();
        all.iter().for_each(|session| session.start_closing(EndReason::Shutdown));
        let mut receipts = Vec::with_capacity(all.len());
        for session in all {
            receipts.push(session.close(EndReason::Shutdown).await);
        }
        receipts
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.inner.stopping.store(true, Relaxed);
        for (_, shared) in self.inner.sessions.lock().drain() {
            Session::new(shared).start_closing(EndReason::Shutdown);
        }
    }
}
