//! How often somebody may speak, ask and guess.

use crate::services::{Services, limit};
use youji_api::{Failure, PersonId};

/// What somebody does too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    Say,
    Ask,
    Guess,
}

impl Rate {
    /// Name, how many, and within which time in milliseconds.
    fn of(self, limits: &crate::ServiceLimits) -> (&'static str, usize, u64) {
        match self {
            Rate::Say => ("chat/say", limits.chat_lines_a_minute, 60_000),
            Rate::Ask => ("chat/ask", limits.chat_asks_a_day, 24 * 60 * 60 * 1_000),
            Rate::Guess => ("chat/guess", 20, 10 * 60_000),
        }
    }
}

impl Services {
    /// Takes a place; a restart begins anew.
    pub(crate) fn take_chat_rate(&self, person: &PersonId, rate: Rate) -> Result<(), Failure> {
        let (name, most, within) = rate.of(&self.config.limits);
        let taken = self.chat_rates.lock().take(&name.into(), person, self.now(), most, within);
        taken
            .then_some(())
            .ok_or_else(|| limit(format!("at most {most} of these in {} minutes; wait a little", within / 60_000)))
    }

    pub(crate) fn give_back_chat_rate(&self, person: &PersonId, rate: Rate) {
        let (name, ..) = rate.of(&self.config.limits);
        self.chat_rates.lock().give_back(&name.into(), person);
    }
}
