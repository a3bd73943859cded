//! [`Map`] that gathers changes in memory and lays them down, sorted, in runs: far cheaper than to put each into a database by itself.
//!
//! sled holds the list of the runs with how far they have come, in one batch; the runs are files beside it, durable before they are named.
//! What is gathered is lost with the process; the commit engine projects it again from the log, since the watermark in sled rises only with
//! what was laid down. [`Map::flush`] lays everything down, so that no checkpoint is ahead of the projection.
//!
//! Only one thread ever waits for sled. Whoever waits for that thread gives up if nothing has moved for a long time, at closing too:
//! what it would have written is in the log.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};

use crate::error::{At, Result, StoreError};
use crate::keeper::stand_back;
use crate::map::{Map, MapOp, Pair, Watermark};
use crate::run::{Cursor, Folder, Looking, Maker, Manifest, Named, Run, Said};
use crate::sled_map::{self, SledMap};

/// Bytes that are gathered before they are laid down.
const GATHERED: usize = 8 << 20;
/// Bytes that may be gathered while others are being laid down; then whoever applies more waits.
const GATHERED_MOST: usize = 64 << 20;
/// Runs of about the same size that are merged into one.
const MERGED: usize = 8;
/// What is larger is merged by [`Map::renew`] only.
const MERGED_BYTES: u64 = 256 << 20;
/// What a pair takes in memory beside its bytes, roughly.
const PAIR: usize = 96;
/// The folder of the runs, in the map's.
const RUNS: &str = "runs";
/// How often whoever waits looks whether anything moved, and after how many looks in vain they give up.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS: u32 = 60;
/// How long after runs could not be merged it is tried again.
const REST: Duration = Duration::from_secs(60);

type Pairs = BTreeMap<Vec<u8>, Said>;

/// The map. Reads find what was applied last, whether it was laid down or not.
pub struct RunMap {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    /// Ends when the thread is done.
    done: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    memory: RwLock<Memory>,
    /// Oldest first. Read after the memory: what leaves that is here already.
    runs: RwLock<Arc<Vec<Arc<Run>>>>,
    folder: Folder,
    /// There is room again.
    room: Condvar,
    /// Held while looking for room, and before saying that there is some.
    queue: Mutex<()>,
    /// Told that enough is gathered, and not there yet.
    told: AtomicBool,
}

#[derive(Default)]
struct Memory {
    pairs: Pairs,
    bytes: usize,
    /// Of everything applied.
    mark: Watermark,
    /// Being laid down, with the watermark that it brings; or to be laid down again. Not counted: at most as much once more.
    before: Option<(Arc<Pairs>, Watermark)>,
}

/// What the thread is asked for.
enum Order {
    Enough,
    Flush(SyncSender<Result<()>>),
    Renew(SyncSender<Result<()>>),
    Clear(SyncSender<Result<()>>),
    End,
}

/// What the thread works with.
struct Desk {
    shared: Arc<Shared>,
    below: SledMap,
    runtime: tokio::runtime::Runtime,
    manifest: Manifest,
    /// Of the map below.
    mark: Watermark,
}

impl RunMap {
    /// Over sled in the folder `dir`, made if it is missing. Blocks.
    ///
    /// # Errors
    /// If the system refuses, or the folder is in use.
    pub fn open(dir: &Path) -> Result<Self> {
        let (opened, told) = mpsc::sync_channel(1);
        let (orders, waiting) = mpsc::channel();
        let (ending, done) = mpsc::sync_channel::<()>(1);
        let path = dir.to_owned();
        // The thread opens too: it has a small runtime of its own, wherever this is called from.
        let thread = std::thread::Builder::new()
            .name("youji-runs".to_owned())
            .spawn(move || {
                // Told by being dropped, after everything else.
                let _ending = ending;
                let mut desk = match Desk::open(&path) {
                    Ok(desk) => desk,
                    Err(error) => return drop(opened.send(Err(error))),
                };
                let _ = opened.send(Ok(desk.shared.clone()));
                stand_back();
                desk.serve(&waiting);
            })
            .at("starting what lays down the projection in", dir)?;
        let ended = |_| Err(ended());
        let shared = told.recv().unwrap_or_else(ended)?;
        Ok(Self {
            shared,
            orders,
            done: Mutex::new(done),
            thread: Some(thread),
        })
    }

    /// Asks the thread and waits.
    fn ask(&self, order: impl FnOnce(SyncSender<Result<()>>) -> Order) -> Result<()> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.orders.send(order(answer)).map_err(|_| ended())?;
        self.shared.wait(&answered).unwrap_or_else(|| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Projection {
        reason: "what lays it down has ended, or has not moved for a minute".to_owned(),
    }
}

impl Drop for RunMap {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        let Some(thread) = self.thread.take() else { return };
        let done = self.done.get_mut();
        if self.shared.wait(done).is_none() && matches!(done.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            return tracing::error!("the projection can't be closed; it is left as it is, and the next start makes up for it from the log");
        }
        let _ = thread.join();
    }
}

/// Of somebody who waits for the thread.
#[derive(Default)]
struct Patience {
    seen: u64,
    looks: u32,
}

impl Patience {
    /// Whether nothing has moved for so many looks.
    fn is_over(&mut self, folder: &Folder) -> bool {
        let now = folder.pulse.load(Ordering::Relaxed);
        self.looks = if now == self.seen { self.looks + 1 } else { 0 };
        self.seen = now;
        self.looks >= LOOKS
    }
}

impl Shared {
    /// Waits for an answer as long as anything moves; none: it never came.
    fn wait<T>(&self, answered: &Receiver<T>) -> Option<T> {
        let mut patience = Patience::default();
        loop {
            match answered.recv_timeout(LOOK) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if patience.is_over(&self.folder) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn make_room(&self) {
        drop(self.queue.lock());
        self.room.notify_all();
    }

    fn has_room(&self) -> bool {
        self.memory.read().bytes < GATHERED_MOST
    }

    /// Waits until there is room.
    fn find_room(&self) -> Result<()> {
        let mut patience = Patience::default();
        let mut queue = self.queue.lock();
        while !self.has_room() {
            if self.room.wait_for(&mut queue, LOOK).timed_out() && patience.is_over(&self.folder) {
                return Err(ended());
            }
        }
        Ok(())
    }

    /// What memory says of a key; none: nothing.
    fn remembered(&self, key: &[u8]) -> Option<Said> {
        let memory = self.memory.read();
        let before = || memory.before.as_ref().and_then(|(pairs, _)| pairs.get(key));
        memory.pairs.get(key).or_else(before).cloned()
    }

    fn look(&self, key: &[u8], looking: &mut Looking) -> Result<Option<Vec<u8>>> {
        if let Some(known) = self.remembered(key) {
            return Ok(known);
        }
        let runs = self.runs.read().clone();
        for run in runs.iter().rev() {
            if let Some(said) = run.get(key, looking)? {
                return Ok(said);
            }
        }
        Ok(None)
    }

    /// Pairs whose key lies between the bounds and begins with `prefix`, in order, or against it.
    fn range(&self, prefix: &[u8], low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>, limit: usize, back: bool) -> Result<Vec<Pair>> {
        let mut near = self.gathered(prefix, low, high);
        let runs = self.runs.read().clone();
        let mut cursors = Vec::with_capacity(runs.len());
        for run in runs.iter().rev() {
            let edge = |key: &[u8]| match (back, low, high) {
                (false, Bound::Included(low), _) => key < low.as_slice(),
                (false, Bound::Excluded(low), _) => key <= low.as_slice(),
                (true, _, Bound::Included(high)) => key <= high.as_slice(),
                (true, _, Bound::Excluded(high)) => key < high.as_slice(),
                (back, ..) => back,
            };
            cursors.push(Cursor::new(run.clone(), back, edge)?);
        }
        let mut pairs = Vec::new();
        while pairs.len() < limit {
            let keys = cursors.iter().filter_map(Cursor::key).filter(|key| key.starts_with(prefix));
            let (far, own) = match back {
                false => (keys.min(), near.first_key_value()),
                true => (keys.max(), near.last_key_value()),
            };
            let own = own.map(|(key, _)| key.as_slice());
            let next = match (far, own) {
                (Some(far), Some(own)) if back => far.max(own),
                (Some(far), Some(own)) => far.min(own),
                (far, own) => match far.or(own) {
                    Some(next) => next,
                    None => break,
                },
            };
            let next = next.to_vec();
            let mut said = near.remove(&next);
            for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(next.as_slice())) {
                if said.is_none() {
                    said = Some(cursor.said()?);
                }
                cursor.next()?;
            }
            if let Some(Some(value)) = said {
                pairs.push((next, value));
            }
        }
        Ok(pairs)
    }

    /// What memory holds of a range.
    fn gathered(&self, prefix: &[u8], low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> Pairs {
        let memory = self.memory.read();
        let before = memory.before.as_ref().map(|(pairs, _)| pairs.as_ref());
        let mut found = Pairs::new();
        for pairs in before.into_iter().chain([&memory.pairs]) {
            let within = pairs.range::<Vec<u8>, _>((low.as_ref(), high.as_ref()));
            let within = within.take_while(|(key, _)| key.starts_with(prefix));
            found.extend(within.map(|(key, value)| (key.clone(), value.clone())));
        }
        found
    }
}

impl Desk {
    fn open(dir: &Path) -> Result<Desk> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().at("serving", dir)?;
        let below = SledMap::open(dir)?;
        let folder = Folder::open(dir.join(RUNS))?;
        let read = match runtime.block_on(read(&below, &folder)) {
            Err(StoreError::Projection { reason }) => {
                tracing::error!(%reason, "the projection can't be read; it is made anew from the log");
                runtime.block_on(below.clear())?;
                folder.sweep(&[])?;
                runtime.block_on(read(&below, &folder))
            }
            other => other,
        };
        let (manifest, mark, runs) = read?;
        folder.sweep(&manifest.runs)?;
        let shared = Shared {
            memory: RwLock::new(Memory { mark, ..Memory::default() }),
            runs: RwLock::new(Arc::new(runs)),
            folder,
            room: Condvar::new(),
            queue: Mutex::default(),
            told: AtomicBool::new(false),
        };
        Ok(Desk {
            shared: Arc::new(shared),
            below,
            runtime,
            manifest,
            mark,
        })
    }

    /// Does what it is asked for, and at the end lays down all of it. What fails is tried again: everything is in the log, and memory holds
    /// what is not laid down, up to a bound.
    fn serve(&mut self, orders: &Receiver<Order>) {
        let (mut late, mut unmerged) = (false, None::<Instant>);
        loop {
            let order = match orders.recv_timeout(if late { LOOK } else { Duration::MAX }) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => Order::Enough,
                Err(RecvTimeoutError::Disconnected) => Order::End,
            };
            let done = match order {
                Order::Enough => {
                    self.shared.told.store(false, Ordering::SeqCst);
                    self.lay_down_enough()
                }
                Order::Flush(answer) => {
                    let done = self.lay_down().and_then(|()| self.runtime.block_on(self.below.flush()));
                    let _ = answer.send(done.clone());
                    done
                }
                Order::Renew(answer) => {
                    drop(answer.send(self.renew()));
                    Ok(())
                }
                Order::Clear(answer) => {
                    drop(answer.send(self.clear()));
                    Ok(())
                }
                Order::End => {
                    if let Err(error) = self.lay_down() {
                        tracing::error!(%error, "what was projected last is not laid down; the next start makes up for it from the log");
                    }
                    return;
                }
            };
            // Whoever reads and writes can do without for a while.
            if done.is_ok() && unmerged.is_none_or(|since| since.elapsed() >= REST) {
                let merged = self.merge_some();
                unmerged = merged.is_err().then(Instant::now);
                if let Err(error) = merged {
                    tracing::warn!(%error, "runs of the projection can't be merged; it is tried again later");
                }
            }
            late = match done {
                Ok(()) => {
                    self.shared.folder.beat();
                    false
                }
                Err(error) => {
                    if !late {
                        tracing::error!(%error, "the projection can't be laid down; it is tried again");
                    }
                    true
                }
            };
        }
    }

    fn lay_down_enough(&mut self) -> Result<()> {
        let enough = {
            let memory = self.shared.memory.read();
            memory.bytes >= GATHERED || memory.before.is_some()
        };
        if enough { self.lay_down() } else { Ok(()) }
    }

    /// Everything that is gathered becomes a run.
    fn lay_down(&mut self) -> Result<()> {
        let (pairs, mark) = {
            let mut memory = self.shared.memory.write();
            if memory.before.is_none() {
                if memory.mark == self.mark && memory.pairs.is_empty() {
                    return Ok(());
                }
                memory.bytes = 0;
                memory.before = Some((Arc::new(std::mem::take(&mut memory.pairs)), memory.mark));
            }
            match &memory.before {
                Some((pairs, mark)) => (pairs.clone(), *mark),
                None => return Ok(()),
            }
        };
        self.shared.make_room();
        let shared = self.shared.clone();
        let mut maker = Maker::new(&shared.folder, self.manifest.next);
        // Nothing is below it: what is removed need not be said.
        let oldest = self.manifest.runs.is_empty();
        for (key, value) in pairs.iter().filter(|(_, value)| !oldest || value.is_some()) {
            maker.add(key, value.as_deref())?;
        }
        let runs = shared.runs.read().clone();
        self.name(runs.iter().cloned(), maker.finish()?, mark)?;
        shared.memory.write().before = None;
        Ok(())
    }

    /// From here on these are the runs.
    fn name(&mut self, older: impl Iterator<Item = Arc<Run>>, newest: Option<Run>, mark: Watermark) -> Result<()> {
        let runs: Vec<Arc<Run>> = older.chain(newest.map(Arc::new)).collect();
        let manifest = Manifest {
            next: self.manifest.next + 1,
            runs: runs.iter().map(|run| run.named.clone()).collect(),
        };
        // Said even if there are none: it tells this folder from that of a version that put each pair there by itself.
        self.runtime.block_on(self.below.apply(vec![manifest.op()?], mark))?;
        (self.manifest, self.mark) = (manifest, mark);
        *self.shared.runs.write() = Arc::new(runs);
        self.shared.folder.beat();
        Ok(())
    }

    /// Merges the newest runs, while there are enough of a size.
    fn merge_some(&mut self) -> Result<()> {
        let mut most = GATHERED as u64 * 2;
        while most <= MERGED_BYTES {
            let count = self.manifest.runs.iter().rev().take_while(|run| run.bytes <= most).count();
            if count < MERGED {
                most *= MERGED as u64;
            } else {
                self.merge(count)?;
            }
        }
        Ok(())
    }

    /// Merges so many of the newest runs into one.
    fn merge(&mut self, count: usize) -> Result<()> {
        let shared = self.shared.clone();
        let all = shared.runs.read().clone();
        let (kept, merged) = all.split_at(all.len() - count);
        let mut cursors = Vec::with_capacity(count);
        for run in merged.iter().rev() {
            cursors.push(Cursor::new(run.clone(), false, |_| false)?);
        }
        let mut maker = Maker::new(&shared.folder, self.manifest.next);
        while let Some(least) = cursors.iter().filter_map(Cursor::key).min().map(<[u8]>::to_vec) {
            let mut said = false;
            for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(least.as_slice())) {
                if !std::mem::replace(&mut said, true) {
                    let value = cursor.said()?;
                    if value.is_some() || !kept.is_empty() {
                        maker.add(&least, value.as_deref())?;
                    }
                }
                cursor.next()?;
            }
        }
        self.name(kept.iter().cloned(), maker.finish()?, self.mark)?;
        self.remove_replaced()
    }

    /// After a power cut the list of the runs may be the one before: what it names goes only when the new one is durable.
    fn remove_replaced(&self) -> Result<()> {
        self.runtime.block_on(self.below.flush())?;
        self.shared.folder.sweep(&self.manifest.runs)
    }

    fn renew(&mut self) -> Result<()> {
        self.lay_down()?;
        // Of one run, too, what was removed may still stand in it: one that was merged while older ones stood beside it.
        let count = self.manifest.runs.len();
        if count > 0 {
            self.merge(count)?;
        }
        self.runtime.block_on(self.below.renew())
    }

    fn clear(&mut self) -> Result<()> {
        self.runtime.block_on(self.below.clear())?;
        (self.manifest, self.mark) = (Manifest::default(), Watermark::default());
        *self.shared.runs.write() = Arc::default();
        *self.shared.memory.write() = Memory::default();
        self.shared.folder.sweep(&[])
    }
}

/// What stands in sled, with the runs that it names.
async fn read(below: &SledMap, folder: &Folder) -> Result<(Manifest, Watermark, Vec<Arc<Run>>)> {
    let mut mark = below.watermark().await?;
    let manifest = Manifest::read(below).await?;
    if manifest.is_none() && mark != Watermark::default() {
        // Of a version that put each pair there by itself; the log fills it anew.
        below.clear().await?;
        mark = Watermark::default();
    }
    let manifest = manifest.unwrap_or_default();
    if folder.is_damaged() {
        return Err(StoreError::Projection {
            reason: "a run turned out to be damaged".to_owned(),
        });
    }
    let run = |named: &Named| Run::read(folder, named.clone()).map(Arc::new);
    let runs = manifest.runs.iter().map(run).collect::<Result<_>>()?;
    Ok((manifest, mark, runs))
}

/// The first key behind all that begin with `prefix`.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

#[async_trait::async_trait]
impl Map for RunMap {
    async fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut looking = Looking::default();
        keys.iter().map(|key| self.shared.look(key, &mut looking)).collect()
    }

    async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        if after.is_some_and(|after| after > prefix && !after.starts_with(prefix)) {
            return Ok(Vec::new());
        }
        let begin = || Bound::Included(prefix.to_vec());
        let low = after
            .filter(|after| *after >= prefix)
            .map_or_else(begin, |after| Bound::Excluded(after.to_vec()));
        self.shared.range(prefix, &low, &Bound::Unbounded, limit, false)
    }

    async fn scan_back(&self, prefix: &[u8], before: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        if before.is_some_and(|before| before <= prefix) {
            return Ok(Vec::new());
        }
        let high = before
            .filter(|before| before.starts_with(prefix))
            .map_or_else(|| behind(prefix), |before| Bound::Excluded(before.to_vec()));
        self.shared.range(prefix, &Bound::Included(prefix.to_vec()), &high, limit, true)
    }

    async fn apply(&self, ops: Vec<MapOp>, watermark: Watermark) -> Result<()> {
        ops.iter().try_for_each(sled_map::check)?;
        self.shared.find_room()?;
        let mut memory = self.shared.memory.write();
        for op in ops {
            let (key, value) = match op {
                MapOp::Put(key, value) => (key, Some(value)),
                MapOp::Delete(key) => (key, None),
            };
            let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
            match memory.pairs.entry(key) {
                btree_map::Entry::Vacant(vacant) => {
                    let more = PAIR + vacant.key().len() + size(&value);
                    vacant.insert(value);
                    memory.bytes += more;
                }
                btree_map::Entry::Occupied(mut known) => {
                    let (more, less) = (size(&value), size(known.get()));
                    known.insert(value);
                    memory.bytes = (memory.bytes + more).saturating_sub(less);
                }
            }
        }
        memory.mark = watermark;
        let enough = memory.bytes >= GATHERED;
        drop(memory);
        if enough && !self.shared.told.swap(true, Ordering::SeqCst) {
            let _ = self.orders.send(Order::Enough);
        }
        Ok(())
    }

    async fn watermark(&self) -> Result<Watermark> {
        Ok(self.shared.memory.read().mark)
    }

    async fn flush(&self) -> Result<()> {
        self.ask(Order::Flush)
    }

    async fn renew(&self) -> Result<()> {
        self.ask(Order::Renew)
    }

    async fn clear(&self) -> Result<()> {
        self.ask(Order::Clear)
    }
}

#[cfg(test)]
mod tests {
    use super::{GATHERED_MOST, MapOp, RunMap, Watermark};
    use crate::map::{MAX_VALUE_BYTES, Map};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn whoever_waits_for_room_while_a_run_is_laid_down_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let map = Arc::new(RunMap::open(dir.path()).unwrap());
        // As if the disk took very long: nothing that is laid down can be named.
        let held = map.shared.runs.read();
        let writing = {
            let map = map.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let groups = 2 * GATHERED_MOST / (8 * MAX_VALUE_BYTES);
                for sequence in 0..groups as u64 {
                    let put = |n: u64| MapOp::Put((sequence * 8 + n).to_be_bytes().to_vec(), vec![1; MAX_VALUE_BYTES]);
                    let mark = Watermark { log: [7; 32], sequence };
                    runtime.block_on(map.apply((0..8).map(put).collect(), mark)).unwrap();
                }
            })
        };
        while map.shared.has_room() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(map.shared.memory.read().before.is_some(), "a run is being laid down");
        drop(held);
        writing.join().expect("it found room");
    }
}
