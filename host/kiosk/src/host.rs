//! One host: registry, services, runtime and gate of one data folder, without any HTTP.

use crate::codes::Codes;
use crate::config::HostConfig;
use crate::folder::{Folder, folder_error};
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::open::ProgramCard;
use crate::operator::Operator;
use crate::post::{Post, StoredNames};
use crate::prepared::{Preparations, card};
use crate::problem::Problem;
use crate::screen::Screen;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use youji_api::{Gate, ProgramId, SessionId};
use youji_package::Channel;
use youji_registry::{Registry, RegistryError, RegistryOptions};
use youji_runtime::{Ended, Receipt, Runtime, RuntimeConfig, check_imports};
use youji_services::trade::{MerchantId, Printed};
use youji_services::{Counter, OpenError, ServiceLimits, Services, ServicesConfig};

/// Everything behind a kiosk. No global state: a process can hold several.
pub struct Host {
    pub(crate) config: HostConfig,
    pub(crate) registry: Registry,
    pub(crate) services: Arc<Services>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) gate: Gate,
    pub(crate) codes: Codes,
    pub(crate) post: Arc<Post>,
    pub(crate) prepared: Preparations,
    pub(crate) journal: Journal,
    pub(crate) metrics: Metrics,
    pub(crate) operator: Operator,
    pub(crate) started: Instant,
    closing: AtomicBool,
    // Last: the folder is ours until everything above is closed.
    _folder: Folder,
}

/// Why a host did not start: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Another process has the data folder.
    #[error(
        "the data folder {path} is in use by another youji (process {process}). Stop that one, or choose another folder with --data DIR"
    )]
    InUse {
        /// Which.
        path: String,
        /// Its process id as it wrote it down; "unknown" if it did not.
        process: String,
    },
    /// The folder or a file in it.
    #[error("{path}: {reason}. {remedy}")]
    Folder {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The port.
    #[error("can't listen on {address}: {reason}. {remedy}")]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The services did not open: their words name the folder and what to do.
    #[error("{0}")]
    Services(OpenError),
    /// Services, registry or runtime refuse.
    #[error("{part}: {reason}")]
    Part {
        /// Which.
        part: &'static str,
        /// What it says.
        reason: String,
    },
}

impl Host {
    /// Opens or makes the data folder, composes what is in it, and erases visitors whom an earlier run left behind. Needs a
    /// multi-threaded Tokio runtime.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn new(mut config: HostConfig) -> Result<Arc<Host>, HostError> {
        let folder = Folder::take(&config.data_dir)?;
        let part = |part: &'static str| move |reason: String| HostError::Part { part, reason };
        let codes = Codes::open(&folder, &config)?;
        let operator = Operator::open(&folder, &config.limits)?;
        let journal = Journal::open(folder.path(), config.limits.journal_bytes)
            .map_err(|error| folder_error(&folder.path().join("events.jsonl"), &error))?;
        let registries = crate::remote::configured(&folder, config.registries.as_deref())?;
        let [patience, package_patience] = config.limits.registry_patience;
        let registry = RegistryOptions {
            sources: crate::remote::sources(registries, patience, package_patience),
            remember: config.limits.registry_remember,
            check: Some(Arc::new(|wasm, requested| {
                check_imports(wasm, requested).map(drop).map_err(|error| error.to_string())
            })),
            ..RegistryOptions::default()
        };
        let registry = Registry::open(folder.path().join("registry"), registry)
            .await
            .map_err(|error| part("registry")(error.to_string()))?;
        let services = Services::open(ServicesConfig {
            data_dir: folder.path().join("services"),
            clock: Arc::clone(&config.clock),
            random: Arc::clone(&config.random),
            currency: config.currency.clone(),
            visitor_balance: config.visitor_balance,
            place: config.place.clone(),
            limits: ServiceLimits {
                messages: config.limits.messages_per_hour,
                messages_in: Duration::from_secs(60 * 60),
                ..ServiceLimits::default()
            },
            ..ServicesConfig::new(folder.path().join("services"))
        })
        .map_err(HostError::Services)?;
        services.currency().clone_into(&mut config.currency);
        let clock = Arc::clone(&config.clock);
        let runtime = Runtime::new(RuntimeConfig {
            limits: config.session_limits.clone(),
            max_sessions: config.sessions,
            sessions_per_person: config.sessions_per_person,
            compiler: config.compiler.clone(),
            observer: config.observer.clone(),
            now_ms: Arc::new(move || clock.now_ms()),
            ..RuntimeConfig::new(config.compiled.clone().unwrap_or_else(|| folder.path().join("compiled")))
        })
        .map_err(|error| part("runtime")(error.to_string()))?;
        let post = Arc::new(Post::new(&runtime));
        services.set_deliver(Arc::clone(&post) as _);
        services.set_directory(Arc::new(StoredNames(registry.clone())));
        let gate = Gate::new(Arc::clone(&services) as _, Arc::clone(&services) as _);
        let host = Arc::new(Host {
            registry,
            gate,
            services,
            runtime,
            codes,
            post,
            prepared: Preparations::default(),
            journal,
            metrics: Metrics::new(),
            operator,
            started: Instant::now(),
            closing: AtomicBool::new(false),
            config,
            _folder: folder,
        });
        host.record("start", json!({"version": env!("CARGO_PKG_VERSION"), "address": host.public_url()}));
        host.forget_those_left_behind().await?;
        tokio::spawn(crate::hooks::run(Arc::downgrade(&host)));
        Ok(host)
    }

    /// Visitors of a run that was killed: the seats that led to them are gone, so nobody else would ever erase them.
    async fn forget_those_left_behind(&self) -> Result<(), HostError> {
        let left = self.services.forget_visitors().await.map_err(|failure| HostError::Part {
            part: "erasing the visitors of the last run",
            reason: format!(
                "{failure}. Nobody is let in before they are gone: look at the disk of {}, and start again",
                self.config.data_dir.display()
            ),
        })?;
        for erased in &left {
            self.record("reset", json!({"reason": "start", "visitor": true, "erased": erased}));
        }
        if !left.is_empty() {
            tracing::info!(visitors = left.len(), "visitors of the last run were erased");
        }
        Ok(())
    }

    /// What it was made with.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// People, money, messages.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Packages. After changes there, call [`programs_changed`](Self::programs_changed).
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Programs and sessions.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// What every host call goes through.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The operator's PIN.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Forgets names that were made ready from the registry, after a publisher was allowed or renamed.
    pub fn programs_changed(&self) {
        self.prepared.clear();
    }

    /// The released version of each program that everybody can open, as lists show them.
    pub fn programs(&self) -> Vec<ProgramCard> {
        let listed = self.registry.list().into_iter().filter(|listed| listed.allowed && listed.open);
        listed
            .filter_map(|listed| card(&listed.current, listed.publisher_name, &self.codes).ok())
            .collect()
    }

    /// Text of the scan code that opens a page with a scene of at most 12 bytes, such as "T7". `page` empty: home; that of a program that
    /// is not here yet can be printed ahead where registries are asked.
    ///
    /// # Errors
    /// No such program or page, a page that is no entry, a scene that is too long.
    pub fn code_for(&self, program: &ProgramId, page: &str, scene: &str) -> Result<String, Problem> {
        match self.registry.open_verified(program) {
            Err(RegistryError::NotFound(_)) if page.is_empty() && !self.registry.remotes().is_empty() => self.codes.ahead(program, scene),
            found => self.codes.issue(&found?.manifest, page, scene, Channel::Release),
        }
    }

    /// The same for the trial version, which opens for whom its publisher gave a role.
    ///
    /// # Errors
    /// As for [`code_for`](Self::code_for); there is no trial version.
    pub fn trial_code_for(&self, program: &ProgramId, page: &str, scene: &str) -> Result<String, Problem> {
        let installed = self.registry.find_in(program, Channel::Trial)?;
        self.codes.issue(&installed.manifest, page, scene, Channel::Trial)
    }

    /// Page and scene of a code, if it is one of that program.
    pub(crate) fn own_code(&self, program: &ProgramId, text: &str) -> Option<(String, String)> {
        let code = self.codes.verify(text, self.config.clock.now_ms()).ok()?;
        let channel = if code.trial { Channel::Trial } else { Channel::Release };
        let installed = self.registry.find_in(program, channel).ok()?;
        let page = installed.manifest.pages.get(usize::from(code.page))?;
        (code.program == installed.short_id).then(|| (page.clone(), code.scene))
    }

    /// A printable page of codes, which needs no other file: each program's home and the places of
    /// [`HostConfig::places`](crate::HostConfig::places).
    ///
    /// # Errors
    /// An address that is too long for a code.
    pub fn posters(&self) -> Result<String, Problem> {
        crate::server::posters_page(self, crate::posters::Style::Inline)
    }

    /// Text of a payment code (EMVCo, merchant-presented) for the publisher of a program, or a merchant under it; `amount` is decimal.
    ///
    /// # Errors
    /// No such program or merchant, or what a code can't say.
    pub fn payment_code(&self, program: &ProgramId, merchant: &str, amount: Option<&str>, mut printed: Printed) -> Result<String, Problem> {
        let installed = self.registry.open_verified(program)?;
        printed.amount = match amount {
            None => None,
            Some(text) => Some(crate::money::minor(text, &self.config.currency).ok_or_else(|| {
                Problem::new(
                    400,
                    youji_api::codes::INVALID,
                    "Not an amount",
                    format!("{text} is no amount of {}", self.config.currency),
                    "Write it as 36.00.",
                )
            })?),
        };
        let merchant = MerchantId::new(installed.publisher.clone(), merchant);
        Ok(self.services.print_payment_code(&merchant, &printed)?)
    }

    /// What the screen of a live session should show: sheets, scanner, inbox.
    pub fn screen(&self, session: SessionId) -> Option<Arc<Screen>> {
        self.post.screen(session)
    }

    /// Where the kiosk is reached, without a slash at the end: what codes begin with.
    pub fn public_url(&self) -> String {
        self.codes.url().to_owned()
    }

    /// The link that a person opens to pay a merchant's intent.
    pub fn pay_url(&self, intent: &str) -> String {
        format!("{}/P/{intent}", self.codes.url())
    }

    /// Whether the operator knows that publisher and does not allow it.
    pub(crate) fn is_refused(&self, publisher: &youji_api::PublisherId) -> bool {
        let known = self.registry.publishers();
        known.iter().any(|known| known.id == *publisher && !known.allowed)
    }

    /// Whether it is on its way down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A line of the event file.
    pub(crate) fn record(&self, kind: &str, members: serde_json::Value) {
        self.journal.write(self.config.clock.now_ms(), kind, members);
    }

    /// A session is over: its screen goes, and it is counted.
    pub(crate) fn session_ended(&self, session: SessionId, ended: &Ended) {
        self.post.close(session);
        let fault = ended.fault.as_ref().map(|fault| fault.code);
        self.services.count(Counter::Unloads);
        if fault.is_some() {
            self.services.count(Counter::Faults);
        }
        self.metrics.ended(ended.reason.code(), fault);
        self.record(
            "end",
            json!({
                "session": session.to_string(),
                "program": ended.receipt.program,
                "reason": ended.reason.code(),
                "fault": fault,
                "receipt": ended.receipt,
            }),
        );
    }

    /// Unloads every session and refuses new ones; then writes a checkpoint. Call it last.
    pub async fn shutdown(&self) -> Vec<Receipt> {
        self.closing.store(true, Ordering::Release);
        let receipts = self.runtime.shutdown().await;
        self.services.shutdown().await;
        self.record("stop", json!({"sessions": receipts.len()}));
        tokio::task::block_in_place(|| self.journal.close());
        receipts
    }
}
