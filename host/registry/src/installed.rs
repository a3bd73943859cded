//! One version of a program, ready to be opened.

use crate::cache::Cache;
use crate::error::RegistryError;
use crate::folder;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use youji_api::PublisherId;
use youji_api::caller::Requested;
use youji_package::digest::content_digest;
use youji_package::{Digest, EntryDigest, I18n, Manifest, Seal, ShortId, image};

/// A file of a package as it is served.
#[derive(Clone, Debug)]
pub struct Asset {
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// Checked against its SHA-256 when it was read from disk.
    pub bytes: Arc<[u8]>,
}

/// One version of a program. Stays readable while somebody holds it, even after newer versions took its place.
#[derive(Debug)]
pub struct Installed {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its translations.
    pub i18n: I18n,
    /// Identifies content and publisher.
    pub digest: Digest,
    /// In scan codes.
    pub short_id: ShortId,
    /// Key id of who signed it.
    pub publisher: PublisherId,
    /// The signature.
    pub seal: Seal,
    files: Files,
}

impl Installed {
    /// Reads a package's folder and checks signature, record, manifest and translations; `content` is checked as it is read.
    pub(crate) fn load(path: PathBuf, digest: Digest, publisher: &PublisherId, cache: Arc<Cache>) -> Result<Installed, RegistryError> {
        let corrupt = |what: String| RegistryError::Corrupt { digest, what };
        let seal = folder::read_seal(&path).map_err(|error| corrupt(format!("its seal: {error}")))?;
        check_seal(&seal, &digest, publisher)?;
        let record = folder::read_record(&path).map_err(|error| corrupt(format!("its record: {error}")))?;
        let entries: Vec<EntryDigest> = serde_json::from_slice(&record).map_err(|error| corrupt(format!("its record: {error}")))?;
        if content_digest(publisher, &entries) != digest {
            return Err(corrupt("its record".to_owned()));
        }
        let files = Files {
            path,
            digest,
            entries,
            cache,
            retired: AtomicBool::new(false),
        };
        let manifest = Manifest::parse(&files.read("manifest.json")?).map_err(|errors| corrupt(errors.to_string()))?;
        let mut i18n = I18n::default();
        for name in files.entries.iter().map(|entry| entry.name.as_str()) {
            if let Some(tag) = name.strip_prefix("i18n/").and_then(|file| file.strip_suffix(".json")) {
                let translation = I18n::parse_one(name, &files.read(name)?).map_err(|errors| corrupt(errors.to_string()))?;
                i18n.languages.insert(tag.to_owned(), translation);
            }
        }
        let short_id = ShortId::of(&manifest.app_id);
        Ok(Installed {
            manifest,
            i18n,
            digest,
            short_id,
            publisher: publisher.clone(),
            seal,
            files,
        })
    }

    /// Reads the seal from disk again and checks it. One that is byte for byte the seal that was checked at loading, for this digest and
    /// this key, has the same answer: the arithmetic is done again only for another one.
    pub(crate) fn verify(&self) -> Result<(), RegistryError> {
        let seal = folder::read_seal(&self.files.path).map_err(|error| self.files.corrupt(format!("its seal: {error}")))?;
        if seal == self.seal {
            return Ok(());
        }
        check_seal(&seal, &self.digest, &self.publisher)
    }

    /// Reads everything from disk and checks it.
    pub(crate) fn is_intact(&self) -> bool {
        let record = folder::read_record(&self.files.path)
            .ok()
            .and_then(|record| serde_json::from_slice::<Vec<EntryDigest>>(&record).ok());
        self.verify().is_ok()
            && record.as_ref() == Some(&self.files.entries)
            && self.files.entries.iter().all(|entry| self.files.read(&entry.name).is_ok())
    }

    /// Its folder goes when the last holder lets go.
    pub(crate) fn retire(&self) {
        self.files.retired.store(true, Ordering::Release);
    }

    /// The component, checked against its SHA-256.
    ///
    /// # Errors
    /// Altered or unreadable on disk.
    pub async fn wasm(self: &Arc<Self>) -> Result<Arc<[u8]>, RegistryError> {
        let this = Arc::clone(self);
        blocking(move || this.files.read("app.wasm").map(Arc::from)).await
    }

    /// What the component runs, where it is a script engine; checked against its SHA-256.
    ///
    /// # Errors
    /// Altered or unreadable on disk.
    pub async fn script(self: &Arc<Self>) -> Result<Option<Arc<str>>, RegistryError> {
        if !self.files.entries.iter().any(|entry| entry.name == "app.js") {
            return Ok(None);
        }
        let this = Arc::clone(self);
        blocking(move || {
            let text = String::from_utf8(this.files.read("app.js")?).map_err(|_| this.files.corrupt("app.js".to_owned()))?;
            Ok(Some(Arc::from(text)))
        })
        .await
    }

    /// A picture or another file of `common/` or `pages/`, checked against its SHA-256; kept in a bounded cache.
    ///
    /// # Errors
    /// No such file (the manifest, the component and translations are not served), altered, or unreadable.
    pub async fn asset(self: &Arc<Self>, path: &str) -> Result<Asset, RegistryError> {
        let served = path.starts_with("common/") || path.starts_with("pages/");
        let Some(entry) = self.files.entries.iter().find(|entry| served && entry.name == path) else {
            let name = path.chars().take(255).collect();
            return Err(RegistryError::NoAsset {
                program: self.manifest.app_id.to_string(),
                name,
            });
        };
        let content_type = image::content_type(path);
        if let Some(bytes) = self.files.cache.get(&entry.sha256) {
            return Ok(Asset { content_type, bytes });
        }
        let (this, name) = (Arc::clone(self), entry.name.clone());
        let bytes: Arc<[u8]> = blocking(move || this.files.read(&name).map(Arc::from)).await?;
        self.files.cache.put(entry.sha256, &bytes);
        Ok(Asset { content_type, bytes })
    }

    /// Name, length and hash of each file.
    pub fn entries(&self) -> &[EntryDigest] {
        &self.files.entries
    }

    /// What the manifest requests, with reasons in that language.
    pub fn requested(&self, language: &str) -> Requested {
        self.manifest.requested(&self.i18n, language)
    }

    /// The program's name in that language.
    pub fn name(&self, language: &str) -> &str {
        self.i18n.name(&self.manifest, language)
    }

    /// The program's description in that language.
    pub fn description(&self, language: &str) -> &str {
        self.i18n.description(&self.manifest, language)
    }
}

/// The files of one version on disk.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    digest: Digest,
    entries: Vec<EntryDigest>,
    cache: Arc<Cache>,
    retired: AtomicBool,
}

impl Files {
    fn corrupt(&self, what: String) -> RegistryError {
        RegistryError::Corrupt { digest: self.digest, what }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, RegistryError> {
        let mut offset = 0_u64;
        for entry in &self.entries {
            if entry.name == name {
                let length = usize::try_from(entry.length).map_err(|_| self.corrupt(format!("the length of {name}")))?;
                let bytes = folder::read_content(&self.path, offset, length).map_err(|error| self.corrupt(format!("{name}: {error}")))?;
                return if Digest::of(&bytes) == entry.sha256 {
                    Ok(bytes)
                } else {
                    Err(self.corrupt(name.to_owned()))
                };
            }
            offset = offset.saturating_add(entry.length);
        }
        Err(self.corrupt(format!("{name} is missing")))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // What stays behind is swept at the next start.
            if let Err(error) = std::fs::remove_dir_all(&self.path) {
                tracing::warn!(digest = %self.digest, %error, "an old version could not be removed");
            }
        }
    }
}

fn check_seal(seal: &Seal, digest: &Digest, publisher: &PublisherId) -> Result<(), RegistryError> {
    let corrupt = |what: &str| RegistryError::Corrupt {
        digest: *digest,
        what: what.to_owned(),
    };
    let key = seal.verify(digest).map_err(|_| corrupt("its signature"))?;
    if key.id() != *publisher {
        Err(corrupt("who signed it"))
    } else {
        Ok(())
    }
}

/// Runs what waits for the disk or computes for long, away from the tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(RegistryError::io("working on the registry")(std::io::Error::other(error))),
    }
}
