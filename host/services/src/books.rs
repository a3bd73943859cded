//! The books from outside: replayed from the log alone, checked, and read out. Changes nothing, and needs no running host.

use crate::apply::Core;
use crate::state::State;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use youji_store::{COMMAND, Checkpoint, Effects, Entry, Kept, LogOptions, LogReader, Machine, Stamp, StoreError};

/// Entries read at a time.
const PAGE: usize = 1_024;

/// Why the books can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// What is there contradicts itself.
    #[error(transparent)]
    Diverges(#[from] Divergence),
    /// The folder can't be read, or holds no log.
    #[error(transparent)]
    Store(StoreError),
    /// The host's key can't be read; without it nobody knows whose an account is.
    #[error("{}: {error}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The first place where the books contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{what}", entry.map(|entry| format!("entry {entry}: ")).unwrap_or_default())]
pub struct Divergence {
    /// The entry of the log, from 1; `None` if it is not about one.
    pub entry: Option<u64>,
    /// What was expected and what was found.
    pub what: String,
}

pub(crate) fn diverges(entry: impl Into<Option<u64>>, what: impl std::fmt::Display) -> BooksError {
    BooksError::Diverges(Divergence {
        entry: entry.into(),
        what: what.to_string(),
    })
}

/// Damage is a divergence; what the system refuses is not.
fn told(error: StoreError) -> BooksError {
    match &error {
        StoreError::Entry { sequence, reason } => diverges(*sequence, reason),
        StoreError::Corrupt { file, offset, reason } => {
            let entry = reason.split_once("entry ").and_then(|(_, rest)| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<u64>().ok()
            });
            diverges(entry, format_args!("{reason} ({} at byte {offset})", file.display()))
        }
        StoreError::AcknowledgedLost { known, .. } => diverges(*known, &error),
        _ => BooksError::Store(error),
    }
}

/// What was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Entries of the log, all of them in the chain.
    pub entries: u64,
    /// Those of which compaction left a part or nothing.
    pub reduced: u64,
    /// Bytes of the log.
    pub bytes: u64,
    /// Accounts.
    pub accounts: u64,
    /// Transfers that took place.
    pub transfers: u64,
    /// The entry whose checkpoint is the same as what replay came to; 0 for none.
    pub checkpoint: u64,
    /// The hash of the last entry, in hexadecimal: whoever noted it down can tell later that nothing before it was changed.
    pub head: String,
}

/// Everything that happened, replayed from the log alone.
pub struct Books {
    core: Core,
    pub(crate) dir: PathBuf,
}

/// Hears of entries that are done, and of how many there are.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

impl Books {
    /// Replays the log in a host's data folder; every transfer is checked against the balances at its time.
    ///
    /// # Errors
    /// See [`BooksError`].
    pub fn replay(dir: &Path, progress: &mut Progress<'_>) -> Result<Books, BooksError> {
        Self::run(dir, &open(dir)?, None, progress)
    }

    /// Replays the log and checks every checksum and the whole hash chain, every transfer against the balances at its time, every sum,
    /// every account against its events, and the newest checkpoint against what replay came to at its entry.
    ///
    /// # Errors
    /// The first divergence, or why it could not be looked for.
    pub fn verify(dir: &Path, progress: &mut Progress<'_>) -> Result<Verified, BooksError> {
        let log = open(dir)?;
        let chain = log.verify().map_err(told)?;
        let checkpoint = checkpoint(dir, &log)?;
        let at = checkpoint.as_ref().map_or(0, |(at, _)| *at);
        let books = Self::run(dir, &log, checkpoint, progress)?;
        let state = books.core.state.read();
        let found = state.ledger.check_invariants();
        found.map_err(|error| diverges(chain.head.sequence, error))?;
        Ok(Verified {
            entries: chain.entries,
            reduced: chain.reduced,
            bytes: chain.bytes,
            accounts: state.ledger.accounts().count() as u64,
            transfers: state.ledger.transfers().count() as u64,
            checkpoint: at,
            head: data_encoding::HEXLOWER.encode(&chain.head.hash),
        })
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.core.state.read())
    }

    fn run(dir: &Path, log: &LogReader, saved: Option<(u64, Core)>, progress: &mut Progress<'_>) -> Result<Books, BooksError> {
        let mut core = Core::new(Arc::default());
        let (mut next, mut summed) = (1, 0);
        loop {
            let page = log.read(next, PAGE).map_err(told)?;
            let Some(last) = page.last() else { break };
            next = last.sequence + 1;
            for entry in &page {
                let at = entry.sequence;
                let fault = |reason: String| diverges(at, reason);
                apply(&mut core, entry).map_err(fault)?;
                let state = core.state.read();
                if let Some((_, saved)) = saved.as_ref().filter(|(place, _)| *place == at) {
                    same(&state, &saved.state.read()).map_err(|what| fault(format!("the checkpoint of this entry differs: {what}")))?;
                }
                // As often as there are accounts, so that summing costs no more than replaying.
                if at - summed >= state.ledger.accounts().size_hint().0 as u64 {
                    summed = at;
                    state.ledger.check_sums().map_err(|error| fault(error.to_string()))?;
                }
            }
            progress(next - 1, log.head().sequence);
        }
        Ok(Books { core, dir: dir.to_owned() })
    }
}

fn open(dir: &Path) -> Result<LogReader, BooksError> {
    LogReader::open(&dir.join("log"), LogOptions::default()).map_err(told)
}

/// The newest checkpoint and its entry.
fn checkpoint(dir: &Path, log: &LogReader) -> Result<Option<(u64, Core)>, BooksError> {
    // A host that was killed before its first one has none.
    if !dir.join("checkpoints").exists() {
        return Ok(None);
    }
    let Some(mut found) = Checkpoint::newest(dir).map_err(BooksError::Store)? else {
        return Ok(None);
    };
    let (at, end) = (found.head().sequence, log.head().sequence);
    if found.identity() != log.identity() {
        return Err(diverges(
            None,
            "the newest checkpoint is of another log; restore the log that belongs to this folder",
        ));
    }
    if at > end {
        let what = format!("expected up to entry {at}, of which there is a checkpoint; the log ends at entry {end}");
        return Err(diverges(end + 1, what));
    }
    let mut core = Core::new(Arc::default());
    let loaded = core.load(&mut found);
    loaded.map_err(|reason| diverges(at, format_args!("the checkpoint of this entry can't be read: {reason}")))?;
    Ok(Some((at, core)))
}

fn apply(core: &mut Core, entry: &Entry) -> Result<(), String> {
    if entry.kind != COMMAND || entry.kept == Kept::Nothing {
        return Ok(());
    }
    let stamp = Stamp {
        sequence: entry.sequence,
        at: entry.at,
    };
    core.apply(&Core::decode(&entry.payload)?, stamp, &mut Effects::default())
}

/// What differs between replay and a checkpoint, if anything does.
fn same(replayed: &State, saved: &State) -> Result<(), String> {
    for account in replayed.ledger.accounts() {
        let other = saved.ledger.account(account.id);
        if other != Some(account) {
            return Err(format!("by the log account {} is {account:?}, there {other:?}", account.id));
        }
    }
    if replayed.ledger != saved.ledger {
        return Err("its transfers are not those of the log".to_owned());
    }
    let bytes = |state: &State| rmp_serde::to_vec_named(state);
    if bytes(replayed).ok() != bytes(saved).ok() {
        return Err("something besides the ledger".to_owned());
    }
    Ok(())
}
