//! Time that moves only when a scenario says so.

use std::sync::atomic::{AtomicU64, Ordering};
use youji_services::Clock;

/// Starts where a scenario says, moves by a second a step and by what it waits.
pub(crate) struct SteppedClock(AtomicU64);

impl SteppedClock {
    /// `start_ms` since 1970.
    pub(crate) fn new(start_ms: u64) -> Self {
        SteppedClock(AtomicU64::new(start_ms))
    }

    /// Moves on.
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SteppedClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
