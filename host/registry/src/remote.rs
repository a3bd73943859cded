//! What the sources say, and fetching from them. Local first: nothing here is asked for a program that can be opened without.

use crate::error::RegistryError;
use crate::index::AskedRow;
use crate::installed::blocking;
use crate::listed::{ProgramRef, Published};
use crate::registry::{Registry, RegistryOptions};
use crate::source::{Source, Tagged, parse_index};
use crate::take::{From, Offer};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use youji_api::ProgramId;
use youji_package::{Channel, Digest, ShortId, SignedStatement, StatedVersion};

/// Packages that are fetched at once.
const AT_ONCE: usize = 4;
/// Publishers whom the operator is asked about; then the oldest goes.
const ASKED: usize = 64;

/// For how long a source that did not answer is not asked again.
const SILENCE: Duration = Duration::from_secs(5);

/// All sources of a registry.
pub(crate) struct Remotes {
    all: Vec<Arc<Remote>>,
    remember: Duration,
    fetches: Semaphore,
    /// Who wants the same program waits for whoever fetches it already.
    under_way: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

struct Remote {
    source: Arc<dyn Source>,
    /// Held while it is asked, so that many who wait ask once.
    known: tokio::sync::Mutex<Known>,
    /// For whoever only looks.
    state: Mutex<RemoteState>,
}

#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    /// Of the last index that was one.
    tag: String,
    /// What it said last.
    statements: Arc<Vec<SignedStatement>>,
    failed: Option<String>,
}

/// How a source stands, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteState {
    /// Its address.
    pub name: String,
    /// Programs that it lists.
    pub programs: usize,
    /// When it answered last.
    pub answered: Option<Instant>,
    /// Why it did not answer the last time; empty: it did.
    pub failed: String,
    /// What it said last that was older than what it had said before, or could not be trusted.
    pub left_out: usize,
}

/// What came of looking for news.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// Newer versions that are here now, and statements that change what opens.
    pub changed: Vec<Published>,
    /// What did not work, each in words.
    pub failed: Vec<RegistryError>,
}

impl Remotes {
    pub(crate) fn new(options: &RegistryOptions) -> Remotes {
        let remote = |source: &Arc<dyn Source>| {
            Arc::new(Remote {
                source: Arc::clone(source),
                known: tokio::sync::Mutex::default(),
                state: Mutex::new(RemoteState {
                    name: source.name().to_owned(),
                    ..RemoteState::default()
                }),
            })
        };
        Remotes {
            all: options.sources.iter().map(remote).collect(),
            remember: options.remember,
            fetches: Semaphore::new(AT_ONCE),
            under_way: Mutex::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn named(&self, name: &str) -> Option<&Arc<Remote>> {
        self.all.iter().find(|remote| remote.source.name() == name)
    }

    fn lock_of(&self, what: String) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.under_way.lock();
        all.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = all.get(&what).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        all.insert(what, Arc::downgrade(&lock));
        lock
    }

    /// Who states that program, and where.
    async fn look(&self, program: &ProgramRef) -> Result<(Arc<Remote>, SignedStatement), RegistryError> {
        let mut found: Option<(Arc<Remote>, SignedStatement)> = None;
        let mut failed = None;
        for remote in &self.all {
            let statements = match remote.statements(self.remember).await {
                Ok(statements) => statements,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            for signed in statements.iter().filter(|signed| is(program, &signed.statement.program)) {
                let same =
                    |known: &SignedStatement| known.publisher == signed.publisher && known.statement.program == signed.statement.program;
                match &found {
                    // Whoever would be first would win: an id of somebody else's, or one with the same short id.
                    Some((_, known)) if !same(known) => {
                        return Err(RegistryError::Ambiguous {
                            program: program.to_string(),
                        });
                    }
                    Some((_, known)) if known.statement.serial >= signed.statement.serial => {}
                    _ => found = Some((Arc::clone(remote), signed.clone())),
                }
            }
        }
        match (found, failed) {
            (Some(found), _) => Ok(found),
            (None, Some(failed)) => Err(failed),
            (None, None) => Err(RegistryError::NotFound(program.to_string())),
        }
    }
}

fn is(wanted: &ProgramRef, program: &ProgramId) -> bool {
    match wanted {
        ProgramRef::Id(id) => id == program,
        ProgramRef::Short(short) => *short == ShortId::of(program),
    }
}

impl Remote {
    /// What it says; asked again only after a while.
    async fn statements(&self, remember: Duration) -> Result<Arc<Vec<SignedStatement>>, RegistryError> {
        let mut known = self.known.lock().await;
        let remember = match known.failed {
            Some(_) => remember.min(SILENCE),
            None => remember,
        };
        if known.asked.is_none_or(|asked| asked.elapsed() >= remember) {
            self.ask(&mut known).await;
        }
        match &known.failed {
            None => Ok(Arc::clone(&known.statements)),
            Some(reason) => Err(RegistryError::unreachable(self.source.name(), reason.clone())),
        }
    }

    async fn ask(&self, known: &mut Known) {
        let answer = match self.source.index(&known.tag).await {
            Ok(None) => Ok(None),
            Ok(Some(Tagged { bytes, tag })) => match blocking(move || Ok(parse_index(&bytes))).await {
                Ok(Ok(parsed)) => Ok(Some((parsed, tag))),
                Ok(Err(what)) => Err(RegistryError::source(self.source.name(), what)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        known.asked = Some(Instant::now());
        let mut state = self.state.lock();
        match answer {
            Ok(parsed) => {
                if let Some(((offered, left_out), tag)) = parsed {
                    known.tag = tag;
                    let (statements, older) = newest(&known.statements, offered);
                    state.left_out = left_out + older;
                    if state.left_out > 0 {
                        tracing::warn!(registry = %state.name, statements = state.left_out, "statements that are older than before or can't be trusted were left out");
                    }
                    state.programs = statements.len();
                    known.statements = Arc::new(statements);
                }
                known.failed = None;
                state.failed.clear();
                state.answered = Some(Instant::now());
            }
            Err(error) => {
                let reason = match error {
                    RegistryError::Unreachable { reason, .. } => reason,
                    RegistryError::Source { what, .. } => format!("it {what}"),
                    other => other.to_string(),
                };
                tracing::warn!(registry = %state.name, reason, "the registry does not answer");
                state.failed.clone_from(&reason);
                known.failed = Some(reason);
            }
        }
    }
}

/// Of each program the newest statement that a source has shown: an old index takes nothing back.
fn newest(before: &[SignedStatement], offered: Vec<SignedStatement>) -> (Vec<SignedStatement>, usize) {
    let of = |signed: &SignedStatement| (signed.statement.program.clone(), signed.publisher.id());
    let had: HashMap<_, _> = before.iter().map(|signed| (of(signed), signed)).collect();
    let mut older = 0;
    let statements = offered.into_iter().map(|signed| match had.get(&of(&signed)) {
        Some(had) if had.statement.serial > signed.statement.serial => {
            older += 1;
            (*had).clone()
        }
        _ => signed,
    });
    let statements = statements.collect();
    (statements, older)
}

impl Registry {
    /// Brings a program here that a registry has.
    pub(crate) async fn fetch(&self, program: &ProgramRef, channel: Channel) -> Result<(), RegistryError> {
        let lock = self.remotes.lock_of(format!("{program}"));
        let _mine = lock.lock().await;
        // Somebody may have fetched it meanwhile.
        if self.inner.current(program, channel).is_ok() {
            return Ok(());
        }
        let (remote, signed) = self.remotes.look(program).await?;
        self.admit_publisher(&remote, &signed).await?;
        let statement = &signed.statement;
        let Some(version) = statement.newest(channel) else {
            let yanked = statement.versions.iter().rev().find(|version| version.channel == channel);
            return Err(match (yanked, channel) {
                (Some(version), _) => RegistryError::Yanked {
                    program: statement.program.to_string(),
                    version: version.name.clone(),
                    reason: version.yanked.clone().unwrap_or_default(),
                },
                (None, Channel::Trial) => RegistryError::NoTrial(statement.program.to_string()),
                (None, Channel::Release) => RegistryError::NotFound(statement.program.to_string()),
            });
        };
        let package = self.fetch_package(&remote, version).await?;
        self.take(Offer {
            package: Some(package),
            statement: Some(signed.clone()),
            wanted: Some(program.clone()),
            from: From::Registry(remote.source.name().to_owned()),
            chosen: None,
        })
        .await?;
        Ok(())
    }

    /// Brings the version here that the operator chose.
    pub(crate) async fn fetch_version(&self, program: &ProgramId, code: u32, channel: Channel) -> Result<Published, RegistryError> {
        let (stated, known, origin) = {
            let state = self.inner.state.read();
            let row = state.index.programs.get(program);
            let row = row.ok_or_else(|| RegistryError::NotFound(program.to_string()))?;
            let signed = state.derived.statements.get(program).cloned();
            let mut known: Vec<String> = row.versions().map(|version| version.code.to_string()).collect();
            known.extend(
                signed
                    .iter()
                    .flat_map(|signed| signed.statement.versions.iter().map(|version| version.code.to_string())),
            );
            known.sort();
            known.dedup();
            (signed, known.join(", "), row.origin.clone())
        };
        let none = || RegistryError::Invalid(format!("{program} has no version {code} that could be had here; there are {known}"));
        let signed = stated.ok_or_else(none)?;
        let version = signed.statement.version(code).ok_or_else(none)?;
        if let Some(reason) = &version.yanked {
            return Err(RegistryError::Yanked {
                program: program.to_string(),
                version: version.name.clone(),
                reason: reason.clone(),
            });
        }
        let remote = origin.and_then(|origin| self.remotes.named(&origin).cloned()).ok_or_else(none)?;
        let package = self.fetch_package(&remote, version).await?;
        self.take(Offer {
            package: Some(package),
            statement: Some((*signed).clone()),
            wanted: Some(program.into()),
            from: From::Registry(remote.source.name().to_owned()),
            chosen: Some(channel),
        })
        .await
    }

    async fn fetch_package(&self, remote: &Remote, version: &StatedVersion) -> Result<Vec<u8>, RegistryError> {
        let name = remote.source.name();
        let _place = self.remotes.fetches.acquire().await;
        let package = remote.source.package(&version.digest).await?;
        package.ok_or_else(|| RegistryError::source(name, format!("lists version {} and does not have its package", version.name)))
    }

    /// Whether that publisher's programs may come here; if nobody knows the publisher, the operator is asked.
    async fn admit_publisher(&self, remote: &Remote, signed: &SignedStatement) -> Result<(), RegistryError> {
        let allowed = self.inner.state.read().allowed(&signed.publisher.id());
        let Err(RegistryError::UnknownPublisher { id }) = allowed else {
            return allowed;
        };
        let row = AskedRow {
            key: signed.publisher.to_hex(),
            program: signed.statement.program.clone(),
            registry: remote.source.name().to_owned(),
        };
        if !self.inner.state.read().index.asked.contains(&row) {
            self.change(move |index| {
                index.asked.retain(|asked| *asked != row);
                index.asked.push(row);
                let over = index.asked.len().saturating_sub(ASKED);
                index.asked.drain(..over);
                Ok(())
            })
            .await?;
        }
        Err(RegistryError::UnknownPublisher { id })
    }

    /// How the registries stand that this one asks.
    pub fn remotes(&self) -> Vec<RemoteState> {
        self.remotes.all.iter().map(|remote| remote.state.lock().clone()).collect()
    }

    /// Asks all registries now, and brings what is new of the programs that were fetched from them: statements, whatever they say, and the
    /// newest release where the operator did not choose another version. What was published here is left alone.
    pub async fn refresh(&self) -> Refreshed {
        let mut refreshed = Refreshed::default();
        for remote in &self.remotes.all {
            let statements = match remote.statements(Duration::ZERO).await {
                Ok(statements) => statements,
                Err(error) => {
                    refreshed.failed.push(error);
                    continue;
                }
            };
            for signed in statements.iter() {
                match self.renew(remote, signed).await {
                    Ok(Some(published)) => refreshed.changed.push(published),
                    Ok(None) => {}
                    Err(error) => refreshed.failed.push(error),
                }
            }
        }
        refreshed
    }

    async fn renew(&self, remote: &Remote, signed: &SignedStatement) -> Result<Option<Published>, RegistryError> {
        let name = remote.source.name();
        let missing = {
            let state = self.inner.state.read();
            let program = &signed.statement.program;
            let Some(row) = state.index.programs.get(program).filter(|row| row.origin.as_deref() == Some(name)) else {
                return Ok(None);
            };
            if state.allowed(&row.publisher).is_err() {
                return Ok(None);
            }
            if row.publisher != signed.publisher.id() {
                return Err(RegistryError::ChangedKey {
                    program: program.to_string(),
                    expected: row.publisher.to_string(),
                    found: signed.publisher.id().to_string(),
                });
            }
            let known = state.derived.statements.get(program).map_or(0, |known| known.statement.serial);
            if signed.statement.serial < known {
                return Err(RegistryError::Replayed {
                    source_name: name.to_owned(),
                    program: program.to_string(),
                    known,
                    offered: signed.statement.serial,
                });
            }
            let is_here = |digest: &Digest| row.versions().any(|version| version.digest == *digest);
            let newest = signed.statement.newest(Channel::Release);
            newest
                .filter(|newest| newest.code > row.highest && !is_here(&newest.digest))
                .cloned()
        };
        let from = || From::Registry(name.to_owned());
        // First what is said, since that may take something back; a package that can't be had must not keep it away.
        let said = self
            .take(Offer {
                package: None,
                statement: Some(signed.clone()),
                wanted: None,
                from: from(),
                chosen: None,
            })
            .await?;
        let Some(version) = missing else {
            return Ok(said.changed.then_some(said));
        };
        let package = self.fetch_package(remote, &version).await?;
        let offer = Offer {
            package: Some(package),
            statement: Some(signed.clone()),
            wanted: None,
            from: from(),
            chosen: None,
        };
        self.take(offer).await.map(Some)
    }
}
