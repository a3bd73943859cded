//! The data folder: one process at a time, and private files in it.

use crate::host::HostError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data folder that is ours until this is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Largest private file that is read, in bytes.
const PRIVATE_BYTES: u64 = 64 << 10;

impl Folder {
    /// Makes it (0700) if it is missing, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Folder, HostError> {
        let failed = |error: &std::io::Error| folder_error(path, error);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| failed(&error))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _ = lock.take(16).read_to_string(&mut process);
                let process = process.trim();
                return Err(HostError::InUse {
                    path: path.display().to_string(),
                    process: if process.is_empty() {
                        "unknown".to_owned()
                    } else {
                        process.to_owned()
                    },
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        // The number is for the message above only; the lock itself is the kernel's and ends with the process.
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()));
        written.map_err(|error| failed(&error))?;
        Ok(Folder {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A small private file; none when it does not exist.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, HostError> {
        read_private(&self.path.join(name))
    }

    /// Writes a private file (0600), whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), HostError> {
        write_private(&self.path.join(name), text)
    }
}

/// A small private file; none when it does not exist.
///
/// # Errors
/// Unreadable, or larger than 64 KiB.
pub fn read_private(path: &Path) -> Result<Option<String>, HostError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder_error(path, &error)),
    };
    let mut text = String::new();
    file.take(PRIVATE_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| folder_error(path, &error))?;
    Ok(Some(text))
}

/// Writes a file that only its owner reads (0600), whole or not at all.
///
/// # Errors
/// The disk is full or the folder is not writable.
pub fn write_private(path: &Path, text: &str) -> Result<(), HostError> {
    // The parent of a bare name is empty.
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| folder_error(path, &error))
}

/// What to do about a file error, in words.
pub(crate) fn folder_error(path: &Path, error: &std::io::Error) -> HostError {
    use std::io::ErrorKind as E;
    let reason = match error.kind() {
        E::AlreadyExists | E::NotADirectory => "it is, or lies below, a file that is no folder".to_owned(),
        _ => error.to_string(),
    };
    let remedy = match error.kind() {
        E::StorageFull | E::QuotaExceeded => "Free some space on that disk and start again; nothing was lost",
        E::PermissionDenied | E::ReadOnlyFilesystem => "Choose a folder that you may write to with --data DIR",
        _ => "Choose another folder with --data DIR",
    };
    HostError::Folder {
        path: path.display().to_string(),
        reason,
        remedy: remedy.to_owned(),
    }
}
