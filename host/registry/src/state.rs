//! What stands behind a registry: its state, and how a package gets into it.

use crate::cache::Cache;
use crate::error::RegistryError;
use crate::folder::Folder;
use crate::index::{Index, ProgramRow, VersionRow};
use crate::installed::Installed;
use crate::registry::{ProgramRef, Published, RegistryOptions};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Digest, PLATFORM_CODE, Package, ShortId};

pub(crate) struct Inner {
    pub(crate) folder: Folder,
    pub(crate) options: RegistryOptions,
    pub(crate) cache: Arc<Cache>,
    /// Held while files change, so that two who publish do not decide from the same state.
    pub(crate) writing: tokio::sync::Mutex<()>,
    pub(crate) state: RwLock<State>,
}

/// How a package that is offered stands to what is here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admitted {
    /// A new program or version.
    New,
    /// Installed already.
    Intact,
    /// Installed already, but altered on disk: it is written again.
    Damaged,
}

pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) shorts: HashMap<ShortId, ProgramId>,
    /// Of every digest that the index refers to; a text where it can't be read.
    pub(crate) versions: HashMap<Digest, Result<Arc<Installed>, String>>,
}

impl Inner {
    pub(crate) fn open(dir: &Path, options: RegistryOptions) -> Result<Inner, RegistryError> {
        let folder = Folder::open(dir)?;
        let index = folder
            .read_index()?
            .map_or_else(|| Ok(Index::new()), |bytes| Index::parse(&bytes))?;
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
        let shorts = index
            .programs
            .keys()
            .map(|program| (ShortId::of(program), program.clone()))
            .collect();
        let state = RwLock::new(State { index, shorts, versions });
        Ok(Inner {
            folder,
            options,
            cache,
            writing: tokio::sync::Mutex::new(()),
            state,
        })
    }

    pub(crate) fn current(&self, program: &ProgramRef) -> Result<Arc<Installed>, RegistryError> {
        let state = self.state.read();
        let id = match program {
            ProgramRef::Id(id) => Some(id),
            ProgramRef::Short(short) => state.shorts.get(short),
        };
        let row = id
            .and_then(|id| state.index.programs.get(id))
            .ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
        state.allowed(&row.publisher)?;
        state.version(&row.current)
    }

    pub(crate) fn previous(&self, program: &ProgramId) -> Result<Option<Arc<Installed>>, RegistryError> {
        let state = self.state.read();
        let previous = state.index.programs.get(program).and_then(|row| row.previous.as_ref());
        previous.map(|version| state.version(version)).transpose()
    }

    pub(crate) fn install(&self, bytes: &[u8], wanted: Option<&ProgramRef>) -> Result<Published, RegistryError> {
        let package = Package::open(bytes, &self.options.limits)?;
        let _writing = self.writing.blocking_lock();
        let program = package.manifest.app_id.clone();
        let version = VersionRow {
            code: package.manifest.version.code,
            digest: package.digest,
        };
        let admitted = self.admit(&package, wanted)?;
        let publisher = package.publisher.id();
        let published = Published {
            program: program.clone(),
            version: version.code,
            digest: package.digest,
            publisher: publisher.clone(),
            changed: admitted == Admitted::New,
        };
        if admitted == Admitted::Intact {
            return Ok(published);
        }
        if let Some(check) = &self.options.check {
            // The texts of reasons are of no matter here, so no language is.
            let requested = package.manifest.requested(&package.i18n, "");
            check(package.wasm(), &requested).map_err(|reason| RegistryError::Component {
                program: program.to_string(),
                reason,
            })?;
        }
        self.folder.write_package(&package, bytes)?;
        // Read back: what is served from now on is what lies on disk, not what was in memory.
        let installed = Installed::load(
            self.folder.package(&package.digest),
            package.digest,
            &publisher,
            Arc::clone(&self.cache),
        )?;
        if admitted == Admitted::Damaged {
            self.state.write().versions.insert(package.digest, Ok(Arc::new(installed)));
            return Ok(published);
        }
        let mut index = self.state.read().index.clone();
        let replaced = index.programs.remove(&program);
        let highest = version.code;
        let previous = replaced.as_ref().map(|row| row.current.clone());
        index.programs.insert(
            program.clone(),
            ProgramRow {
                publisher,
                current: version,
                previous,
                highest,
            },
        );
        self.folder.write_index(&index.to_bytes()?)?;
        let mut state = self.state.write();
        state.index = index;
        state.shorts.insert(ShortId::of(&program), program);
        state.versions.insert(package.digest, Ok(Arc::new(installed)));
        let oldest = replaced
            .and_then(|row| row.previous)
            .and_then(|version| state.versions.remove(&version.digest));
        drop(state);
        if let Some(Ok(oldest)) = oldest {
            oldest.retire();
        }
        Ok(published)
    }

    /// Whether the package may be installed.
    fn admit(&self, package: &Package, wanted: Option<&ProgramRef>) -> Result<Admitted, RegistryError> {
        let state = self.state.read();
        let (program, publisher) = (&package.manifest.app_id, package.publisher.id());
        let short = ShortId::of(program);
        let asked = wanted.is_none_or(|wanted| *wanted == ProgramRef::Id(program.clone()) || *wanted == ProgramRef::Short(short));
        if let (false, Some(wanted)) = (asked, wanted) {
            return Err(RegistryError::Source(format!("asked for {wanted}, it gave {program}")));
        }
        state.allowed(&publisher)?;
        let offered = package.manifest.version.code;
        if let Some(row) = state.index.programs.get(program) {
            if row.publisher != publisher {
                let (expected, found) = (row.publisher.to_string(), publisher.to_string());
                return Err(RegistryError::ChangedKey {
                    program: program.to_string(),
                    expected,
                    found,
                });
            }
            if row.versions().any(|version| version.digest == package.digest) {
                let intact = matches!(state.versions.get(&package.digest), Some(Ok(installed)) if installed.is_intact());
                return Ok(if intact { Admitted::Intact } else { Admitted::Damaged });
            }
            if offered <= row.highest {
                return Err(RegistryError::Downgrade {
                    program: program.to_string(),
                    installed: row.highest,
                    offered,
                });
            }
        } else {
            if let Some(other) = state.shorts.get(&short) {
                return Err(RegistryError::ShortIdTaken {
                    program: program.to_string(),
                    other: other.to_string(),
                });
            }
            let limit = self.options.programs;
            if state.index.programs.len() >= limit {
                return Err(RegistryError::Full { what: "programs", limit });
            }
        }
        let needs = package.manifest.platform_min_code;
        if needs > PLATFORM_CODE {
            return Err(RegistryError::NewerPlatform {
                program: program.to_string(),
                needs,
                have: PLATFORM_CODE,
            });
        }
        Ok(Admitted::New)
    }
}

impl State {
    fn allowed(&self, publisher: &PublisherId) -> Result<(), RegistryError> {
        match self.index.publishers.get(publisher) {
            None => Err(RegistryError::UnknownPublisher { id: publisher.to_string() }),
            Some(row) if !row.allowed => Err(RegistryError::Disallowed {
                id: publisher.to_string(),
                name: row.name.clone(),
            }),
            Some(_) => Ok(()),
        }
    }

    fn version(&self, version: &VersionRow) -> Result<Arc<Installed>, RegistryError> {
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
