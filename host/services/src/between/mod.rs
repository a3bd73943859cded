//! Money between people, without any mini-program and outside of conversations: a transfer to whoever shows their code, and a red packet for
//! whoever has its link.
//!
//! Both are orders under a name of the host's own, so that what holds for orders holds for them: receipts, the audit, the end after a day, what
//! is done for somebody who leaves, what stays after compaction. Nobody can be looked up: a code is 60 random bits that its holder shows, and
//! it stands in memory only, so that a restart ends it.
//!
//! | module | holds |
//! |---|---|
//! | `give` | the sheet, and what a yes brings about |
//! | `packet` | red packets, seen and claimed |

mod give;
mod packet;

use crate::chat::rate::Rate;
use crate::order::Mode;
use crate::people::nobody;
use crate::services::{Services, invalid, limit, not_found};
use serde::Serialize;
use std::collections::HashMap;
use youji_api::{Failure, PersonId, codes};

/// Under which name such orders stand: no program has a ":" in its name.
pub const BETWEEN: &str = "host:people";
/// How long a code to be given money with is good, in milliseconds.
pub const RECEIVE_MS: u64 = 30 * 60 * 1_000;
/// How long a red packet may be claimed, in milliseconds.
const PACKET_MS: u64 = 24 * 60 * 60 * 1_000;
/// Letters of a code, of 5 bits each.
const LETTERS: usize = 12;
/// Characters of the sentence with it.
const NOTE_MOST: usize = 60;
const SHARES_MOST: u32 = 100;
/// Codes that are shown at once.
const SHOWN_MOST: usize = 100_000;

/// What somebody gives. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Giving {
    /// To whoever shows this code, who has it at once.
    Transfer {
        /// Its letters.
        to: String,
        /// More than nothing.
        amount: u64,
        /// At most 60 characters; may be empty.
        note: String,
    },
    /// To whoever takes a share within a day; the rest comes back.
    Packet {
        /// All shares together.
        amount: u64,
        /// How many, at most 100.
        shares: u32,
        /// Drawn by chance; otherwise all are equal.
        random: bool,
        /// At most 60 characters; may be empty.
        note: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its number; of a red packet what its link ends with.
    pub id: String,
    /// "succeeded"; of a red packet "requires_capture" as long as it can be claimed.
    pub state: String,
    /// Number of the receipt.
    pub receipt: String,
    /// Signed by the host.
    pub document: String,
    /// The giver's balance afterwards, in minor units.
    pub balance: u64,
    /// Whether the same request was carried out before: nothing moved now.
    pub before: bool,
}

/// A red packet, as somebody with its link sees it. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketSeen {
    /// Nickname of who gives; empty for who is gone.
    pub by: String,
    /// Their sentence; may be empty.
    pub note: String,
    /// How many shares there are.
    pub shares: u32,
    /// How many are taken.
    pub claimed: u32,
    /// The reader's own share; none: they have none.
    pub mine: Option<u64>,
    /// Whether it is the reader's own red packet.
    pub own: bool,
    /// Whether there is a share to take for the reader.
    pub open: bool,
    /// Until when, in milliseconds since 1970.
    pub until: u64,
}

/// Codes that people show to be given money.
#[derive(Default)]
pub(crate) struct Receiving {
    all: HashMap<String, (PersonId, u64)>,
}

impl Receiving {
    fn forget(&mut self, person: &PersonId) {
        self.all.retain(|_, (holder, _)| holder != person);
    }
}

/// A code without what people put between its letters.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric).take(64);
    letters.collect::<String>().to_ascii_lowercase()
}

fn no_code() -> Failure {
    not_found("nobody is given money with this code: it is over or was mistyped; ask for a fresh one")
}

impl Giving {
    /// In minor units.
    pub fn amount(&self) -> u64 {
        match self {
            Giving::Transfer { amount, .. } | Giving::Packet { amount, .. } => *amount,
        }
    }

    fn note(&self) -> &str {
        match self {
            Giving::Transfer { note, .. } | Giving::Packet { note, .. } => note,
        }
    }

    fn mode(&self) -> Mode {
        match self {
            Giving::Transfer { .. } => Mode::Pay,
            Giving::Packet { .. } => Mode::Packet,
        }
    }
}

impl Services {
    /// A fresh code with which others give this person money; an older one of theirs is good for nothing from now on. Answers its letters
    /// and until when it is good, in milliseconds since 1970.
    ///
    /// # Errors
    /// "not-found"; "limit" with too many codes at once.
    pub fn receive(&self, person: &PersonId) -> Result<(String, u64), Failure> {
        if !self.alive(person) {
            return Err(nobody());
        }
        let now = self.now();
        let until = now.saturating_add(RECEIVE_MS);
        let mut receiving = self.receiving.lock();
        receiving.all.retain(|_, (holder, until)| holder != person && now < *until);
        if receiving.all.len() >= SHOWN_MOST {
            return Err(limit("too many codes are shown at once; try again in a minute"));
        }
        let code: String = self.draw_id().chars().take(LETTERS).collect();
        receiving.all.insert(code.clone(), (person.clone(), until));
        Ok((code, until))
    }

    /// The person puts their code away, or leaves.
    pub fn stop_receiving(&self, person: &PersonId) {
        self.receiving.lock().forget(person);
    }

    /// Who shows that code, for somebody else who takes nothing amiss.
    fn receiver(&self, person: &PersonId, code: &str) -> Result<PersonId, Failure> {
        self.take_chat_rate(person, Rate::Guess)?;
        let now = self.now();
        let found = self.receiving.lock().all.get(&plain(code)).cloned();
        let (to, _) = found.filter(|(_, until)| now < *until).ok_or_else(no_code)?;
        self.give_back_chat_rate(person, Rate::Guess);
        if to == *person {
            return Err(invalid("this is your own code; show it to whoever gives you money"));
        }
        let state = self.state.read();
        let theirs = state.people.get(&to).ok_or_else(no_code)?;
        match theirs.blocked.contains(person) {
            true => Err(Failure::new(codes::NO_RECIPIENT, "they take nothing from you; nothing was moved")),
            false => Ok(to),
        }
    }
}
