//! The writing end of a log, for the one thread that owns it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::{At, Result, StoreError};
use crate::frame::{self, SEGMENT_HEADER};
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
    _lock: File,
}

impl Core {
    /// Opens or begins a log; returns also how many torn bytes were cut off.
    pub(crate) fn open(dir: &Path, options: LogOptions, disk: Arc<dyn Disk>, known: &[Known]) -> Result<(Self, u64)> {
        disk.create_dir(dir).at("creating", dir)?;
        let lock = lock(dir)?;
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
            let reader = LogReader::new(disk.clone(), options, identity, vec![segment], head);
            return Ok((
                Self::new(disk, dir, options, reader, (file, SEGMENT_HEADER as u64, allocated), head, lock),
                torn,
            ));
        };
        let file = disk.open(&last.path, false).at("opening", &last.path)?;
        let header = read_header(file.as_ref()).at("reading", &last.path)?;
        let Some((identity, _)) = header.filter(|(_, first)| *first == last.first) else {
            return Err(StoreError::Corrupt {
                file: last.path,
                offset: 0,
                reason: "its header does not fit its name".to_owned(),
            });
        };
        let mut found = recover::scan(file.as_ref(), &last.path, &identity, last.first, options.max_payload_bytes)?;
        if found.head.sequence + 1 == last.first && last.first > 1 {
            // Nothing in it yet: the chain goes on from the segment before.
            let before = &segments[segments.len() - 2];
            let file = disk.open(&before.path, false).at("opening", &before.path)?;
            let head = recover::scan(file.as_ref(), &before.path, &identity, before.first, options.max_payload_bytes)?.head;
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
        let reader = LogReader::new(disk.clone(), options, identity, segments, found.head);
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
        lock: File,
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

    /// Writes the buffer and syncs. The flag of an error says whether it is certain that nothing of it is in the log.
    fn write(&mut self, first: u64) -> Result<(), (StoreError, bool)> {
        let len = self.buffer.len() as u64;
        if self.offset + len > self.options.segment_bytes && self.offset > SEGMENT_HEADER as u64 {
            let identity = self.reader.identity();
            let (file, segment, allocated) =
                begin_segment(self.disk.as_ref(), &self.dir, &identity, first, self.options).map_err(|error| (error, true))?;
            // The old one ends where its frames do: the room kept for growing is given back.
            if let Err(error) = self.file.set_len(self.offset) {
                tracing::warn!(%error, "a closed segment keeps its reserved room");
            }
            (self.file, self.offset, self.allocated) = (file, SEGMENT_HEADER as u64, allocated);
            self.reader.add_segment(segment);
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

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .at("opening", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error).at("locking", &path),
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

fn read_header(file: &dyn DiskFile) -> std::io::Result<Option<([u8; 32], u64)>> {
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
    let path = dir.join(format!("{first:020}.log"));
    let file = disk.open(&path, true).at("creating", &path)?;
    let allocated = options.grow_bytes.max(SEGMENT_HEADER as u64);
    let made = file
        .set_len(0)
        .and_then(|()| file.write_all_at(&frame::segment_header(identity, first), 0))
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
