//! The reading end of a log.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};
use crate::error::{At, Result, StoreError};
use crate::frame::{self, FRAME_HEADER, SEGMENT_HEADER};
use crate::log::{Entry, Head, LogOptions, Verified};

/// Payload bytes that one `read` returns at most, unless a single entry is larger.
const READ_BYTES: usize = 16 << 20;
const WINDOW: usize = 1 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

/// Reads the durable part of a log, while it is being written. Clones share it.
#[derive(Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    identity: [u8; 32],
    state: Mutex<State>,
}

struct State {
    segments: Vec<Segment>,
    head: Head,
    /// Where the last `read` stopped: (next sequence, hash before it, first of its segment, offset), so that paging does not begin anew.
    cursor: Option<(u64, [u8; 32], u64, u64)>,
}

impl LogReader {
    pub(crate) fn new(disk: Arc<dyn Disk>, options: LogOptions, identity: [u8; 32], segments: Vec<Segment>, head: Head) -> Self {
        Self {
            shared: Arc::new(Shared {
                disk,
                options,
                identity,
                state: Mutex::new(State {
                    segments,
                    head,
                    cursor: None,
                }),
            }),
        }
    }

    pub(crate) fn advance(&self, head: Head) {
        self.shared.state.lock().head = head;
    }

    pub(crate) fn add_segment(&self, segment: Segment) {
        self.shared.state.lock().segments.push(segment);
    }

    /// The newest durable entry.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.state.lock().head
    }

    /// The log's identity: drawn at random when it was made, and the root of its hash chain.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        self.shared.identity
    }

    /// Up to `limit` entries from the sequence `from` (1 is the first), fewer at the end or beyond 16 MiB of payload, each
    /// checked. Blocks for disk reads; cheapest when it goes on where the last call stopped.
    ///
    /// # Errors
    /// If a frame is damaged, or the system refuses.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>> {
        let from = from.max(1);
        let mut walk = self.walk(from)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while entries.len() < limit && bytes < READ_BYTES {
            let Some(entry) = walk.next(false)? else { break };
            if entry.sequence >= from {
                bytes += entry.payload.len();
                entries.push(entry);
            }
        }
        self.shared.state.lock().cursor = walk.position();
        Ok(entries)
    }

    /// Walks through the whole durable log and checks every checksum and the hash chain. Blocks for disk reads.
    ///
    /// # Errors
    /// If a frame is damaged: which file and byte.
    pub fn verify(&self) -> Result<Verified> {
        let mut walk = self.walk(1)?;
        let (mut entries, mut bytes) = (0, 0);
        while let Some(entry) = walk.next(true)? {
            entries += 1;
            bytes += frame::frame_len(entry.payload.len()) as u64;
        }
        Ok(Verified {
            entries,
            bytes,
            head: walk.end,
        })
    }

    /// Begins at `from` or somewhat before it.
    fn walk(&self, from: u64) -> Result<Walk> {
        let state = self.shared.state.lock();
        let begin = state.segments.partition_point(|segment| segment.first <= from).saturating_sub(1);
        let segments: Vec<Segment> = state.segments[begin..].to_vec();
        let first = segments[0].first;
        let cursor = state.cursor.filter(|(next, _, segment, _)| *next <= from && *segment == first);
        let (next, previous, offset) = match cursor {
            Some((next, previous, _, offset)) => (next, Some(previous), offset),
            None => (first, (first == 1).then_some(self.shared.identity), SEGMENT_HEADER as u64),
        };
        let (shared, end) = (self.shared.clone(), state.head);
        let seed = frame::seed(&shared.identity);
        Ok(Walk {
            shared,
            segments,
            place: 0,
            file: None,
            offset,
            window: Vec::new(),
            window_at: 0,
            next,
            previous,
            end,
            seed,
        })
    }
}

/// Goes through the log, entry after entry, up to the head at its beginning.
struct Walk {
    shared: Arc<Shared>,
    segments: Vec<Segment>,
    place: usize,
    file: Option<Box<dyn DiskFile>>,
    offset: u64,
    window: Vec<u8>,
    window_at: u64,
    next: u64,
    previous: Option<[u8; 32]>,
    end: Head,
    seed: u32,
}

impl Walk {
    fn position(&self) -> Option<(u64, [u8; 32], u64, u64)> {
        Some((self.next, self.previous?, self.segments[self.place].first, self.offset))
    }

    fn next(&mut self, with_hash: bool) -> Result<Option<Entry>> {
        if self.next > self.end.sequence {
            return Ok(None);
        }
        if self.segments.get(self.place + 1).is_some_and(|segment| segment.first == self.next) {
            self.place += 1;
            (self.file, self.offset) = (None, SEGMENT_HEADER as u64);
            self.window.clear();
        }
        self.fill(FRAME_HEADER)?;
        let Some(header) = frame::header(self.frame(), self.shared.options.max_payload_bytes) else {
            return Err(self.damaged("no frame stands there"));
        };
        self.fill(FRAME_HEADER + header.length)?;
        if !header.sound(self.frame(), self.seed) {
            return Err(self.damaged("the checksum does not fit"));
        }
        if header.sequence != self.next || self.previous.is_some_and(|previous| previous != header.previous) {
            return Err(self.damaged(&format!(
                "expected entry {} chained to the one before, found entry {}",
                self.next, header.sequence
            )));
        }
        if with_hash && !header.true_to_chain(self.frame()) {
            return Err(self.damaged("the payload is not the one in the hash chain"));
        }
        if header.sequence == self.end.sequence && header.hash != self.end.hash {
            return Err(self.damaged("the hash chain does not end as it was written"));
        }
        let entry = header.entry(self.frame());
        self.previous = Some(header.hash);
        self.next += 1;
        self.offset += frame::frame_len(header.length) as u64;
        Ok(Some(entry))
    }

    fn frame(&self) -> &[u8] {
        let skip = usize::try_from(self.offset - self.window_at).unwrap_or(usize::MAX);
        self.window.get(skip..).unwrap_or_default()
    }

    /// Sees to it that `len` bytes from the offset are in the window, as far as the file goes.
    fn fill(&mut self, len: usize) -> Result<()> {
        let path = &self.segments[self.place].path;
        if self.offset >= self.window_at && self.window_at + self.window.len() as u64 >= self.offset + len as u64 {
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => self.shared.disk.open(path, false).at("opening", path)?,
        };
        self.window.resize(len.max(WINDOW), 0);
        let got = file.read_at(&mut self.window, self.offset).at("reading", path)?;
        self.window.truncate(got);
        self.window_at = self.offset;
        self.file = Some(file);
        Ok(())
    }

    fn damaged(&self, reason: &str) -> StoreError {
        let file = self.segments[self.place].path.clone();
        StoreError::Corrupt {
            file,
            offset: self.offset,
            reason: format!("entry {}: {reason}", self.next),
        }
    }
}
