//! A projection in memory that a cut sets back to its last flush, or to any batch after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use youji_store::{Map, MapOp, Pair, Result, StoreError, Watermark};

use crate::disk::SimDisk;

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone)]
pub struct SimMap(Arc<Mutex<Inner>>, SimDisk);

#[derive(Default)]
struct Inner {
    now: (Pairs, Watermark),
    durable: (Pairs, Watermark),
    pending: Vec<(Vec<MapOp>, Watermark)>,
}

fn apply((pairs, at): &mut (Pairs, Watermark), ops: &[MapOp], watermark: Watermark) {
    for op in ops {
        match op {
            MapOp::Put(key, value) => drop(pairs.insert(key.clone(), value.clone())),
            MapOp::Delete(key) => drop(pairs.remove(key)),
        }
    }
    *at = watermark;
}

impl SimMap {
    pub fn new(disk: SimDisk) -> Self {
        Self(Arc::default(), disk)
    }

    pub fn power_cycle(&self, random: &mut ChaCha8Rng) {
        let inner = &mut *self.0.lock();
        let survive = random.random_range(0..=inner.pending.len());
        for (ops, watermark) in inner.pending.drain(..).take(survive) {
            apply(&mut inner.durable, &ops, watermark);
        }
        inner.now = inner.durable.clone();
    }

    /// As after a database that could not be opened.
    pub fn lose(&self) {
        *self.0.lock() = Inner::default();
    }

    pub fn pairs(&self) -> Pairs {
        self.0.lock().now.0.clone()
    }

    fn check(&self) -> Result<()> {
        if self.1.is_on() {
            return Ok(());
        }
        Err(StoreError::Projection {
            reason: "the power is off".to_owned(),
        })
    }
}

#[async_trait::async_trait]
impl Map for SimMap {
    async fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let inner = self.0.lock();
        Ok(keys.iter().map(|key| inner.now.0.get(*key).cloned()).collect())
    }
    async fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Vec<Pair>> {
        unreachable!("the simulator looks at `pairs`")
    }
    async fn scan_back(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Vec<Pair>> {
        unreachable!("the simulator looks at `pairs`")
    }
    async fn apply(&self, ops: Vec<MapOp>, watermark: Watermark) -> Result<()> {
        self.check()?;
        let inner = &mut *self.0.lock();
        apply(&mut inner.now, &ops, watermark);
        inner.pending.push((ops, watermark));
        Ok(())
    }
    async fn watermark(&self) -> Result<Watermark> {
        Ok(self.0.lock().now.1)
    }
    async fn flush(&self) -> Result<()> {
        self.check()?;
        let inner = &mut *self.0.lock();
        for (ops, watermark) in inner.pending.drain(..) {
            apply(&mut inner.durable, &ops, watermark);
        }
        Ok(())
    }
    /// It keeps nothing that was deleted.
    async fn renew(&self) -> Result<()> {
        self.check()
    }
    async fn clear(&self) -> Result<()> {
        self.check()?;
        *self.0.lock() = Inner::default();
        Ok(())
    }
}
