//! The machine under test: a ledger, and notes of persons that can be forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;

use serde::{Deserialize, Serialize};
use youji_ledger::{Account, Ledger, Transfer, TransferError};
use youji_store::{Decision, Effects, Keep, Machine, Reducer, Snapshot, Stamp};

/// Results kept, so that a command whose answer was lost can be looked up after a cut.
const RESULTS: usize = 256;

pub type Results = Vec<Result<u64, TransferError>>;

#[derive(Debug, Clone)]
pub struct Command {
    pub serial: u64,
    pub act: Act,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Act {
    Open(Account),
    /// Transfers, and what a person wrote beside them.
    Pay(Vec<Transfer>, Option<Note>),
    Note(Note),
    /// Takes back everything that the person wrote.
    Forget(u64),
    /// Writes nothing.
    Look,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    pub person: u64,
    pub text: String,
}

#[derive(Serialize, Deserialize)]
pub struct Entry {
    serial: u64,
    act: Act,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bank {
    pub ledger: Ledger,
    /// The newest command that changed something.
    pub serial: u64,
    /// Time and results of the newest payments by serial.
    pub results: VecDeque<(u64, (u64, Results))>,
    /// Sequences of the notes of each person who wrote any and was not forgotten since.
    pub notes: BTreeMap<u64, BTreeSet<u64>>,
}

impl Machine for Bank {
    type Command = Command;
    type Entry = Entry;
    type Answer = (u64, Results);
    type Notice = u64;

    fn decide(&self, command: Command, stamp: Stamp) -> Decision<Entry, Self::Answer> {
        let results = match &command.act {
            Act::Look => return Decision::Answer((self.serial, Vec::new())),
            Act::Pay(transfers, _) => self.ledger.check(transfers, stamp.at).results,
            _ => Vec::new(),
        };
        Decision::Commit {
            entry: Entry {
                serial: command.serial,
                act: command.act,
            },
            answer: (stamp.at, results),
        }
    }

    fn apply(&mut self, entry: &Entry, stamp: Stamp, effects: &mut Effects<u64>) -> Result<(), String> {
        self.serial = entry.serial;
        let mut note = |note: &Note| {
            self.notes.entry(note.person).or_default().insert(stamp.sequence);
            effects.put(key(note.person, stamp.sequence), note.text.as_bytes());
        };
        match &entry.act {
            Act::Open(account) => drop(self.ledger.open_account(account, stamp.at).map_err(|error| error.to_string())?),
            Act::Pay(transfers, beside) => {
                beside.iter().for_each(&mut note);
                let results = self.ledger.apply(transfers, stamp.at).results;
                self.results.push_back((entry.serial, (stamp.at, results)));
                if self.results.len() > RESULTS {
                    self.results.pop_front();
                }
            }
            Act::Note(written) => note(written),
            Act::Forget(person) => {
                for sequence in self.notes.remove(person).unwrap_or_default() {
                    effects.delete(key(*person, sequence));
                }
            }
            Act::Look => return Err("it is never written".to_owned()),
        }
        effects.notify(entry.serial);
        Ok(())
    }

    fn save(&self) -> Result<Snapshot, String> {
        let state = self.clone();
        Ok(Snapshot::new(move |out| {
            serde_json::to_writer(std::io::BufWriter::new(out), &state).map_err(|error| error.to_string())
        }))
    }

    fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
        *self = serde_json::from_reader(std::io::BufReader::new(from)).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn reducer(&self) -> Option<Reducer<Entry>> {
        let notes = self.notes.clone();
        Some(Box::new(move |entry: &Entry, stamp: Stamp| {
            let gone = |note: &Note| !notes.get(&note.person).is_some_and(|known| known.contains(&stamp.sequence));
            match &entry.act {
                Act::Pay(transfers, Some(note)) if gone(note) => Keep::Part(Entry {
                    serial: entry.serial,
                    act: Act::Pay(transfers.clone(), None),
                }),
                Act::Note(note) if gone(note) => Keep::Nothing,
                _ => Keep::Whole,
            }
        }))
    }
}

pub fn key(person: u64, sequence: u64) -> Vec<u8> {
    format!("note/{person}/{sequence:020}").into_bytes()
}
