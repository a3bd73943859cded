//! The writing end of a log, for the one thread that owns it.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compact;
use crate::disk::{Disk, DiskFile};
use crate::error::{At, Result, StoreError};
use crate::frame::{self, SEGMENT_HEADER, SegmentHeader};
use crate::log::{Head, LogOptions, NewEntry};
use crate::reader::{LogReader, Segment};
use crate::recover;

/// An entry known to have been acknowledged: the identity of its log and its sequence.
pub(crate) type Known = ([u8; 32], u64);

pub(crate) struct Core {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
    reader: LogReader,
    file: Box<dyn DiskFile>,
    /// Where the next frame goes.
    offset: u64,
    /// The file's length; zeros from `offset` on.
    allocated: u64,
    head: Head,
    seed: u32,
    buffer: Vec<u8>,
    failed: Option<String>,
    _lock: Box<dyn Any + Send>,
}

impl Core {
    /// Opens or begins a log; returns also how many torn bytes were cut off.
    pub(crate) fn open(dir: &Path, options: LogOptions, disk: Arc<dyn Disk>, known: &[Known]) -> Result<(Self, u64)> {
        disk.create_dir(dir).at("creating", dir)?;
        let lock = lock(dir, disk.as_ref())?;
        compact::recover(disk.as_ref(), dir)?;
        let mut segments = segments(dir, disk.as_ref())?;
        let mut torn = 0;
        // A segment whose header never became durable holds nothing: its first group is written only after that.
        if let Some(last) = segments.last()
            && disk
                .open(&last.path, false)
                .and_then(|file| read_header(file.as_ref()))
                .at("reading", &last.path)?
                .is_none()
        {
            let first = last.first;
            let path = segments.pop().map(|last| last.path).unwrap_or_default();
            if first > 1 && segments.is_empty() {
                return Err(StoreError::Corrupt {
                    file: path,
                    offset: 0,
                    reason: "its header is damaged and no segment precedes it".to_owned(),
                });
            }
            let file = disk.open(&path, false).at("opening", &path)?;
            torn += file.len().at("reading", &path)?;
            if known.iter().any(|(_, sequence)| *sequence >= first) || holds_frames(file.as_ref(), &path)? {
                return Err(StoreError::Corrupt {
                    file: path,
                    offset: 0,
                    reason: "its header is damaged".to_owned(),
                });
            }
            drop(file);
            disk.remove(&path).at("removing", &path)?;
            disk.sync_dir(dir).at("syncing", dir)?;
        }
        let Some(last) = segments.last().cloned() else {
            if let Some((_, known)) = known.iter().find(|(_, sequence)| *sequence > 0) {
                return Err(StoreError::AcknowledgedLost {
                    dir: dir.to_owned(),
                    ends_at: 0,
                    known: *known,
                });
            }
            let mut identity = [0; 32];
            getrandom::fill(&mut identity)
                .map_err(|error| std::io::Error::other(error.to_string()))
                .at("drawing the identity of", dir)?;
            let (file, segment, allocated) = begin_segment(disk.as_ref(), dir, &identity, 1, options)?;
            let head = Head {
                sequence: 0,
                hash: identity,
                at: 0,
            };
            let reader = LogReader::new(disk.clone(), options, identity, vec![segment], head, 0);
            return Ok((
                Self::new(disk, dir, options, reader, (file, SEGMENT_HEADER as u64, allocated), head, lock),
                torn,
            ));
        };
        let file = disk.open(&last.path, false).at("opening", &last.path)?;
        let header = read_header(file.as_ref()).at("reading", &last.path)?;
        let Some(SegmentHeader { identity, .. }) = header.filter(|header| header.first == last.first) else {
            return Err(misnamed(last.path));
        };
        let found = end(disk.as_ref(), &segments, &identity, file.as_ref(), options)?;
        for (_, known) in known.iter().filter(|(log, _)| *log == identity) {
            if *known > found.head.sequence {
                return Err(StoreError::AcknowledgedLost {
                    dir: dir.to_owned(),
                    ends_at: found.head.sequence,
                    known: *known,
                });
            }
        }
        let mut allocated = file.len().at("reading", &last.path)?;
        if found.torn > 0 {
            tracing::warn!(file = %last.path.display(), offset = found.end, bytes = found.torn, "cutting off the log's torn, unacknowledged tail");
            file.set_len(found.end).at("cutting", &last.path)?;
            allocated = found.end;
            torn += found.torn;
        }
        // What a killed process wrote may be in the page cache only; nobody may build on it before it is durable.
        file.sync_data().at("syncing", &last.path)?;
        let compacted = compacted(disk.as_ref(), &segments)?;
        let reader = LogReader::new(disk.clone(), options, identity, segments, found.head, compacted);
        Ok((
            Self::new(disk, dir, options, reader, (file, found.end, allocated), found.head, lock),
            torn,
        ))
    }

    fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
        reader: LogReader,
        (file, offset, allocated): (Box<dyn DiskFile>, u64, u64),
        head: Head,
        lock: Box<dyn Any + Send>,
    ) -> Self {
        let seed = frame::seed(&reader.identity());
        let dir = dir.to_owned();
        Self {
            disk,
            dir,
            options,
            reader,
            file,
            offset,
            allocated,
            head,
            seed,
            buffer: Vec::new(),
            failed: None,
            _lock: lock,
        }
    }

    pub(crate) fn reader(&self) -> &LogReader {
        &self.reader
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    pub(crate) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Writes the entries next to each other and syncs once. On an error none was acknowledged, and no further write is taken.
    pub(crate) fn append(&mut self, group: &[NewEntry]) -> Result<Head> {
        if let Some(cause) = &self.failed {
            return Err(StoreError::Degraded { cause: cause.clone() });
        }
        let limit = self.options.max_payload_bytes;
        if let Some(entry) = group.iter().find(|entry| entry.payload.len() > limit) {
            return Err(StoreError::TooLarge {
                what: "an entry",
                got: entry.payload.len(),
                limit,
            });
        }
        if group.is_empty() {
            return Ok(self.head);
        }
        let (mut head, first) = (self.head, self.head.sequence + 1);
        self.buffer.clear();
        for entry in group {
            let sequence = head.sequence + 1;
            let hash = frame::write(&mut self.buffer, entry, sequence, first, &head.hash, self.seed);
            head = Head {
                sequence,
                hash,
                at: entry.at,
            };
        }
        match self.write(first) {
            Ok(()) => {}
            Err((error, certain)) => {
                let cause = error.to_string();
                tracing::error!(%cause, certain, "a write of the log failed; no further writes are taken");
                self.failed = Some(cause.clone());
                return Err(if certain {
                    StoreError::Degraded { cause }
                } else {
                    StoreError::InDoubt { cause }
                });
            }
        }
        self.offset += self.buffer.len() as u64;
        self.head = head;
        self.reader.advance(head);
        // One huge group must not hold its memory for ever.
        self.buffer.shrink_to(1 << 22);
        Ok(head)
    }

    fn begin(&mut self, first: u64) -> Result<()> {
        let identity = self.reader.identity();
        let (file, segment, allocated) = begin_segment(self.disk.as_ref(), &self.dir, &identity, first, self.options)?;
        // The old one ends where its frames do: the room kept for growing is given back.
        if let Err(error) = self.file.set_len(self.offset) {
            tracing::warn!(%error, "a closed segment keeps its reserved room");
        }
        (self.file, self.offset, self.allocated) = (file, SEGMENT_HEADER as u64, allocated);
        self.reader.add_segment(segment);
        Ok(())
    }

    /// Closes the segment that is being written, so that everything up to now stands in closed ones: these, each with its last entry.
    pub(crate) fn roll(&mut self) -> Result<Vec<(Segment, u64)>> {
        if let Some(cause) = &self.failed {
            return Err(StoreError::Degraded { cause: cause.clone() });
        }
        let next = self.head.sequence + 1;
        if self.offset > SEGMENT_HEADER as u64
            && let Err(error) = self.begin(next)
        {
            // A segment that is left half made must not be found at a start, when the old one has grown past its first entry.
            let path = compact::segment_path(&self.dir, next);
            let gone = self.disk.list(&self.dir).is_ok_and(|all| !all.contains(&path));
            if !gone || self.disk.sync_dir(&self.dir).is_err() {
                self.failed = Some(error.to_string());
            }
            return Err(error);
        }
        let segments = self.reader.segments();
        let ends: Vec<u64> = segments.iter().skip(1).map(|segment| segment.first - 1).collect();
        Ok(segments.into_iter().zip(ends).collect())
    }

    /// Writes the buffer and syncs. The flag of an error says whether it is certain that nothing of it is in the log.
    fn write(&mut self, first: u64) -> Result<(), (StoreError, bool)> {
        let len = self.buffer.len() as u64;
        if self.offset + len > self.options.segment_bytes && self.offset > SEGMENT_HEADER as u64 {
            self.begin(first).map_err(|error| (error, true))?;
        }
        let path = self.dir.clone();
        if self.offset + len > self.allocated {
            let to = (self.offset + len).next_multiple_of(self.options.grow_bytes.max(1));
            extend(self.file.as_ref(), self.allocated, to)
                .at("extending the log in", &path)
                .map_err(|error| (error, true))?;
            self.allocated = to;
        }
        let written = self.file.write_all_at(&self.buffer, self.offset).at("writing the log in", &path);
        let Err(error) = written.and_then(|()| self.file.sync_data().at("syncing the log in", &path)) else {
            return Ok(());
        };
        // Zeros over it that did reach the disk prove that it is not there.
        let zeros = vec![0; self.buffer.len()];
        let wiped = self.file.write_all_at(&zeros, self.offset).and_then(|()| self.file.sync_data());
        Err((error, wiped.is_ok()))
    }
}

/// The log in a folder, for those who only read it.
pub(crate) fn look(dir: &Path, options: LogOptions, disk: Arc<dyn Disk>) -> Result<LogReader> {
    let begun = compact::pending(disk.as_ref(), dir)?;
    let found = segments(dir, disk.as_ref())?;
    let mut segments: Vec<Segment> = found
        .into_iter()
        .map(|segment| compact::current(disk.as_ref(), begun.as_ref(), segment))
        .collect();
    loop {
        let Some(last) = segments.last() else {
            return Err(StoreError::Io {
                what: "finding a log in",
                path: dir.to_owned(),
                source: Arc::new(std::io::ErrorKind::NotFound.into()),
            });
        };
        let file = disk.open(&last.path, false).at("opening", &last.path)?;
        let Some(header) = read_header(file.as_ref()).at("reading", &last.path)? else {
            // Being begun, or never finished.
            segments.pop();
            continue;
        };
        if header.first != last.first {
            return Err(misnamed(last.path.clone()));
        }
        let found = end(disk.as_ref(), &segments, &header.identity, file.as_ref(), options)?;
        let compacted = compacted(disk.as_ref(), &segments)?;
        return Ok(LogReader::new(disk, options, header.identity, segments, found.head, compacted));
    }
}

/// Where the log ends, given its last segment's file.
fn end(disk: &dyn Disk, segments: &[Segment], identity: &[u8; 32], file: &dyn DiskFile, options: LogOptions) -> Result<recover::Found> {
    let last = &segments[segments.len() - 1];
    let mut found = recover::scan(file, &last.path, identity, last.first, options.max_payload_bytes)?;
    if found.head.sequence + 1 == last.first && last.first > 1 {
        // Nothing in it yet: the chain goes on from the segment before.
        let Some(before) = segments.len().checked_sub(2).map(|before| &segments[before]) else {
            return Err(StoreError::Corrupt {
                file: last.path.clone(),
                offset: 0,
                reason: "no segment precedes it".to_owned(),
            });
        };
        let file = disk.open(&before.path, false).at("opening", &before.path)?;
        let head = recover::scan(file.as_ref(), &before.path, identity, before.first, options.max_payload_bytes)?.head;
        if head.sequence + 1 != last.first {
            let reason = format!("it ends at entry {}, but the next segment begins at {}", head.sequence, last.first);
            return Err(StoreError::Corrupt {
                file: before.path.clone(),
                offset: 0,
                reason,
            });
        }
        found.head = head;
    }
    Ok(found)
}

fn misnamed(file: PathBuf) -> StoreError {
    StoreError::Corrupt {
        file,
        offset: 0,
        reason: "its header does not fit its name".to_owned(),
    }
}

/// The last entry of the last compacted segment; 0 for none. A damaged header is named when its segment is read.
fn compacted(disk: &dyn Disk, segments: &[Segment]) -> Result<u64> {
    for pair in segments.windows(2).rev() {
        let file = disk.open(&pair[0].path, false).at("opening", &pair[0].path)?;
        let header = read_header(file.as_ref()).at("reading", &pair[0].path)?;
        if header.is_some_and(|header| header.compacted) {
            return Ok(pair[1].first - 1);
        }
    }
    Ok(0)
}

/// How often the lock is asked for, and how long after one another: another host is told after two seconds.
const LOOKS: u32 = 200;
const LOOK: std::time::Duration = std::time::Duration::from_millis(10);

fn lock(dir: &Path, disk: &dyn Disk) -> Result<Box<dyn Any + Send>> {
    let path = dir.join("lock");
    let mut looks = 0;
    loop {
        match disk.lock(&path) {
            // A process that is just being started holds all files of its parent until it becomes another program.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if looks == LOOKS {
                    return Err(StoreError::InUse { dir: dir.to_owned() });
                }
                looks += 1;
                std::thread::sleep(LOOK);
            }
            taken => return taken.at("locking", &path),
        }
    }
}

fn segments(dir: &Path, disk: &dyn Disk) -> Result<Vec<Segment>> {
    let mut segments: Vec<Segment> = disk
        .list(dir)
        .at("listing", dir)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .filter_map(|path| {
            Some(Segment {
                first: path.file_stem()?.to_str()?.parse().ok().filter(|first| *first > 0)?,
                path,
            })
        })
        .collect();
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

fn read_header(file: &dyn DiskFile) -> std::io::Result<Option<SegmentHeader>> {
    let mut bytes = [0; SEGMENT_HEADER];
    let got = file.read_at(&mut bytes, 0)?;
    Ok(frame::read_segment_header(&bytes[..got]))
}

/// Whether anything was written behind the header.
fn holds_frames(file: &dyn DiskFile, path: &Path) -> Result<bool> {
    let mut bytes = vec![0; frame::FRAME_HEADER];
    let got = file.read_at(&mut bytes, SEGMENT_HEADER as u64).at("reading", path)?;
    Ok(bytes[..got].iter().any(|byte| *byte != 0))
}

fn begin_segment(
    disk: &dyn Disk,
    dir: &Path,
    identity: &[u8; 32],
    first: u64,
    options: LogOptions,
) -> Result<(Box<dyn DiskFile>, Segment, u64)> {
    let path = compact::segment_path(dir, first);
    let file = disk.open(&path, true).at("creating", &path)?;
    let allocated = options.grow_bytes.max(SEGMENT_HEADER as u64);
    let made = file
        .set_len(0)
        .and_then(|()| file.write_all_at(&frame::segment_header(identity, first, false), 0))
        .and_then(|()| extend(file.as_ref(), SEGMENT_HEADER as u64, allocated))
        .and_then(|()| file.sync_data())
        .and_then(|()| disk.sync_dir(dir));
    if let Err(error) = made {
        // A half-made segment is recognised at the next start; removing it now only spares that.
        let _ = disk.remove(&path);
        return Err(error).at("creating", &path);
    }
    Ok((file, Segment { first, path }, allocated))
}

/// Zeros that are really written: later syncs then change no metadata, and a full disk shows here and not in the middle of a frame.
fn extend(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut offset = from;
    while offset < to {
        let step = usize::try_from(to - offset).map_or(zeros.len(), |left| left.min(zeros.len()));
        if let Err(error) = file.write_all_at(&zeros[..step], offset) {
            let _ = file.set_len(from);
            return Err(error);
        }
        offset += step as u64;
    }
    Ok(())
}
