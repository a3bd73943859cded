//! What can go wrong, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store refused or failed. Cloneable, because one failed sync answers many callers.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process (or another host in this one) has the folder open.
    #[error("the data folder {} is in use by another process; stop it, or choose another folder", dir.display())]
    InUse {
        /// The folder that was asked for.
        dir: PathBuf,
    },
    /// Bytes that had been made durable are not what was written.
    #[error("{} is damaged at byte {offset}: {reason}; restore the file from a backup, nothing was changed", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where the first bad frame begins, in bytes.
        offset: u64,
        /// What was expected and what was found.
        reason: String,
    },
    /// The log ends before an entry that is known to have been acknowledged.
    #[error("the log in {} ends at entry {ends_at}, but entry {known} was acknowledged; restore the log from a backup, nothing was changed", dir.display())]
    AcknowledgedLost {
        /// The log's folder.
        dir: PathBuf,
        /// The last whole entry found.
        ends_at: u64,
        /// The last entry that a projection or checkpoint has seen.
        known: u64,
    },
    /// An earlier write failed, so that this one was refused before anything was written. It did not happen.
    #[error("the store takes no writes since an earlier one failed ({cause}); free space or repair the disk, then restart")]
    Degraded {
        /// The first failure.
        cause: String,
    },
    /// The write failed half way. It was not acknowledged, and only a restart tells whether it is in the log.
    #[error("the write failed ({cause}); it was not acknowledged: restart, then look up whether it happened")]
    InDoubt {
        /// The failure.
        cause: String,
    },
    /// Something is larger than its limit. It did not happen.
    #[error("{what} has {got} bytes; at most {limit} are taken")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        got: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The operating system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// An entry in the log cannot be read or applied by this version of the program.
    #[error("entry {sequence} of the log cannot be applied: {reason}")]
    Entry {
        /// The entry's sequence.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// Deciding or applying one command broke; the command did not happen, and the state was rebuilt where needed.
    #[error("the command failed inside the host and did not happen: {reason}")]
    Broken {
        /// The panic's or contradiction's message.
        reason: String,
    },
    /// The projection's engine failed; the log is not affected.
    #[error("the projection failed: {reason}")]
    Projection {
        /// The engine's message.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// A result of this crate.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

pub(crate) trait At<T> {
    /// Names what was being done, and to which path.
    fn at(self, what: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| StoreError::Io {
            what,
            path: path.to_owned(),
            source: Arc::new(source),
        })
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("without a message"))
}
