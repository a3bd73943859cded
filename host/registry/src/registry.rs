//! Publishing, resolving and rolling back.

use crate::error::RegistryError;
use crate::index::{Index, ProgramRow, PublisherRow};
use crate::installed::{Installed, blocking};
use crate::listed::{Asked, Listed, ListedVersion, Listing, ProgramRef, Published, Publisher};
use crate::remote::Remotes;
use crate::source::Source;
use crate::state::Inner;
use crate::take::{From as Origin, Offer};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use youji_api::caller::Requested;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Channel, Digest, PackageLimits, PublicKey, SignedStatement, Statement};

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
    /// Asked for programs that are not here.
    pub sources: Vec<Arc<dyn Source>>,
    /// For how long what a source said is taken for true without asking again; that it did not answer, for five seconds at most.
    pub remember: Duration,
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
            remember: Duration::from_secs(30),
            check: None,
        }
    }
}

/// Longest name of a publisher, in characters.
const PUBLISHER_NAME: usize = 64;

/// Packages in a private folder. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
    pub(crate) remotes: Arc<Remotes>,
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
        let remotes = Arc::new(Remotes::new(&options));
        let inner = blocking(move || Inner::open(&dir, options)).await?;
        Ok(Registry {
            inner: Arc::new(inner),
            remotes,
        })
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
            index.asked.retain(|asked| asked.key != key.to_hex());
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

    /// Whether that publisher's programs may come here and open.
    ///
    /// # Errors
    /// Not known, or not allowed any more.
    pub fn check_publisher(&self, id: &PublisherId) -> Result<(), RegistryError> {
        self.inner.state.read().allowed(id)
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

    /// Publishers whom nobody allowed, and of whom somebody wanted a program that a registry has; the newest last, at most 64.
    pub fn asked(&self) -> Vec<Asked> {
        let state = self.inner.state.read();
        let asked = state.index.asked.iter().filter_map(|row| {
            Some(Asked {
                key: PublicKey::from_hex(&row.key).ok()?,
                program: row.program.clone(),
                registry: row.registry.clone(),
            })
        });
        asked.collect()
    }

    /// Nobody is asked about that publisher any more, until somebody wants a program of theirs again. Durable when it returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn dismiss(&self, id: &PublisherId) -> Result<(), RegistryError> {
        let id = id.clone();
        self.change(move |index| {
            index
                .asked
                .retain(|row| PublicKey::from_hex(&row.key).is_ok_and(|key| key.id() != id));
            Ok(())
        })
        .await
    }

    /// Verifies a `.ma` fully and installs it. Durable when it returns; a kill before that leaves what was there.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    pub async fn publish(&self, bytes: Vec<u8>) -> Result<Published, RegistryError> {
        self.take(Offer {
            package: Some(bytes),
            statement: None,
            wanted: None,
            from: Origin::Here,
            chosen: None,
        })
        .await
    }

    /// The same with what the publisher says of this version and all others, in whose channel it is put; or that alone, when a version is
    /// withdrawn or a trial released. What is stated is listed for other hosts.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    pub async fn publish_stated(&self, package: Option<Vec<u8>>, statement: SignedStatement) -> Result<Published, RegistryError> {
        self.take(Offer {
            package,
            statement: Some(statement),
            wanted: None,
            from: Origin::Here,
            chosen: None,
        })
        .await
    }

    /// The same, sent by the publisher over the network: where the operator chose which version is current, that stays.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    pub async fn receive(&self, package: Option<Vec<u8>>, statement: SignedStatement) -> Result<Published, RegistryError> {
        self.take(Offer {
            package,
            statement: Some(statement),
            wanted: None,
            from: Origin::Publisher,
            chosen: None,
        })
        .await
    }

    /// What the publisher of a program said of its versions last.
    pub fn statement(&self, program: &ProgramId) -> Option<Statement> {
        let state = self.inner.state.read();
        state.derived.statements.get(program).map(|signed| signed.statement.clone())
    }

    /// What other hosts get as the index of this one.
    pub fn listing(&self) -> Listing {
        let state = self.inner.state.read();
        Listing {
            bytes: Arc::clone(&state.derived.listing),
            tag: state.derived.listing_tag.clone(),
        }
    }

    /// The file of a package that the index names and that is here, for other hosts; none for what was withdrawn.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn package_file(&self, digest: &Digest) -> Result<Option<std::fs::File>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        let digest = *digest;
        blocking(move || {
            let state = inner.state.read();
            let stated = state.derived.statements.iter().any(|(program, signed)| {
                let row = state.index.programs.get(program);
                let allowed = row.is_some_and(|row| state.allowed(&row.publisher).is_ok());
                let here = row.is_some_and(|row| row.versions().any(|version| version.digest == digest));
                allowed && here && signed.statement.of(&digest).is_some_and(|version| version.yanked.is_none())
            });
            match stated {
                // Opened while nobody can take it away; it stays readable afterwards.
                true => inner.folder.open_file(&digest).map(Some),
                false => Ok(None),
            }
        })
        .await
    }

    /// The current version of a program: from here, else from the registries.
    ///
    /// # Errors
    /// Not found, its publisher not allowed, withdrawn, altered on disk, or a registry that can't be reached.
    pub async fn resolve(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        self.resolve_in(program, Channel::Release).await
    }

    /// The same in a channel.
    ///
    /// # Errors
    /// As for [`resolve`](Self::resolve); there is no trial version.
    pub async fn resolve_in(&self, program: impl Into<ProgramRef>, channel: Channel) -> Result<Arc<Installed>, RegistryError> {
        let program = program.into();
        match self.inner.current(&program, channel) {
            Err(RegistryError::NotFound(_) | RegistryError::NoTrial(_)) if !self.remotes.is_empty() => {}
            found => return found,
        }
        self.fetch(&program, channel).await?;
        self.inner.current(&program, channel)
    }

    /// The current version of a program if it is here already; waits for nothing and reads nothing from disk.
    ///
    /// # Errors
    /// Not here, its publisher not allowed, or withdrawn.
    pub fn find(&self, program: impl Into<ProgramRef>) -> Result<Arc<Installed>, RegistryError> {
        self.find_in(program, Channel::Release)
    }

    /// The same in a channel.
    ///
    /// # Errors
    /// As for [`find`](Self::find); there is no trial version.
    pub fn find_in(&self, program: impl Into<ProgramRef>, channel: Channel) -> Result<Arc<Installed>, RegistryError> {
        self.inner.current(&program.into(), channel)
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
        let listed = |(program, row): (&ProgramId, &ProgramRow)| {
            let shown = row.current.as_ref().or(row.trial.as_ref())?;
            let current = state.versions.get(&shown.digest)?.as_ref().ok()?;
            let publisher = state.index.publishers.get(&row.publisher)?;
            let trial = row
                .trial
                .as_ref()
                .and_then(|trial| state.versions.get(&trial.digest)?.as_ref().ok());
            let mut versions: Vec<ListedVersion> = Vec::new();
            if let Some(signed) = state.derived.statements.get(program) {
                versions.extend(signed.statement.versions.iter().map(|stated| ListedVersion {
                    code: stated.code,
                    name: stated.name.clone(),
                    channel: stated.channel,
                    digest: stated.digest,
                    here: row.versions().any(|version| version.digest == stated.digest),
                    yanked: stated.yanked.clone(),
                }));
            }
            for version in row.versions() {
                let known = versions.iter().any(|known| known.digest == version.digest);
                let Some(Ok(installed)) = state.versions.get(&version.digest).filter(|_| !known) else {
                    continue;
                };
                versions.push(ListedVersion {
                    code: version.code,
                    name: installed.manifest.version.name.clone(),
                    channel: if row.trial.as_ref() == Some(version) {
                        Channel::Trial
                    } else {
                        Channel::Release
                    },
                    digest: version.digest,
                    here: true,
                    yanked: state.yanked(&version.digest).map(str::to_owned),
                });
            }
            versions.sort_by_key(|version| version.code);
            Some(Listed {
                current: Arc::clone(current),
                open: row.current.as_ref().is_some_and(|version| state.yanked(&version.digest).is_none()),
                publisher_name: publisher.name.clone(),
                allowed: publisher.allowed,
                previous: row.previous.as_ref().map(|version| version.code),
                trial: trial.map(Arc::clone),
                held: row.held,
                origin: row.origin.clone(),
                versions,
            })
        };
        state.index.programs.iter().filter_map(listed).collect()
    }

    /// Swaps the current and the previous version; a second time swaps them back. Publishing must still exceed the highest code that
    /// was ever here. While an older one is current, what comes over the network leaves it. Durable when it returns.
    ///
    /// # Errors
    /// There is no previous version, it was withdrawn, or altered on disk.
    pub async fn rollback(&self, program: &ProgramId) -> Result<Published, RegistryError> {
        let previous = {
            let state = self.inner.state.read();
            let row = state.index.programs.get(program);
            let row = row.ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
            row.previous.as_ref().map(|version| version.code)
        };
        let previous = previous.ok_or_else(|| RegistryError::NothingToRollBack(program.to_string()))?;
        self.choose(program, previous, Channel::Release).await
    }

    /// Makes a version the one that opens in a channel: one that is here, or one that its publisher states, which is fetched then. An older
    /// one than the highest is held: what comes over the network leaves it, until the newest is chosen again. Durable when it returns.
    ///
    /// # Errors
    /// No such version, withdrawn, altered on disk, or its registry can't be reached; nothing was changed.
    pub async fn choose(&self, program: &ProgramId, code: u32, channel: Channel) -> Result<Published, RegistryError> {
        let wanted = {
            let state = self.inner.state.read();
            let row = state.index.programs.get(program);
            let row = row.ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
            let here = row.versions().find(|version| version.code == code);
            if let Some(version) = here {
                state.not_yanked(program, &version.digest)?;
                state.version(version)?.verify()?;
            }
            here.cloned()
        };
        let Some(wanted) = wanted else {
            return self.fetch_version(program, code, channel).await;
        };
        let program = program.clone();
        self.change(move |index| {
            let gone = || RegistryError::NotFound(program.to_string());
            let row = index.programs.get_mut(&program).ok_or_else(gone)?;
            let version = row
                .versions()
                .find(|version| version.digest == wanted.digest)
                .cloned()
                .ok_or_else(gone)?;
            let before = row.clone();
            match channel {
                Channel::Release if row.current.as_ref() == Some(&version) => {}
                Channel::Release => {
                    row.previous = row.current.replace(version.clone());
                    row.highest = row.highest.max(version.code);
                }
                Channel::Trial => row.trial = Some(version.clone()),
            }
            if channel == Channel::Release {
                row.held = version.code < row.highest;
            }
            let publisher = row.publisher.clone();
            let changed = *row != before;
            Ok(Published {
                program,
                version: version.code,
                digest: version.digest,
                publisher,
                channel,
                changed,
            })
        })
        .await
    }

    /// Changes the index on disk, then in memory.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let inner = Arc::clone(&self.inner);
        // Moved into the work itself: a caller who goes away in the middle must not let the next one in early.
        blocking(move || {
            let _writing = inner.writing.blocking_lock();
            let mut index = inner.state.read().index.clone();
            let done = change(&mut index)?;
            inner.commit(index)?;
            Ok(done)
        })
        .await
    }

    pub(crate) async fn take(&self, offer: Offer) -> Result<Published, RegistryError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.take(offer)).await
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
