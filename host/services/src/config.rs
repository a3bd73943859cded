//! What a host decides about its services.

use crate::compaction::CompactionPolicy;
use parking_lot::Mutex;
use rand::{RngCore, SeedableRng};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use youji_api::caller::{Caller, Requested};
use youji_api::{Failure, ProgramId, PublisherId, codes};

/// Time, injected so that a run can be repeated.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Randomness, injected so that a run can be repeated.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's randomness, through a generator that is seeded from it.
pub struct SystemRandom(Mutex<rand_chacha::ChaCha20Rng>);

impl Default for SystemRandom {
    fn default() -> Self {
        SystemRandom(Mutex::new(rand_chacha::ChaCha20Rng::from_os_rng()))
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

/// The same bytes in each run: for scenarios and tests, never for a kiosk that strangers use.
pub struct SeededRandom(Mutex<rand_chacha::ChaCha20Rng>);

impl SeededRandom {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        SeededRandom(Mutex::new(rand_chacha::ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

/// What the registry knows about programs and their publishers. Must not block.
pub trait Directory: Send + Sync {
    /// The program's name in that language or the nearest, from its manifest.
    fn program_name(&self, program: &ProgramId, language: &str) -> Option<String>;
    /// What the program's manifest requests, with reasons in that language or the nearest.
    fn requested(&self, _program: &ProgramId, _language: &str) -> Option<Requested> {
        None
    }

    /// The publisher's stored name.
    fn publisher_name(&self, publisher: &PublisherId) -> Option<String>;
    /// The Ed25519 key of a publisher whom the operator allows; none: their servers exchange nothing.
    fn publisher_key(&self, _publisher: &PublisherId) -> Option<[u8; 32]> {
        None
    }

    /// Whether the caller's program may open that page of another one; an empty `page` is home.
    ///
    /// # Errors
    /// "not-found": no such program here, or no such page that opens from outside; "forbidden": it takes no calls from the caller.
    fn openable(&self, _caller: &Caller, program: &ProgramId, _page: &str) -> Result<Openable, Failure> {
        Err(Failure::new(codes::NOT_FOUND, format!("no program {program} is here")))
    }
}

/// A program that may be opened from another one, as a sheet shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Openable {
    /// Its name in the person's language.
    pub name: String,
    /// Its publisher's stored name.
    pub publisher: String,
    /// Path of the page; home where none was asked for.
    pub page: String,
}

/// Where the kiosk stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Radius in metres.
    pub accuracy_m: f64,
    /// Its name, such as "Hall 3".
    pub name: String,
}

/// Every limit of the services. At a limit the caller gets [`codes::LIMIT`](youji_api::codes::LIMIT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Storage of one person in one program, keys and values together, in bytes.
    pub storage_bytes: usize,
    /// One stored value, in bytes.
    pub storage_value_bytes: usize,
    /// Keys of one person in one program.
    pub storage_keys: usize,
    /// Characters of a storage or record key.
    pub key_chars: usize,
    /// Value of a row, in bytes.
    pub record_value_bytes: usize,
    /// Rows of one program, all collections together.
    pub rows: u64,
    /// Parties of a row.
    pub parties: usize,
    /// Watches of one session.
    pub watches: usize,
    /// Timers of one session.
    pub timers: usize,
    /// How far ahead a timer may be.
    pub timer_ahead: Duration,
    /// Open sheets of one session.
    pub sheets: usize,
    /// Outcomes of one person in one program that were not taken; the oldest go first.
    pub outcomes: usize,
    /// Messages of one person; the oldest go first.
    pub inbox: usize,
    /// How long a message is kept.
    pub inbox_age: Duration,
    /// Messages of one program to one person within `messages_in`; a restart begins anew.
    pub messages: usize,
    /// Within which time.
    pub messages_in: Duration,
    /// Conversations of one person.
    pub chats: usize,
    /// Members of a group.
    pub chat_members: usize,
    /// Lines of one conversation that are kept; the oldest go first. They expire as messages do.
    pub chat_lines: usize,
    /// Characters of a line.
    pub chat_text: usize,
    /// Lines of one person within a minute; a restart begins anew.
    pub chat_lines_a_minute: usize,
    /// People whom one person asks into conversations within a day; a restart begins anew.
    pub chat_asks_a_day: usize,
    /// Places in a mailbox for what comes of conversations, beside its messages; the oldest go first.
    pub chat_pointers: usize,
    /// How long saved state is kept.
    pub saved_state_age: Duration,
    /// Log lines of one session that are kept for inspection.
    pub log_lines: usize,
    /// Lines of an order.
    pub order_lines: usize,
    /// The largest order, in minor units.
    pub order_amount: u64,
    /// How long a payment sheet may stay unanswered.
    pub sheet_age: Duration,
    /// Wrong PINs in a row before a person is locked out.
    pub pin_tries: u32,
    /// How long a lock-out lasts.
    pub pin_lock: Duration,
    /// The largest limit of a spending authorisation, in minor units; 0: there are none.
    pub spending_amount: u64,
    /// How long a spending authorisation stands.
    pub spending_age: Duration,
    /// Up to how much a merchant gets at once for a code that a person presents, in minor units; for more the person is asked.
    pub present_amount: u64,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        ServiceLimits {
            storage_bytes: 1 << 20,
            storage_value_bytes: 256 << 10,
            storage_keys: 512,
            key_chars: 128,
            record_value_bytes: 32 << 10,
            rows: 100_000,
            parties: 500,
            watches: 16,
            timers: 16,
            timer_ahead: Duration::from_secs(60 * 60),
            sheets: 4,
            outcomes: 64,
            inbox: 200,
            inbox_age: 30 * day,
            messages: 30,
            messages_in: Duration::from_secs(60 * 60),
            chats: 50,
            chat_members: 50,
            chat_lines: 500,
            chat_text: 2_000,
            chat_lines_a_minute: 60,
            chat_asks_a_day: 30,
            chat_pointers: 500,
            saved_state_age: day,
            log_lines: 256,
            order_lines: 50,
            order_amount: 10_000_000,
            sheet_age: Duration::from_secs(10 * 60),
            pin_tries: 5,
            pin_lock: Duration::from_secs(5 * 60),
            spending_amount: 50_000,
            spending_age: Duration::from_secs(5 * 60),
            present_amount: 20_000,
        }
    }
}

/// How to open the services of a host.
#[derive(Clone)]
pub struct ServicesConfig {
    /// Folder of everything durable; made when it is missing. One process at a time.
    pub data_dir: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness: ids, tickets, signs. Keys come from the operating system.
    pub random: Arc<dyn Random>,
    /// What wallets hold, one of [`CURRENCIES`](crate::CURRENCIES). Empty: what they hold in this folder, CNY in a fresh one; it stands
    /// here once the services are opened.
    pub currency: String,
    /// What a visitor starts with, in minor units.
    pub visitor_balance: u64,
    /// Where the kiosk stands; `None`: location calls complete as "failed" with code "unsupported".
    pub place: Option<Place>,
    /// Limits.
    pub limits: ServiceLimits,
    /// When the log is compacted.
    pub compaction: CompactionPolicy,
}

impl ServicesConfig {
    /// The machine's clock and randomness, CNY, 200.00 for a visitor.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        ServicesConfig {
            data_dir: data_dir.into(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::default()),
            currency: String::new(),
            visitor_balance: 20_000,
            place: None,
            limits: ServiceLimits::default(),
            compaction: CompactionPolicy::default(),
        }
    }
}
