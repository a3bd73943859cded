//! The commit log: the one truth of a host.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::Result;

/// How a log is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The payload.
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
    /// Bytes of frames checked.
    pub bytes: u64,
    /// The hash of the last one.
    pub head: Head,
}

/// A log with its writer thread. Clones share it.
#[derive(Clone)]
pub struct Log {}

impl Log {
    /// Opens the log in the folder `dir`, made if it is missing; cuts off a torn, unacknowledged tail.
    ///
    /// # Errors
    /// If the folder is in use, a frame before the tail is damaged, or the system refuses.
    pub fn open(dir: &Path, options: LogOptions, disk: Arc<dyn Disk>) -> Result<Self> {
        let _ = (dir, options, disk);
        todo!()
    }

    /// Appends entries next to each other; returns the sequence of the last once all are durable. What queues while a sync
    /// runs goes into the next.
    ///
    /// # Errors
    /// As for [`crate::Commit::submit`].
    pub async fn append(&self, batch: Vec<NewEntry>) -> Result<u64> {
        let _ = batch;
        todo!()
    }

    /// Reads the log's durable entries.
    #[must_use]
    pub fn reader(&self) -> &LogReader {
        todo!()
    }
}

/// Reads the durable part of a log, while it is being written. Clones share it.
#[derive(Clone)]
pub struct LogReader {}

impl LogReader {
    /// The newest durable entry.
    #[must_use]
    pub fn head(&self) -> Head {
        todo!()
    }

    /// The log's identity: drawn at random when it was made, and the root of its hash chain.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        todo!()
    }

    /// Up to `limit` entries from the sequence `from` (1 is the first), fewer at the end or beyond 16 MiB of payload, each
    /// checked. Blocks for disk reads.
    ///
    /// # Errors
    /// If a frame is damaged, or the system refuses.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>> {
        let _ = (from, limit);
        todo!()
    }

    /// Walks through the whole durable log and checks every checksum and the hash chain. Blocks for disk reads.
    ///
    /// # Errors
    /// If a frame is damaged: which file and byte.
    pub fn verify(&self) -> Result<Verified> {
        todo!()
    }
}
