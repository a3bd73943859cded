//! Red packets in a conversation: what is not claimed within a day goes back.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use youji_api::PersonId;

/// A red packet, split when it was sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Packet {
    /// Whose money it is.
    pub(crate) payer: Option<PersonId>,
    /// Where it is held meanwhile.
    pub(crate) account: u128,
    /// In the order in which they are claimed, in minor units.
    pub(crate) shares: Vec<u64>,
    /// Which share each member has.
    pub(crate) claimed: BTreeMap<u32, u32>,
    /// When the rest goes back, in milliseconds since 1970.
    pub(crate) until: u64,
    /// All is claimed, or the rest went back.
    pub(crate) ended: bool,
}

impl Packet {
    /// The share that is claimed next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.shares.get(self.claimed.len()).copied().filter(|_| !self.ended)
    }

    pub(crate) fn share_of(&self, member: u32) -> Option<u64> {
        self.claimed
            .get(&member)
            .and_then(|place| self.shares.get(*place as usize))
            .copied()
    }

    pub(crate) fn left(&self) -> u64 {
        self.shares.iter().skip(self.claimed.len()).sum()
    }

    pub(crate) fn claim(&mut self, member: u32) {
        let place = u32::try_from(self.claimed.len()).unwrap_or(u32::MAX);
        self.claimed.entry(member).or_insert(place);
    }
}
