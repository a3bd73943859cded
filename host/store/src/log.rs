//! The commit log: the one truth of a host.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::core::Core;
use crate::disk::Disk;
use crate::error::{Result, StoreError};
use crate::reader::LogReader;

/// Batches that may wait.
const QUEUE: usize = 4_096;
/// Payload bytes after which a group takes no further batch.
pub(crate) const GROUP_BYTES: usize = 4 << 20;

/// How a log is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// A segment file is closed when it would grow beyond this, in bytes.
    pub segment_bytes: u64,
    /// Files are extended with zeros in steps of this, in bytes, so that most syncs write no metadata.
    pub grow_bytes: u64,
    /// The largest payload, in bytes.
    pub max_payload_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            grow_bytes: 4 << 20,
            max_payload_bytes: 8 << 20,
        }
    }
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// What the payload is; the log does not look into it.
    pub kind: u16,
    /// When it happened, in nanoseconds since 1970.
    pub at: u64,
    /// The payload.
    pub payload: Vec<u8>,
}

/// The [`Entry::kind`] of what a [`crate::Commit`]'s machine wrote. Other kinds in such a log are the engine's own.
pub const COMMAND: u16 = 1;
/// What the engine says of itself: which segments it has compacted.
pub(crate) const OWN: u16 = u16::MAX;

/// What is left of an entry's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// All of it, as it was written.
    #[default]
    Whole,
    /// What compaction put in its place.
    Part,
    /// Nothing: compaction dropped it.
    Nothing,
}

/// A durable entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1, without gaps.
    pub sequence: u64,
    /// What the payload is.
    pub kind: u16,
    /// When it happened, in nanoseconds since 1970.
    pub at: u64,
    /// The hash of the entry before it.
    pub previous: [u8; 32],
    /// Its own hash, over everything above and the payload's hash.
    pub hash: [u8; 32],
    /// Whether the payload is the one that was written.
    pub kept: Kept,
    /// The payload, or what compaction left of it.
    pub payload: Vec<u8>,
}

/// The newest durable entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Its place; 0 for an empty log.
    pub sequence: u64,
    /// Its hash; of an empty log, the log's identity.
    pub hash: [u8; 32],
    /// When it happened, in nanoseconds since 1970.
    pub at: u64,
}

/// What a whole walk through a log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Entries checked.
    pub entries: u64,
    /// Those of which compaction left a part or nothing.
    pub reduced: u64,
    /// Bytes of frames checked.
    pub bytes: u64,
    /// The hash of the last one.
    pub head: Head,
}

enum Job {
    Append(Vec<NewEntry>, oneshot::Sender<Result<u64>>),
    Close(oneshot::Sender<()>),
}

/// A log with its writer thread. Clones share it; the thread ends, and lets the folder go, after the last of them.
#[derive(Clone)]
pub struct Log {
    jobs: mpsc::Sender<Job>,
    reader: LogReader,
}

impl Log {
    /// Opens the log in the folder `dir`, made if it is missing; cuts off a torn, unacknowledged tail.
    ///
    /// # Errors
    /// If the folder is in use, a frame before the tail is damaged, or the system refuses.
    pub fn open(dir: &Path, options: LogOptions, disk: Arc<dyn Disk>) -> Result<Self> {
        let (core, _) = Core::open(dir, options, disk, &[])?;
        let reader = core.reader().clone();
        let (jobs, queue) = mpsc::channel(QUEUE);
        let limit = options.max_payload_bytes;
        std::thread::Builder::new()
            .name("youji-log".to_owned())
            .spawn(move || write(core, queue, limit))
            .map_err(|source| StoreError::Io {
                what: "starting the writer of",
                path: dir.to_owned(),
                source: Arc::new(source),
            })?;
        Ok(Self { jobs, reader })
    }

    /// Appends entries next to each other; returns the sequence of the last once all are durable. What queues while a sync
    /// runs goes into the next.
    ///
    /// # Errors
    /// As for [`crate::Commit::submit`].
    pub async fn append(&self, batch: Vec<NewEntry>) -> Result<u64> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Append(batch, answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::InDoubt {
                cause: "the writer ended".to_owned(),
            })
        })
    }

    /// Finishes what is queued, stops the writer and lets the folder go. Later appends on any clone are refused with
    /// [`StoreError::Closed`]; closing again is harmless.
    pub async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }

    /// Reads the log's durable entries.
    #[must_use]
    pub fn reader(&self) -> &LogReader {
        &self.reader
    }
}

/// Group commit by one writer, without timers: everything that waits goes into one sync.
fn write(mut core: Core, mut queue: mpsc::Receiver<Job>, limit: usize) {
    let mut closing = None;
    while let Some(first) = queue.blocking_recv() {
        let (mut group, mut waiting, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Append(batch, answer) => {
                    if let Some(entry) = batch.iter().find(|entry| entry.payload.len() > limit) {
                        let _ = answer.send(Err(StoreError::TooLarge {
                            what: "an entry",
                            got: entry.payload.len(),
                            limit,
                        }));
                    } else {
                        bytes += batch.iter().map(|entry| entry.payload.len()).sum::<usize>();
                        group.extend(batch);
                        waiting.push((core.head().sequence + group.len() as u64, answer));
                    }
                }
                Job::Close(answer) => {
                    closing = Some(answer);
                    break;
                }
            }
            next = if bytes < GROUP_BYTES { queue.try_recv().ok() } else { None };
        }
        let result = core.append(&group);
        for (sequence, answer) in waiting {
            let _ = answer.send(result.clone().map(|_| sequence));
        }
        if closing.is_some() {
            break;
        }
    }
    // The folder is free before anybody hears that it is closed.
    drop(core);
    queue.close();
    while let Ok(job) = queue.try_recv() {
        match job {
            Job::Append(_, answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Close(answer) => drop(answer.send(())),
        }
    }
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}
