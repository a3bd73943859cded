//! Publishing, resolving and rolling back.

use crate::error::RegistryError;
use crate::index::{Index, ProgramRow, PublisherRow};
use crate::installed::{Installed, blocking};
use crate::source::Source;
use crate::state::Inner;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use youji_api::caller::Requested;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Digest, PackageLimits, PublicKey, ShortId};

/// Judges a component against what its manifest requests; `Err` says what is wrong and what to do, as "wrong; do this".
pub type Check = Arc<dyn Fn(&[u8], &Requested) -> Result<(), String> + Send + Sync>;

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
    /// Asked before anything is installed, since the registry does not read components itself: what could never run here must not
    /// take the place of a version that does. None: every component is admitted.
    pub check: Option<Check>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        RegistryOptions {
            limits: PackageLimits::default(),
            cache_bytes: 32 << 20,
            programs: 400,
            publishers: 400,
            sources: Vec::new(),
            check: None,
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
    /// False: exactly this is installed already; which version opens was left as it is.
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

impl fmt::Display for ProgramRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramRef::Id(id) => id.fmt(f),
            ProgramRef::Short(id) => id.fmt(f),
        }
    }
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

/// Longest name of a publisher, in characters.
const PUBLISHER_NAME: usize = 64;

/// Packages in a private folder. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

impl Registry {
    /// Opens or creates the folder (mode 0700), removes what an earlier kill left half-written, and keeps others out until dropped.
    ///
    /// A version that was altered on disk does not keep the others from opening: it is logged, and opening it says so.
    ///
    /// # Errors
    /// In use by another process, unreadable, or with a damaged index.
    pub async fn open(dir: impl AsRef<Path>, options: RegistryOptions) -> Result<Registry, RegistryError> {
        let dir = dir.as_ref().to_owned();
        blocking(move || Inner::open(&dir, options))
            .await
            .map(|inner| Registry { inner: Arc::new(inner) })
    }

    /// Lets a publisher publish, or lets them again; `name` is what people see. Durable when it returns.
    ///
    /// # Errors
    /// A name that is empty or longer than 64 characters, or too many publishers.
    pub async fn allow_publisher(&self, name: &str, key: &PublicKey) -> Result<PublisherId, RegistryError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > PUBLISHER_NAME || name.chars().any(char::is_control) {
            let found = name.chars().count();
            return Err(RegistryError::Invalid(format!(
                "a publisher's name: expected 1 to {PUBLISHER_NAME} characters, found {found}; choose another"
            )));
        }
        let (name, key, limit) = (name.to_owned(), key.clone(), self.inner.options.publishers);
        self.change(move |index| {
            let id = key.id();
            if !index.publishers.contains_key(&id) && index.publishers.len() >= limit {
                return Err(RegistryError::Full { what: "publishers", limit });
            }
            index.publishers.insert(
                id.clone(),
                PublisherRow {
                    name,
                    key: key.to_hex(),
                    allowed: true,
                },
            );
            Ok(id)
        })
        .await
    }

    /// Lets a publisher who is known publish again, or no longer; then their programs do not open. Durable when it returns.
    ///
    /// # Errors
    /// Not known.
    pub async fn set_allowed(&self, id: &PublisherId, allowed: bool) -> Result<(), RegistryError> {
        let id = id.clone();
        self.change(move |index| match index.publishers.get_mut(&id) {
            Some(row) => {
                row.allowed = allowed;
                Ok(())
            }
            None => Err(RegistryError::UnknownPublisher { id: id.to_string() }),
        })
        .await
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
        let state = self.inner.state.read();
        let publisher = |(id, row): (&PublisherId, &PublisherRow)| {
            let programs = state
                .index
                .programs
                .iter()
                .filter(|(_, program)| program.publisher == *id)
                .map(|(id, _)| id.clone());
            let key = PublicKey::from_hex(&row.key).ok()?;
            Some(Publisher {
                id: id.clone(),
                name: row.name.clone(),
                key,
                allowed: row.allowed,
                programs: programs.collect(),
            })
        };
        state.index.publishers.iter().filter_map(publisher).collect()
    }

    /// Verifies a `.ma` fully and installs it. Durable when it returns; a kill before that leaves what was there.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    pub async fn publish(&self, bytes: Vec<u8>) -> Result<Published, RegistryError> {
        self.install(bytes, None).await
    }

    /// The current version of a program: from here, else from the sources.
    ///
    /// # Errors
    /// Not found, its publisher not allowed, or altered on disk.
    pub async fn resolve(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        let program = program.into();
        match self.inner.current(&program) {
            Err(RegistryError::NotFound(_)) => {}
            found => return found,
        }
        for source in &self.inner.options.sources {
            if let Some(bytes) = source.fetch(&program).await? {
                self.install(bytes, Some(program.clone())).await?;
                break;
            }
        }
        self.inner.current(&program)
    }

    /// The current version of a program if it is here already; waits for nothing and reads nothing from disk.
    ///
    /// # Errors
    /// Not here, or its publisher not allowed.
    pub fn find(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        self.inner.current(&program.into())
    }

    /// For each opening: reads the version's seal from disk again and checks it; its arithmetic is done only for a seal that was not checked
    /// before. Waits for nothing but that small file.
    ///
    /// # Errors
    /// Altered or unreadable on disk.
    pub fn verify(&self, installed: &Installed) -> Result<(), RegistryError> {
        installed.verify()
    }

    /// [`find`](Self::find) and [`verify`](Self::verify) in one.
    ///
    /// # Errors
    /// Not here, its publisher not allowed, or altered on disk.
    pub fn open_verified(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        let installed = self.find(program)?;
        installed.verify()?;
        Ok(installed)
    }

    /// An installed version by its digest, current or previous; none if its publisher is not allowed.
    pub fn by_digest(&self, digest: &Digest) -> Option<Arc<Installed>> {
        let state = self.inner.state.read();
        let installed = state.versions.get(digest)?.as_ref().ok()?;
        let allowed = state.index.publishers.get(&installed.publisher).is_some_and(|row| row.allowed);
        allowed.then(|| Arc::clone(installed))
    }

    /// All programs that can be read, by id; those of publishers who are not allowed too, marked.
    pub fn list(&self) -> Vec<Listed> {
        let state = self.inner.state.read();
        let listed = |row: &ProgramRow| {
            let current = state.versions.get(&row.current.digest)?.as_ref().ok()?;
            let publisher = state.index.publishers.get(&row.publisher)?;
            Some(Listed {
                current: Arc::clone(current),
                publisher_name: publisher.name.clone(),
                allowed: publisher.allowed,
                previous: row.previous.as_ref().map(|version| version.code),
            })
        };
        state.index.programs.values().filter_map(listed).collect()
    }

    /// Swaps the current and the previous version; a second time swaps them back. Publishing must still exceed the highest code that
    /// was ever here. Durable when it returns.
    ///
    /// # Errors
    /// There is no previous version, or it was altered on disk.
    pub async fn rollback(&self, program: &ProgramId) -> Result<Published, RegistryError> {
        if let Some(previous) = self.inner.previous(program)? {
            previous.verify()?;
        }
        let program = program.clone();
        self.change(move |index| {
            let row = index
                .programs
                .get_mut(&program)
                .ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
            let previous = row
                .previous
                .take()
                .ok_or_else(|| RegistryError::NothingToRollBack(program.to_string()))?;
            row.previous = Some(std::mem::replace(&mut row.current, previous));
            let (version, digest) = (row.current.code, row.current.digest);
            Ok(Published {
                program,
                version,
                digest,
                publisher: row.publisher.clone(),
                changed: true,
            })
        })
        .await
    }

    /// Changes the index on disk, then in memory.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let inner = Arc::clone(&self.inner);
        // Moved into the work itself: a caller who goes away in the middle must not let the next one in early.
        blocking(move || {
            let _writing = inner.writing.blocking_lock();
            let mut index = inner.state.read().index.clone();
            let done = change(&mut index)?;
            inner.folder.write_index(&index.to_bytes()?)?;
            inner.state.write().index = index;
            Ok(done)
        })
        .await
    }

    async fn install(&self, bytes: Vec<u8>, wanted: Option<ProgramRef>) -> Result<Published, RegistryError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.install(&bytes, wanted.as_ref())).await
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.read();
        write!(
            f,
            "Registry({} programs, {} publishers)",
            state.index.programs.len(),
            state.index.publishers.len()
        )
    }
}
