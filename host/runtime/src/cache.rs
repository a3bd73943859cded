//! Compiled code on disk: private, and loaded only with a valid code of our own beside it.

use crate::compile::cache_error;
use crate::program::ProgramError;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

const KEY_BYTES: usize = 32;
/// Codes kept on disk.
const CODES: usize = 512;
/// No compilation takes as long as this.
const DRAFT_AGE: Duration = Duration::from_secs(3_600);

/// The folder, its key, and what the code in it must fit.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    compatible: u64,
}

impl Cache {
    /// Opens the folder or makes it.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> Result<Self, ProgramError> {
        let error = |error: std::io::Error| cache_error(&error, folder);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(error)?;
        let metadata = folder.metadata().map_err(error)?;
        if metadata.mode() & 0o077 != 0 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(error)?;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Cache {
            key: key(&folder.join("key")).map_err(error)?,
            folder: folder.to_owned(),
            compatible: hasher.finish(),
        })
    }

    /// Where the code of a package stands.
    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        // Digests come from the registry; whatever they hold, they stay file names.
        let safe: String = digest.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        self.folder.join(format!("{safe}-{:016x}.cwasm", self.compatible))
    }

    /// A file to compile into; [`keep`](Self::keep) gives it its name.
    pub(crate) fn draft(&self, digest: &str) -> Result<PathBuf, ProgramError> {
        let unique = getrandom::u64().map_err(|error| ProgramError::Compile(error.to_string()))?;
        Ok(self.path(digest).with_extension(format!("{unique:016x}.draft")))
    }

    /// Seals a finished draft and gives it its name. The code comes first: without its seal it is not loaded.
    pub(crate) fn keep(&self, digest: &str, draft: &Path) -> Result<(), ProgramError> {
        let path = self.path(digest);
        let error = |error: std::io::Error| cache_error(&error, &path);
        let seal = self.seal(draft, &path).map_err(error)?;
        std::fs::set_permissions(draft, std::fs::Permissions::from_mode(0o600)).map_err(error)?;
        std::fs::rename(draft, &path).map_err(error)?;
        let sealed = path.with_extension(format!("{:016x}.seal.draft", unique().map_err(error)?));
        private(&sealed).and_then(|mut file| file.write_all(&seal)).map_err(error)?;
        std::fs::rename(&sealed, path.with_extension("seal")).map_err(error)?;
        self.prune();
        Ok(())
    }

    /// Keeps the folder bounded: the code that was compiled longest ago goes, and drafts that a killed host left.
    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let mut codes: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
                continue;
            };
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("cwasm") => codes.push((modified, path)),
                Some("draft") if modified.elapsed().is_ok_and(|age| age > DRAFT_AGE) => drop(std::fs::remove_file(path)),
                _ => {}
            }
        }
        codes.sort_unstable();
        let surplus = codes.len().saturating_sub(CODES);
        for (_, path) in codes.into_iter().take(surplus) {
            // The seal first: what has none is not loaded. Sessions that run the code keep it mapped.
            let _ = std::fs::remove_file(path.with_extension("seal"));
            let _ = std::fs::remove_file(path);
        }
    }

    /// Loads the code of a package; none if there is none, or none that fits and is whole.
    pub(crate) fn load(&self, digest: &str, engine: &Engine) -> Option<Component> {
        let path = self.verified(digest)?;
        // SAFETY: see `verified`.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize_file(engine, &path) };
        fits(component, &path)
    }

    /// The same for a tool.
    pub(crate) fn load_module(&self, digest: &str, engine: &Engine) -> Option<Module> {
        let path = self.verified(digest)?;
        // SAFETY: see `verified`.
        #[allow(unsafe_code)]
        let module = unsafe { Module::deserialize_file(engine, &path) };
        fits(module, &path)
    }

    /// Where code is that may be loaded, which runs whatever the file holds. The file was compiled by ourselves into a folder that only
    /// this user can write to, and a code keyed with a key of that folder verifies it now. It is replaced by renaming, never changed in
    /// place. Downloaded code never gets here.
    fn verified(&self, digest: &str) -> Option<PathBuf> {
        let path = self.path(digest);
        let sealed = std::fs::read(path.with_extension("seal")).ok()?;
        let mut mac = self.mac(&path);
        feed(&mut mac, &path).ok()?;
        if mac.verify_slice(&sealed).is_err() {
            tracing::warn!(path = %path.display(), "compiled code was changed on disk; it is compiled again");
            return None;
        }
        Some(path)
    }

    fn mac(&self, path: &Path) -> Hmac<Sha256> {
        // A key of any length fits; the zero-length fallback is never taken.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        mac
    }

    /// Over the final name and the content, so that one program's code can't stand in for another's.
    fn seal(&self, content: &Path, name: &Path) -> std::io::Result<Vec<u8>> {
        let mut mac = self.mac(name);
        feed(&mut mac, content)?;
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

fn fits<T>(loaded: wasmtime::Result<T>, path: &Path) -> Option<T> {
    loaded
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "compiled code does not fit this engine"))
        .ok()
}

fn feed(mac: &mut Hmac<Sha256>, path: &Path) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let mut part = vec![0; 64 << 10];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(()),
            read => mac.update(&part[..read]),
        }
    }
}

/// Made by this user, for this user.
fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Reads the key or makes one. Without it, all is compiled again. Of several that make one at once in a folder, the first one's counts.
fn key(path: &Path) -> std::io::Result<[u8; KEY_BYTES]> {
    let read = || std::fs::read(path).ok().and_then(|found| <[u8; KEY_BYTES]>::try_from(found).ok());
    if let Some(key) = read() {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    let draft = path.with_extension(format!("{:016x}.draft", unique()?));
    private(&draft)?.write_all(&key)?;
    if std::fs::hard_link(&draft, path).is_err() {
        if let Some(first) = read() {
            std::fs::remove_file(&draft)?;
            return Ok(first);
        }
        std::fs::rename(&draft, path)?;
        return Ok(key);
    }
    std::fs::remove_file(&draft)?;
    Ok(key)
}

fn unique() -> std::io::Result<u64> {
    getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))
}
