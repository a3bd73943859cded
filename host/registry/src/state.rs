//! What stands behind a registry: its folder, and what is known from it.

use crate::cache::Cache;
use crate::error::RegistryError;
use crate::folder::Folder;
use crate::index::{Index, ProgramRow, VersionRow};
use crate::installed::Installed;
use crate::listed::ProgramRef;
use crate::registry::RegistryOptions;
use crate::source;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Channel, Digest, ShortId, SignedStatement};

pub(crate) struct Inner {
    pub(crate) folder: Folder,
    pub(crate) options: RegistryOptions,
    pub(crate) cache: Arc<Cache>,
    /// Held while files change, so that two who publish do not decide from the same state.
    pub(crate) writing: tokio::sync::Mutex<()>,
    pub(crate) state: RwLock<State>,
}

pub(crate) struct State {
    pub(crate) index: Index,
    /// Of every digest that the index refers to; a text where it can't be read.
    pub(crate) versions: HashMap<Digest, Result<Arc<Installed>, String>>,
    pub(crate) derived: Derived,
}

/// What follows from the index alone.
#[derive(Default)]
pub(crate) struct Derived {
    pub(crate) shorts: HashMap<ShortId, ProgramId>,
    pub(crate) statements: HashMap<ProgramId, Arc<SignedStatement>>,
    /// Names and reasons of versions that were withdrawn.
    yanked: HashMap<Digest, (String, String)>,
    /// What other hosts get.
    pub(crate) listing: Arc<[u8]>,
    /// Changes whenever that does.
    pub(crate) listing_tag: String,
}

impl Derived {
    /// What was verified before is not verified again.
    fn of(index: &Index, before: &Derived) -> Result<Derived, RegistryError> {
        let mut derived = Derived::default();
        for (program, row) in &index.programs {
            derived.shorts.insert(ShortId::of(program), program.clone());
            let Some(text) = &row.statement else { continue };
            let known = before.statements.get(program).filter(|known| known.text() == text);
            let signed = match known {
                Some(known) => Arc::clone(known),
                None => SignedStatement::parse(text)
                    .map(Arc::new)
                    .map_err(|error| RegistryError::DamagedIndex(format!("the statement of {program}: {error}")))?,
            };
            if signed.statement.program != *program || signed.publisher.id() != row.publisher {
                return Err(RegistryError::DamagedIndex(format!(
                    "the statement of {program} is of another program or publisher"
                )));
            }
            for version in &signed.statement.versions {
                if let Some(reason) = &version.yanked {
                    derived.yanked.insert(version.digest, (version.name.clone(), reason.clone()));
                }
            }
            derived.statements.insert(program.clone(), signed);
        }
        let listed = index.programs.iter().filter_map(|(program, row)| {
            let allowed = index.publishers.get(&row.publisher).is_some_and(|publisher| publisher.allowed);
            derived.statements.get(program).filter(|_| allowed)
        });
        let listing = source::write_index(listed.map(Arc::as_ref));
        derived.listing_tag = Digest::of(&listing).to_string().chars().take(32).collect();
        derived.listing = Arc::from(listing);
        Ok(derived)
    }
}

impl State {
    /// The index of that state, with all that follows from it.
    pub(crate) fn replaced(&self, index: &Index) -> Result<Derived, RegistryError> {
        Derived::of(index, &self.derived)
    }

    pub(crate) fn row(&self, program: &ProgramRef) -> Option<(&ProgramId, &ProgramRow)> {
        let id = match program {
            ProgramRef::Id(id) => id,
            ProgramRef::Short(short) => self.derived.shorts.get(short)?,
        };
        self.index.programs.get_key_value(id)
    }

    pub(crate) fn allowed(&self, publisher: &PublisherId) -> Result<(), RegistryError> {
        match self.index.publishers.get(publisher) {
            None => Err(RegistryError::UnknownPublisher { id: publisher.to_string() }),
            Some(row) if !row.allowed => Err(RegistryError::Disallowed {
                id: publisher.to_string(),
                name: row.name.clone(),
            }),
            Some(_) => Ok(()),
        }
    }

    /// Why a version was withdrawn, if it was.
    pub(crate) fn yanked(&self, digest: &Digest) -> Option<&str> {
        self.derived.yanked.get(digest).map(|(_, reason)| reason.as_str())
    }

    pub(crate) fn not_yanked(&self, program: &ProgramId, digest: &Digest) -> Result<(), RegistryError> {
        match self.derived.yanked.get(digest) {
            None => Ok(()),
            Some((version, reason)) => Err(RegistryError::Yanked {
                program: program.to_string(),
                version: version.clone(),
                reason: reason.clone(),
            }),
        }
    }

    pub(crate) fn version(&self, version: &VersionRow) -> Result<Arc<Installed>, RegistryError> {
        match self.versions.get(&version.digest) {
            Some(Ok(installed)) => Ok(Arc::clone(installed)),
            Some(Err(what)) => Err(RegistryError::Corrupt {
                digest: version.digest,
                what: what.clone(),
            }),
            None => Err(RegistryError::Corrupt {
                digest: version.digest,
                what: "it is missing".to_owned(),
            }),
        }
    }
}

impl Inner {
    pub(crate) fn open(dir: &Path, options: RegistryOptions) -> Result<Inner, RegistryError> {
        let folder = Folder::open(dir)?;
        let index = folder
            .read_index()?
            .map_or_else(|| Ok(Index::new()), |bytes| Index::parse(&bytes))?;
        let derived = Derived::of(&index, &Derived::default())?;
        folder.sweep(|digest| index.refers_to(digest))?;
        let cache = Arc::new(Cache::new(options.cache_bytes));
        let mut versions = HashMap::new();
        for (program, row) in &index.programs {
            for version in row.versions() {
                let loaded = Installed::load(folder.package(&version.digest), version.digest, &row.publisher, Arc::clone(&cache));
                let loaded = loaded.and_then(|installed| {
                    let fits = installed.manifest.app_id == *program && installed.manifest.version.code == version.code;
                    let corrupt = || RegistryError::Corrupt {
                        digest: version.digest,
                        what: "it is another program or version".to_owned(),
                    };
                    if fits { Ok(installed) } else { Err(corrupt()) }
                });
                if let Err(error) = &loaded {
                    tracing::error!(%program, %error, "an installed version can't be read");
                }
                let what = |error| match error {
                    RegistryError::Corrupt { what, .. } => what,
                    other => other.to_string(),
                };
                versions.insert(version.digest, loaded.map(Arc::new).map_err(what));
            }
        }
        Ok(Inner {
            folder,
            options,
            cache,
            writing: tokio::sync::Mutex::new(()),
            state: RwLock::new(State { index, versions, derived }),
        })
    }

    pub(crate) fn current(&self, program: &ProgramRef, channel: Channel) -> Result<Arc<Installed>, RegistryError> {
        let state = self.state.read();
        let (id, row) = state.row(program).ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
        state.allowed(&row.publisher)?;
        let version = row.in_channel(channel).ok_or_else(|| match channel {
            Channel::Release => RegistryError::NotFound(program.to_string()),
            Channel::Trial => RegistryError::NoTrial(id.to_string()),
        })?;
        state.not_yanked(id, &version.digest)?;
        state.version(version)
    }

    /// Puts an index in the place of the one that there is: on disk, then in memory. Only while [`writing`](Self::writing) is held.
    pub(crate) fn commit(&self, index: Index) -> Result<(), RegistryError> {
        let derived = self.state.read().replaced(&index)?;
        self.folder.write_index(&index.to_bytes()?)?;
        let mut state = self.state.write();
        let gone: Vec<Digest> = state.versions.keys().filter(|digest| !index.refers_to(digest)).copied().collect();
        let gone: Vec<_> = gone.iter().filter_map(|digest| state.versions.remove(digest)).collect();
        state.index = index;
        state.derived = derived;
        drop(state);
        for installed in gone.into_iter().flatten() {
            installed.retire();
        }
        Ok(())
    }
}
