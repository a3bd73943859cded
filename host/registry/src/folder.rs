//! The registry's files. A thing is written aside, synced, and takes its place by one rename; so a kill leaves either all of it or none.
//!
//! ```text
//! lock                        held while a host uses the folder
//! index.json                  publishers, programs and which version of each is current
//! packages/DIGEST/seal        public key, container digest, signature: what each opening checks
//! packages/DIGEST/record.json names, lengths and hashes of all entries, in the order of `content`
//! packages/DIGEST/content     all entries, inflated, one after the other
//! packages/DIGEST/package.ma  the file as it was published
//! temp/                       what is being written
//! ```

use crate::error::RegistryError;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use youji_package::{Digest, Package, Seal};

/// Longest index, in bytes.
const INDEX_BYTES: u64 = 32 << 20;
/// Longest record, in bytes: 512 names of 255 bytes that JSON may escape.
const RECORD_BYTES: u64 = 2 << 20;

pub(crate) struct Folder {
    root: PathBuf,
    written: AtomicU64,
    // Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    pub(crate) fn open(root: &Path) -> Result<Folder, RegistryError> {
        private_dir(root)?;
        let path = root.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(RegistryError::io("opening the registry's lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RegistryError::InUse(root.display().to_string())),
            Err(TryLockError::Error(error)) => return Err(RegistryError::io("locking the registry's folder")(error)),
        }
        let folder = Folder {
            root: root.to_owned(),
            written: AtomicU64::new(0),
            _lock: lock,
        };
        remove(&folder.temp())?;
        private_dir(&folder.temp())?;
        private_dir(&folder.packages())?;
        sync_dir(root)?;
        Ok(folder)
    }

    fn temp(&self) -> PathBuf {
        self.root.join("temp")
    }

    fn packages(&self) -> PathBuf {
        self.root.join("packages")
    }

    pub(crate) fn package(&self, digest: &Digest) -> PathBuf {
        self.packages().join(digest.to_string())
    }

    /// The file of a package as it was published.
    pub(crate) fn open_file(&self, digest: &Digest) -> Result<File, RegistryError> {
        File::open(self.package(digest).join("package.ma")).map_err(RegistryError::io("opening a package"))
    }

    /// None: there is none yet.
    pub(crate) fn read_index(&self) -> Result<Option<Vec<u8>>, RegistryError> {
        match File::open(self.root.join("index.json")) {
            Ok(file) => bounded(file, INDEX_BYTES)
                .map(Some)
                .map_err(RegistryError::io("reading the registry's index")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RegistryError::io("reading the registry's index")(error)),
        }
    }

    pub(crate) fn write_index(&self, bytes: &[u8]) -> Result<(), RegistryError> {
        let aside = self.aside();
        write_synced(&aside, &[bytes])?;
        self.put(&aside, &self.root.join("index.json"))
    }

    /// Durable when it returns.
    pub(crate) fn write_package(&self, package: &Package, file: &[u8]) -> Result<(), RegistryError> {
        let aside = self.aside();
        let written = self.write_aside(&aside, package, file);
        if written.is_err() {
            // On a full disk what is left here would keep it full.
            let _ = remove(&aside);
        }
        written
    }

    fn write_aside(&self, aside: &Path, package: &Package, file: &[u8]) -> Result<(), RegistryError> {
        private_dir(aside)?;
        let entries: Vec<_> = package.entries.iter().map(|entry| &entry.digest).collect();
        let record = serde_json::to_vec(&entries).map_err(|error| RegistryError::io("writing a record")(error.into()))?;
        let content: Vec<&[u8]> = package.entries.iter().map(|entry| entry.bytes.as_slice()).collect();
        let Seal {
            public_key,
            container,
            signature,
        } = &package.seal;
        write_synced(&aside.join("seal"), &[public_key, &container.0, signature])?;
        write_synced(&aside.join("record.json"), &[&record])?;
        write_synced(&aside.join("content"), &content)?;
        write_synced(&aside.join("package.ma"), &[file])?;
        sync_dir(aside)?;
        // Only what an attempt that failed before the index knew of it has left can stand there, or what was altered.
        let place = self.package(&package.digest);
        remove(&place)?;
        self.put(aside, &place)
    }

    /// Removes all packages but those.
    pub(crate) fn sweep(&self, keep: impl Fn(&Digest) -> bool) -> Result<(), RegistryError> {
        let doing = || RegistryError::io("looking through the registry's packages");
        for entry in fs::read_dir(self.packages()).map_err(doing())? {
            let entry = entry.map_err(doing())?;
            let known = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
                .is_some_and(|digest: Digest| keep(&digest));
            if !known {
                tracing::info!(name = ?entry.file_name(), "removing a package that nothing refers to");
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn aside(&self) -> PathBuf {
        self.temp().join(self.written.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn put(&self, from: &Path, to: &Path) -> Result<(), RegistryError> {
        fs::rename(from, to).map_err(RegistryError::io(format!("putting {} in its place", to.display())))?;
        sync_dir(to.parent().unwrap_or(&self.root))
    }
}

/// What each opening reads.
pub(crate) fn read_seal(package: &Path) -> std::io::Result<Seal> {
    let mut bytes = [0; 129];
    let mut file = File::open(package.join("seal"))?;
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            more => length += more,
        }
    }
    let parts = bytes.get(..length).filter(|bytes| bytes.len() == 128).and_then(|bytes| {
        let (public_key, rest) = bytes.split_first_chunk::<32>()?;
        let (container, signature) = rest.split_first_chunk::<32>()?;
        Some(Seal {
            public_key: *public_key,
            container: Digest(*container),
            signature: signature.try_into().ok()?,
        })
    });
    parts.ok_or_else(|| std::io::Error::other("it has not 128 bytes"))
}

pub(crate) fn read_record(package: &Path) -> std::io::Result<Vec<u8>> {
    bounded(File::open(package.join("record.json"))?, RECORD_BYTES)
}

/// Bytes of `content`; the length was checked against the limits when the package was installed.
pub(crate) fn read_content(package: &Path, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    File::open(package.join("content"))?.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn bounded(file: File, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> Result<(), RegistryError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_data()
    };
    write().map_err(RegistryError::io(format!("writing {}", path.display())))
}

fn sync_dir(path: &Path) -> Result<(), RegistryError> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(RegistryError::io(format!("syncing {}", path.display())))
}

fn private_dir(path: &Path) -> Result<(), RegistryError> {
    let make = || -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
    };
    make().map_err(RegistryError::io(format!("making the folder {}", path.display())))
}

fn remove(path: &Path) -> Result<(), RegistryError> {
    let remove = || match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    remove().map_err(RegistryError::io(format!("removing {}", path.display())))
}
