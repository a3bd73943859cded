//! Everything that happened, in order: the newest in memory, the rest in runs.

use std::collections::{HashMap, VecDeque};

use crate::accounts::Accounts;
use crate::generation::Generation;
use crate::hash::Hasher;
use crate::record::{NO_EVENT, NO_SLOT, Record};
use crate::run::{self, RunValue};
use crate::runs::Runs;
use crate::transfer::PendingStatus;

/// How much of the past stays where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events after which a run is written down. A batch may make one somewhat longer.
    pub run_events: usize,
    /// Runs whose events stay in memory too, beside those of the run that is being filled.
    pub runs_in_memory: usize,
    /// How long an id is known, in milliseconds after the time in it; older ones are refused. 0 for ever.
    pub id_window_ms: u64,
}

impl Default for Retention {
    /// About 260,000 events in memory, ids of 30 days.
    fn default() -> Self {
        Self {
            run_events: 65_536,
            runs_in_memory: 3,
            id_window_ms: 30 * 86_400_000,
        }
    }
}

/// What became of a pending transfer after it was written down, and the run that says so (`None`: the next one will).
type Resolved = (PendingStatus, Option<u64>);

#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) retention: Option<Retention>,
    /// In memory; the last is being filled, those before it are written down.
    pub(crate) generations: VecDeque<Generation>,
    /// Still pending, though no longer in a generation.
    pub(crate) held: HashMap<u128, Record>,
    pub(crate) resolved: HashMap<u128, Resolved>,
    pub(crate) runs: Runs,
    hasher: Hasher,
    /// Memory to be used again.
    spare: Vec<Generation>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            retention: None,
            generations: VecDeque::from([Generation::new(0)]),
            held: HashMap::new(),
            resolved: HashMap::new(),
            runs: Runs::default(),
            hasher: Hasher::default(),
            spare: Vec::new(),
        }
    }
}

impl PartialEq for Journal {
    fn eq(&self, other: &Self) -> bool {
        self.retention == other.retention
            && self.generations == other.generations
            && self.held == other.held
            && self.resolved == other.resolved
            && self.runs == other.runs
    }
}

impl Eq for Journal {}

impl Journal {
    /// The place of the next event.
    pub(crate) fn end(&self) -> u64 {
        self.generations.back().map_or(0, Generation::end)
    }

    fn place(&self, id: u128) -> Option<(usize, u32)> {
        let from_newest = self.generations.iter().enumerate().rev();
        from_newest
            .filter_map(|(number, generation)| Some((number, generation.find(id, &self.hasher)?)))
            .next()
    }

    /// The event with that id: a transfer that took place, or a burned id.
    pub(crate) fn find(&self, id: u128) -> Result<Option<Record>, String> {
        if let Some((number, place)) = self.place(id) {
            return Ok(Some(self.generations[number].records[place as usize]));
        }
        if let Some(record) = self.held.get(&id) {
            return Ok(Some(*record));
        }
        let Some(mut record) = self.runs.find(id)? else { return Ok(None) };
        if let Some((status, _)) = self.resolved.get(&id) {
            record.set_status(*status);
        }
        Ok(Some(record))
    }

    /// The event at that place; of a pending transfer, with what became of it.
    pub(crate) fn event(&self, place: u64) -> Result<Record, String> {
        let begin = self.generations.front().map_or(0, |generation| generation.first);
        if place >= begin {
            let number = self.generations.partition_point(|generation| generation.end() <= place);
            let generation = self.generations.get(number);
            let record = generation.and_then(|generation| generation.records.get((place - generation.first) as usize));
            return record.copied().ok_or_else(|| format!("event {place} has not happened"));
        }
        let mut record = self.runs.event(place)?;
        if record.status() == Some(PendingStatus::Pending) && !self.held.contains_key(&{ record.id }) {
            let status = match self.resolved.get(&{ record.id }) {
                Some((status, _)) => Some(*status),
                None => self.runs.status(&record)?,
            };
            if let Some(status) = status {
                record.set_status(status);
            }
        }
        Ok(record)
    }

    /// Writes an event at the end and links it to its accounts.
    pub(crate) fn push(&mut self, mut record: Record, accounts: &mut Accounts) {
        let place = self.end();
        if record.debit != NO_SLOT {
            record.before_debit = std::mem::replace(&mut accounts.slot_mut(record.debit).last, place);
            record.before_credit = std::mem::replace(&mut accounts.slot_mut(record.credit).last, place);
        }
        if let Some(generation) = self.generations.back_mut() {
            generation.push(record, &self.hasher);
        }
    }

    /// Takes the newest event back; the accounts' links are the caller's to restore.
    pub(crate) fn pop(&mut self) {
        if let Some(generation) = self.generations.back_mut() {
            generation.pop(&self.hasher);
        }
    }

    /// Says what became of a pending transfer.
    pub(crate) fn resolve(&mut self, pending: &Record, status: PendingStatus) {
        let id = pending.id;
        let written = match self.place(id) {
            Some((number, place)) => {
                self.generations[number].records[place as usize].set_status(status);
                number + 1 < self.generations.len()
            }
            None => {
                self.held.remove(&id);
                true
            }
        };
        if written {
            self.resolved.insert(id, (status, None));
        }
    }

    /// Undoes [`Journal::resolve`] of the same batch.
    pub(crate) fn unresolve(&mut self, pending: &Record) {
        let id = pending.id;
        self.resolved.remove(&id);
        match self.place(id) {
            Some((number, place)) => self.generations[number].records[place as usize].set_status(PendingStatus::Pending),
            None => drop(self.held.insert(id, *pending)),
        }
    }

    /// Writes down what was filled, if it is enough.
    pub(crate) fn write_run(&mut self) -> Option<Vec<RunValue>> {
        let retention = self.retention?;
        let generation = self.generations.back()?;
        if generation.records.len() < retention.run_events.max(1) {
            return None;
        }
        let number = self.runs.list.len() as u64;
        let mut resolved = Vec::new();
        for (id, (status, run)) in &mut self.resolved {
            if run.is_none() {
                *run = Some(number);
                resolved.push((*id, *status));
            }
        }
        resolved.sort_unstable_by_key(|(id, _)| *id);
        let (run, head, values) = run::write(number, generation, &resolved);
        self.runs.add(run, head);
        let first = self.end();
        let next = match self.spare.pop() {
            Some(mut spare) => {
                spare.begin_again(first);
                spare
            }
            None => Generation::new(first),
        };
        self.generations.push_back(next);
        Some(values)
    }

    /// Lets go from memory what the first `stored` runs hold, as far as the retention lets.
    pub(crate) fn release(&mut self, stored: u64, now: u64) {
        let Some(retention) = self.retention else { return };
        while self.generations.len() > retention.runs_in_memory + 1 && (self.runs.out as u64) < stored {
            let Some(generation) = self.generations.pop_front() else { return };
            let pending = generation
                .records
                .iter()
                .filter(|record| record.status() == Some(PendingStatus::Pending));
            self.held.extend(pending.map(|record| (record.id, *record)));
            let out = self.runs.out as u64;
            // From here on that run's table is asked.
            self.resolved.retain(|_, (_, run)| *run != Some(out));
            self.runs.set_out(self.runs.out + 1);
            if self.spare.is_empty() {
                self.spare.push(generation);
            }
        }
        if retention.id_window_ms > 0 {
            let window = retention.id_window_ms.saturating_mul(1_000_000);
            self.runs.forget_heads(now.saturating_sub(window));
        }
    }

    /// Bytes in memory: of events, and of what finds older ones.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let held = (self.held.len() * size_of::<(u128, Record)>()) + self.resolved.len() * size_of::<(u128, Resolved)>();
        let generations: usize = self.generations.iter().chain(&self.spare).map(Generation::bytes).sum();
        (
            generations + held,
            self.runs.head_bytes() + self.runs.list.len() * size_of::<run::Run>(),
        )
    }

    /// Puts a saved generation back.
    pub(crate) fn restore_generation(&mut self, first: u64, records: Vec<Record>) {
        let mut generation = Generation::new(first);
        records.into_iter().for_each(|record| generation.push(record, &self.hasher));
        self.generations.push_back(generation);
    }
}

/// The event before `record` of the account in `slot`; `None` at the first.
pub(crate) fn before(record: &Record, slot: u32) -> Option<u64> {
    Some(record.before(slot)).filter(|place| *place != NO_EVENT)
}
