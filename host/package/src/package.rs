//! A verified package, and how one is built and signed.

use crate::container;
use crate::digest::{Digest, EntryDigest, content_digest};
use crate::i18n::I18n;
use crate::keys::{PublicKey, PublisherKey, Seal};
use crate::layout;
use crate::manifest::{Manifest, ManifestErrors};
use std::collections::BTreeMap;
use youji_api::PublisherId;

/// How large a package may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLimits {
    /// Bytes of the file.
    pub packed_bytes: usize,
    /// Bytes of all entries together, inflated.
    pub inflated_bytes: usize,
    /// Entries.
    pub entries: usize,
}

impl Default for PackageLimits {
    fn default() -> Self {
        PackageLimits {
            packed_bytes: 2 << 20,
            inflated_bytes: 16 << 20,
            entries: 512,
        }
    }
}

/// Why a package is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not a ZIP as packages are.
    #[error("expected a mini-program package, found {found}; build it again with `youji build`")]
    Malformed {
        /// What is wrong.
        found: String,
    },
    /// There is no signature block.
    #[error("the package is not signed; sign it with the publisher's key")]
    Unsigned,
    /// The signature does not fit the bytes.
    #[error("the package was altered after it was signed, or signed with another key than it names; get it again from its publisher")]
    Altered,
    /// A bound was passed.
    #[error("{what}: expected at most {limit}, found {found}; make the package smaller")]
    TooLarge {
        /// "packed bytes", "inflated bytes", "entries", or an entry's name.
        what: String,
        /// The bound.
        limit: u64,
        /// At least this much.
        found: u64,
    },
    /// One entry is refused.
    #[error("entry {name:?}: {problem}; {remedy}")]
    Entry {
        /// Its name, as far as it is text.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What to do now.
        remedy: String,
    },
    /// An entry that every package has is missing.
    #[error("{name} is missing: {remedy}")]
    Missing {
        /// Its name.
        name: String,
        /// What to do now.
        remedy: String,
    },
    /// The manifest or a translation has errors.
    #[error("{0}")]
    Manifest(#[from] ManifestErrors),
}

impl PackageError {
    /// Stable, for programs: "malformed", "unsigned", "altered", "too-large", "entry", "missing", "manifest".
    pub fn code(&self) -> &'static str {
        match self {
            PackageError::Malformed { .. } => "malformed",
            PackageError::Unsigned => "unsigned",
            PackageError::Altered => "altered",
            PackageError::TooLarge { .. } => "too-large",
            PackageError::Entry { .. } => "entry",
            PackageError::Missing { .. } => "missing",
            PackageError::Manifest(_) => "manifest",
        }
    }
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name, length and hash.
    pub digest: EntryDigest,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Entry {
    fn new(name: String, bytes: Vec<u8>) -> Entry {
        Entry {
            digest: EntryDigest::of(&name, &bytes),
            bytes,
        }
    }
}

/// A package whose signature, layout, manifest and every entry were checked.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its translations.
    pub i18n: I18n,
    /// All entries, sorted by name.
    pub entries: Vec<Entry>,
    /// Identifies content and publisher.
    pub digest: Digest,
    /// The signature.
    pub seal: Seal,
    /// Who signed. Whether they are allowed to is the registry's to say.
    pub publisher: PublicKey,
}

impl Package {
    /// Reads a `.ma` and checks all of it.
    ///
    /// # Errors
    /// The first reason to refuse it, with the entry's name.
    pub fn open(bytes: &[u8], limits: &PackageLimits) -> Result<Package, PackageError> {
        let opened = container::open(bytes, limits)?;
        let mut entries: Vec<Entry> = opened.files.into_iter().map(|(name, bytes)| Entry::new(name, bytes)).collect();
        entries.sort_by(|a, b| a.digest.name.as_bytes().cmp(b.digest.name.as_bytes()));
        let signer = PublicKey::from_bytes(&opened.seal.public_key).map_err(|_| PackageError::Altered)?;
        let digest = content_digest(&signer.id(), entries.iter().map(|entry| &entry.digest));
        let publisher = opened.seal.verify(&digest).map_err(|_| PackageError::Altered)?;
        let (manifest, i18n) = layout::check(&entries)?;
        Ok(Package {
            manifest,
            i18n,
            entries,
            digest,
            seal: opened.seal,
            publisher,
        })
    }

    /// The bytes of one entry.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.entries
            .iter()
            .find(|entry| entry.digest.name == name)
            .map(|entry| entry.bytes.as_slice())
    }

    /// The component.
    pub fn wasm(&self) -> &[u8] {
        self.get("app.wasm").unwrap_or_default()
    }

    /// What the component runs, where it is a script engine; empty otherwise.
    pub fn script(&self) -> &str {
        let text = self.get(layout::SCRIPT).map(std::str::from_utf8);
        text.and_then(Result::ok).unwrap_or_default()
    }
}

/// Files on their way into a package.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    files: BTreeMap<String, Vec<u8>>,
}

impl Draft {
    /// Without files.
    pub fn new() -> Draft {
        Draft::default()
    }

    /// With one more file; replaces one of the same name.
    pub fn with(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Draft {
        self.files.insert(name.into(), bytes.into());
        self
    }

    /// The package digest that these files will have when that publisher signs them.
    pub fn digest(&self, publisher: &PublisherId) -> Digest {
        let entries: Vec<EntryDigest> = self.files.iter().map(|(name, bytes)| EntryDigest::of(name, bytes)).collect();
        content_digest(publisher, &entries)
    }

    /// Signs and writes a `.ma`. The same files and key always give the same bytes.
    ///
    /// # Errors
    /// What [`Package::open`] would refuse.
    pub fn sign(&self, key: &PublisherKey, limits: &PackageLimits) -> Result<Vec<u8>, PackageError> {
        let entries: Vec<Entry> = self
            .files
            .iter()
            .map(|(name, bytes)| Entry::new(name.clone(), bytes.clone()))
            .collect();
        layout::check(&entries)?;
        let digest = content_digest(&key.id(), entries.iter().map(|entry| &entry.digest));
        let bytes = container::write(&self.files, |container| key.seal(&digest, container))?;
        Package::open(&bytes, limits)?;
        Ok(bytes)
    }
}
