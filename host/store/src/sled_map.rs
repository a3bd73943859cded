//! [`Map`] over sled.

use std::path::Path;

use crate::error::Result;
use crate::map::{Map, MapOp, Pair, Watermark};

/// A map in one sled tree. A database that cannot be opened, or that panics, is moved aside (`NAME.broken-N`) and begun anew; the
/// commit engine then fills it from the log.
pub struct SledMap {}

impl SledMap {
    /// Opens the map in the folder `dir`, made if it is missing. Blocks.
    ///
    /// # Errors
    /// If the system refuses, or the folder is in use.
    pub fn open(dir: &Path) -> Result<Self> {
        let _ = dir;
        todo!()
    }
}

#[async_trait::async_trait]
impl Map for SledMap {
    async fn get(&self, _keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        todo!()
    }

    async fn scan(&self, _prefix: &[u8], _after: Option<&[u8]>, _limit: usize) -> Result<Vec<Pair>> {
        todo!()
    }

    async fn scan_back(&self, _prefix: &[u8], _before: Option<&[u8]>, _limit: usize) -> Result<Vec<Pair>> {
        todo!()
    }

    async fn apply(&self, _ops: Vec<MapOp>, _watermark: Watermark) -> Result<()> {
        todo!()
    }

    async fn watermark(&self) -> Result<Watermark> {
        todo!()
    }

    async fn flush(&self) -> Result<()> {
        todo!()
    }

    async fn clear(&self) -> Result<()> {
        todo!()
    }
}
