//! Rewriting old segments without what may go, so that no crash leaves half of it.
//!
//! 1. Two checkpoints are made durable that need nothing of the old segments.
//! 2. Each segment of which something goes is written anew beside the old one (`.new`) and synced.
//! 3. An entry of the log says the digest of each, so that the chain vouches for what it can no longer prove itself.
//! 4. A list of them, `compaction`, is made durable: from here on a start finishes the work; before it, a start throws the new files away.
//! 5. Each new file takes the old one's name; then the list goes.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::disk::{Disk, DiskFile};
use crate::error::{At, Result, StoreError};
use crate::frame::{self, Header, SEGMENT_HEADER};
use crate::log::{COMMAND, Entry, LogOptions};
use crate::machine::Keep;
use crate::reader::{LogReader, Segment};

const MAGIC: &[u8; 8] = b"YOUJICM1";
const LIST: &str = "compaction";

/// What a compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Compaction {
    /// The last entry that was looked at.
    pub to: u64,
    /// Segments that were rewritten.
    pub segments: u64,
    /// Entries in them of which a part stays.
    pub part: u64,
    /// Entries in them of which only the header stays.
    pub nothing: u64,
    /// Their bytes on the disk before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

/// What the engine writes into its log about a compaction, and into the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// First entry and SHA-256 of each rewritten file.
    compacted: Vec<(u64, [u8; 32])>,
}

/// The rewritten segments that an entry of the engine's own vouches for.
pub(crate) fn vouched(payload: &[u8]) -> Vec<(u64, [u8; 32])> {
    Record::parse(payload).unwrap_or_default().compacted
}

impl Record {
    pub(crate) fn is_empty(&self) -> bool {
        self.compacted.is_empty()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let one = |(first, digest): &(u64, [u8; 32])| [first.to_le_bytes().as_slice(), digest].concat();
        [MAGIC.to_vec(), self.compacted.iter().flat_map(one).collect()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let list = bytes.strip_prefix(MAGIC)?;
        let (all, rest) = list.as_chunks::<40>();
        rest.is_empty().then_some(())?;
        let one = |one: &[u8; 40]| Some((u64::from_le_bytes(one[..8].try_into().ok()?), one[8..].try_into().ok()?));
        Some(Self {
            compacted: all.iter().map(one).collect::<Option<_>>()?,
        })
    }
}

/// A machine's [`crate::Reduce`], for entries as bytes.
pub(crate) trait Judge: Send {
    fn survey(&mut self, entry: &Entry) -> Result<()>;
    fn keep(&mut self, entry: &Entry) -> Result<Keep<Vec<u8>>>;
}

fn new_name(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Writes the new files of the closed `segments`, each given with its last entry. Nothing that counts is changed.
pub(crate) fn prepare(
    disk: &dyn Disk,
    dir: &Path,
    options: LogOptions,
    identity: &[u8; 32],
    segments: &[(Segment, u64)],
    judge: &mut dyn Judge,
) -> Result<(Record, Compaction)> {
    // What an earlier one left: finished, or thrown away.
    recover(disk, dir)?;
    for (segment, last) in segments {
        let bytes = read(disk, &segment.path)?;
        walk(&bytes, options, identity, segment, *last, &mut |header, frame| {
            if judged(header) {
                judge.survey(&header.entry(frame))
            } else {
                Ok(())
            }
        })?;
    }
    let (mut record, mut done) = (Record::default(), Compaction::default());
    let written = segments
        .iter()
        .try_for_each(|(segment, last)| rewrite(disk, options, identity, segment, *last, judge, (&mut record, &mut done)));
    if let Err(error) = written {
        // Only spares the next start the work.
        let _ = throw_away(disk, dir);
        return Err(error);
    }
    Ok((record, done))
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>> {
    let file = disk.open(path, false).at("opening", path)?;
    let len = file.len().at("reading", path)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut bytes, 0).at("reading", path)?;
    bytes.truncate(got);
    Ok(bytes)
}

fn judged(header: &Header) -> bool {
    header.kind == COMMAND && !header.dropped()
}

/// Goes through a closed segment's entries; each is given with its header and the bytes from its frame on.
fn walk(
    bytes: &[u8],
    options: LogOptions,
    identity: &[u8; 32],
    segment: &Segment,
    last: u64,
    each: &mut dyn FnMut(&Header, &[u8]) -> Result<()>,
) -> Result<()> {
    let seed = frame::seed(identity);
    let (mut offset, mut next) = (SEGMENT_HEADER, segment.first);
    while next <= last {
        let rest = &bytes[offset.min(bytes.len())..];
        let header = frame::header(rest, options.max_payload_bytes)
            .filter(|header| header.sound(rest, seed) && header.true_to_chain(rest) && header.sequence == next);
        let Some(header) = header else {
            return Err(StoreError::Corrupt {
                file: segment.path.clone(),
                offset: offset as u64,
                reason: format!("expected entry {next} while compacting, found none that is whole"),
            });
        };
        each(&header, rest)?;
        offset += header.frame_len();
        next += 1;
    }
    Ok(())
}

fn rewrite(
    disk: &dyn Disk,
    options: LogOptions,
    identity: &[u8; 32],
    segment: &Segment,
    last: u64,
    judge: &mut dyn Judge,
    (record, done): (&mut Record, &mut Compaction),
) -> Result<()> {
    let path = &segment.path;
    let bytes = read(disk, path)?;
    let seed = frame::seed(identity);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&frame::segment_header(identity, segment.first, true));
    let (mut part, mut nothing, mut changed) = (0, 0, false);
    walk(&bytes, options, identity, segment, last, &mut |header, rest| {
        let stays = if judged(header) {
            judge.keep(&header.entry(rest))?
        } else {
            Keep::Whole
        };
        match stays {
            Keep::Whole => {
                out.extend_from_slice(&rest[..header.used()]);
                out.resize(out.len().next_multiple_of(frame::ALIGN), 0);
                nothing += u64::from(header.dropped());
            }
            Keep::Part(stays) => {
                (changed, part) = (true, part + 1);
                frame::write_reduced(&mut out, rest, Some(&stays), seed);
            }
            Keep::Nothing => {
                (changed, nothing) = (true, nothing + 1);
                frame::write_reduced(&mut out, rest, None, seed);
            }
        }
        Ok(())
    })?;
    if !changed {
        return Ok(());
    }
    let new = new_name(path);
    let file = disk.open(&new, true).at("creating", &new)?;
    file.set_len(0).and_then(|()| write(file.as_ref(), &out)).at("writing", &new)?;
    record.compacted.push((segment.first, Sha256::digest(&out).into()));
    done.segments += 1;
    done.part += part;
    done.nothing += nothing;
    done.bytes_before += bytes.len() as u64;
    done.bytes_after += out.len() as u64;
    Ok(())
}

/// In steps, each synced, so that the log's own syncs need not wait behind all of it.
fn write(file: &dyn DiskFile, bytes: &[u8]) -> std::io::Result<()> {
    for (place, step) in bytes.chunks(8 << 20).enumerate() {
        file.write_all_at(step, (place * (8 << 20)) as u64)?;
        file.sync_data()?;
    }
    Ok(())
}

/// Makes it count, then puts the new files in the old ones' place.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path, reader: &LogReader, record: &Record) -> Result<()> {
    // The names of the new files must be durable before the list that promises them.
    disk.sync_dir(dir).at("syncing", dir)?;
    let mut bytes = record.bytes();
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    let (list, new) = (dir.join(LIST), dir.join(LIST).with_extension("tmp"));
    let file = disk.open(&new, true).at("creating", &new)?;
    file.set_len(0)
        .and_then(|()| file.write_all_at(&bytes, 0))
        .and_then(|()| file.sync_data())
        .at("writing", &new)?;
    disk.rename(&new, &list).at("naming", &list)?;
    disk.sync_dir(dir).at("syncing", dir)?;
    carry_out(disk, dir, record, |from, to| reader.replace(|| disk.rename(from, to)))
}

fn carry_out(disk: &dyn Disk, dir: &Path, record: &Record, rename: impl Fn(&Path, &Path) -> std::io::Result<()>) -> Result<()> {
    for (first, _) in &record.compacted {
        let path = segment_path(dir, *first);
        let new = new_name(&path);
        match disk.open(&new, false) {
            Ok(_) => rename(&new, &path).at("naming", &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at("opening", &new),
        }
    }
    disk.sync_dir(dir).at("syncing", dir)?;
    let list = dir.join(LIST);
    disk.remove(&list).at("removing", &list)?;
    disk.sync_dir(dir).at("syncing", dir)
}

pub(crate) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

/// The list that a crash left, if there is one.
pub(crate) fn pending(disk: &dyn Disk, dir: &Path) -> Result<Option<Record>> {
    let list = dir.join(LIST);
    let file = match disk.open(&list, false) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("opening", &list),
    };
    let mut bytes = vec![0; usize::try_from(file.len().at("reading", &list)?).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut bytes, 0).at("reading", &list)?;
    let parse = |bytes: &[u8]| {
        let (record, sum) = bytes.split_last_chunk::<4>()?;
        (*sum == crc32c::crc32c(record).to_le_bytes()).then_some(())?;
        Record::parse(record)
    };
    match parse(&bytes[..got]) {
        Some(record) => Ok(Some(record)),
        None => Err(StoreError::Corrupt {
            file: list,
            offset: 0,
            reason: "the list of a begun compaction cannot be read".to_owned(),
        }),
    }
}

/// Finishes what a crash interrupted after the list was durable; throws away what it interrupted before.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let Some(record) = pending(disk, dir)? else {
        return throw_away(disk, dir);
    };
    for (first, digest) in &record.compacted {
        let new = new_name(&segment_path(dir, *first));
        let Ok(file) = disk.open(&new, false) else { continue };
        let mut bytes = vec![0; usize::try_from(file.len().at("reading", &new)?).unwrap_or(usize::MAX)];
        let got = file.read_at(&mut bytes, 0).at("reading", &new)?;
        if Sha256::digest(&bytes[..got])[..] != *digest {
            return Err(StoreError::Corrupt {
                file: new,
                offset: 0,
                reason: "it is not what the begun compaction wrote".to_owned(),
            });
        }
    }
    carry_out(disk, dir, &record, |from, to| disk.rename(from, to))
}

fn throw_away(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let all = disk.list(dir).at("listing", dir)?;
    for path in all
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "new" || extension == "tmp"))
    {
        disk.remove(path).at("removing", path)?;
    }
    Ok(())
}

/// Where a segment's bytes stand while a compaction is pending: for those who only look.
pub(crate) fn current(disk: &dyn Disk, record: Option<&Record>, segment: Segment) -> Segment {
    let new = new_name(&segment.path);
    let replaced = record.is_some_and(|record| record.compacted.iter().any(|(first, _)| *first == segment.first));
    if replaced && disk.open(&new, false).is_ok() {
        Segment { path: new, ..segment }
    } else {
        segment
    }
}
