//! Scenarios: persons who use programs without a browser, on a host of their own with a clock and randomness that can be repeated.

mod clock;
mod player;
mod scenario;
mod snapshot;
mod talk;

pub(crate) use clock::SteppedClock;
pub(crate) use player::{Outcome, Own, play};
pub(crate) use scenario::Scenario;
pub(crate) use snapshot::Snapshots;
