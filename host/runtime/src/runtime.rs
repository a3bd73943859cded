//! The door: programs in, sessions out, pressure, shutdown.

use crate::config::RuntimeConfig;
use crate::program::{Program, ProgramError};
use crate::receipt::{Fault, Receipt};
use crate::session::{Session, SessionInfo};
use crate::update::FullUpdate;
use std::sync::Arc;
use thiserror::Error;
use youji_api::caller::Requested;
use youji_api::{Caller, Event, Gate, Launch, Limits, Recipient, SessionId};

/// Compiles, runs and unloads mini-programs.
pub struct Runtime {
    _private: (),
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
}

/// A session has its first view.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The first view.
    pub first: Arc<FullUpdate>,
    /// Name and microseconds of each step: "admit", "started", "instantiate", "launched", "shown", "view", "tree".
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
    /// Calls into guests that were moved to the slow lane.
    pub slow_calls: u64,
}

impl Runtime {
    /// Makes the engine and checks the cache folder. Sessions need a tokio runtime with timers.
    ///
    /// # Errors
    /// The engine can't be made here (address space), or the cache folder can't be used.
    pub fn new(_config: RuntimeConfig) -> Result<Arc<Self>, ProgramError> {
        todo!()
    }

    /// The program of that digest: from memory, from the cache on disk, or compiled. `wasm` is called only when it must be
    /// compiled, off the async threads; whoever asks for the same digest meanwhile waits for the one compilation.
    ///
    /// # Errors
    /// Imports that are not requested, an oversized component, a compiler that refuses or is ended at a limit.
    pub async fn program<F>(&self, _digest: &str, _requested: &Requested, _wasm: F) -> Result<Arc<Program>, ProgramError>
    where
        F: FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    {
        todo!()
    }

    /// Launches a session and waits for its first view.
    ///
    /// # Errors
    /// No place, no such page, or the program was at fault.
    pub async fn launch(&self, _request: LaunchRequest) -> Result<(Session, Opened), LaunchError> {
        todo!()
    }

    /// The live session of that number.
    pub fn session(&self, _id: SessionId) -> Option<Session> {
        todo!()
    }

    /// All live sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        todo!()
    }

    /// Queues an event for a session or for all sessions of a person in a program; false when there is none. Never blocks.
    pub fn deliver(&self, _to: &Recipient, _event: Event) -> bool {
        todo!()
    }

    /// Counters.
    pub fn metrics(&self) -> RuntimeMetrics {
        todo!()
    }

    /// Unloads every session and refuses new ones.
    pub async fn shutdown(&self) -> Vec<Receipt> {
        todo!()
    }
}
