//! What a service is to the commit engine: commands in, entries and answers out.

use std::io::{Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::map::MapOp;

/// When an entry happens: given once by the engine, written in the entry's frame, the same at every replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// The entry's place in the log, from 1; some places hold entries of the engine's own. In `decide`, the place that an entry would get.
    pub sequence: u64,
    /// Nanoseconds since 1970 from the injected clock; strictly increasing from entry to entry.
    pub at: u64,
}

impl Stamp {
    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.at / 1_000_000
    }
}

/// What a machine says to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<E, A> {
    /// Nothing is to be written: a refusal, a repetition, a question.
    Answer(A),
    /// `entry` is to be written; `answer` reaches the caller once it is durable.
    Commit {
        /// Everything that this command changes, whole or not at all.
        entry: E,
        /// What the caller gets.
        answer: A,
    },
}

/// What applying an entry does beyond the machine's own memory.
#[derive(Debug)]
pub struct Effects<N> {
    pub(crate) ops: Vec<MapOp>,
    pub(crate) notices: Vec<N>,
}

impl<N> Default for Effects<N> {
    fn default() -> Self {
        Self {
            ops: Vec::new(),
            notices: Vec::new(),
        }
    }
}

impl<N> Effects<N> {
    /// Sets a key of the projection. Keys up to [`crate::MAX_KEY_BYTES`], values up to [`crate::MAX_VALUE_BYTES`].
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(MapOp::Put(key.into(), value.into()));
    }

    /// Removes a key of the projection.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.ops.push(MapOp::Delete(key.into()));
    }

    /// Tells the subscribers of [`crate::Commit::notices`], after the entry is durable and projected. Not repeated at replay.
    pub fn notify(&mut self, notice: N) {
        self.notices.push(notice);
    }

    /// The changes gathered so far, for unit tests of machines.
    #[must_use]
    pub fn ops(&self) -> &[MapOp] {
        &self.ops
    }

    /// The notices gathered so far, for unit tests of machines.
    #[must_use]
    pub fn notices(&self) -> &[N] {
        &self.notices
    }
}

/// A picture of a machine's state, taken on the writer's thread and written as bytes on another while commands go on.
pub struct Snapshot(Box<Writing>);

type Writing = dyn FnOnce(&mut dyn Write) -> Result<(), String> + Send;

impl Snapshot {
    /// A picture that `write` turns into bytes later. It should hold pages behind `Arc`, or a clone of something small: taking it is the
    /// only part of a checkpoint that commands wait for.
    pub fn new(write: impl FnOnce(&mut dyn Write) -> Result<(), String> + Send + 'static) -> Self {
        Self(Box::new(write))
    }

    /// A state that is so small that it is turned into bytes at once.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self::new(move |out| out.write_all(&bytes).map_err(|error| error.to_string()))
    }

    /// Writes the picture.
    ///
    /// # Errors
    /// A sentence, if the state cannot be written as bytes or `out` refuses.
    pub fn write(self, out: &mut dyn Write) -> Result<(), String> {
        (self.0)(out)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

/// What stays of an entry when the log is compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep<E> {
    /// All of it.
    Whole,
    /// This in its place.
    Part(E),
    /// Its header in the hash chain; it is not applied any more.
    Nothing,
}

/// Says of each old entry what stays of it. A closure does, if it need not see what comes later.
pub trait Reduce<E>: Send {
    /// Is shown every entry first, in the order of the log: what counts only because it is the last of its kind is known afterwards.
    fn survey(&mut self, _entry: &E, _stamp: Stamp) {}

    /// Is then asked about each of them, in the same order.
    fn keep(&mut self, entry: &E, stamp: Stamp) -> Keep<E>;
}

impl<E, F: FnMut(&E, Stamp) -> Keep<E> + Send> Reduce<E> for F {
    fn keep(&mut self, entry: &E, stamp: Stamp) -> Keep<E> {
        self(entry, stamp)
    }
}

/// See [`Machine::reducer`].
pub type Reducer<E> = Box<dyn Reduce<E>>;

/// A deterministic state machine over log entries.
///
/// `decide` only looks; `apply` is the only place where the state changes, live and at replay alike, so that the two cannot drift
/// apart. Neither may read a clock, draw randomness or do I/O: what they need of that comes in the command (ids, nonces, sealed values)
/// or in the [`Stamp`], and what `apply` needs of it must stand in the entry.
pub trait Machine: Send + 'static {
    /// What callers ask.
    type Command: Send + 'static;
    /// What is written: usually an enum. Personal values in it are already sealed with [`crate::Keyring::seal`]. Give new
    /// fields `#[serde(default)]` and never reuse a name: entries are read by every later version.
    type Entry: Serialize + DeserializeOwned + Send + 'static;
    /// What callers get.
    type Answer: Send + 'static;
    /// What subscribers hear after an entry is durable; `()` for nothing.
    type Notice: Clone + Send + 'static;

    /// Judges a command against the state, which contains every earlier command (also those still on their way to the disk).
    /// Do not judge by the projection: it lags behind by what is on its way to the disk.
    fn decide(&self, command: Self::Command, stamp: Stamp) -> Decision<Self::Entry, Self::Answer>;

    /// Changes the state by an entry.
    ///
    /// # Errors
    /// A sentence, if the entry contradicts the state; live, the command is then undone and refused; at replay, opening fails.
    fn apply(&mut self, entry: &Self::Entry, stamp: Stamp, effects: &mut Effects<Self::Notice>) -> Result<(), String>;

    /// What is to happen once an entry is durable, before whoever sent its command is answered: on the engine's thread, in the order of
    /// the entries, which callers that are answered at the same moment can't keep. It must neither wait nor take long.
    fn told(_answer: &mut Self::Answer) {}

    /// A picture of the whole state, for a checkpoint. Commands wait while it is taken, not while it is written.
    ///
    /// # Errors
    /// A sentence; then no checkpoint is written, and the next start replays more.
    fn save(&self) -> Result<Snapshot, String>;

    /// Takes over a state that `save` wrote; called on a fresh machine, which is thrown away after an error.
    ///
    /// # Errors
    /// A sentence, for instance for a format that this version no longer knows; then the checkpoint is passed over.
    fn load(&mut self, from: &mut dyn Read) -> Result<(), String>;

    /// The machine is complete and serves from now on: after opening, and when it takes the place of one that was made anew from the
    /// log. Until then nobody else may see its state.
    fn ready(&mut self) {}

    /// What may leave the log, judged by the state as it is now; asked when [`crate::Commit::compact`] begins. It then sees
    /// each command's entry up to now, also those of which an earlier compaction left a part. Law: replaying what stays, from the first entry on, comes to the
    /// same state and the same projection as replaying the whole. `None`: everything stays.
    fn reducer(&self) -> Option<Reducer<Self::Entry>> {
        None
    }

    /// An entry as bytes. JSON unless a machine has a denser form.
    ///
    /// # Errors
    /// A sentence; the command is then refused.
    fn encode(entry: &Self::Entry) -> Result<Vec<u8>, String> {
        serde_json::to_vec(entry).map_err(|error| error.to_string())
    }

    /// An entry from the bytes that `encode` made, in this or an earlier version.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    fn decode(bytes: &[u8]) -> Result<Self::Entry, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
