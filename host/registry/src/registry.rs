//! Publishing, resolving and rolling back.

use crate::error::RegistryError;
use crate::installed::Installed;
use crate::source::Source;
use std::path::Path;
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Digest, PackageLimits, PublicKey, ShortId};

/// How a registry behaves.
#[derive(Clone)]
pub struct RegistryOptions {
    /// How large packages may be.
    pub limits: PackageLimits,
    /// Bytes of assets and components kept in memory.
    pub cache_bytes: usize,
    /// Programs that may be installed.
    pub programs: usize,
    /// Publishers that may be known.
    pub publishers: usize,
    /// Asked in order for programs that are not here.
    pub sources: Vec<Arc<dyn Source>>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        RegistryOptions {
            limits: PackageLimits::default(),
            cache_bytes: 32 << 20,
            programs: 400,
            publishers: 400,
            sources: Vec::new(),
        }
    }
}

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Which program.
    pub program: ProgramId,
    /// `version.code`.
    pub version: u32,
    /// Identifies content and publisher.
    pub digest: Digest,
    /// Key id of who signed it.
    pub publisher: PublisherId,
    /// False: exactly this was current already, and nothing was done.
    pub changed: bool,
}

/// A publisher that the operator has allowed, now or once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Key id.
    pub id: PublisherId,
    /// Shown to people; the operator gave it.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Whether their programs open.
    pub allowed: bool,
    /// Programs of theirs that are installed.
    pub programs: Vec<ProgramId>,
}

/// An installed program.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What opens.
    pub current: Arc<Installed>,
    /// Name of the publisher.
    pub publisher_name: String,
    /// Whether the publisher is allowed.
    pub allowed: bool,
    /// `version.code` that [`Registry::rollback`] would go back to.
    pub previous: Option<u32>,
}

/// A program by one of its two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramRef {
    /// By `app_id`.
    Id(ProgramId),
    /// As in a scan code.
    Short(ShortId),
}

impl From<ProgramId> for ProgramRef {
    fn from(id: ProgramId) -> Self {
        ProgramRef::Id(id)
    }
}
impl From<&ProgramId> for ProgramRef {
    fn from(id: &ProgramId) -> Self {
        ProgramRef::Id(id.clone())
    }
}
impl From<ShortId> for ProgramRef {
    fn from(id: ShortId) -> Self {
        ProgramRef::Short(id)
    }
}

/// Packages in a private folder. Cheap to clone.
#[derive(Clone)]
pub struct Registry {}

impl Registry {
    /// Opens or creates the folder (mode 0700), removes what an earlier kill left half-written, and keeps others out until dropped.
    ///
    /// # Errors
    /// In use by another process, unreadable, or with a damaged index.
    pub async fn open(dir: impl AsRef<Path>, options: RegistryOptions) -> Result<Registry, RegistryError> {
        let _ = (dir.as_ref(), options);
        todo!()
    }

    /// Lets a publisher publish, or lets them again; `name` is what people see. Durable when it returns.
    ///
    /// # Errors
    /// A name that is empty or longer than 64 characters, or too many publishers.
    pub async fn allow_publisher(&self, name: &str, key: &PublicKey) -> Result<PublisherId, RegistryError> {
        let _ = (name, key);
        todo!()
    }

    /// Lets a publisher who is known publish again, or no longer; then their programs do not open. Durable when it returns.
    ///
    /// # Errors
    /// Not known.
    pub async fn set_allowed(&self, id: &PublisherId, allowed: bool) -> Result<(), RegistryError> {
        let _ = (id, allowed);
        todo!()
    }

    /// As [`set_allowed`](Self::set_allowed) with false.
    ///
    /// # Errors
    /// Not known.
    pub async fn disallow(&self, id: &PublisherId) -> Result<(), RegistryError> {
        self.set_allowed(id, false).await
    }

    /// All publishers, by id.
    pub fn publishers(&self) -> Vec<Publisher> {
        todo!()
    }

    /// Verifies a `.ma` fully and installs it. Durable when it returns; a kill before that leaves what was there.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    pub async fn publish(&self, bytes: Vec<u8>) -> Result<Published, RegistryError> {
        let _ = bytes;
        todo!()
    }

    /// The current version of a program: from here, else from the sources.
    ///
    /// # Errors
    /// Not found, its publisher not allowed, or altered on disk.
    pub async fn resolve(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        let _ = program.into();
        todo!()
    }

    /// For each opening: reads the version record from disk and checks its signature over the content digest. About 60 µs; does not wait
    /// for anything but that small file.
    ///
    /// # Errors
    /// Not here, its publisher not allowed, or altered on disk.
    pub fn open_verified(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        let _ = program.into();
        todo!()
    }

    /// An installed version by its digest, current or previous.
    pub fn by_digest(&self, digest: &Digest) -> Option<Arc<Installed>> {
        let _ = digest;
        todo!()
    }

    /// All programs, by id.
    pub fn list(&self) -> Vec<Listed> {
        todo!()
    }

    /// Makes the previous version current. Publishing must still exceed the highest code that was ever here.
    ///
    /// # Errors
    /// There is no previous version.
    pub async fn rollback(&self, program: &ProgramId) -> Result<Published, RegistryError> {
        let _ = program;
        todo!()
    }
}
