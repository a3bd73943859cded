//! [`Map`] over sled.

use std::fs::{self, File};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::error::{At, Result, StoreError};
use crate::map::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Map, MapOp, Pair, Watermark};

/// sled holds about ten times as much in memory as it is told.
const CACHE_BYTES: u64 = 8 << 20;
/// The first byte of a stored key: the map's own, or a caller's. One tree, because sled's batches are atomic in one tree only.
const OWN: u8 = 0;
const CALLERS: u8 = 1;
const WATERMARK: [u8; 2] = [OWN, b'w'];

/// A map in one sled tree. A database that cannot be opened, or that panics, is moved aside (`NAME.broken-N`) and begun anew; the
/// commit engine then fills it from the log.
pub struct SledMap {
    db: sled::Db,
    dir: PathBuf,
    file: File,
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
        let db = guard(|| {
            sled::Config::new()
                .path(dir)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(None)
                .open()
        });
        let db = match db {
            Err(StoreError::Projection { reason }) if reason.contains("lock") && reason.contains("acquire") => {
                return Err(StoreError::InUse { dir: dir.to_owned() });
            }
            other => other?,
        };
        // A first read finds damage that opening alone does not.
        guard(|| db.get(WATERMARK))?;
        let path = dir.join("db");
        let file = File::open(&path).at("opening", &path)?;
        let map = Self {
            db,
            dir: dir.to_owned(),
            file,
        };
        map.sync()?;
        // sled syncs neither its configuration nor the names of its files.
        for path in [dir.join("conf"), dir.to_owned()] {
            File::open(&path).and_then(|file| file.sync_all()).at("syncing", &path)?;
        }
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent).and_then(|file| file.sync_all()).at("syncing", parent)?;
        }
        Ok(map)
    }

    /// sled's own flush ends in `sync_file_range`, which survives no power cut.
    fn sync(&self) -> Result<()> {
        guard(|| self.db.flush())?;
        self.file.sync_data().at("syncing the projection in", &self.dir)
    }

    fn range(&self, low: Bound<Vec<u8>>, high: Bound<Vec<u8>>, limit: usize, back: bool) -> Result<Vec<Pair>> {
        let pair = |item: sled::Result<(sled::IVec, sled::IVec)>| item.map(|(key, value)| (key[1..].to_vec(), value.to_vec()));
        guard(|| {
            let range = self.db.range::<Vec<u8>, _>((low, high));
            if back {
                range.rev().take(limit).map(pair).collect()
            } else {
                range.take(limit).map(pair).collect()
            }
        })
    }
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
        keys.iter()
            .map(|key| Ok(guard(|| self.db.get(stored(key)))?.map(|value| value.to_vec())))
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
        guard(|| self.db.apply_batch(batch))
    }

    async fn watermark(&self) -> Result<Watermark> {
        let Some(value) = guard(|| self.db.get(WATERMARK))? else {
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
        self.sync()
    }

    async fn clear(&self) -> Result<()> {
        guard(|| self.db.clear())?;
        self.sync()
    }
}
