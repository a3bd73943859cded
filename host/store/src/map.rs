//! An ordered map from bytes to bytes: where projections of the log live, with how far they have come.

use crate::error::Result;

/// The largest value that a map takes, in bytes. (sled puts larger ones into files that it never syncs.)
pub const MAX_VALUE_BYTES: usize = 100 * 1024;
/// The largest key that a map takes, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// One change of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapOp {
    /// Sets a key's value.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key; nothing happens if it is absent.
    Delete(Vec<u8>),
}

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// How far a projection has come, and of which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermark {
    /// The identity of the log that was projected; all zero for none.
    pub log: [u8; 32],
    /// The last entry that was applied; 0 for none.
    pub sequence: u64,
}

/// An ordered map, asynchronous and batch-first so that a distributed engine fits behind it.
#[async_trait::async_trait]
pub trait Map: Send + Sync + 'static {
    /// The values of `keys`, in their order; `None` for a key that is absent.
    ///
    /// # Errors
    /// If the engine fails.
    async fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Up to `limit` pairs whose key begins with `prefix`, ascending, after the key `after` (exclusive) if given.
    /// The next page begins after the last key returned.
    ///
    /// # Errors
    /// If the engine fails.
    async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>>;

    /// The same, descending, before the key `before` (exclusive) if given: the newest of a history first.
    ///
    /// # Errors
    /// If the engine fails.
    async fn scan_back(&self, prefix: &[u8], before: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>>;

    /// Applies all changes, in their order, and the watermark: all or nothing, also after a crash. Not yet durable.
    ///
    /// # Errors
    /// If a key or value is too large, or the engine fails; then nothing was applied.
    async fn apply(&self, ops: Vec<MapOp>, watermark: Watermark) -> Result<()>;

    /// How far the map has come.
    ///
    /// # Errors
    /// If the engine fails.
    async fn watermark(&self) -> Result<Watermark>;

    /// Makes everything applied so far survive a power cut.
    ///
    /// # Errors
    /// If the engine fails; then nothing is known of what was applied since the last flush.
    async fn flush(&self) -> Result<()>;

    /// Makes sure that nothing which was deleted or overwritten so far still stands in the engine's files. Nothing that is there
    /// changes; calls of other methods go on meanwhile.
    ///
    /// # Errors
    /// If the engine fails; then everything is as it was.
    async fn renew(&self) -> Result<()>;

    /// Forgets everything, the watermark too.
    ///
    /// # Errors
    /// If the engine fails.
    async fn clear(&self) -> Result<()>;
}
