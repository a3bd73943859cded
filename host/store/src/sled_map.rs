//! [`Map`] over sled.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::error::{At, Result, StoreError};
use crate::map::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Map, MapOp, Pair, Watermark};

/// sled holds about ten times as much in memory as it is told.
const CACHE_BYTES: u64 = 8 << 20;
/// The first byte of a stored key: the map's own, or a caller's. One tree, because sled's batches are atomic in one tree only.
const OWN: u8 = 0;
const CALLERS: u8 = 1;
const WATERMARK: [u8; 2] = [OWN, b'w'];
const LOCK: &str = "lock";
/// What sled makes in its folder, but for its pictures of the page table, which hold no keys and no values.
const BARE: [&str; 3] = ["conf", "db", "blobs"];

/// How often sled's own lock is tried, which nobody else can have for long: the map's is held.
const TRIES: u32 = 100;
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// How long sled may take to let a database go.
const LET_GO: Duration = Duration::from_secs(30);

/// Named last in a generation's folder, when everything is in it.
const WHOLE: &str = "whole";
/// Pairs and bytes that are copied at a time, while writes wait.
const STEP_PAIRS: usize = 256;
const STEP_BYTES: usize = 256 << 10;

/// A map in one sled tree. A database that cannot be opened, or that panics, is moved aside (`NAME.broken-N`) and begun anew; the
/// commit engine then fills it from the log.
///
/// sled leaves what was deleted in its file until it needs the room. So the database stands in a folder of its own, called by the number
/// of its generation: renewing copies what is there into the next one and removes the old one.
pub struct SledMap {
    dir: PathBuf,
    now: RwLock<Arc<Generation>>,
    /// Held by whoever writes, and for each step of a copy.
    turn: Mutex<Option<Arc<Generation>>>,
    /// One renewal at a time.
    renewing: Mutex<()>,
    _lock: File,
}

struct Generation {
    /// Some until it is let go.
    db: Option<sled::Db>,
    /// Something of it failed.
    hurt: AtomicBool,
    dir: PathBuf,
    file: File,
    number: u64,
}

impl SledMap {
    /// Opens the map in the folder `dir`, made if it is missing. Blocks.
    ///
    /// # Errors
    /// If the system refuses, or the folder is in use.
    pub fn open(dir: &Path) -> Result<Self> {
        match Self::try_open(dir) {
            Err(StoreError::Projection { reason }) => {
                let aside = aside(dir);
                tracing::error!(dir = %dir.display(), aside = %aside.display(), %reason, "the projection cannot be opened; it is moved aside and made anew from the log");
                fs::rename(dir, &aside).at("moving aside", dir)?;
                Self::try_open(dir)
            }
            other => other,
        }
    }

    fn try_open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).at("creating", dir)?;
        let lock = lock(dir)?;
        let number = settle(dir)?;
        let generation = Generation::open(dir, number)?;
        generation.sync()?;
        generation.finish()?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            now: RwLock::new(Arc::new(generation)),
            turn: Mutex::new(None),
            renewing: Mutex::new(()),
            _lock: lock,
        })
    }

    /// Copies what is there into a fresh database and lets the old one go.
    fn copy(&self) -> Result<()> {
        let _one = self.renewing.lock();
        let old = self.now.read().clone();
        let next = self.next_to(&old)?;
        // From here on, what is written goes into both.
        *self.turn.lock() = Some(next.clone());
        if let Err(error) = self.copy_into(&old, &next) {
            *self.turn.lock() = None;
            let dir = next.dir.clone();
            drop(next);
            // Only spares the next start the work.
            let _ = remove(&dir);
            return Err(error);
        }
        let gone = old.dir.clone();
        drop(old);
        remove(&gone)?;
        for path in broken(&self.dir) {
            // What was moved aside holds what was deleted since.
            remove(&path)?;
        }
        sync_dir(&self.dir)
    }

    /// An empty one.
    fn next_to(&self, old: &Generation) -> Result<Arc<Generation>> {
        let number = old.number + 1;
        remove(&self.dir.join(number.to_string()))?;
        Generation::open(&self.dir, number).map(Arc::new)
    }

    fn copy_into(&self, old: &Generation, next: &Arc<Generation>) -> Result<()> {
        let mut after = Bound::Unbounded;
        loop {
            let _turn = self.turn.lock();
            let (mut batch, mut pairs, mut bytes, mut last) = (sled::Batch::default(), 0, 0, None);
            old.work(|db| {
                for pair in db.range::<sled::IVec, _>((after.clone(), Bound::Unbounded)) {
                    let (key, value) = pair?;
                    (pairs, bytes) = (pairs + 1, bytes + key.len() + value.len());
                    last = Some(key.clone());
                    batch.insert(key, value);
                    if pairs >= STEP_PAIRS || bytes >= STEP_BYTES {
                        break;
                    }
                }
                Ok(())
            })?;
            next.work(|db| db.apply_batch(batch))?;
            match last {
                Some(last) => after = Bound::Excluded(last),
                None => break,
            }
        }
        // Nearly all of it, before anybody waits.
        next.sync()?;
        let mut turn = self.turn.lock();
        next.sync()?;
        next.finish()?;
        *turn = None;
        *self.now.write() = next.clone();
        Ok(())
    }

    fn range(&self, low: Bound<Vec<u8>>, high: Bound<Vec<u8>>, limit: usize, back: bool) -> Result<Vec<Pair>> {
        let pair = |item: sled::Result<(sled::IVec, sled::IVec)>| item.map(|(key, value)| (key[1..].to_vec(), value.to_vec()));
        self.now.read().work(|db| {
            let range = db.range::<Vec<u8>, _>((low, high));
            if back {
                range.rev().take(limit).map(pair).collect()
            } else {
                range.take(limit).map(pair).collect()
            }
        })
    }
}

impl Generation {
    fn open(parent: &Path, number: u64) -> Result<Self> {
        let dir = parent.join(number.to_string());
        let open = || {
            let config = sled::Config::new().path(&dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
            guard(|| config.open())
        };
        let taken = |db: &Result<sled::Db>| match db {
            Err(StoreError::Projection { reason }) => reason.contains("lock") && reason.contains("acquire"),
            _ => false,
        };
        let mut db = open();
        // Threads of sled's let a database go a moment after it was dropped.
        for _ in 0..TRIES {
            if !taken(&db) {
                break;
            }
            std::thread::sleep(TRY_AGAIN);
            db = open();
        }
        if taken(&db) {
            return Err(StoreError::InUse { dir: parent.to_owned() });
        }
        let db = db?;
        let path = dir.join("db");
        let file = File::open(&path).at("opening", &path)?;
        let generation = Self {
            db: Some(db),
            hurt: AtomicBool::new(false),
            dir,
            file,
            number,
        };
        // A first read finds damage that opening alone does not.
        generation.work(|db| db.get(WATERMARK))?;
        Ok(generation)
    }

    /// After a failure sled is not asked again: it may have left a place in its log that is never filled, and whoever flushes, or drops the
    /// database, waits until it is, with a lock held that all databases of the process share.
    fn work<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let failed = || StoreError::Projection {
            reason: format!(
                "sled failed in {} before; the next start makes the projection anew from the log",
                self.dir.display()
            ),
        };
        let db = self.db.as_ref().filter(|_| !self.hurt.load(Ordering::SeqCst)).ok_or_else(failed)?;
        let done = guard(|| work(db));
        if done.is_err() {
            self.hurt.store(true, Ordering::SeqCst);
        }
        done
    }

    /// sled's own flush ends in `sync_file_range`, which survives no power cut.
    fn sync(&self) -> Result<()> {
        self.work(|db| db.flush())?;
        self.file.sync_data().at("syncing the projection in", &self.dir)
    }

    /// From here on it is the map, unless a later one is.
    fn finish(&self) -> Result<()> {
        let (conf, whole) = (self.dir.join("conf"), self.dir.join(WHOLE));
        // sled syncs neither its configuration nor the names of its files.
        File::open(&conf).and_then(|file| file.sync_all()).at("syncing", &conf)?;
        sync_dir(&self.dir)?;
        File::create(&whole).and_then(|file| file.sync_all()).at("creating", &whole)?;
        sync_dir(&self.dir)?;
        self.dir.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if *self.hurt.get_mut() {
            tracing::warn!(dir = %self.dir.display(), "sled failed before; its database stays open until the process ends");
            return std::mem::forget(db);
        }
        // Dropping flushes, and waits for threads of sled's; if one of those failed, for ever.
        let (going, gone) = mpsc::sync_channel::<()>(1);
        let thread = std::thread::Builder::new().name("youji-let-go".to_owned()).spawn(move || {
            drop(db);
            drop(going);
        });
        if thread.is_ok() && matches!(gone.recv_timeout(LET_GO), Err(mpsc::RecvTimeoutError::Timeout)) {
            tracing::error!(dir = %self.dir.display(), "sled does not let its database go; it is left to the end of the process");
        }
    }
}

/// Which generation counts: the newest that is whole. Removes all others.
fn settle(dir: &Path) -> Result<u64> {
    let mut numbers = Vec::new();
    for item in fs::read_dir(dir).at("listing", dir)? {
        let path = item.at("listing", dir)?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse::<u64>().ok());
        match number {
            Some(number) => numbers.push((path.join(WHOLE).exists(), number)),
            // A database that stood here without generations; the log fills a new one.
            None if BARE.iter().any(|name| path.ends_with(name)) => remove(&path)?,
            None => {}
        }
    }
    let newest = numbers
        .iter()
        .filter(|(whole, _)| *whole)
        .map(|(_, number)| *number)
        .max()
        .unwrap_or(1);
    for (_, number) in numbers.into_iter().filter(|(_, number)| *number != newest) {
        remove(&dir.join(number.to_string()))?;
    }
    Ok(newest)
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .at("opening", &path)?;
    // A process that is just being started holds all files of its parent until it becomes another program.
    for _ in 0..50 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(error).at("locking", &path),
        }
    }
    Err(StoreError::InUse { dir: dir.to_owned() })
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).at("syncing", dir)
}

/// Removes a file or folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("removing", path),
    }
}

/// What was moved aside.
fn broken(dir: &Path) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Vec::new();
    };
    let begin = format!("{}.broken-", name.to_string_lossy());
    let all = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begin));
    all.map(|item| item.path()).filter(named).collect()
}

/// sled panics where it should fail.
fn guard<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => crate::error::panic_text(panic.as_ref()),
    };
    Err(StoreError::Projection { reason })
}

fn aside(dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1_u32..)
        .map(|n| dir.with_file_name(format!("{name}.broken-{n}")))
        .find(|path| !path.exists());
    free.unwrap_or_else(|| dir.with_extension("broken"))
}

fn stored(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(CALLERS);
    stored.extend_from_slice(key);
    stored
}

/// The first stored key behind all that begin with `prefix`.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = stored(prefix);
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// Whether a change fits the limits.
pub(crate) fn check(op: &MapOp) -> Result<()> {
    let (key, value) = match op {
        MapOp::Put(key, value) => (key, value.len()),
        MapOp::Delete(key) => (key, 0),
    };
    if key.len() > MAX_KEY_BYTES {
        return Err(StoreError::TooLarge {
            what: "a key of the projection",
            got: key.len(),
            limit: MAX_KEY_BYTES,
        });
    }
    if value > MAX_VALUE_BYTES {
        return Err(StoreError::TooLarge {
            what: "a value of the projection",
            got: value,
            limit: MAX_VALUE_BYTES,
        });
    }
    Ok(())
}

#[async_trait::async_trait]
impl Map for SledMap {
    async fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let now = self.now.read();
        keys.iter()
            .map(|key| Ok(now.work(|db| db.get(stored(key)))?.map(|value| value.to_vec())))
            .collect()
    }

    async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        let begin = Bound::Included(stored(prefix));
        let low = after
            .filter(|after| *after >= prefix)
            .map_or(begin, |after| Bound::Excluded(stored(after)));
        let high = behind(prefix);
        if after.is_some_and(|after| after > prefix && !after.starts_with(prefix)) {
            return Ok(Vec::new());
        }
        self.range(low, high, limit, false)
    }

    async fn scan_back(&self, prefix: &[u8], before: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>> {
        if before.is_some_and(|before| before <= prefix) {
            return Ok(Vec::new());
        }
        let high = before
            .filter(|before| before.starts_with(prefix))
            .map_or_else(|| behind(prefix), |before| Bound::Excluded(stored(before)));
        self.range(Bound::Included(stored(prefix)), high, limit, true)
    }

    async fn apply(&self, ops: Vec<MapOp>, watermark: Watermark) -> Result<()> {
        let mut batch = sled::Batch::default();
        for op in ops {
            check(&op)?;
            match op {
                MapOp::Put(key, value) => batch.insert(stored(&key), value),
                MapOp::Delete(key) => batch.remove(stored(&key)),
            }
        }
        let mut value = watermark.log.to_vec();
        value.extend_from_slice(&watermark.sequence.to_le_bytes());
        batch.insert(&WATERMARK, value);
        let turn = self.turn.lock();
        if let Some(next) = turn.as_ref() {
            next.work(|db| db.apply_batch(batch.clone()))?;
        }
        self.now.read().work(|db| db.apply_batch(batch))
    }

    async fn watermark(&self) -> Result<Watermark> {
        let Some(value) = self.now.read().work(|db| db.get(WATERMARK))? else {
            return Ok(Watermark::default());
        };
        let read = || {
            Some(Watermark {
                log: value.get(..32)?.try_into().ok()?,
                sequence: u64::from_le_bytes(value.get(32..40)?.try_into().ok()?),
            })
        };
        read().ok_or_else(|| StoreError::Projection {
            reason: format!("its watermark has {} bytes instead of 40", value.len()),
        })
    }

    async fn flush(&self) -> Result<()> {
        self.now.read().sync()
    }

    async fn renew(&self) -> Result<()> {
        self.copy()
    }

    async fn clear(&self) -> Result<()> {
        let _one = self.renewing.lock();
        let old = self.now.read().clone();
        // Sound, whatever happened to the one before.
        let next = self.next_to(&old)?;
        let mut turn = self.turn.lock();
        next.sync()?;
        next.finish()?;
        *turn = None;
        *self.now.write() = next;
        let gone = old.dir.clone();
        drop(old);
        remove(&gone)
    }
}
