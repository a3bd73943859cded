//! [`Map`] that gathers changes in memory and lays them down, sorted, in the map below: far cheaper than to put each there by itself.
//!
//! What is gathered is lost with the process; the commit engine projects it again from the log, since the watermark of the map below
//! rises only with what was laid down. [`Map::flush`] lays everything down, so that no checkpoint is ahead of the projection.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;

use crate::error::{At, Result, StoreError};
use crate::keeper::stand_back;
use crate::map::{Map, MapOp, Pair, Watermark};
use crate::run::{self, Cursor, Found, Looking, Maker, Manifest, Named, Run};
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

type Pairs = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The map. Reads find what was applied last, whether it was laid down or not.
pub struct RunMap {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    below: Arc<dyn Map>,
    memory: RwLock<Memory>,
    /// Oldest first. Read after the memory: what leaves that is here already.
    runs: RwLock<Arc<Vec<Arc<Run>>>>,
    /// Whoever lays down or merges, one at a time.
    desk: tokio::sync::Mutex<Desk>,
    /// There is room again, or there will be none.
    room: Notify,
    /// Enough is gathered, or it is over.
    orders: Mutex<Orders>,
    news: Condvar,
}

#[derive(Default)]
struct Memory {
    pairs: Pairs,
    bytes: usize,
    /// Of everything applied.
    mark: Watermark,
    /// Being laid down, with the watermark that it brings.
    before: Option<(Arc<Pairs>, Watermark)>,
    failed: Option<StoreError>,
}

struct Desk {
    manifest: Manifest,
    /// Of the map below.
    mark: Watermark,
}

#[derive(Default)]
struct Orders {
    wanted: bool,
    over: bool,
}

impl RunMap {
    /// Over sled in the folder `dir`, made if it is missing. Blocks.
    ///
    /// # Errors
    /// If the system refuses, or the folder is in use.
    pub fn open(dir: &Path) -> Result<Self> {
        let below = Arc::new(SledMap::open(dir)?);
        let (opened, told) = std::sync::mpsc::sync_channel(1);
        let folder = dir.to_owned();
        // The thread opens too: it has a small runtime of its own, wherever this is called from.
        let thread = std::thread::Builder::new()
            .name("youji-runs".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().at("serving", &folder);
                let begun = runtime.and_then(|runtime| Ok((runtime.block_on(Self::over(below))?, runtime)));
                let (shared, runtime) = match begun {
                    Ok((shared, runtime)) => (Arc::new(shared), runtime),
                    Err(error) => return drop(opened.send(Err(error))),
                };
                let _ = opened.send(Ok(shared.clone()));
                stand_back();
                runtime.block_on(shared.serve());
            })
            .at("starting what lays down the projection in", dir)?;
        let ended = |_| {
            Err(StoreError::Projection {
                reason: "the thread that lays it down ended while opening".to_owned(),
            })
        };
        let shared = told.recv().unwrap_or_else(ended)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    async fn over(below: Arc<dyn Map>) -> Result<Shared> {
        match Self::read(below.clone()).await {
            Err(StoreError::Projection { reason }) => {
                tracing::error!(%reason, "the projection can't be read; it is made anew from the log");
                below.clear().await?;
                Self::read(below).await
            }
            other => other,
        }
    }

    async fn read(below: Arc<dyn Map>) -> Result<Shared> {
        let mut mark = below.watermark().await?;
        let manifest = Manifest::read(below.as_ref()).await?;
        if manifest.is_none() && mark != Watermark::default() {
            // Of a version that put each pair there by itself; the log fills it anew.
            below.clear().await?;
            mark = Watermark::default();
        }
        let mut manifest = manifest.unwrap_or_default();
        run::sweep(below.as_ref(), manifest.next, mark).await?;
        for gone in std::mem::take(&mut manifest.gone) {
            gone.remove(below.as_ref(), mark).await?;
        }
        let mut runs = Vec::with_capacity(manifest.runs.len());
        for named in &manifest.runs {
            runs.push(Arc::new(Run::read(below.as_ref(), named.clone()).await?));
        }
        Ok(Shared {
            below,
            memory: RwLock::new(Memory { mark, ..Memory::default() }),
            runs: RwLock::new(Arc::new(runs)),
            desk: tokio::sync::Mutex::new(Desk { manifest, mark }),
            room: Notify::new(),
            orders: Mutex::default(),
            news: Condvar::new(),
        })
    }
}

impl Drop for RunMap {
    fn drop(&mut self) {
        self.shared.orders.lock().over = true;
        self.shared.news.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Lays down whatever is enough, and at the end all of it.
    async fn serve(&self) {
        loop {
            let over = {
                let mut orders = self.orders.lock();
                while !orders.wanted && !orders.over {
                    self.news.wait(&mut orders);
                }
                orders.wanted = false;
                orders.over
            };
            let done = async {
                let mut desk = self.desk.lock().await;
                if over || self.memory.read().bytes >= GATHERED {
                    self.lay_down(&mut desk).await?;
                }
                if !over {
                    while self.merge_some(&mut desk).await? {}
                }
                Ok(())
            };
            if let Err(error) = done.await {
                self.fail(error);
            }
            if over {
                return;
            }
        }
    }

    /// Wakes whoever lays down and merges.
    fn want(&self) {
        self.orders.lock().wanted = true;
        self.news.notify_one();
    }

    fn fail(&self, error: StoreError) {
        tracing::error!(%error, "the projection can't be laid down");
        self.memory.write().failed.get_or_insert(error);
        self.room.notify_waiters();
    }

    /// Everything that is gathered becomes a run.
    async fn lay_down(&self, desk: &mut Desk) -> Result<()> {
        let (pairs, mark) = {
            let mut memory = self.memory.write();
            if let Some(failed) = &memory.failed {
                return Err(failed.clone());
            }
            if memory.before.is_none() {
                if memory.mark == desk.mark && memory.pairs.is_empty() {
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
        self.room.notify_waiters();
        let below = self.below.as_ref();
        let mut maker = Maker::new(below, desk.manifest.next, desk.mark);
        // Nothing is below it: what is removed need not be said.
        let oldest = desk.manifest.runs.is_empty();
        for (key, value) in pairs.iter().filter(|(_, value)| !oldest || value.is_some()) {
            maker.add(key, value.as_deref()).await?;
        }
        let mut manifest = desk.manifest.clone();
        let (run, mut ops) = maker.finish().map_or((None, Vec::new()), |(run, ops)| (Some(run), ops));
        if let Some(run) = &run {
            manifest.next += 1;
            manifest.runs.push(run.named.clone());
            ops.push(manifest.op()?);
        } else if manifest == Manifest::default() {
            // Says that there are runs here, though none yet.
            ops.push(manifest.op()?);
        }
        below.apply(ops, mark).await?;
        (desk.manifest, desk.mark) = (manifest, mark);
        if let Some(run) = run {
            let mut runs = self.runs.write();
            Arc::make_mut(&mut runs).push(Arc::new(run));
        }
        self.memory.write().before = None;
        Ok(())
    }

    /// Merges the newest runs, if there are enough of a size. Whether it did.
    async fn merge_some(&self, desk: &mut Desk) -> Result<bool> {
        let runs = &desk.manifest.runs;
        let mut most = GATHERED as u64 * 2;
        while most <= MERGED_BYTES {
            let count = runs.iter().rev().take_while(|run| run.bytes <= most).count();
            if count >= MERGED {
                self.merge(desk, count).await?;
                return Ok(true);
            }
            most *= MERGED as u64;
        }
        Ok(false)
    }

    /// Merges so many of the newest runs into one.
    async fn merge(&self, desk: &mut Desk, count: usize) -> Result<()> {
        let below = self.below.as_ref();
        let all = self.runs.read().clone();
        let (kept, merged) = all.split_at(all.len() - count);
        let mut cursors = Vec::with_capacity(count);
        for run in merged.iter().rev() {
            cursors.push(steady(Cursor::new(below, run.clone(), false, |_| false).await?)?);
        }
        let mut maker = Maker::new(below, desk.manifest.next, desk.mark);
        while let Some(least) = cursors.iter().filter_map(Cursor::key).min().map(<[u8]>::to_vec) {
            let mut said = false;
            for cursor in cursors.iter_mut().filter(|cursor| cursor.key() == Some(least.as_slice())) {
                if !std::mem::replace(&mut said, true) {
                    match cursor.value(below).await? {
                        Found::Value(value) => maker.add(&least, Some(&value)).await?,
                        Found::Removed if kept.is_empty() => {}
                        Found::Removed => maker.add(&least, None).await?,
                        Found::Nothing | Found::Replaced => return steady(Err(run::Replaced)),
                    }
                }
                steady(cursor.next(below).await?)?;
            }
        }
        let gone: Vec<Named> = merged.iter().map(|run| run.named.clone()).collect();
        let mut manifest = desk.manifest.clone();
        manifest.runs.truncate(kept.len());
        manifest.gone.extend(gone.iter().cloned());
        let (run, mut ops) = maker.finish().map_or((None, Vec::new()), |(run, ops)| (Some(run), ops));
        manifest.next += 1;
        manifest.runs.extend(run.iter().map(|run| run.named.clone()));
        ops.push(manifest.op()?);
        below.apply(ops, desk.mark).await?;
        desk.manifest = manifest;
        *self.runs.write() = Arc::new(kept.iter().cloned().chain(run.map(Arc::new)).collect());
        for gone in gone {
            gone.remove(below, desk.mark).await?;
        }
        desk.manifest.gone.clear();
        Ok(())
    }

    fn has_room(&self) -> Result<bool> {
        let memory = self.memory.read();
        memory.failed.clone().map_or(Ok(memory.bytes < GATHERED_MOST), Err)
    }

    /// What memory says of a key; none: nothing.
    fn remembered(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let memory = self.memory.read();
        let before = || memory.before.as_ref().and_then(|(pairs, _)| pairs.get(key));
        memory.pairs.get(key).or_else(before).cloned()
    }

    async fn look(&self, key: &[u8], looking: &mut Looking) -> Result<Option<Vec<u8>>> {
        if let Some(known) = self.remembered(key) {
            return Ok(known);
        }
        'again: loop {
            let runs = self.runs.read().clone();
            for run in runs.iter().rev() {
                match run.get(self.below.as_ref(), key, looking).await? {
                    Found::Nothing => {}
                    Found::Removed => return Ok(None),
                    Found::Value(value) => return Ok(Some(value)),
                    Found::Replaced => continue 'again,
                }
            }
            return Ok(None);
        }
    }

    /// Pairs whose key lies between the bounds and begins with `prefix`, in order, or against it.
    async fn range(&self, prefix: &[u8], low: Bound<Vec<u8>>, high: Bound<Vec<u8>>, limit: usize, back: bool) -> Result<Vec<Pair>> {
        loop {
            if let Ok(pairs) = self.range_once(prefix, &low, &high, limit, back).await? {
                return Ok(pairs);
            }
        }
    }

    async fn range_once(
        &self,
        prefix: &[u8],
        low: &Bound<Vec<u8>>,
        high: &Bound<Vec<u8>>,
        limit: usize,
        back: bool,
    ) -> Result<std::result::Result<Vec<Pair>, run::Replaced>> {
        let below = self.below.as_ref();
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
            match Cursor::new(below, run.clone(), back, edge).await? {
                Ok(cursor) => cursors.push(cursor),
                Err(replaced) => return Ok(Err(replaced)),
            }
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
                    said = match cursor.value(below).await? {
                        Found::Value(value) => Some(Some(value)),
                        Found::Removed => Some(None),
                        Found::Nothing | Found::Replaced => return Ok(Err(run::Replaced)),
                    };
                }
                if let Err(replaced) = cursor.next(below).await? {
                    return Ok(Err(replaced));
                }
            }
            if let Some(Some(value)) = said {
                pairs.push((next, value));
            }
        }
        Ok(Ok(pairs))
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

/// Runs that only this one replaces.
fn steady<T>(step: std::result::Result<T, run::Replaced>) -> Result<T> {
    step.map_err(|run::Replaced| StoreError::Projection {
        reason: "a chunk that a run names is not there; remove the projection's folder, and the next start makes it anew from the log"
            .to_owned(),
    })
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
        let (mut found, mut looking) = (Vec::with_capacity(keys.len()), Looking::default());
        for key in keys {
            found.push(self.shared.look(key, &mut looking).await?);
        }
        Ok(found)
    }

    async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        if after.is_some_and(|after| after > prefix && !after.starts_with(prefix)) {
            return Ok(Vec::new());
        }
        let begin = || Bound::Included(prefix.to_vec());
        let low = after
            .filter(|after| *after >= prefix)
            .map_or_else(begin, |after| Bound::Excluded(after.to_vec()));
        self.shared.range(prefix, low, Bound::Unbounded, limit, false).await
    }

    async fn scan_back(&self, prefix: &[u8], before: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        if before.is_some_and(|before| before <= prefix) {
            return Ok(Vec::new());
        }
        let high = before
            .filter(|before| before.starts_with(prefix))
            .map_or_else(|| behind(prefix), |before| Bound::Excluded(before.to_vec()));
        self.shared.range(prefix, Bound::Included(prefix.to_vec()), high, limit, true).await
    }

    async fn apply(&self, ops: Vec<MapOp>, watermark: Watermark) -> Result<()> {
        ops.iter().try_for_each(sled_map::check)?;
        loop {
            let room = self.shared.room.notified();
            if self.shared.has_room()? {
                break;
            }
            room.await;
        }
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
        let enough = memory.bytes >= GATHERED && memory.before.is_none();
        drop(memory);
        if enough {
            self.shared.want();
        }
        Ok(())
    }

    async fn watermark(&self) -> Result<Watermark> {
        Ok(self.shared.memory.read().mark)
    }

    async fn flush(&self) -> Result<()> {
        let mut desk = self.shared.desk.lock().await;
        let laid = self.shared.lay_down(&mut desk).await;
        if let Err(error) = laid {
            self.shared.fail(error.clone());
            return Err(error);
        }
        // Perhaps there are enough small ones now to be merged.
        self.shared.want();
        self.shared.below.flush().await
    }

    async fn renew(&self) -> Result<()> {
        let mut desk = self.shared.desk.lock().await;
        self.shared.lay_down(&mut desk).await?;
        // Of one run, too, what was removed may still stand in it: one that was merged while older ones stood beside it.
        let count = desk.manifest.runs.len();
        if count > 0 {
            self.shared.merge(&mut desk, count).await?;
        }
        self.shared.below.renew().await
    }

    async fn clear(&self) -> Result<()> {
        let mut desk = self.shared.desk.lock().await;
        self.shared.below.clear().await?;
        *desk = Desk {
            manifest: Manifest::default(),
            mark: Watermark::default(),
        };
        *self.shared.runs.write() = Arc::default();
        let mut memory = self.shared.memory.write();
        *memory = Memory::default();
        Ok(())
    }
}
