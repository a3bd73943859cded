//! Sorted runs: pairs that never change, laid down in chunks as values of the map below.
//!
//! An entry of a chunk: length of the key (u16), kind (u8), a number (u32), the key, and for a value its bytes. Integers are little-endian;
//! in keys of the map below they are big-endian, so that they stand in order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};
use crate::map::{Map, MapOp, Watermark};

/// A chunk that has so many bytes takes no further entry that would make it larger.
const CHUNK_BYTES: usize = 32 << 10;
/// Larger values have a chunk of their own, without anything around them.
const LARGE_BYTES: usize = 24 << 10;
/// Bytes that are put into the map below at a time.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of a piece of an index.
const PIECE_BYTES: usize = 64 << 10;
/// Bits of the filter for each entry, and how many of them an entry sets: one look of a hundred goes wrong.
const FILTER_BITS: usize = 10;
const FILTER_HASHES: u64 = 7;

const HEAD: usize = 7;
const REMOVED: u8 = 0;
const VALUE: u8 = 1;
/// The number is the chunk that is the value.
const APART: u8 = 2;

/// Which runs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The number of the next run. What stands under it was never finished.
    pub(crate) next: u64,
    /// Oldest first.
    pub(crate) runs: Vec<Named>,
    /// Replaced, and perhaps not removed yet.
    pub(crate) gone: Vec<Named>,
}

/// A run as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) number: u64,
    pub(crate) chunks: u32,
    /// Of its index.
    pub(crate) pieces: u32,
    pub(crate) bytes: u64,
}

const MANIFEST: &[u8] = b"m";

fn numbered(kind: u8, number: u64, place: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(13);
    key.push(kind);
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&place.to_be_bytes());
    key
}

fn chunk_key(number: u64, chunk: u32) -> Vec<u8> {
    numbered(b'c', number, chunk)
}

fn piece_key(number: u64, piece: u32) -> Vec<u8> {
    numbered(b'i', number, piece)
}

fn damaged(what: &str) -> StoreError {
    StoreError::Projection {
        reason: format!("{what} is damaged; remove the projection's folder, and the next start makes it anew from the log"),
    }
}

impl Manifest {
    /// None: there is none.
    pub(crate) async fn read(below: &dyn Map) -> Result<Option<Manifest>> {
        let found = below.get(&[MANIFEST]).await?.pop().flatten();
        let manifest = found.map(|bytes| serde_json::from_slice(&bytes).map_err(|_| damaged("the list of runs")));
        manifest.transpose()
    }

    pub(crate) fn op(&self) -> Result<MapOp> {
        let bytes = serde_json::to_vec(self).map_err(|error| StoreError::Projection { reason: error.to_string() })?;
        Ok(MapOp::Put(MANIFEST.to_vec(), bytes))
    }
}

impl Named {
    /// Removes everything of it.
    pub(crate) async fn remove(&self, below: &dyn Map, mark: Watermark) -> Result<()> {
        let chunks = (0..self.chunks).map(|chunk| chunk_key(self.number, chunk));
        let pieces = (0..self.pieces).map(|piece| piece_key(self.number, piece));
        let all: Vec<MapOp> = chunks.chain(pieces).map(MapOp::Delete).collect();
        for some in all.chunks(256) {
            below.apply(some.to_vec(), mark).await?;
        }
        Ok(())
    }
}

/// Removes what an interrupted writer left under that number.
pub(crate) async fn sweep(below: &dyn Map, number: u64, mark: Watermark) -> Result<()> {
    for kind in [b'c', b'i'] {
        let prefix = numbered(kind, number, 0);
        let prefix = &prefix[..9];
        loop {
            let found = below.scan(prefix, None, 64).await?;
            if found.is_empty() {
                break;
            }
            let gone = found.into_iter().map(|(key, _)| MapOp::Delete(key)).collect();
            below.apply(gone, mark).await?;
        }
    }
    Ok(())
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
    /// The first key of each chunk with entries, and its number.
    fences: Vec<(Vec<u8>, u32)>,
    filter: Filter,
}

impl Run {
    pub(crate) async fn read(below: &dyn Map, named: Named) -> Result<Run> {
        let keys: Vec<Vec<u8>> = (0..named.pieces).map(|piece| piece_key(named.number, piece)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let pieces: Option<Vec<Vec<u8>>> = below.get(&keys).await?.into_iter().collect();
        let wrong = || damaged("the index of a run");
        let index = pieces.ok_or_else(wrong)?.concat();
        let (fences, filter) = read_index(&index).ok_or_else(wrong)?;
        Ok(Run { named, fences, filter })
    }

    /// The index as it is kept.
    fn index(&self) -> Vec<u8> {
        let mut out = (self.fences.len() as u32).to_le_bytes().to_vec();
        for (key, chunk) in &self.fences {
            out.extend_from_slice(&(key.len() as u16).to_le_bytes());
            out.extend_from_slice(&chunk.to_le_bytes());
            out.extend_from_slice(key);
        }
        self.filter.0.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out
    }

    /// The place among the fences of the chunk that would hold that key; none: it comes before all.
    fn place(&self, key: &[u8]) -> Option<usize> {
        self.fences.partition_point(|(first, _)| first.as_slice() <= key).checked_sub(1)
    }
}

/// The first key of each chunk with the chunk's number, and the filter over all keys.
type Index = (Vec<(Vec<u8>, u32)>, Filter);

fn read_index(mut index: &[u8]) -> Option<Index> {
    fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = from.split_at_checked(count)?;
        *from = rest;
        Some(taken)
    }
    let count = u32::from_le_bytes(take(&mut index, 4)?.try_into().ok()?);
    let mut fences = Vec::new();
    for _ in 0..count {
        let length = u16::from_le_bytes(take(&mut index, 2)?.try_into().ok()?);
        let chunk = u32::from_le_bytes(take(&mut index, 4)?.try_into().ok()?);
        fences.push((take(&mut index, length.into())?.to_vec(), chunk));
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
    Apart(u32),
}

/// A chunk that was read, with the places of its entries.
#[derive(Debug)]
pub(crate) struct Chunk {
    of: (u64, u32),
    bytes: Vec<u8>,
    /// From and to of each key, and what stands there.
    entries: Vec<(usize, usize, Stands)>,
}

impl Chunk {
    fn parse(of: (u64, u32), bytes: Vec<u8>) -> Result<Chunk> {
        let wrong = || damaged("a chunk");
        let (mut at, mut entries) = (0, Vec::new());
        while at < bytes.len() {
            let head: [u8; HEAD] = bytes.get(at..at + HEAD).and_then(|head| head.try_into().ok()).ok_or_else(wrong)?;
            let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
            let number = u32::from_le_bytes([head[3], head[4], head[5], head[6]]);
            let (key, behind) = (at + HEAD, at + HEAD + length);
            let (stands, end) = match head[2] {
                REMOVED => (Stands::Removed, behind),
                VALUE => (Stands::Here(behind, behind + number as usize), behind + number as usize),
                APART => (Stands::Apart(number), behind),
                _ => return Err(wrong()),
            };
            if end > bytes.len() {
                return Err(wrong());
            }
            entries.push((key, behind, stands));
            at = end;
        }
        Ok(Chunk { of, bytes, entries })
    }

    fn key(&self, place: usize) -> &[u8] {
        let (from, to, _) = self.entries[place];
        &self.bytes[from..to]
    }
}

/// Reads chunks; the last one stays, since whoever reads one key mostly reads its neighbours too.
#[derive(Default)]
pub(crate) struct Looking(Option<Arc<Chunk>>);

impl Looking {
    /// None: it is not there any more, so that its run was replaced meanwhile.
    async fn chunk(&mut self, below: &dyn Map, number: u64, chunk: u32) -> Result<Option<Arc<Chunk>>> {
        if let Some(known) = self.0.as_ref().filter(|known| known.of == (number, chunk)) {
            return Ok(Some(known.clone()));
        }
        let Some(bytes) = below.get(&[&chunk_key(number, chunk)]).await?.pop().flatten() else {
            return Ok(None);
        };
        self.0 = Some(Arc::new(Chunk::parse((number, chunk), bytes)?));
        Ok(self.0.clone())
    }
}

async fn value(below: &dyn Map, chunk: &Chunk, stands: Stands) -> Result<Found> {
    Ok(match stands {
        Stands::Removed => Found::Removed,
        Stands::Here(from, to) => Found::Value(chunk.bytes[from..to].to_vec()),
        Stands::Apart(apart) => match below.get(&[&chunk_key(chunk.of.0, apart)]).await?.pop().flatten() {
            Some(value) => Found::Value(value),
            None => Found::Replaced,
        },
    })
}

/// What a look came to.
pub(crate) enum Found {
    Nothing,
    Removed,
    Value(Vec<u8>),
    /// The run was replaced meanwhile: look again.
    Replaced,
}

impl Run {
    pub(crate) async fn get(&self, below: &dyn Map, key: &[u8], looking: &mut Looking) -> Result<Found> {
        let Some(place) = self.place(key).filter(|_| self.filter.may_hold(hash(key))) else {
            return Ok(Found::Nothing);
        };
        let Some(chunk) = looking.chunk(below, self.named.number, self.fences[place].1).await? else {
            return Ok(Found::Replaced);
        };
        let found = chunk.entries.binary_search_by(|(from, to, _)| chunk.bytes[*from..*to].cmp(key));
        match found {
            Err(_) => Ok(Found::Nothing),
            Ok(at) => value(below, &chunk, chunk.entries[at].2).await,
        }
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

/// A run was replaced while somebody went through it.
pub(crate) struct Replaced;

type Step<T> = Result<std::result::Result<T, Replaced>>;

impl Cursor {
    /// At the first entry for which `before` says no; going down, at the last one for which it says yes.
    pub(crate) async fn new(below: &dyn Map, run: Arc<Run>, back: bool, before: impl Fn(&[u8]) -> bool) -> Step<Cursor> {
        let place = run.fences.partition_point(|(first, _)| before(first)).saturating_sub(1);
        let mut cursor = Cursor {
            run,
            back,
            chunk: None,
            at: 0,
        };
        if cursor.load(below, Some(place)).await?.is_err() {
            return Ok(Err(Replaced));
        }
        let Some((_, chunk)) = &cursor.chunk else { return Ok(Ok(cursor)) };
        let at = chunk.entries.partition_point(|(from, to, _)| before(&chunk.bytes[*from..*to]));
        let over = match back {
            false => {
                cursor.at = at;
                at == chunk.entries.len()
            }
            true => {
                cursor.at = at.saturating_sub(1);
                at == 0
            }
        };
        if over && cursor.turn(below).await?.is_err() {
            return Ok(Err(Replaced));
        }
        Ok(Ok(cursor))
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.chunk.as_ref().map(|(_, chunk)| chunk.key(self.at))
    }

    pub(crate) async fn value(&self, below: &dyn Map) -> Result<Found> {
        match &self.chunk {
            None => Ok(Found::Nothing),
            Some((_, chunk)) => value(below, chunk, chunk.entries[self.at].2).await,
        }
    }

    pub(crate) async fn next(&mut self, below: &dyn Map) -> Step<()> {
        let Some((_, chunk)) = &self.chunk else { return Ok(Ok(())) };
        let last = if self.back { 0 } else { chunk.entries.len() - 1 };
        if self.at == last {
            return self.turn(below).await;
        }
        self.at = if self.back { self.at - 1 } else { self.at + 1 };
        Ok(Ok(()))
    }

    /// To the next chunk.
    async fn turn(&mut self, below: &dyn Map) -> Step<()> {
        let Some((place, _)) = &self.chunk else { return Ok(Ok(())) };
        let next = if self.back { place.checked_sub(1) } else { Some(place + 1) };
        if self.load(below, next).await?.is_err() {
            return Ok(Err(Replaced));
        }
        let count = self.chunk.as_ref().map_or(0, |(_, chunk)| chunk.entries.len());
        self.at = if self.back { count.saturating_sub(1) } else { 0 };
        Ok(Ok(()))
    }

    async fn load(&mut self, below: &dyn Map, place: Option<usize>) -> Step<()> {
        let found = place.and_then(|place| Some((place, self.run.fences.get(place)?.1)));
        let Some((place, number)) = found else {
            self.chunk = None;
            return Ok(Ok(()));
        };
        match Looking::default().chunk(below, self.run.named.number, number).await? {
            None => Ok(Err(Replaced)),
            Some(chunk) => {
                self.chunk = Some((place, chunk));
                Ok(Ok(()))
            }
        }
    }
}

/// Lays down a run, entry after entry in the order of their keys.
pub(crate) struct Maker<'a> {
    below: &'a dyn Map,
    /// What the map below has seen, which the run does not change before it is whole.
    mark: Watermark,
    named: Named,
    chunk: Vec<u8>,
    first: Vec<u8>,
    ops: Vec<MapOp>,
    waiting: usize,
    fences: Vec<(Vec<u8>, u32)>,
    hashes: Vec<u64>,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(below: &'a dyn Map, number: u64, mark: Watermark) -> Maker<'a> {
        Maker {
            below,
            mark,
            named: Named {
                number,
                chunks: 0,
                pieces: 0,
                bytes: 0,
            },
            chunk: Vec::new(),
            first: Vec::new(),
            ops: Vec::new(),
            waiting: 0,
            fences: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// `value`: none, it is removed.
    pub(crate) async fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let (kind, number, here): (u8, u32, &[u8]) = match value {
            None => (REMOVED, 0, &[]),
            Some(value) if value.len() > LARGE_BYTES => {
                let apart = self.put(value.to_vec());
                (APART, apart, &[])
            }
            // A chunk's size bounds it.
            Some(value) => (VALUE, value.len() as u32, value),
        };
        if !self.chunk.is_empty() && self.chunk.len() + HEAD + key.len() + here.len() > CHUNK_BYTES {
            self.close();
        }
        if self.chunk.is_empty() {
            self.first = key.to_vec();
        }
        self.chunk.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.chunk.push(kind);
        self.chunk.extend_from_slice(&number.to_le_bytes());
        self.chunk.extend_from_slice(key);
        self.chunk.extend_from_slice(here);
        self.hashes.push(hash(key));
        if self.waiting > BATCH_BYTES {
            self.waiting = 0;
            self.below.apply(std::mem::take(&mut self.ops), self.mark).await?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: Vec<u8>) -> u32 {
        let chunk = self.named.chunks;
        self.named.chunks += 1;
        self.named.bytes += bytes.len() as u64;
        self.waiting += bytes.len();
        self.ops.push(MapOp::Put(chunk_key(self.named.number, chunk), bytes));
        chunk
    }

    fn close(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.chunk);
        let chunk = self.put(bytes);
        self.fences.push((std::mem::take(&mut self.first), chunk));
    }

    /// The run, and what is still to be put below together with the manifest that names it; none if it holds nothing.
    pub(crate) fn finish(mut self) -> Option<(Run, Vec<MapOp>)> {
        self.close();
        if self.fences.is_empty() {
            return None;
        }
        let mut run = Run {
            named: self.named,
            fences: self.fences,
            filter: Filter::of(&self.hashes),
        };
        let mut ops = self.ops;
        for (piece, bytes) in (0..).zip(run.index().chunks(PIECE_BYTES)) {
            ops.push(MapOp::Put(piece_key(run.named.number, piece), bytes.to_vec()));
            run.named.pieces = piece + 1;
        }
        Some((run, ops))
    }
}
