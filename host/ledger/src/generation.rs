//! A stretch of the journal in memory, found by id and by place.

use hashbrown::HashTable;

use crate::hash::Hasher;
use crate::record::{Kind, Record};

#[derive(Debug, Clone)]
pub(crate) struct Generation {
    /// The place of its first event in the journal.
    pub(crate) first: u64,
    pub(crate) records: Vec<Record>,
    index: HashTable<u32>,
    min: u128,
    max: u128,
}

impl PartialEq for Generation {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.records == other.records
    }
}

impl Eq for Generation {}

impl Generation {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            records: Vec::new(),
            index: HashTable::new(),
            min: u128::MAX,
            max: 0,
        }
    }

    /// Empties it for another stretch; its memory stays.
    pub(crate) fn begin_again(&mut self, first: u64) {
        self.first = first;
        self.records.clear();
        self.index.clear();
        (self.min, self.max) = (u128::MAX, 0);
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    pub(crate) fn find(&self, id: u128, hasher: &Hasher) -> Option<u32> {
        if id < self.min || id > self.max {
            return None;
        }
        let found = self.index.find(hasher.hash(id), |place| self.records[*place as usize].id == id);
        found.copied()
    }

    pub(crate) fn push(&mut self, record: Record, hasher: &Hasher) {
        // A batch is far below 2³² and so is a generation.
        let place = self.records.len() as u32;
        self.records.push(record);
        if record.kind() == Kind::Expiry {
            return;
        }
        let id = record.id;
        self.min = self.min.min(id);
        self.max = self.max.max(id);
        let records = &self.records;
        self.index
            .insert_unique(hasher.hash(id), place, |place| hasher.hash(records[*place as usize].id));
    }

    /// Takes the newest back. The bounds of its ids may stay wider than needed.
    pub(crate) fn pop(&mut self, hasher: &Hasher) {
        let Some(record) = self.records.pop() else { return };
        let place = self.records.len() as u32;
        if record.kind() != Kind::Expiry
            && let Ok(entry) = self.index.find_entry(hasher.hash(record.id), |found| *found == place)
        {
            entry.remove();
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.index.allocation_size()
    }
}
