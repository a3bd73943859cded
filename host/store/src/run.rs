//! Sorted runs: pairs that never change, each run a file of its own that is durable before anything names it.
//!
//! A run is a row of blocks, each followed by its CRC-32C: chunks of entries, large values by themselves, and the index last. An entry of a
//! chunk: length of the key (u16), kind (u8), length of the value (u32), the key, and then the value, or the place (u64) of the block that
//! is the value. Integers are little-endian.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::error::{At, Result, StoreError};
use crate::map::{Map, MapOp};

/// A chunk that has so many bytes takes no further entry that would make it larger.
const CHUNK_BYTES: usize = 32 << 10;
/// Larger values have a block of their own.
const LARGE_BYTES: usize = 24 << 10;
/// Bytes that are handed to the system at a time.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes after which they are made durable, so that no sync has much to do and others who sync need not wait for it.
const SYNC_BYTES: u64 = 8 << 20;
/// Bits of the filter for each entry, and how many of them an entry sets: one look of a hundred goes wrong.
const FILTER_BITS: usize = 10;
const FILTER_HASHES: u64 = 7;

const HEAD: usize = 7;
const CHECK: usize = 4;
const REMOVED: u8 = 0;
const VALUE: u8 = 1;
/// The value is a block of its own.
const APART: u8 = 2;

/// Which runs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The number of the next run.
    pub(crate) next: u64,
    /// Oldest first.
    pub(crate) runs: Vec<Named>,
}

/// A run as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) number: u64,
    /// Where its index begins: the bytes before it.
    pub(crate) bytes: u64,
    /// Bytes of the index.
    pub(crate) index: u64,
}

const MANIFEST: &[u8] = b"m";
/// A file that says that a run is damaged, so that the next start makes the projection anew.
const DAMAGED: &str = "damaged";

impl Manifest {
    /// None: there is none.
    pub(crate) async fn read(below: &dyn Map) -> Result<Option<Manifest>> {
        let found = below.get(&[MANIFEST]).await?.pop().flatten();
        let wrong = |_| StoreError::Projection {
            reason: "the list of its runs can't be read".to_owned(),
        };
        found.map(|bytes| serde_json::from_slice(&bytes).map_err(wrong)).transpose()
    }

    pub(crate) fn op(&self) -> Result<MapOp> {
        let bytes = serde_json::to_vec(self).map_err(|error| StoreError::Projection { reason: error.to_string() })?;
        Ok(MapOp::Put(MANIFEST.to_vec(), bytes))
    }
}

/// The folder of the runs.
pub(crate) struct Folder {
    dir: PathBuf,
    /// Rises with everything that is done: whoever waits sees that it goes on.
    pub(crate) pulse: AtomicU64,
}

impl Folder {
    pub(crate) fn open(dir: PathBuf) -> Result<Folder> {
        fs::create_dir_all(&dir).at("creating", &dir)?;
        if let Some(parent) = dir.parent() {
            File::open(parent).and_then(|parent| parent.sync_all()).at("syncing", parent)?;
        }
        let pulse = AtomicU64::new(0);
        Ok(Folder { dir, pulse })
    }

    pub(crate) fn beat(&self) {
        self.pulse.fetch_add(1, Ordering::Relaxed);
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number}.run"))
    }

    fn sync(&self) -> Result<()> {
        File::open(&self.dir).and_then(|dir| dir.sync_all()).at("syncing", &self.dir)
    }

    /// Whether a run turned out to be damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.dir.join(DAMAGED).exists()
    }

    /// Removes everything but these: what an interrupted writer left, and what was replaced.
    pub(crate) fn sweep(&self, kept: &[Named]) -> Result<()> {
        for item in fs::read_dir(&self.dir).at("listing", &self.dir)? {
            let path = item.at("listing", &self.dir)?.path();
            let said = !kept.is_empty() && path.ends_with(DAMAGED);
            if !said && !kept.iter().any(|named| self.path(named.number) == path) {
                fs::remove_file(&path).at("removing", &path)?;
            }
        }
        self.sync()
    }
}

/// Says of most keys that are not there that they are not.
#[derive(Debug, Default)]
struct Filter(Vec<u64>);

/// FNV-1a, then mixed: it must stay the same in every version, and be fast for keys of some sixty bytes.
fn hash(key: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = key.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

impl Filter {
    fn of(hashes: &[u64]) -> Filter {
        let mut filter = Filter(vec![0; (hashes.len() * FILTER_BITS).div_ceil(64).max(1)]);
        for hash in hashes {
            for bit in filter.bits(*hash) {
                filter.0[bit / 64] |= 1 << (bit % 64);
            }
        }
        filter
    }

    fn bits(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let (all, step) = (self.0.len() as u64 * 64, hash.rotate_left(32) | 1);
        (0..FILTER_HASHES).map(move |n| (hash.wrapping_add(n.wrapping_mul(step)) % all) as usize)
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.bits(hash).all(|bit| self.0[bit / 64] >> (bit % 64) & 1 == 1)
    }
}

/// A run that can be looked into.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) named: Named,
    file: File,
    path: PathBuf,
    fences: Vec<Fence>,
    filter: Filter,
}

/// A chunk, by the first key in it.
#[derive(Debug)]
struct Fence {
    first: Vec<u8>,
    at: u64,
    length: u32,
}

impl Run {
    pub(crate) fn read(folder: &Folder, named: Named) -> Result<Run> {
        let path = folder.path(named.number);
        let file = File::open(&path).map_err(|error| damaged(&path, &error.to_string()))?;
        let whole = file.metadata().at("reading", &path)?.len();
        if named.bytes.checked_add(named.index).and_then(|end| end.checked_add(CHECK as u64)) != Some(whole) {
            return Err(damaged(&path, &format!("it has {whole} bytes")));
        }
        let index = read_block(&file, &path, named.bytes, named.index as usize)?;
        let (fences, filter) = read_index(&index).ok_or_else(|| damaged(&path, "its index can't be read"))?;
        Ok(Run {
            named,
            file,
            path,
            fences,
            filter,
        })
    }

    /// The place among the fences of the chunk that would hold that key; none: it comes before all.
    fn place(&self, key: &[u8]) -> Option<usize> {
        self.fences.partition_point(|fence| fence.first.as_slice() <= key).checked_sub(1)
    }
}

fn damaged(path: &Path, what: &str) -> StoreError {
    let place = path.display();
    StoreError::Projection {
        reason: format!("{place} is damaged: {what}; the next start makes the projection anew from the log"),
    }
}

fn read_block(file: &File, path: &Path, at: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length + CHECK];
    file.read_exact_at(&mut bytes, at).at("reading", path)?;
    let check = bytes.split_off(length);
    if check != crc32c::crc32c(&bytes).to_le_bytes() {
        return Err(damaged(path, &format!("the block at byte {at} is not what was written")));
    }
    Ok(bytes)
}

fn write_index(fences: &[Fence], filter: &Filter) -> Vec<u8> {
    let mut out = (fences.len() as u32).to_le_bytes().to_vec();
    for fence in fences {
        out.extend_from_slice(&(fence.first.len() as u16).to_le_bytes());
        out.extend_from_slice(&fence.at.to_le_bytes());
        out.extend_from_slice(&fence.length.to_le_bytes());
        out.extend_from_slice(&fence.first);
    }
    filter.0.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    out
}

fn read_index(mut index: &[u8]) -> Option<(Vec<Fence>, Filter)> {
    fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = from.split_at_checked(count)?;
        *from = rest;
        Some(taken)
    }
    let count = u32::from_le_bytes(take(&mut index, 4)?.try_into().ok()?);
    let mut fences = Vec::new();
    for _ in 0..count {
        let key = u16::from_le_bytes(take(&mut index, 2)?.try_into().ok()?);
        let at = u64::from_le_bytes(take(&mut index, 8)?.try_into().ok()?);
        let length = u32::from_le_bytes(take(&mut index, 4)?.try_into().ok()?);
        let first = take(&mut index, key.into())?.to_vec();
        fences.push(Fence { first, at, length });
    }
    let words = index.chunks_exact(8);
    if !words.remainder().is_empty() || index.is_empty() {
        return None;
    }
    let words = words.map(|word| word.try_into().map(u64::from_le_bytes));
    Some((fences, Filter(words.collect::<std::result::Result<_, _>>().ok()?)))
}

/// What stands under a key in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Removed,
    /// From and to in the chunk.
    Here(usize, usize),
    /// Where its block begins, and its length.
    Apart(u64, usize),
}

/// What a run says of a key that it knows: its value, or that it is removed.
pub(crate) type Said = Option<Vec<u8>>;

/// A chunk that was read, with the places of its entries.
#[derive(Debug)]
pub(crate) struct Chunk {
    of: (u64, u64),
    bytes: Vec<u8>,
    /// From and to of each key, and what stands there.
    entries: Vec<(usize, usize, Stands)>,
}

impl Chunk {
    /// None if it can't be read.
    fn parse(of: (u64, u64), bytes: Vec<u8>) -> Option<Chunk> {
        let (mut at, mut entries) = (0, Vec::new());
        while at < bytes.len() {
            let head: [u8; HEAD] = bytes.get(at..at + HEAD)?.try_into().ok()?;
            let key = usize::from(u16::from_le_bytes([head[0], head[1]]));
            let length = u32::from_le_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let (from, to) = (at + HEAD, at + HEAD + key);
            let (stands, end) = match head[2] {
                REMOVED => (Stands::Removed, to),
                VALUE => (Stands::Here(to, to + length), to + length),
                APART => {
                    let place = bytes.get(to..to + 8)?.try_into().ok()?;
                    (Stands::Apart(u64::from_le_bytes(place), length), to + 8)
                }
                _ => return None,
            };
            if end > bytes.len() {
                return None;
            }
            entries.push((from, to, stands));
            at = end;
        }
        Some(Chunk { of, bytes, entries })
    }

    fn key(&self, place: usize) -> &[u8] {
        let (from, to, _) = self.entries[place];
        &self.bytes[from..to]
    }
}

/// Reads chunks; the last one stays, since whoever reads one key mostly reads its neighbours too.
#[derive(Default)]
pub(crate) struct Looking(Option<Arc<Chunk>>);

impl Run {
    fn block(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        read_block(&self.file, &self.path, at, length).inspect_err(|error| self.remember(error))
    }

    /// Only a start can mend it.
    fn remember(&self, error: &StoreError) {
        if let StoreError::Projection { reason } = error {
            tracing::error!(%reason, "the projection is damaged");
            let _ = fs::write(self.path.with_file_name(DAMAGED), reason);
        }
    }

    fn chunk(&self, place: usize) -> Result<Arc<Chunk>> {
        let fence = &self.fences[place];
        let bytes = self.block(fence.at, fence.length as usize)?;
        let chunk = Chunk::parse((self.named.number, fence.at), bytes);
        let chunk = chunk.map(Arc::new).ok_or_else(|| damaged(&self.path, "a chunk can't be read"));
        chunk.inspect_err(|error| self.remember(error))
    }

    fn said(&self, chunk: &Chunk, at: usize) -> Result<Said> {
        Ok(match chunk.entries[at].2 {
            Stands::Removed => None,
            Stands::Here(from, to) => Some(chunk.bytes[from..to].to_vec()),
            Stands::Apart(at, length) => Some(self.block(at, length)?),
        })
    }

    /// None: it says nothing of the key.
    pub(crate) fn get(&self, key: &[u8], looking: &mut Looking) -> Result<Option<Said>> {
        let Some(place) = self.place(key).filter(|_| self.filter.may_hold(hash(key))) else {
            return Ok(None);
        };
        let of = (self.named.number, self.fences[place].at);
        let chunk = match looking.0.take().filter(|known| known.of == of) {
            Some(known) => known,
            None => self.chunk(place)?,
        };
        let found = chunk.entries.binary_search_by(|(from, to, _)| chunk.bytes[*from..*to].cmp(key));
        let said = found.ok().map(|at| self.said(&chunk, at)).transpose();
        looking.0 = Some(chunk);
        said
    }
}

/// Goes through a run, up or down.
pub(crate) struct Cursor {
    run: Arc<Run>,
    back: bool,
    /// Which fence, and the chunk there; none: it is over.
    chunk: Option<(usize, Arc<Chunk>)>,
    at: usize,
}

impl Cursor {
    /// At the first entry for which `before` says no; going down, at the last one for which it says yes.
    pub(crate) fn new(run: Arc<Run>, back: bool, before: impl Fn(&[u8]) -> bool) -> Result<Cursor> {
        let place = run.fences.partition_point(|fence| before(&fence.first)).saturating_sub(1);
        let mut cursor = Cursor {
            run,
            back,
            chunk: None,
            at: 0,
        };
        cursor.load(Some(place))?;
        let Some((_, chunk)) = &cursor.chunk else { return Ok(cursor) };
        let at = chunk.entries.partition_point(|(from, to, _)| before(&chunk.bytes[*from..*to]));
        let over = if back { at == 0 } else { at == chunk.entries.len() };
        cursor.at = if back { at.saturating_sub(1) } else { at };
        if over {
            cursor.turn()?;
        }
        Ok(cursor)
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.chunk.as_ref().map(|(_, chunk)| chunk.key(self.at))
    }

    /// What it says of the key where it is.
    pub(crate) fn said(&self) -> Result<Said> {
        self.chunk.as_ref().map_or(Ok(None), |(_, chunk)| self.run.said(chunk, self.at))
    }

    pub(crate) fn next(&mut self) -> Result<()> {
        let Some((_, chunk)) = &self.chunk else { return Ok(()) };
        let last = if self.back { 0 } else { chunk.entries.len() - 1 };
        if self.at == last {
            return self.turn();
        }
        self.at = if self.back { self.at - 1 } else { self.at + 1 };
        Ok(())
    }

    /// To the next chunk.
    fn turn(&mut self) -> Result<()> {
        let Some((place, _)) = &self.chunk else { return Ok(()) };
        self.load(if self.back { place.checked_sub(1) } else { Some(place + 1) })?;
        let count = self.chunk.as_ref().map_or(0, |(_, chunk)| chunk.entries.len());
        self.at = if self.back { count.saturating_sub(1) } else { 0 };
        Ok(())
    }

    fn load(&mut self, place: Option<usize>) -> Result<()> {
        let place = place.filter(|place| *place < self.run.fences.len());
        self.chunk = place.map(|place| Ok((place, self.run.chunk(place)?))).transpose()?;
        Ok(())
    }
}

/// An empty file. Readers may still hold what stood under that name before everything was forgotten.
fn fresh(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Lays down a run, entry after entry in the order of their keys. One that is not finished leaves nothing.
pub(crate) struct Maker<'a> {
    folder: &'a Folder,
    number: u64,
    path: PathBuf,
    /// Made with the first block.
    file: Option<File>,
    /// There is a file, and it is not whole.
    begun: bool,
    /// Not handed to the system yet.
    waiting: Vec<u8>,
    /// Where the next block goes.
    at: u64,
    synced: u64,
    chunk: Vec<u8>,
    first: Vec<u8>,
    fences: Vec<Fence>,
    hashes: Vec<u64>,
}

impl Drop for Maker<'_> {
    fn drop(&mut self) {
        // A finished one has given its file away; a failed write takes it, too.
        if self.begun {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl<'a> Maker<'a> {
    pub(crate) fn new(folder: &'a Folder, number: u64) -> Maker<'a> {
        Maker {
            folder,
            number,
            path: folder.path(number),
            file: None,
            begun: false,
            waiting: Vec::new(),
            at: 0,
            synced: 0,
            chunk: Vec::new(),
            first: Vec::new(),
            fences: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// `value`: none, it is removed.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let place;
        let (kind, here): (u8, &[u8]) = match value {
            None => (REMOVED, &[]),
            Some(value) if value.len() > LARGE_BYTES => {
                place = self.put(value)?.to_le_bytes();
                (APART, &place)
            }
            Some(value) => (VALUE, value),
        };
        if !self.chunk.is_empty() && self.chunk.len() + HEAD + key.len() + here.len() > CHUNK_BYTES {
            self.close()?;
        }
        if self.chunk.is_empty() {
            self.first = key.to_vec();
        }
        self.chunk.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.chunk.push(kind);
        let length = value.map_or(0, <[u8]>::len) as u32;
        self.chunk.extend_from_slice(&length.to_le_bytes());
        self.chunk.extend_from_slice(key);
        self.chunk.extend_from_slice(here);
        self.hashes.push(hash(key));
        Ok(())
    }

    /// Writes a block, and says where it begins.
    fn put(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.at;
        self.waiting.extend_from_slice(bytes);
        self.waiting.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        self.at += (bytes.len() + CHECK) as u64;
        if self.waiting.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(at)
    }

    fn write(&mut self) -> Result<()> {
        self.begun = true;
        let file = match self.file.take() {
            Some(file) => Ok(file),
            None => fresh(&self.path),
        };
        let written = file.and_then(|mut file| {
            file.write_all(&self.waiting)?;
            if self.at - self.synced >= SYNC_BYTES {
                file.sync_data()?;
                self.synced = self.at;
            }
            Ok(file)
        });
        self.file = Some(written.at("writing", &self.path)?);
        self.waiting.clear();
        self.folder.beat();
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.chunk);
        let at = self.put(&bytes)?;
        self.fences.push(Fence {
            first: std::mem::take(&mut self.first),
            at,
            length: bytes.len() as u32,
        });
        self.chunk = bytes;
        self.chunk.clear();
        Ok(())
    }

    /// The run, durable; none if it holds nothing.
    pub(crate) fn finish(mut self) -> Result<Option<Run>> {
        self.close()?;
        if self.fences.is_empty() {
            return Ok(None);
        }
        let filter = Filter::of(&self.hashes);
        let index = write_index(&self.fences, &filter);
        let bytes = self.put(&index)?;
        self.write()?;
        let Some(file) = self.file.take() else { return Ok(None) };
        file.sync_data().at("syncing", &self.path)?;
        self.folder.sync()?;
        let named = Named {
            number: self.number,
            bytes,
            index: index.len() as u64,
        };
        self.begun = false;
        Ok(Some(Run {
            named,
            file,
            path: std::mem::take(&mut self.path),
            fences: std::mem::take(&mut self.fences),
            filter,
        }))
    }
}
