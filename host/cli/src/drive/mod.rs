//! Scenarios: persons who use programs without a browser, on a host of their own with a clock and randomness that can be repeated.

mod clock;
mod player;
mod scenario;

pub(crate) use clock::SteppedClock;
pub(crate) use player::{Outcome, play};
pub(crate) use scenario::Scenario;
