//! One key per person. What is sealed with it is gone for good once the key is destroyed.
//!
//! Each key is a small file of its own, so that it can be overwritten in place without touching any other. A person's id appears only as
//! a hash. A forgotten person leaves an empty mark, so that the same id cannot come back with another key.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use parking_lot::{Condvar, Mutex};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::At;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// The first byte of a sealed value: which algorithm.
const XCHACHA20_POLY1305: u8 = 1;
/// Keys held in memory at most, about 100 bytes each; beyond it they are read again.
const HELD: usize = 65_536;

/// Why a key or a sealed value cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The person was forgotten: the key is destroyed, and with it everything sealed with it.
    #[error("this person was forgotten; the value cannot be read any more")]
    Forgotten,
    /// No key was ever made for the person.
    #[error("there is no key for this person; make one with `Keyring::create` first")]
    Missing,
    /// The value was altered, or sealed for another person or purpose.
    #[error("the sealed value was altered, or belongs to another person or purpose")]
    Altered,
    /// The system refused.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

type Key = Arc<Zeroizing<[u8; KEY_BYTES]>>;
type Name = [u8; 32];

/// The keys of all persons of one host. Clones share one ring.
#[derive(Clone)]
pub struct Keyring {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    /// Never locked while a file is touched.
    held: Mutex<HashMap<Name, Key>>,
    /// Keys whose files somebody works on: making, reading and destroying one key exclude each other, and nobody else waits for them.
    busy: Mutex<HashSet<Name>>,
    free: Condvar,
}

/// The only one at the files of a key, until it is dropped.
struct Alone<'a> {
    shared: &'a Shared,
    name: Name,
}

impl Shared {
    fn alone(&self, name: &Name) -> Alone<'_> {
        let mut busy = self.busy.lock();
        while !busy.insert(*name) {
            self.free.wait(&mut busy);
        }
        Alone { shared: self, name: *name }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.shared.busy.lock().remove(&self.name);
        self.shared.free.notify_all();
    }
}

impl Keyring {
    /// Opens the ring in the folder `dir`, made if it is missing. Destructions that a crash interrupted are finished.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(dir: &Path) -> crate::Result<Self> {
        let sync_dir = |dir: &Path| File::open(dir).and_then(|dir| dir.sync_all());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).at("creating", dir)?;
        for parent in dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).take(2) {
            sync_dir(parent).at("syncing", parent)?;
        }
        for item in fs::read_dir(dir).at("listing", dir)? {
            let path = item.at("listing", dir)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // A key whose making was interrupted was never used.
                Some("new") => fs::remove_file(&path).at("removing", &path)?,
                Some("gone") => shred(&path.with_extension("key"))?,
                _ => {}
            }
        }
        sync_dir(dir).at("syncing", dir)?;
        Ok(Self {
            shared: Arc::new(Shared {
                dir: dir.to_owned(),
                held: Mutex::default(),
                busy: Mutex::default(),
                free: Condvar::new(),
            }),
        })
    }

    /// Makes the person's key if there is none, durably. Blocks for a sync when it makes one.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`] if the person was forgotten; otherwise if the system refuses.
    pub fn create(&self, person: &str) -> Result<(), KeyError> {
        let name = name(person);
        if self.held(&name).is_some() {
            return Ok(());
        }
        let alone = self.shared.alone(&name);
        match self.read(&alone) {
            Err(KeyError::Missing) => {}
            other => return other.map(drop),
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random(key.as_mut_slice())?;
        let (path, new) = (self.path(&name, "key"), self.path(&name, "new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .at("creating", &new)?;
        file.write_all(key.as_slice()).and_then(|()| file.sync_all()).at("writing", &new)?;
        fs::rename(&new, &path).at("naming", &path)?;
        self.sync_dir()?;
        self.hold(&alone, Arc::new(key));
        Ok(())
    }

    /// Whether the person has a key.
    #[must_use]
    pub fn has(&self, person: &str) -> bool {
        self.key(&name(person)).is_ok()
    }

    /// Seals `plaintext` so that only the same person and the same `purpose` open it. The purpose is not kept in the result: name what
    /// the value is and where it stands, for instance `message/<id>`, so that values cannot be swapped. Adds 41 bytes.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`], [`KeyError::Missing`], or if the system refuses.
    pub fn seal(&self, person: &str, purpose: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let name = name(person);
        let key = self.key(&name)?;
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        let cipher = XChaCha20Poly1305::new(key.as_slice().into());
        let payload = Payload {
            msg: plaintext,
            aad: &bound(&name, purpose),
        };
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| KeyError::Altered)?;
        Ok([&[XCHACHA20_POLY1305], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`], [`KeyError::Missing`], [`KeyError::Altered`], or if the system refuses.
    pub fn open_sealed(&self, person: &str, purpose: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let name = name(person);
        let key = self.key(&name)?;
        let (head, msg) = sealed.split_at_checked(1 + NONCE_BYTES).ok_or(KeyError::Altered)?;
        if head[0] != XCHACHA20_POLY1305 {
            return Err(KeyError::Altered);
        }
        let cipher = XChaCha20Poly1305::new(key.as_slice().into());
        cipher
            .decrypt(
                XNonce::from_slice(&head[1..]),
                Payload {
                    msg,
                    aad: &bound(&name, purpose),
                },
            )
            .map_err(|_| KeyError::Altered)
    }

    /// Destroys the person's key: after `Ok` everything sealed with it is gone, also from backups of log and map (not from a copy of the
    /// ring itself). A person who never had a key is marked as forgotten too. Repeating it is harmless. Blocks for a few syncs.
    ///
    /// # Errors
    /// If the system refuses; then repeat it.
    pub fn destroy(&self, person: &str) -> Result<(), KeyError> {
        let name = name(person);
        let alone = self.shared.alone(&name);
        self.shared.held.lock().remove(&alone.name);
        let (mark, key) = (self.path(&name, "gone"), self.path(&name, "key"));
        // The mark first: if this is interrupted, the next start finishes it.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&mark)
            .at("marking", &mark)?;
        file.sync_all().at("marking", &mark)?;
        self.sync_dir()?;
        shred(&key)?;
        self.sync_dir()?;
        Ok(())
    }

    fn held(&self, name: &Name) -> Option<Key> {
        self.shared.held.lock().get(name).cloned()
    }

    fn key(&self, name: &Name) -> Result<Key, KeyError> {
        match self.held(name) {
            Some(key) => Ok(key),
            None => self.read(&self.shared.alone(name)),
        }
    }

    /// From its file, unless somebody was faster.
    fn read(&self, alone: &Alone<'_>) -> Result<Key, KeyError> {
        let name = &alone.name;
        if let Some(key) = self.held(name) {
            return Ok(key);
        }
        if self.path(name, "gone").exists() {
            return Err(KeyError::Forgotten);
        }
        let path = self.path(name, "key");
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        match File::open(&path).and_then(|mut file| file.read_exact(key.as_mut_slice())) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing),
            Err(error) => return Err(error).at("reading", &path).map_err(KeyError::from),
        }
        let key = Arc::new(key);
        self.hold(alone, key.clone());
        Ok(key)
    }

    fn hold(&self, alone: &Alone<'_>, key: Key) {
        let mut held = self.shared.held.lock();
        if held.len() >= HELD {
            held.clear();
        }
        held.insert(alone.name, key);
    }

    fn path(&self, name: &Name, extension: &str) -> PathBuf {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        self.shared.dir.join(hex).with_extension(extension)
    }

    fn sync_dir(&self) -> crate::Result<()> {
        let dir = &self.shared.dir;
        File::open(dir).and_then(|dir| dir.sync_all()).at("syncing", dir)
    }
}

fn name(person: &str) -> Name {
    Sha256::new().chain_update(b"youji person ").chain_update(person).finalize().into()
}

fn bound(name: &Name, purpose: &[u8]) -> Vec<u8> {
    [name.as_slice(), purpose].concat()
}

fn random(bytes: &mut [u8]) -> crate::Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| io::Error::other(error.to_string()))
        .at("drawing randomness from", Path::new("the system"))
}

/// Overwrites a key where it stands, durably, before its name goes.
fn shred(path: &Path) -> crate::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file
            .and_then(|file| file.write_all_at(&[0; KEY_BYTES], 0).and_then(|()| file.sync_data()))
            .and_then(|()| fs::remove_file(path))
            .at("destroying", path),
    }
}
