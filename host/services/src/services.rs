//! The services of a host: opening and closing, and what every part of them uses.

use crate::apply::{Core, Decide, Told};
use crate::blob::Blob;
use crate::change::Change;
use crate::compaction::Compacting;
use crate::config::{Directory, Openable, ServicesConfig};
use crate::format::{self, FORMAT};
use crate::hostkey::HostKey;
use crate::mailbox::News;
use crate::model::DayCounts;
use crate::money;
use crate::people::FUNDING;
use crate::sessions::Live;
use crate::state::State;
use crate::tokens::TokenKeys;
use crate::watch::Watchers;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use youji_api::caller::{Caller, Requested};
use youji_api::{Deliver, Event, Failure, OpenId, PersonId, ProgramId, PublisherId, Recipient, SessionId, Ticket, codes};
use youji_store::{Commit, CommitOptions, Health, KeyError, Keyring, RunMap, Stamp, StoreError};

/// ISO 4217 number of what a fresh folder's wallets hold.
const CNY: u32 = 156;

/// Why the services did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be used.
    #[error("data folder {path}: {reason}")]
    Folder {
        /// Which.
        path: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The folder was made by another version, which wrote it otherwise.
    #[error(
        "{path} is written in format {found}, and this version reads format {FORMAT} only. Choose another folder for this version, such as \
         with --data DIR, or {}",
        if *found < FORMAT { "remove this one if nothing in it is needed any more" } else { "use the newer version that wrote it" }
    )]
    Format {
        /// Which folder.
        path: String,
        /// The format that it has.
        found: u32,
    },
    /// The wallet's currency is not one that this host knows.
    #[error("currency {0}: a wallet holds one of {known}", known = money::CURRENCIES.join(", "))]
    Currency(String),
    /// The folder began with another currency than the one that is asked for.
    #[error(
        "wallets in this data folder hold {found}, and {wanted} was asked for. A folder keeps the currency that it began with: leave \
         {wanted} out, or take another folder"
    )]
    OtherCurrency {
        /// Asked for.
        wanted: String,
        /// In the folder.
        found: String,
    },
    /// The log, the map or the keys can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Capabilities for real, and what a kiosk needs beside them.
///
/// What is answered is durable. What a screen is shown of a balance or a list of people may be ahead of the disk by what is on its way there.
pub struct Services {
    pub(crate) me: Weak<Services>,
    pub(crate) config: ServicesConfig,
    /// Of the wallet's currency.
    pub(crate) ledger_number: u32,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) log: Commit<Core>,
    pub(crate) ring: Keyring,
    pub(crate) host: HostKey,
    pub(crate) tokens: TokenKeys,
    pub(crate) live: Mutex<HashMap<SessionId, Live>>,
    pub(crate) watchers: Mutex<Watchers>,
    /// Mailboxes that somebody follows.
    pub(crate) followed: Mutex<HashMap<PersonId, watch::Sender<News>>>,
    pub(crate) rates: Mutex<crate::allowance::Rates>,
    pub(crate) chat_rates: Mutex<crate::allowance::Rates>,
    deliver: RwLock<Option<Arc<dyn Deliver>>>,
    directory: RwLock<Option<Arc<dyn Directory>>>,
    /// Counted since the last entry that holds counts.
    pub(crate) counts: Mutex<DayCounts>,
    /// Tries with codes that nobody has: how many, and locked until when.
    pub(crate) strangers: Mutex<HashMap<String, (u32, u64)>>,
    /// Visitors who left and could not be erased yet.
    pub(crate) leaving: Mutex<BTreeSet<PersonId>>,
    /// Codes that people present to merchants.
    pub(crate) presented: Mutex<crate::trade::presented::Codes>,
    /// Codes that people show to be given money.
    pub(crate) receiving: Mutex<crate::between::Receiving>,
    /// What may be paid with a tap only.
    pub(crate) spends: Mutex<crate::spending::Book>,
    /// Memory-hard hashes at once.
    pub(crate) hashing: Semaphore,
    pub(crate) compacting: Compacting,
    pub(crate) taking: crate::outcomes::Taking,
    last_ticket: AtomicU64,
    background: Mutex<Vec<AbortHandle>>,
}

impl Services {
    /// Opens or makes the folder and recovers what was acknowledged. Blocks for as long as recovery takes; needs a Tokio runtime for
    /// its background tasks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(mut config: ServicesConfig) -> Result<Arc<Services>, OpenError> {
        let wanted = match config.currency.as_str() {
            "" => None,
            code => Some(money::currency(code).ok_or_else(|| OpenError::Currency(code.to_owned()))?.0),
        };
        let dir = config.data_dir.clone();
        make_private(&dir)?;
        format::check(&dir)?;
        let host = HostKey::open(&dir.join("host.key")).map_err(|error| folder(&dir.join("host.key"), &error))?;
        let tokens = dir.join("token.keys");
        let tokens = TokenKeys::open(&tokens, config.clock.now_ms()).map_err(|error| folder(&tokens, &error))?;
        let ring = Keyring::open(&dir.join("keys"))?;
        forget_old_projection(&dir)?;
        let map = Arc::new(RunMap::open(&dir.join("projection"))?);
        let mut options = CommitOptions::new(&dir);
        let clock = config.clock.clone();
        options.clock = Arc::new(move || clock.now_ms().saturating_mul(1_000_000));
        let state = Arc::new(RwLock::new(State::default()));
        let shared = state.clone();
        let (log, recovery) = Commit::open(options, map, move || Core::new(shared.clone()))?;
        tracing::info!(sequence = recovery.sequence, replayed = recovery.replayed, took = ?recovery.took, "services opened");
        // Folders of versions that did not write it down have it in the account alone, which the first wallet made.
        let held = state.read().ledger.account(FUNDING).map(|account| account.ledger);
        let held = held.map_or_else(|| format::currency(&dir), |held| Ok(Some(held)))?;
        let code = |number: u32| money::code_of(number).map_or_else(|| number.to_string(), str::to_owned);
        if let (Some(wanted), Some(found)) = (wanted, held)
            && wanted != found
        {
            return Err(OpenError::OtherCurrency {
                wanted: code(wanted),
                found: code(found),
            });
        }
        let ledger_number = held.or(wanted).unwrap_or(CNY);
        config.currency = code(ledger_number);
        if held.is_none() {
            format::keep_currency(&dir, &config.currency)?;
        }
        let services = Arc::new_cyclic(|me| Services {
            me: me.clone(),
            config,
            ledger_number,
            state,
            log,
            ring,
            host,
            tokens,
            live: Mutex::default(),
            watchers: Mutex::default(),
            followed: Mutex::default(),
            rates: Mutex::default(),
            chat_rates: Mutex::default(),
            deliver: RwLock::default(),
            directory: RwLock::default(),
            counts: Mutex::default(),
            strangers: Mutex::default(),
            leaving: Mutex::default(),
            presented: Mutex::default(),
            receiving: Mutex::default(),
            spends: Mutex::default(),
            hashing: Semaphore::new(2),
            compacting: Compacting::default(),
            taking: crate::outcomes::Taking::default(),
            last_ticket: AtomicU64::new(0),
            background: Mutex::default(),
        });
        services.start_background();
        Ok(services)
    }

    fn start_background(self: &Arc<Self>) {
        let watching = tokio::spawn(crate::watch::run(self.me.clone(), self.log.notices()));
        let delivering = tokio::spawn(crate::mailbox::run(self.me.clone(), self.log.notices()));
        let me = self.me.clone();
        let tending = tokio::spawn(async move {
            if let Some(services) = me.upgrade() {
                services.finish_forgetting().await;
            }
            loop {
                match me.upgrade() {
                    None => return,
                    Some(services) => services.tend().await,
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        *self.background.lock() = vec![watching.abort_handle(), delivering.abort_handle(), tending.abort_handle()];
    }

    /// How services reach sessions; until it is set, nothing is delivered.
    pub fn set_deliver(&self, deliver: Arc<dyn Deliver>) {
        *self.deliver.write() = Some(deliver);
    }

    /// Names of programs and publishers for sheets; until it is set, ids stand in their place.
    pub fn set_directory(&self, directory: Arc<dyn Directory>) {
        *self.directory.write() = Some(directory);
    }

    /// Writes a checkpoint and lets the folder go. Call it last; calls after it fail.
    pub async fn shutdown(&self) {
        for task in self.background.lock().drain(..) {
            task.abort();
        }
        let timers: Vec<AbortHandle> = self.live.lock().drain().flat_map(|(_, live)| live.timers.into_values()).collect();
        for timer in timers {
            timer.abort();
        }
        if let Err(failure) = self.write_counts().await {
            tracing::warn!(%failure, "the day's last counts were not written");
        }
        if let Err(error) = self.log.close().await {
            tracing::warn!(%error, "no checkpoint at shutdown; the next start replays more");
        }
    }

    /// Checks every sum of the ledger.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub async fn check_ledger(&self) -> Result<(), String> {
        let checked = self.log.read(|core| core.state.read().ledger.check_invariants()).await;
        checked.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Walks through the whole log and checks its chain. Answers how many entries it has.
    ///
    /// # Errors
    /// Which file and byte is damaged.
    pub async fn verify_log(&self) -> Result<u64, String> {
        let reader = self.log.log().clone();
        let verified = tokio::task::spawn_blocking(move || reader.verify()).await;
        let verified = verified.map_err(|error| error.to_string())?;
        verified.map(|verified| verified.entries).map_err(|error| error.to_string())
    }

    /// Whether what is written becomes durable.
    ///
    /// # Errors
    /// Why nothing is taken any more, and what to do.
    pub fn health(&self) -> Result<(), String> {
        match self.log.health() {
            Health::Good => Ok(()),
            Health::Degraded { cause } => Err(StoreError::Degraded { cause }.to_string()),
            _ => Err(StoreError::Closed.to_string()),
        }
    }

    /// The person as that program knows them.
    pub fn open_id(&self, person: &PersonId, program: &ProgramId) -> OpenId {
        self.host.open_id(person, program, self.generation(person, program))
    }

    /// How often the program forgot the person. May be asked while the state is read.
    fn generation(&self, person: &PersonId, program: &ProgramId) -> u32 {
        self.state.read_recursive().generation(person, program)
    }

    /// Under which name the key stands that seals what a person has in a program.
    pub(crate) fn own_name(&self, person: &PersonId, program: &ProgramId) -> PersonId {
        own_name(person, program, self.generation(person, program))
    }

    /// The same, once there is such a key; it is made, durably, when it is needed first.
    pub(crate) async fn own_key(&self, person: &PersonId, program: &ProgramId) -> Result<PersonId, Failure> {
        let name = self.own_name(person, program);
        if self.ring.has(name.as_str()) {
            return Ok(name);
        }
        let (ring, person, own) = (self.ring.clone(), person.clone(), name.clone());
        let made = tokio::task::spawn_blocking(move || {
            ring.create(own.as_str())?;
            // Nobody who was forgotten gets a key again, nor one who is being forgotten in this moment.
            match ring.has(person.as_str()) {
                true => Ok(()),
                false => ring.destroy(own.as_str()).and(Err(KeyError::Missing)),
            }
        });
        let made = made.await.map_err(|error| Failure::new(codes::FAILED, error.to_string()))?;
        made.map(|()| name).map_err(|error| key_failure(&error))
    }

    /// The person as that publisher's programs know them. A program that forgot the person has one of its own.
    pub fn union_id(&self, person: &PersonId, publisher: &PublisherId, program: &ProgramId) -> OpenId {
        self.host.union_id(person, publisher, program, self.generation(person, program))
    }

    /// Decides and writes one act. Ready once it is durable; nothing was changed after an error, unless it says that only a
    /// restart tells.
    pub(crate) async fn commit<T, D>(&self, decide: D) -> Result<T, Failure>
    where
        T: Send + 'static,
        D: FnOnce(&State, Stamp) -> Result<(Vec<Change>, T), Failure> + Send + 'static,
    {
        self.commit_telling(move |state, stamp| {
            let (changes, answer) = decide(state, stamp)?;
            Ok((changes, answer, None))
        })
        .await
    }

    /// The same for an act of which others hear in the order in which such acts became durable; they are told by the third value, which
    /// must neither wait nor take long.
    pub(crate) async fn commit_telling<T, D>(&self, decide: D) -> Result<T, Failure>
    where
        T: Send + 'static,
        D: FnOnce(&State, Stamp) -> Result<(Vec<Change>, T, Option<Box<dyn FnOnce() + Send>>), Failure> + Send + 'static,
    {
        let decide: Decide = Box::new(move |state, stamp| {
            let (changes, answer, tell) = decide(state, stamp)?;
            let answer = Box::new(answer);
            Ok((changes, Told { answer, tell }))
        });
        let told = self.log.submit(decide).await.map_err(|error| store_failure(&error))??;
        let wrong = |_| Failure::new(codes::FAILED, "the host mixed up two answers; this is a defect of the host");
        told.answer.downcast::<T>().map(|answer| *answer).map_err(wrong)
    }

    /// Writes changes that need no decision.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<(), Failure> {
        self.commit(move |_, _| Ok((changes, ()))).await
    }

    pub(crate) fn seal(&self, person: &PersonId, purpose: &str, bytes: &[u8]) -> Result<Blob, Failure> {
        let sealed = self.ring.seal(person.as_str(), purpose.as_bytes(), bytes);
        sealed.map(Blob::from).map_err(|error| key_failure(&error))
    }

    pub(crate) fn unseal(&self, person: &PersonId, purpose: &str, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let opened = self.ring.open_sealed(person.as_str(), purpose.as_bytes(), bytes);
        opened.map_err(|error| key_failure(&error))
    }

    /// Values of the projection, in the order of the keys.
    pub(crate) async fn fetch(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.log.map().get(&keys).await.map_err(|error| store_failure(&error))
    }

    /// A value that was cut into pieces; none when a piece is not there.
    pub(crate) async fn fetch_pieces(&self, key: &[u8], len: u32) -> Result<Option<Vec<u8>>, Failure> {
        let pieces = self.fetch(&crate::keys::pieces(key, len as usize)).await?;
        let whole: Option<Vec<Vec<u8>>> = pieces.into_iter().collect();
        Ok(whole.map(|pieces| pieces.concat()))
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.config.clock.now_ms()
    }

    pub(crate) fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.config.random.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A fresh random id of 26 letters and digits.
    pub(crate) fn draw_id(&self) -> String {
        let mut bytes = [0; 16];
        self.config.random.fill(&mut bytes);
        data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase()
    }

    /// A ticket: by time, so that the oldest are known, with 20 random bits; rising within a process, and positive as an `i64`.
    pub(crate) fn ticket(&self) -> Ticket {
        let fresh = (self.now().min(1 << 42) << 20) | (self.draw() & 0xF_FFFF);
        let update = |last: u64| Some(fresh.max(last + 1));
        let last = self.last_ticket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        Ticket(fresh.max(last.unwrap_or_default() + 1))
    }

    pub(crate) fn deliver(&self) -> Option<Arc<dyn Deliver>> {
        self.deliver.read().clone()
    }

    pub(crate) fn tell(&self, session: SessionId, event: Event) -> bool {
        self.deliver()
            .is_some_and(|deliver| deliver.event(&Recipient::Session(session), event))
    }

    /// What wallets here hold, ISO 4217.
    pub fn currency(&self) -> &str {
        &self.config.currency
    }

    pub(crate) fn program_name(&self, program: &ProgramId, language: &str) -> String {
        if let Some(merchant) = crate::trade::MerchantId::of_program(program) {
            return self.merchant_name(&merchant).in_language(language).to_owned();
        }
        let directory = self.directory.read().clone();
        let name = directory.and_then(|directory| directory.program_name(program, language));
        name.unwrap_or_else(|| program.to_string())
    }

    pub(crate) fn requested(&self, program: &ProgramId, language: &str) -> Option<Requested> {
        let directory = self.directory.read().clone();
        directory.and_then(|directory| directory.requested(program, language))
    }

    pub(crate) fn publisher_key(&self, publisher: &PublisherId) -> Option<[u8; 32]> {
        let directory = self.directory.read().clone();
        directory.and_then(|directory| directory.publisher_key(publisher))
    }

    pub(crate) fn openable(&self, caller: &Caller, program: &ProgramId, page: &str) -> Result<Openable, Failure> {
        let directory = self.directory.read().clone();
        let none = || not_found(format!("no program {program} is here"));
        directory.ok_or_else(none)?.openable(caller, program, page)
    }

    pub(crate) fn publisher_name(&self, publisher: &PublisherId, language: &str) -> String {
        let directory = self.directory.read().clone();
        let name = directory.and_then(|directory| directory.publisher_name(publisher));
        let own = || {
            self.state
                .read()
                .merchant(publisher, "")
                .map(|names| names.in_language(language).to_owned())
        };
        name.or_else(own).unwrap_or_else(|| publisher.to_string())
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("data_dir", &self.config.data_dir)
            .finish_non_exhaustive()
    }
}

pub(crate) fn own_name(person: &PersonId, program: &ProgramId, generation: u32) -> PersonId {
    PersonId::from(format!("{person}/{program}/{generation}").as_str())
}

pub(crate) fn folder(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Folder {
        path: path.display().to_string(),
        reason: format!("{error}; name a folder that this user may write to"),
    }
}

/// Earlier versions had it elsewhere, in another form. Everything in it comes from the log.
fn forget_old_projection(dir: &Path) -> Result<(), OpenError> {
    let old = dir.join("map");
    match std::fs::remove_dir_all(&old) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(folder(&old, &error)),
        _ => Ok(()),
    }
}

fn make_private(dir: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| folder(dir, &error))
}

/// Paths and causes are for the operator's terminal; programs and their persons learn what it means for them.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    tracing::error!(%error, "the store refused");
    match error {
        StoreError::InDoubt { .. } => Failure::new(
            codes::IN_DOUBT,
            "the disk failed in the middle; nothing was confirmed, and whether it happened is known once the host was restarted",
        ),
        StoreError::TooLarge { .. } => Failure::new(codes::FAILED, error.to_string()),
        StoreError::Closed => Failure::new(codes::FAILED, "the host is closing"),
        _ => Failure::new(codes::FAILED, "the host's disk refused"),
    }
}

pub(crate) fn key_failure(error: &KeyError) -> Failure {
    match error {
        KeyError::Forgotten | KeyError::Missing => Failure::new(codes::NOT_FOUND, "no such person on this host, or they were forgotten"),
        error => {
            tracing::error!(%error, "a key or a sealed value can't be used");
            Failure::new(codes::FAILED, "the host's disk refused a key")
        }
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(codes::INVALID, message)
}

pub(crate) fn not_found(message: impl Into<String>) -> Failure {
    Failure::new(codes::NOT_FOUND, message)
}

pub(crate) fn limit(message: impl Into<String>) -> Failure {
    Failure::new(codes::LIMIT, message)
}

/// A name that a program chose: 1 to `most` characters, no control characters.
pub(crate) fn check_name(what: &str, name: &str, most: usize) -> Result<(), Failure> {
    if name.is_empty() || name.len() > most * 4 || name.chars().count() > most {
        return Err(limit(format!(
            "{what}: 1 to {most} characters expected, {} came",
            name.chars().count()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid(format!("{what}: control characters are not allowed")));
    }
    Ok(())
}
