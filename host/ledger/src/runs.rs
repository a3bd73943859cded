//! What was written down, looked up again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::{Kind, Record};
use crate::run::{self, Entry, Head, Run};
use crate::transfer::PendingStatus;

/// Chunks kept, so that walking through an account's history does not read one for each step.
const CHUNKS_KEPT: usize = 16;

/// Reads back the values of runs. What it answers never changes, so that judging by it is as pure as judging by memory.
pub trait Older: Send + Sync {
    /// The value that was put under `key`.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or is not there. Nothing may then be decided.
    fn value(&self, key: &[u8]) -> Result<Vec<u8>, String>;
}

type Chunks = Vec<(Vec<u8>, Arc<[u8]>)>;

#[derive(Default)]
pub(crate) struct Runs {
    /// All of them; the newest may also still be in memory.
    pub(crate) list: Vec<Run>,
    /// How many of them are in no memory any more.
    pub(crate) out: usize,
    /// The largest id among those.
    largest: u128,
    /// Heads by number, those within the window and those that were asked for.
    heads: Mutex<BTreeMap<usize, Arc<Head>>>,
    chunks: Mutex<Chunks>,
    pub(crate) older: Option<Arc<dyn Older>>,
}

impl Clone for Runs {
    fn clone(&self) -> Self {
        Self {
            list: self.list.clone(),
            out: self.out,
            largest: self.largest,
            heads: Mutex::new(self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            chunks: Mutex::default(),
            older: self.older.clone(),
        }
    }
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs")
            .field("list", &self.list)
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Runs {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list && self.out == other.out
    }
}

impl Eq for Runs {}

impl Runs {
    pub(crate) fn add(&mut self, run: Run, head: Head) {
        let heads = self.heads.get_mut().unwrap_or_else(PoisonError::into_inner);
        heads.insert(self.list.len(), Arc::new(head));
        self.list.push(run);
    }

    /// From now on, the first `out` runs are found here only.
    pub(crate) fn set_out(&mut self, out: usize) {
        self.out = out;
        self.largest = self.list[..out].iter().map(|run| run.max).max().unwrap_or(0);
    }

    /// Keeps no heads of runs that are older than `oldest`, in nanoseconds since 1970: nobody asks for their ids any more.
    pub(crate) fn forget_heads(&mut self, oldest: u64) {
        let begin = self.list.partition_point(|run| run.newest < oldest);
        let heads = self.heads.get_mut().unwrap_or_else(PoisonError::into_inner);
        while heads.first_key_value().is_some_and(|(number, _)| *number < begin) {
            heads.pop_first();
        }
    }

    pub(crate) fn head_bytes(&self) -> usize {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.values().map(|head| head.bytes()).sum()
    }

    fn read(&self, key: &[u8]) -> Result<Vec<u8>, String> {
        let older = self
            .older
            .as_ref()
            .ok_or("older transfers are wanted, and nobody said where they are")?;
        older.value(key)
    }

    fn head(&self, number: usize) -> Result<Arc<Head>, String> {
        if let Some(head) = self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(head.clone());
        }
        let head = Head::read(&self.read(&run::head_key(number as u64))?);
        let head = Arc::new(head.ok_or_else(|| format!("the head of run {number} is damaged"))?);
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert(number, head.clone());
        Ok(head)
    }

    fn chunk(&self, key: Vec<u8>) -> Result<Arc<[u8]>, String> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = chunks.iter().position(|(known, _)| *known == key) {
            return Ok(chunks[place].1.clone());
        }
        let chunk: Arc<[u8]> = self.read(&key)?.into();
        if chunks.len() >= CHUNKS_KEPT {
            chunks.remove(0);
        }
        chunks.push((key, chunk.clone()));
        Ok(chunk)
    }

    /// The event with that id, and what became of it if a later run says so.
    pub(crate) fn find(&self, id: u128) -> Result<Option<Record>, String> {
        if self.out == 0 || id > self.largest {
            return Ok(None);
        }
        let mut status = None;
        for (number, run) in self.list[..self.out].iter().enumerate().rev() {
            if id < run.min || id > run.max {
                continue;
            }
            let Some(chunk) = self.head(number)?.chunk(id) else { continue };
            match run::find(&self.chunk(run::ids_key(number as u64, chunk))?, id) {
                None => {}
                Some(Entry::Resolved(found)) => status = status.or(Some(found)),
                Some(Entry::Event(place)) => {
                    let mut record = self.event_of(number, place)?;
                    if let Some(status) = status {
                        record.set_status(status);
                    }
                    return Ok(Some(record));
                }
            }
        }
        Ok(None)
    }

    /// The event at that place of the journal, as it was written down.
    pub(crate) fn event(&self, place: u64) -> Result<Record, String> {
        let number = self.list.partition_point(|run| run.first + run.count <= place);
        match self.list.get(number) {
            Some(run) if run.first <= place => self.event_of(number, place - run.first),
            _ => Err(format!("event {place} is in no run")),
        }
    }

    fn event_of(&self, number: usize, place: u64) -> Result<Record, String> {
        let (key, place) = run::events_key(number as u64, place);
        run::event(&self.chunk(key)?, place).ok_or_else(|| format!("run {number} ends before its event"))
    }

    /// What became of a pending transfer of a run that is out.
    pub(crate) fn status(&self, record: &Record) -> Result<Option<PendingStatus>, String> {
        if record.kind() != Kind::Transfer || record.status() != Some(PendingStatus::Pending) {
            return Ok(record.status());
        }
        Ok(self.find(record.id)?.and_then(|found| found.status()))
    }
}
