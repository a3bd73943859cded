//! What a runtime is made with.

use crate::observe::Observer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use youji_api::Limits;

/// Settings of a [`Runtime`](crate::Runtime). One process can hold several.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Private folder for compiled code; made with mode 0700 if it is missing.
    pub cache_dir: PathBuf,
    /// Limits of each session unless its launch says otherwise. Its `memory_bytes` is also the size of a memory slot.
    pub limits: Limits,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Live sessions of one person; then the least recently shown goes.
    pub sessions_per_person: usize,
    /// Linear memory of all sessions together, in bytes; over it, hidden sessions go, least recently shown first.
    pub memory_budget_bytes: u64,
    /// Compiled programs kept in memory while no session uses them.
    pub programs_kept: usize,
    /// Limits of the compile child.
    pub compile: CompileLimits,
    /// Where compilation happens.
    pub compiler: Compiler,
    /// How long one host call may take, the wait for services included.
    pub host_call_timeout: Duration,
    /// How long one call into a guest may take in all, host calls included.
    pub call_timeout: Duration,
    /// Hidden for so long: suspended, no call into the guest, events queue.
    pub suspend_after: Duration,
    /// Hidden for so long: unloaded.
    pub unload_after: Duration,
    /// Milliseconds since 1970, for receipts.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Who is told what happens in sessions; none unless a tool for authors wants to know.
    pub observer: Option<Arc<dyn Observer>>,
}

impl RuntimeConfig {
    /// The design's defaults, with compiled code in that folder and this executable as its own compile child.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        RuntimeConfig {
            cache_dir: cache_dir.into(),
            limits: Limits::default(),
            max_sessions: 1_024,
            sessions_per_person: 5,
            memory_budget_bytes: 2 << 30,
            programs_kept: 64,
            compile: CompileLimits::default(),
            compiler: Compiler::ThisExecutable,
            host_call_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            suspend_after: Duration::from_secs(5),
            unload_after: Duration::from_secs(300),
            now_ms: Arc::new(|| {
                std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }),
            observer: None,
        }
    }
}

/// Limits of compiling one program. Compilation of hostile code is outside wasmtime's promise, so it happens in a child
/// process that can be killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of a component.
    pub wasm_bytes: usize,
    /// Bytes of compiled code.
    pub output_bytes: usize,
    /// Address space of the child, in bytes.
    pub memory_bytes: u64,
    /// CPU time of the child, all threads together; rounded up to seconds.
    pub cpu: Duration,
    /// Wall time of the child.
    pub wall: Duration,
    /// Children at once; others wait.
    pub children: usize,
}

/// A compiler that is not optimised itself takes ten times as long.
const SLOW: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits {
            wasm_bytes: 16 << 20,
            output_bytes: 128 << 20,
            memory_bytes: 3 << 30,
            cpu: SLOW * 60,
            // A machine that is busy with something else takes longer for the same work: what is bounded is the CPU time.
            wall: SLOW * 300,
            children: 1,
        }
    }
}

/// Where compilation happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// `current_exe() compile-child …`: the executable must call [`compile_child_main`](crate::compile_child_main).
    ThisExecutable,
    /// Another executable that does so.
    Executable(PathBuf),
    /// In this process, unbounded. For tests whose executable is not ours.
    InProcess,
}
