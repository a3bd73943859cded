//! A machine's state at one entry, so that a start need not replay everything.
//!
//! A file holds a header and the state in sections, each with its length and a checksum that also covers everything before it; an empty
//! section ends it. It is written under another name, synced, renamed, and the folder synced; the one before it stays meanwhile.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskFile, RealDisk};
use crate::error::{At, Result, StoreError, panic_text};
use crate::log::Head;
use crate::machine::Snapshot;
use crate::replay::CHECKPOINTS;

const MAGIC: &[u8; 8] = b"YOUJICP2";
const HEADER: usize = 8 + 32 + 8 + 8 + 32 + 4;
const SECTION: usize = 1 << 20;
/// A sync now and then keeps the log's own syncs from waiting behind all of a large state.
const SYNC_EVERY: u64 = 8 << 20;
/// Older ones are removed; the one before the newest stays in case that the newest cannot be read.
const KEPT: usize = 2;

/// A checkpoint's file, by its name only.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
}

/// All checkpoints in the folder, newest first.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = disk
        .list(dir)
        .at("listing", dir)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "state"))
        .filter_map(|path| {
            Some(Found {
                sequence: path.file_stem()?.to_str()?.parse().ok()?,
                path,
            })
        })
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.sequence));
    Ok(found)
}

/// Writes one, durably, and removes those that are too old.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, identity: &[u8; 32], head: Head, state: Snapshot) -> Result<()> {
    let (temporary, path) = (dir.join("new.tmp"), dir.join(format!("{:020}.state", head.sequence)));
    let file = disk.open(&temporary, true).at("creating", &temporary)?;
    file.set_len(0).at("emptying", &temporary)?;
    let mut sections = Sections::begin(file, identity, head).at("writing", &temporary)?;
    let saved = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.write(&mut sections)));
    // The disk's refusal says more than what the machine makes of it.
    if let Some(error) = sections.failed.take() {
        return Err(error).at("writing", &temporary);
    }
    saved
        .unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
        .map_err(|reason| StoreError::Broken { reason })?;
    sections.end().at("writing", &temporary)?;
    disk.rename(&temporary, &path).at("naming", &path)?;
    disk.sync_dir(dir).at("syncing", dir)?;
    for old in list(disk, dir)?.iter().skip(KEPT) {
        disk.remove(&old.path).at("removing", &old.path)?;
    }
    Ok(())
}

struct Sections {
    file: Box<dyn DiskFile>,
    offset: u64,
    synced: u64,
    sum: u32,
    /// Room for the section's own header, then its bytes.
    section: Vec<u8>,
    failed: Option<io::Error>,
}

impl Sections {
    fn begin(file: Box<dyn DiskFile>, identity: &[u8; 32], head: Head) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(identity);
        bytes.extend_from_slice(&head.sequence.to_le_bytes());
        bytes.extend_from_slice(&head.at.to_le_bytes());
        bytes.extend_from_slice(&head.hash);
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        file.write_all_at(&bytes, 0)?;
        Ok(Self {
            file,
            offset: HEADER as u64,
            synced: 0,
            sum,
            section: vec![0; 8],
            failed: None,
        })
    }

    fn put(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.section.len() - 8).unwrap_or(u32::MAX);
        self.section[..4].copy_from_slice(&length.to_le_bytes());
        self.sum = crc32c::crc32c_append(crc32c::crc32c_append(self.sum, &self.section[..4]), &self.section[8..]);
        self.section[4..8].copy_from_slice(&self.sum.to_le_bytes());
        self.file.write_all_at(&self.section, self.offset)?;
        self.offset += self.section.len() as u64;
        self.section.truncate(8);
        if self.offset - self.synced >= SYNC_EVERY {
            self.file.sync_data()?;
            self.synced = self.offset;
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        if self.section.len() > 8 {
            self.put()?;
        }
        self.put()?;
        self.file.sync_data()
    }
}

impl Write for Sections {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::Error::other("the checkpoint's disk failed before"));
        }
        let taken = bytes.len().min(SECTION + 8 - self.section.len());
        self.section.extend_from_slice(&bytes[..taken]);
        if self.section.len() == SECTION + 8
            && let Err(error) = self.put()
        {
            let said = io::Error::new(error.kind(), error.to_string());
            self.failed = Some(error);
            return Err(said);
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A checkpoint being read: whose it is, and its state, section by section, each checked before a byte of it is given out.
pub struct Checkpoint {
    pub(crate) identity: [u8; 32],
    pub(crate) head: Head,
    file: Box<dyn DiskFile>,
    offset: u64,
    sum: u32,
    section: Vec<u8>,
    place: usize,
    ended: bool,
}

/// Begins to read one. `None` if its header is damaged, or of a form that this version does not know.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Checkpoint>> {
    let file = disk.open(path, false).at("opening", path)?;
    let mut bytes = [0; HEADER];
    let got = file.read_at(&mut bytes, 0).at("reading", path)?;
    Ok(if got == HEADER { begin(&bytes, file) } else { None })
}

fn begin(bytes: &[u8; HEADER], file: Box<dyn DiskFile>) -> Option<Checkpoint> {
    let sum = crc32c::crc32c(&bytes[..HEADER - 4]);
    let sound = bytes[..8] == *MAGIC && bytes[HEADER - 4..] == sum.to_le_bytes();
    sound.then_some(())?;
    let head = Head {
        sequence: u64::from_le_bytes(bytes[40..48].try_into().ok()?),
        at: u64::from_le_bytes(bytes[48..56].try_into().ok()?),
        hash: bytes[56..88].try_into().ok()?,
    };
    Some(Checkpoint {
        identity: bytes[8..40].try_into().ok()?,
        head,
        file,
        offset: HEADER as u64,
        sum,
        section: Vec::new(),
        place: 0,
        ended: false,
    })
}

impl Checkpoint {
    /// The newest checkpoint with a sound header in a [`crate::Commit`]'s data folder, for audits; changes nothing. `None` if there
    /// is none. Reading from it gives the bytes that the machine's snapshot wrote.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn newest(data_dir: &Path) -> Result<Option<Self>> {
        for found in list(&RealDisk, &data_dir.join(CHECKPOINTS))? {
            if let Some(checkpoint) = read(&RealDisk, &found.path)? {
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }

    /// The log that it is of.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        self.identity
    }

    /// The entry that it is of.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether the whole file was read and every section was sound. A machine that stops early has not seen a damaged rest.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        while !self.ended {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<()> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its checksum does not fit");
        let mut header = [0; 8];
        if self.file.read_at(&mut header, self.offset)? < header.len() {
            return Err(damaged());
        }
        let (length, sum) = header.split_at(4);
        let size = usize::try_from(u32::from_le_bytes(length.try_into().unwrap_or_default())).unwrap_or(usize::MAX);
        if size > SECTION {
            return Err(damaged());
        }
        self.section.resize(size, 0);
        let got = self.file.read_at(&mut self.section, self.offset + 8)?;
        self.sum = crc32c::crc32c_append(crc32c::crc32c_append(self.sum, length), &self.section);
        if got < size || sum != self.sum.to_le_bytes() {
            return Err(damaged());
        }
        self.offset += 8 + size as u64;
        self.place = 0;
        self.ended = size == 0;
        Ok(())
    }
}

impl Read for Checkpoint {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.place == self.section.len() && !self.ended {
            self.next()?;
        }
        let taken = out.len().min(self.section.len() - self.place);
        out[..taken].copy_from_slice(&self.section[self.place..self.place + taken]);
        self.place += taken;
        Ok(taken)
    }
}
