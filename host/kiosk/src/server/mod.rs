//! HTTP and sockets in front of a host.
//!
//! | module | holds |
//! |---|---|
//! | `net` | connections: how many, how long, how large |
//! | [`routes`] | the one table of routes and who may use each |
//! | `guard` | what every request passes: Host, Origin, rate, principal, headers |
//! | `extract` | bodies within bounds, cookies, problem documents |
//! | `seats` | who sits at which device |
//! | `bucket` | rates |
//! | `pages`, `visit`, `person`, `privacy`, `messages`, `operate` | the handlers, by who uses them |
//! | `chats`, `said`, `gifts` | conversations between people, as a page gets them, and money in them |
//! | `first` | openings that wait for a person's yes |
//! | `between` | money from one person to another |
//! | `merchant`, `payments`, `pays` | merchants' own servers, and how people pay what they ask |
//! | [`openapi`] | the description of those routes |
//! | `registry`, `programs` | this host as a registry for others, and the operator's choice of versions |
//! | `codes`, `collect` | payment codes: scanned, presented, collected with |
//! | `token` | tokens for publishers' own servers |
//! | `socket`, `frames` | the session socket |

mod between;
mod bucket;
mod chats;
mod codes;
mod collect;
mod extract;
mod first;
mod frames;
mod gifts;
mod guard;
mod merchant;
mod messages;
mod net;
pub mod openapi;
mod operate;
mod pages;
mod payments;
mod pays;
mod person;
mod privacy;
mod programs;
mod registry;
pub mod routes;
mod said;
mod seats;
mod socket;
mod staff;
mod token;
mod visit;

pub use guard::CONTENT_SECURITY_POLICY;
pub(crate) use operate::posters_page;

use crate::codes::local_authorities;
use crate::config::{ADDRESS_FILE, HostConfig};
use crate::folder::write_private;
use crate::host::{Host, HostError};
use bucket::Buckets;
use extract::Uploads;
use seats::Seats;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use youji_runtime::{EndReason, Receipt};

/// Packages that publishers send at once.
const PUBLISHING: usize = 4;

/// What every handler sees.
pub(crate) struct App {
    pub(crate) host: Arc<Host>,
    pub(crate) seats: Arc<Seats>,
    /// Host headers that are answered.
    pub(crate) authorities: Vec<String>,
    pub(crate) requests: Buckets,
    pub(crate) visitors: Buckets,
    /// Of merchants' servers.
    pub(crate) servers: Buckets,
    pub(crate) decoders: Semaphore,
    pub(crate) uploads: Uploads,
    /// Packages of publishers that are on their way in.
    pub(crate) publishing: Semaphore,
    pub(crate) seat_cookie: String,
    pub(crate) operator_cookie: String,
    pub(crate) stop: watch::Receiver<bool>,
}

/// A kiosk that answers.
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    sweeping: JoinHandle<()>,
    refreshing: JoinHandle<()>,
}

impl Server {
    /// Takes the port of the configuration and writes into it which one that is. Do this before anything that takes long.
    ///
    /// # Errors
    /// The port is taken, or the address is not this machine's.
    pub async fn bind(config: &mut HostConfig) -> Result<TcpListener, HostError> {
        let wanted = config.address;
        let failed = |error: std::io::Error| HostError::Listen {
            address: wanted.to_string(),
            reason: error.to_string(),
            remedy: match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "Another program has that port: stop it, or choose another one with --port NUMBER (0: any that is free)".to_owned()
                }
                std::io::ErrorKind::PermissionDenied => "Ports below 1024 need rights: choose another one with --port NUMBER".to_owned(),
                _ => "Choose another address or port".to_owned(),
            },
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        config.address = listener.local_addr().map_err(failed)?;
        Ok(listener)
    }

    /// Answers on that listener from now on.
    pub fn start(host: Arc<Host>, listener: TcpListener) -> Server {
        Self::start_with_tools(host, listener, axum::Router::new())
    }

    /// The same, with tools for authors below `/dev/`: for this machine only, whoever else may reach the kiosk.
    pub fn start_with_tools(host: Arc<Host>, listener: TcpListener, tools: axum::Router) -> Server {
        let config = host.config();
        let address = config.address;
        let port = address.port();
        let mut authorities = local_authorities(config);
        if let Some(own) = host
            .public_url()
            .split_once("://")
            .map(|(_, authority)| authority.to_ascii_lowercase())
            && !authorities.contains(&own)
        {
            authorities.push(own);
        }
        if let Err(error) = write_private(&config.data_dir.join(ADDRESS_FILE), &host.public_url()) {
            tracing::warn!(%error, "commands will not know under which address this kiosk is reached");
        }
        let limits = config.limits.clone();
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App {
            seats: Arc::new(Seats::new(limits.seats)),
            authorities,
            requests: Buckets::new(f64::from(limits.requests_per_second), f64::from(limits.requests_per_second) * 10.0),
            visitors: Buckets::new(f64::from(limits.visitors_per_minute) / 60.0, f64::from(limits.visitors_per_minute)),
            servers: Buckets::new(
                f64::from(limits.merchant_requests_per_second),
                f64::from(limits.merchant_requests_per_second) * 10.0,
            ),
            decoders: Semaphore::new(limits.decoders),
            uploads: Uploads::new(limits.uploads),
            publishing: Semaphore::new(PUBLISHING),
            seat_cookie: format!("youji-{port}"),
            operator_cookie: format!("youji-operator-{port}"),
            stop: stopped.clone(),
            host,
        });
        let router = routes::router(&app, tools);
        Server {
            accepting: tokio::spawn(net::accept(listener, router, limits, stopped)),
            sweeping: tokio::spawn(sweep(Arc::clone(&app))),
            refreshing: tokio::spawn(crate::remote::keep_fresh(Arc::downgrade(&app.host))),
            app,
            address,
            stop,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it stands in front of.
    pub fn host(&self) -> &Arc<Host> {
        &self.app.host
    }

    /// Stops accepting, unloads every session, erases visitors, closes connections, writes a checkpoint; within
    /// [`HostLimits::shutdown`](crate::HostLimits::shutdown).
    pub async fn stop(self) -> Vec<Receipt> {
        self.sweeping.abort();
        self.refreshing.abort();
        let app = Arc::clone(&self.app);
        let patience = app.host.config().limits.shutdown;
        let down = async move {
            // Sessions first, while sockets can still carry their receipts.
            let seats = app.seats.all();
            let ended = futures_util::future::join_all(
                seats
                    .iter()
                    .map(|seat| person::end_seat(&app, seat, EndReason::Shutdown, "shutdown")),
            );
            ended.await;
            let _ = self.stop.send(true);
            let receipts = app.host.shutdown().await;
            let _ = self.accepting.await;
            receipts
        };
        match tokio::time::timeout(patience, down).await {
            Ok(receipts) => receipts,
            Err(_) => {
                tracing::error!(
                    seconds = patience.as_secs(),
                    "the host did not close in time; what was confirmed is durable all the same"
                );
                Vec::new()
            }
        }
    }
}

/// Ends seats that nobody touches, and warns before.
async fn sweep(app: Arc<App>) {
    let config = app.host.config();
    let tick = (config.idle / 20).clamp(Duration::from_millis(20), Duration::from_millis(500));
    let mut ticker = tokio::time::interval(tick);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticker.tick().await;
        for seat in app.seats.all() {
            let idle = seat.idle_after(config);
            let deadline = seat.touched() + idle;
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let warning = (left <= config.warn).then_some(deadline);
            for here in seat.live() {
                if let Some(screen) = app.host.screen(here.session.id()) {
                    screen.warn_idle(warning);
                }
            }
            if left.is_zero() {
                let app = Arc::clone(&app);
                // Not waited for: one seat's slow program must not keep the others from being swept.
                tokio::spawn(async move { person::end_seat(&app, &seat, EndReason::Idle, "idle").await });
            }
        }
        app.host.metrics.seats.set(i64::try_from(app.seats.len()).unwrap_or(i64::MAX));
    }
}
