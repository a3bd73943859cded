//! The reading end of a log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::compact;
use crate::core;
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::error::{At, Result, StoreError};
use crate::frame::{self, FRAME_HEADER, REDUCED_HEADER, SEGMENT_HEADER};
use crate::log::{Entry, Head, Kept, LogOptions, OWN, Verified};

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
    /// The last entry of the last compacted segment; 0 for none.
    compacted: u64,
    /// Where the last `read` stopped: (next sequence, hash before it, first of its segment, offset), so that paging does not begin anew.
    cursor: Option<(u64, [u8; 32], u64, u64)>,
    /// Rises with each segment that is replaced: a cursor from before it means nothing.
    generation: u64,
}

impl LogReader {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        identity: [u8; 32],
        segments: Vec<Segment>,
        head: Head,
        compacted: u64,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                disk,
                options,
                identity,
                state: Mutex::new(State {
                    segments,
                    head,
                    compacted,
                    cursor: None,
                    generation: 0,
                }),
            }),
        }
    }

    /// Opens the log in the folder `dir` for reading only: changes nothing, cuts nothing off, and takes no lock, so that it also works
    /// beside a running host. Ends at the last whole entry found.
    ///
    /// # Errors
    /// If there is no log, it is damaged, or the system refuses.
    pub fn open(dir: &Path, options: LogOptions) -> Result<Self> {
        core::look(dir, options, Arc::new(RealDisk))
    }

    pub(crate) fn advance(&self, head: Head) {
        self.shared.state.lock().head = head;
    }

    pub(crate) fn add_segment(&self, segment: Segment) {
        self.shared.state.lock().segments.push(segment);
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.shared.state.lock().segments.clone()
    }

    /// The last entry of the last compacted segment; 0 for none. Entries after it are as they were written.
    #[must_use]
    pub fn compacted(&self) -> u64 {
        self.shared.state.lock().compacted
    }

    /// Nothing up to `sequence` is as it was from now on.
    pub(crate) fn set_compacted(&self, sequence: u64) {
        let mut state = self.shared.state.lock();
        state.compacted = state.compacted.max(sequence);
    }

    /// Replaces a segment's file while nobody opens one.
    pub(crate) fn replace<T>(&self, rename: impl FnOnce() -> T) -> T {
        let mut state = self.shared.state.lock();
        state.cursor = None;
        state.generation += 1;
        rename()
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
        let mut walk = self.walk(from, false)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while entries.len() < limit && bytes < READ_BYTES {
            let Some(entry) = walk.next()? else { break };
            if entry.sequence >= from {
                bytes += entry.payload.len();
                entries.push(entry);
            }
        }
        let mut state = self.shared.state.lock();
        if state.generation == walk.generation {
            state.cursor = walk.position();
        }
        Ok(entries)
    }

    /// Walks through the whole durable log and checks every checksum, the hash chain, and that each compacted segment is the one
    /// that a later entry of the chain vouches for. Blocks for disk reads.
    ///
    /// # Errors
    /// If a frame is damaged: which file and byte.
    pub fn verify(&self) -> Result<Verified> {
        let mut walk = self.walk(1, true)?;
        let (mut entries, mut reduced) = (0, 0);
        let mut vouched = HashSet::new();
        while let Some(entry) = walk.next()? {
            entries += 1;
            reduced += u64::from(entry.kept != Kept::Whole);
            if entry.kind == OWN {
                vouched.extend(compact::vouched(&entry.payload));
            }
        }
        walk.leave();
        if let Some((path, ..)) = walk.digests.iter().find(|(_, first, digest)| !vouched.contains(&(*first, *digest))) {
            return Err(StoreError::Corrupt {
                file: path.clone(),
                offset: 0,
                reason: "it was rewritten, and no later entry vouches for these bytes".to_owned(),
            });
        }
        Ok(Verified {
            entries,
            reduced,
            bytes: walk.bytes,
            head: walk.end,
        })
    }

    /// Begins at `from` or somewhat before it.
    fn walk(&self, from: u64, verifies: bool) -> Result<Walk> {
        let state = self.shared.state.lock();
        let begin = state.segments.partition_point(|segment| segment.first <= from).saturating_sub(1);
        let segments: Vec<Segment> = state.segments[begin..].to_vec();
        let first = segments[0].first;
        let cursor = state
            .cursor
            .filter(|(next, _, segment, _)| *next <= from && *segment == first && !verifies);
        let (next, previous, offset) = match cursor {
            Some((next, previous, _, offset)) => (next, Some(previous), offset),
            None => (first, (first == 1).then_some(self.shared.identity), 0),
        };
        // Opened under the lock: an offset is good for the file that it was found in.
        let path = &segments[0].path;
        let file = self.shared.disk.open(path, false).at("opening", path)?;
        Ok(Walk {
            shared: self.shared.clone(),
            segments,
            place: 0,
            file: Some(file),
            offset,
            window: Vec::new(),
            window_at: 0,
            next,
            previous,
            end: state.head,
            seed: frame::seed(&self.shared.identity),
            generation: state.generation,
            verifies,
            bytes: 0,
            digest: None,
            digests: Vec::new(),
        })
    }
}

/// Goes through the log, entry after entry, up to the head at its beginning.
struct Walk {
    shared: Arc<Shared>,
    segments: Vec<Segment>,
    place: usize,
    file: Option<Box<dyn DiskFile>>,
    /// 0 for a segment whose header was not looked at yet.
    offset: u64,
    window: Vec<u8>,
    window_at: u64,
    next: u64,
    previous: Option<[u8; 32]>,
    end: Head,
    seed: u32,
    generation: u64,
    verifies: bool,
    /// Of the frames passed.
    bytes: u64,
    /// Over the compacted segment that is being walked through.
    digest: Option<Sha256>,
    /// Path, first entry and digest of each compacted segment.
    digests: Vec<(PathBuf, u64, [u8; 32])>,
}

impl Walk {
    fn position(&self) -> Option<(u64, [u8; 32], u64, u64)> {
        Some((self.next, self.previous?, self.segments[self.place].first, self.offset))
    }

    fn next(&mut self) -> Result<Option<Entry>> {
        if self.next > self.end.sequence {
            return Ok(None);
        }
        if self.segments.get(self.place + 1).is_some_and(|segment| segment.first == self.next) {
            self.leave();
            self.place += 1;
            (self.file, self.offset) = (None, 0);
            self.window.clear();
        }
        if self.offset == 0 {
            self.enter()?;
        }
        self.fill(REDUCED_HEADER)?;
        let Some(header) = frame::header(self.frame(), self.shared.options.max_payload_bytes) else {
            return Err(self.damaged("no frame stands there"));
        };
        self.fill(header.frame_len())?;
        if !header.sound(self.frame(), self.seed) {
            return Err(self.damaged("the checksum does not fit"));
        }
        if header.sequence != self.next || self.previous.is_some_and(|previous| previous != header.previous) {
            return Err(self.damaged(&format!(
                "expected entry {} chained to the one before, found entry {}",
                self.next, header.sequence
            )));
        }
        if self.verifies && !header.true_to_chain(self.frame()) {
            return Err(self.damaged("the payload is not the one in the hash chain"));
        }
        if header.sequence == self.end.sequence && header.hash != self.end.hash {
            return Err(self.damaged("the hash chain does not end as it was written"));
        }
        let entry = header.entry(self.frame());
        if self.digest.is_some() {
            let frame = self.frame();
            let frame = frame[..header.frame_len().min(frame.len())].to_vec();
            self.digest.iter_mut().for_each(|digest| digest.update(&frame));
        }
        self.previous = Some(header.hash);
        self.next += 1;
        self.offset += header.frame_len() as u64;
        self.bytes += header.frame_len() as u64;
        Ok(Some(entry))
    }

    fn enter(&mut self) -> Result<()> {
        self.fill(SEGMENT_HEADER + FRAME_HEADER)?;
        let header = frame::read_segment_header(self.frame());
        let Some(header) =
            header.filter(|header| header.identity == self.shared.identity && header.first == self.segments[self.place].first)
        else {
            return Err(self.damaged("the segment's header is damaged, or does not fit its name"));
        };
        if self.verifies && header.compacted {
            self.digest = Some(Sha256::new().chain_update(&self.frame()[..SEGMENT_HEADER]));
        }
        self.offset = SEGMENT_HEADER as u64;
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(digest) = self.digest.take() {
            let segment = &self.segments[self.place];
            self.digests.push((segment.path.clone(), segment.first, digest.finalize().into()));
        }
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
