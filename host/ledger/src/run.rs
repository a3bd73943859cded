//! Runs: stretches of the journal that were written down once and never change.
//!
//! A run is a head (fences and Bloom filter), a table of its ids in their order, cut into chunks, and its events in the order of the
//! journal, cut into chunks. An entry of the table names the event's place in the run, or what became of a pending transfer whose own
//! event was written down before.

use crate::generation::Generation;
use crate::hash;
use crate::record::{Kind, RECORD, Record, status_number, status_of};
use crate::transfer::PendingStatus;

/// The largest value of a run, in bytes: what fits into a map's value.
pub const MAX_RUN_VALUE_BYTES: usize = 100 * 1024;
const RECORDS_A_CHUNK: usize = 960;
const ENTRY: usize = 20;
const ENTRIES_A_CHUNK: usize = 5_000;
const BITS_AN_ID: usize = 10;
const PROBES: u64 = 7;
/// A batch may make a run longer than planned; then its filter lets some more pass.
const MOST_FILTER_WORDS: usize = 96 * 1024 / 8;
const MAGIC: &[u8; 4] = b"YJR1";
const RESOLVED: u32 = 1 << 31;

/// One value of a run, to be put under its key, both as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunValue {
    /// Begins with `ledger/`.
    pub key: Vec<u8>,
    /// At most [`MAX_RUN_VALUE_BYTES`].
    pub value: Vec<u8>,
}

fn key(run: u64, part: u8, chunk: usize) -> Vec<u8> {
    let mut key = b"ledger/".to_vec();
    key.extend_from_slice(&run.to_be_bytes());
    key.push(part);
    key.extend_from_slice(&(chunk as u32).to_be_bytes());
    key
}

pub(crate) fn head_key(run: u64) -> Vec<u8> {
    key(run, b'h', 0)
}

pub(crate) fn ids_key(run: u64, chunk: usize) -> Vec<u8> {
    key(run, b'i', chunk)
}

/// The chunk of the event at that place of the run, and which one of the chunk it is.
pub(crate) fn events_key(run: u64, place: u64) -> (Vec<u8>, usize) {
    let place = place as usize;
    (key(run, b't', place / RECORDS_A_CHUNK), place % RECORDS_A_CHUNK)
}

/// What of a run stays in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) min: u128,
    pub(crate) max: u128,
    /// The time of its newest event.
    pub(crate) newest: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The first id of each chunk of the table.
    fences: Vec<u128>,
    filter: Vec<u64>,
}

impl Head {
    /// The chunk of the table that could name `id`.
    pub(crate) fn chunk(&self, id: u128) -> Option<usize> {
        let (mut at, step) = hash::fixed(id);
        let bits = self.filter.len() as u64 * 64;
        for _ in 0..PROBES {
            // The high half of a product spreads evenly without a division.
            let bit = ((u128::from(at) * u128::from(bits)) >> 64) as u64;
            if self.filter[(bit / 64) as usize] & (1 << (bit % 64)) == 0 {
                return None;
            }
            at = at.wrapping_add(step);
        }
        self.fences.partition_point(|fence| *fence <= id).checked_sub(1)
    }

    /// Bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.fences.len() * 16 + self.filter.len() * 8
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (count, rest) = rest.split_at_checked(4)?;
        let count = u32::from_le_bytes(count.try_into().ok()?) as usize;
        let (fences, filter) = rest.split_at_checked(count.checked_mul(16)?)?;
        let fences = fences.as_chunks().0.iter().map(|fence| u128::from_le_bytes(*fence)).collect();
        let (words, left) = filter.as_chunks();
        let filter: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        (left.is_empty() && !filter.is_empty()).then_some(Self { fences, filter })
    }
}

/// What a table says of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Event(u64),
    Resolved(PendingStatus),
}

/// Looks an id up in a chunk of a table.
pub(crate) fn find(chunk: &[u8], id: u128) -> Option<Entry> {
    let (entries, _) = chunk.as_chunks::<ENTRY>();
    let id_of = |entry: &[u8; ENTRY]| entry[..16].try_into().map_or(0, u128::from_le_bytes);
    let place = entries.binary_search_by_key(&id, id_of).ok()?;
    let word = u32::from_le_bytes(entries[place][16..].try_into().ok()?);
    if word & RESOLVED == 0 {
        Some(Entry::Event(word.into()))
    } else {
        status_of(word as u16).map(Entry::Resolved)
    }
}

/// The event at that place of a chunk of events.
pub(crate) fn event(chunk: &[u8], place: usize) -> Option<Record> {
    Record::read(chunk.get(place * RECORD..(place + 1) * RECORD)?)
}

/// Writes a generation down, with what became meanwhile of pending transfers of earlier ones.
pub(crate) fn write(run: u64, generation: &Generation, resolved: &[(u128, PendingStatus)]) -> (Run, Head, Vec<RunValue>) {
    let records = &generation.records;
    let mut table: Vec<(u128, u32)> = Vec::with_capacity(records.len() + resolved.len());
    let named = records.iter().enumerate().filter(|(_, record)| record.kind() != Kind::Expiry);
    table.extend(named.map(|(place, record)| (record.id, place as u32)));
    table.extend(
        resolved
            .iter()
            .map(|(id, status)| (*id, RESOLVED | u32::from(status_number(*status)))),
    );
    table.sort_unstable();
    let words = (table.len() * BITS_AN_ID).div_ceil(64).clamp(1, MOST_FILTER_WORDS);
    let mut filter = vec![0_u64; words];
    let bits = words as u64 * 64;
    for (id, _) in &table {
        let (mut at, step) = hash::fixed(*id);
        for _ in 0..PROBES {
            let bit = ((u128::from(at) * u128::from(bits)) >> 64) as u64;
            filter[(bit / 64) as usize] |= 1 << (bit % 64);
            at = at.wrapping_add(step);
        }
    }
    let fences: Vec<u128> = table.chunks(ENTRIES_A_CHUNK).map(|chunk| chunk[0].0).collect();
    let mut values = Vec::new();
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&(fences.len() as u32).to_le_bytes());
    fences.iter().for_each(|fence| head.extend_from_slice(&fence.to_le_bytes()));
    filter.iter().for_each(|word| head.extend_from_slice(&word.to_le_bytes()));
    values.push(RunValue {
        key: head_key(run),
        value: head,
    });
    for (chunk, entries) in table.chunks(ENTRIES_A_CHUNK).enumerate() {
        let mut value = Vec::with_capacity(entries.len() * ENTRY);
        for (id, word) in entries {
            value.extend_from_slice(&id.to_le_bytes());
            value.extend_from_slice(&word.to_le_bytes());
        }
        values.push(RunValue {
            key: ids_key(run, chunk),
            value,
        });
    }
    for (chunk, records) in records.chunks(RECORDS_A_CHUNK).enumerate() {
        let mut value = Vec::with_capacity(records.len() * RECORD);
        records.iter().for_each(|record| record.write(&mut value));
        let (key, _) = events_key(run, (chunk * RECORDS_A_CHUNK) as u64);
        values.push(RunValue { key, value });
    }
    let run = Run {
        first: generation.first,
        count: records.len() as u64,
        min: table.first().map_or(u128::MAX, |(id, _)| *id),
        max: table.last().map_or(0, |(id, _)| *id),
        newest: records.last().map_or(0, |record| record.timestamp),
    };
    (run, Head { fences, filter }, values)
}
