//! Every limit of a session. At a limit the one at fault gets a clear error; its neighbours notice nothing.

use std::time::Duration;

/// Limits of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory and table elements of all of its instances together, in bytes.
    pub memory_bytes: usize,
    /// What one host call may copy in, in bytes.
    pub host_call_bytes: usize,
    /// Handles that it may hold.
    pub handles: usize,
    /// CPU time of its own that one call into it may take before it is ended.
    pub call_cpu: Duration,
    /// Nodes of a view.
    pub nodes: usize,
    /// Depth of a view; the root has 1.
    pub depth: usize,
    /// Bytes of text in a view.
    pub tree_bytes: usize,
    /// Host calls during one call into it.
    pub calls_per_event: u32,
    /// Host calls a second, averaged over ten seconds.
    pub calls_per_second: u32,
    /// Log lines a second; what is over it is dropped and counted.
    pub log_lines_per_second: u32,
    /// Events waiting for it; then older ones go and a "gap" event says so.
    pub queue_events: usize,
    /// Pages on the stack.
    pub pages: usize,
    /// Events that wait for it, in bytes; the retained tree is bounded by `nodes` and `tree_bytes`, the page stack by `pages`.
    pub retained_bytes: usize,
    /// Bytes of saved state.
    pub saved_state_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 64 << 20,
            host_call_bytes: 1 << 20,
            handles: 1_000,
            call_cpu: Duration::from_millis(100),
            nodes: 1_000,
            depth: 30,
            tree_bytes: 256 << 10,
            calls_per_event: 256,
            calls_per_second: 200,
            log_lines_per_second: 20,
            queue_events: 64,
            pages: 10,
            retained_bytes: 1 << 20,
            saved_state_bytes: 256 << 10,
        }
    }
}
