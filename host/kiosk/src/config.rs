//! What a host is made with.

use crate::folder::read_private;
use crate::host::HostError;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use youji_api::{Limits, ProgramId};
use youji_runtime::{Compiler, Observer};
use youji_services::{Clock, Place, Random, SystemClock, SystemRandom};

/// Settings of a [`Host`](crate::Host). One process can hold several, each with its own folder and port.
#[derive(Clone)]
pub struct HostConfig {
    /// Folder of everything durable; made with mode 0700 when it is missing. One process at a time.
    pub data_dir: PathBuf,
    /// Where the kiosk listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// What codes say before `/M/`, such as "https://kiosk.example"; none: `http://localhost:PORT`, or the LAN address.
    pub public_url: Option<String>,
    /// Whether other machines on the network may come: their address stands in the codes.
    pub lan: bool,
    /// Whether it is the demonstration, which tells its people's codes on the page.
    pub demo: bool,
    /// The kiosk's name, shown on its page.
    pub name: String,
    /// Language of a fresh page, BCP 47.
    pub language: String,
    /// A seat that nobody touches for so long is unloaded and a visitor erased.
    pub idle: Duration,
    /// How long before that the page warns.
    pub warn: Duration,
    /// What wallets hold, one of [`CURRENCIES`](youji_services::CURRENCIES). Empty: what they hold in this folder, CNY in a fresh one; it stands
    /// here once the host is opened.
    pub currency: String,
    /// What a visitor starts with, in minor units.
    pub visitor_balance: u64,
    /// Where the kiosk stands.
    pub place: Option<Place>,
    /// What posters are printed for beside each program's home: tables of a restaurant, for instance.
    pub places: Vec<PosterPlace>,
    /// Whether notifications of merchants may go to addresses of this machine and its network.
    pub notify_private: bool,
    /// Other hosts that are asked for programs that are not here, such as "https://registry.example", and kept in the folder. None: those
    /// that the folder keeps.
    pub registries: Option<Vec<String>>,
    /// Limits of the kiosk.
    pub limits: HostLimits,
    /// Limits of one session.
    pub session_limits: Limits,
    /// Sessions at once.
    pub sessions: usize,
    /// Live programs of one person; then the least recently shown goes.
    pub sessions_per_person: usize,
    /// Where programs are compiled.
    pub compiler: Compiler,
    /// Where compiled programs are kept, if not in the data folder: hosts that live for a moment need not compile again.
    pub compiled: Option<std::path::PathBuf>,
    /// Who is told what happens in sessions; none unless a tool for authors wants to know.
    pub observer: Option<Arc<dyn Observer>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness of ids. Keys come from the operating system.
    pub random: Arc<dyn Random>,
}

impl HostConfig {
    /// The design's defaults for a kiosk on `http://localhost:8080`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        HostConfig {
            data_dir: data_dir.into(),
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            lan: false,
            demo: false,
            name: "Youji 有机".to_owned(),
            language: "zh-CN".to_owned(),
            idle: Duration::from_secs(60),
            warn: Duration::from_secs(20),
            currency: String::new(),
            visitor_balance: 20_000,
            place: None,
            places: Vec::new(),
            notify_private: false,
            registries: None,
            limits: HostLimits::default(),
            session_limits: Limits::default(),
            sessions: 1_024,
            sessions_per_person: 5,
            compiler: Compiler::ThisExecutable,
            compiled: None,
            observer: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::default()),
        }
    }
}

impl HostConfig {
    /// Codes begin with the address under which the folder was served last, unless another one is set: what a command makes while no
    /// kiosk is open then works when it is.
    ///
    /// # Errors
    /// The file that remembers it can't be read.
    pub fn as_served_last(mut self) -> Result<Self, HostError> {
        if self.public_url.is_none() && !self.lan {
            self.public_url = read_private(&self.data_dir.join(ADDRESS_FILE))?;
        }
        Ok(self)
    }
}

/// Where the address under which a folder was served last is kept.
pub(crate) const ADDRESS_FILE: &str = "address";

/// A code that hangs somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PosterPlace {
    /// Which program.
    pub program: ProgramId,
    /// Path of the page; empty: home.
    pub page: String,
    /// At most 12 bytes, such as "T7".
    pub scene: String,
}

/// Limits of the HTTP side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Connections at once; an eighth of them is for this machine.
    pub connections: usize,
    /// Connections of one address that is not this machine's.
    pub connections_per_address: usize,
    /// Seats that a person sits at.
    pub seats: usize,
    /// Open sessions of one seat.
    pub sessions_per_seat: usize,
    /// Messages of one program to one person in an hour.
    pub messages_per_hour: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of an uploaded picture.
    pub picture_bytes: usize,
    /// Uploaded pictures in memory at once; half of the places are for this machine.
    pub uploads: usize,
    /// Pictures decoded at once.
    pub decoders: usize,
    /// Bytes of a frame from the page.
    pub frame_bytes: usize,
    /// Frames a second from one page, averaged over ten seconds.
    pub frames_per_second: u32,
    /// UI events of one socket that the program has not handled yet; then the socket is not read.
    pub events_in_flight: usize,
    /// Requests a second from one address, averaged over ten seconds.
    pub requests_per_second: u32,
    /// The same of requests below `/v1/`: merchants' servers.
    pub merchant_requests_per_second: u32,
    /// Fresh persons a minute from one address.
    pub visitors_per_minute: u32,
    /// Wrong operator PINs in a row before the door is locked.
    pub operator_tries: u32,
    /// For how long.
    pub operator_lock: Duration,
    /// How long an operator stays signed in without doing anything.
    pub operator_idle: Duration,
    /// Bytes of the event file before it is rotated; one older file is kept.
    pub journal_bytes: u64,
    /// An answer to a sheet that comes sooner than this after the sheet was sent is ignored.
    pub sheet_guard: Duration,
    /// How long a registry's index may take, and a package of it.
    pub registry_patience: [Duration; 2],
    /// For how long a registry's answer is taken for true without asking again; that there was none, for five seconds at most.
    pub registry_remember: Duration,
    /// How often the registries are asked for news.
    pub registry_every: Duration,
    /// How long everything may take when the host goes down.
    pub shutdown: Duration,
}

impl Default for HostLimits {
    fn default() -> Self {
        HostLimits {
            connections: 1_024,
            connections_per_address: 64,
            seats: 256,
            sessions_per_seat: 5,
            messages_per_hour: 30,
            body_bytes: 64 << 10,
            picture_bytes: 12 << 20,
            uploads: 16,
            decoders: 2,
            frame_bytes: 64 << 10,
            frames_per_second: 100,
            events_in_flight: 64,
            requests_per_second: 100,
            merchant_requests_per_second: 1_000,
            visitors_per_minute: 60,
            operator_tries: 5,
            operator_lock: Duration::from_secs(300),
            operator_idle: Duration::from_secs(1_800),
            journal_bytes: 16 << 20,
            sheet_guard: Duration::from_millis(500),
            registry_patience: [Duration::from_secs(5), Duration::from_secs(20)],
            registry_remember: Duration::from_secs(30),
            registry_every: Duration::from_secs(600),
            shutdown: Duration::from_secs(5),
        }
    }
}
