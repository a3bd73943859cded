//! The way of one scan: parse, resolve, verify, compile or take from the cache, launch.

use crate::first::Accepted;
use crate::host::Host;
use crate::prepared::{Prepared, code_of, direction, language_or};
use crate::problem::Problem;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;
use youji_api::{Caller, Consent, Consents, Launch, PersonId, ProgramId, SessionId};
use youji_package::{Address, Channel, CodeKind, ScanError, is_asked};
use youji_registry::{Installed, ProgramRef, RegistryError};
use youji_runtime::{FullUpdate, LaunchError, LaunchRequest, OnEnd, Program, Session};
use youji_services::chat::Card;
use youji_services::{Counter, Names};

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The text of a scan code.
    Code(String),
    /// What a card of a conversation shows: by its code if it has one, else a page.
    Card {
        /// The card.
        card: Card,
        /// Who sent it, as its program knows them.
        referrer: String,
    },
    /// A page of a program.
    Page {
        /// Which program.
        program: ProgramId,
        /// Path of the page; empty: home.
        page: String,
        /// Its parameters.
        query: Vec<(String, String)>,
        /// The version for everybody, or the trial.
        channel: Channel,
    },
}

/// A request to open a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// What.
    pub target: Target,
    /// Why, as the contract's launch says it: "scan", "link", "list", "card", "program".
    pub cause: String,
    /// BCP 47.
    pub language: String,
    /// The program that asked for it, when one did.
    pub from_program: Option<ProgramId>,
    /// What the person accepted on the sheet that came before the program's first run.
    pub accepted: Option<Accepted>,
}

impl OpenRequest {
    /// A scanned code.
    pub fn scan(code: impl Into<String>, language: &str) -> Self {
        OpenRequest {
            target: Target::Code(code.into()),
            cause: "scan".to_owned(),
            language: language.to_owned(),
            from_program: None,
            accepted: None,
        }
    }
}

/// A program as people see it in lists and above its stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramCard {
    /// Its id.
    pub id: ProgramId,
    /// In both languages.
    pub name: Names,
    /// In both languages.
    pub description: Names,
    /// The publisher's stored name.
    pub publisher: String,
    /// Version name.
    pub version: String,
    /// Of the package, hexadecimal.
    pub digest: String,
    /// Path of its icon in the package; empty when it has none.
    pub icon: String,
    /// CSS colour `#rrggbb`; empty when it has none.
    pub accent: String,
    /// Text of the scan code that opens its home page.
    pub code: String,
}

/// A permission that the manifest requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// Such as "identity.nickname".
    pub name: String,
    /// The manifest's reason in the person's language.
    pub reason: String,
    /// "granted", "denied", "not-asked", or "included" when no consent is needed.
    pub state: &'static str,
    /// The program can't do without it, so that it was asked for before the first run.
    pub required: bool,
}

/// A program is open and has its first view.
pub struct Opened {
    /// Its session.
    pub session: Session,
    /// What it is.
    pub program: ProgramCard,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Name and microseconds of each step, in order; named as the spans in the trace.
    pub steps: Vec<(&'static str, u64)>,
    /// From the code's text to the first view.
    pub total_us: u64,
    /// The first view.
    pub first: Arc<FullUpdate>,
    pub(crate) prepared: Arc<Prepared>,
}

/// Where the way leads, once its code is read.
struct Destination {
    program: ProgramRef,
    channel: Channel,
    page: Page,
    scene: String,
    query: Vec<(String, String)>,
}

enum Page {
    Index(u8),
    Path(String),
}

/// A package that may be run, and for whom.
pub(crate) struct Arrived {
    pub(crate) caller: Caller,
    pub(crate) prepared: Arc<Prepared>,
    page: String,
    scene: String,
    query: Vec<(String, String)>,
}

/// Steps with their times, each a span of the same name.
pub(crate) struct Steps {
    begun: Instant,
    all: Vec<(&'static str, u64)>,
}

impl Steps {
    pub(crate) fn begin() -> Self {
        Steps {
            begun: Instant::now(),
            all: Vec::with_capacity(16),
        }
    }

    fn time<T>(&mut self, name: &'static str, span: &tracing::Span, step: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = span.in_scope(step);
        self.push(name, micros(begun));
        result
    }

    fn push(&mut self, name: &'static str, us: u64) {
        tracing::debug!(target: "youji::step", step = name, us);
        self.all.push((name, us));
    }

    /// Microseconds since the beginning; what no step took is added as a step of its own.
    fn total(&mut self) -> u64 {
        let total = micros(self.begun);
        let named: u64 = self.all.iter().map(|(_, us)| us).sum();
        self.all.push(("between", total.saturating_sub(named)));
        total
    }
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Host {
    /// Opens a program for a person: a scan without its camera. HTTP, `youji scan` and the bench all come through here.
    ///
    /// Steps: "parse" (the code's text and its tag), "resolve" (from id to digest), "fetch" (only when it came from a source),
    /// "verify" (the package's record and signature), "prepare" (manifest, page, roles), "cache" or "wasm", "check", "compile", "load"
    /// (the program), then the runtime's "admit", "started", "instantiate", "launched", "shown", "view", "tree"; "between" is what passes
    /// from one of them to the next. Together they are [`Opened::total_us`].
    ///
    /// # Errors
    /// A code that is unknown, expired, altered or foreign; a package that can't be trusted; a program at fault; a limit. "consent-first"
    /// with a sheet, where the person has not accepted yet what the program can't do without: show it, and ask again with
    /// [`OpenRequest::accepted`]. Nothing of the program has run then.
    pub async fn open(self: &Arc<Self>, person: &PersonId, request: OpenRequest) -> Result<Opened, Problem> {
        let span = tracing::debug_span!("open", cause = %request.cause);
        if matches!(request.target, Target::Code(_)) {
            self.services.count(Counter::Scans);
        }
        let cause = request.cause.clone();
        let opened = Box::pin(self.open_inner(person, request)).instrument(span).await;
        match &opened {
            Ok(opened) => {
                self.services.count(Counter::Opens);
                self.metrics.open(&opened.steps, opened.total_us);
                self.record(
                    "open",
                    json!({
                        "session": opened.session.id().to_string(),
                        "program": opened.program.id,
                        "digest": opened.program.digest,
                        "cause": cause,
                        "steps": opened.steps,
                        "totalUs": opened.total_us,
                    }),
                );
            }
            Err(problem) => {
                self.metrics.refused(&problem.code);
                self.record("refused", json!({"cause": cause, "code": problem.code}));
            }
        }
        opened
    }

    async fn open_inner(self: &Arc<Self>, person: &PersonId, request: OpenRequest) -> Result<Opened, Problem> {
        if self.is_closing() {
            return Err(Problem::shutting_down());
        }
        let mut steps = Steps::begin();
        let arrived = self.arrive(person, &request, &mut steps).await?;
        self.check_first_run(&arrived, request.accepted.as_ref()).await?;
        let Arrived {
            caller,
            prepared,
            page,
            scene,
            query,
        } = arrived;
        let program = self.program_of(&prepared, &mut steps).await?;

        let id = caller.session;
        let language = caller.language.to_string();
        let referrer = match request.target {
            Target::Card { referrer, .. } => referrer,
            _ => String::new(),
        };
        let launch = Launch {
            page,
            query,
            scene,
            cause: request.cause,
            direction: direction(&language).to_owned(),
            language,
            roles: caller.roles.to_vec(),
            referrer,
            from_program: request.from_program.map(|program| program.to_string()).unwrap_or_default(),
            currency: self.config.currency.clone(),
        };
        // Before the launch: what services put on the screen meanwhile must find one.
        self.post.open(id, person, &caller.language);
        let host = Arc::downgrade(self);
        let ended: OnEnd = Box::new(move |session, ended| {
            if let Some(host) = host.upgrade() {
                host.session_ended(session, ended);
            }
        });
        let launched = self
            .runtime
            .launch(LaunchRequest {
                program,
                caller,
                launch,
                gate: self.gate.clone(),
                limits: None,
                ended: Some(ended),
            })
            .instrument(tracing::debug_span!("launch"))
            .await;
        let (session, first) = launched.map_err(|error| {
            self.post.close(id);
            if let LaunchError::Fault(fault) = &error {
                self.services.count(Counter::Faults);
                self.metrics.ended("fault", Some(fault.code));
            }
            Problem::from(error)
        })?;
        steps.all.extend(first.steps);
        let total_us = steps.total();
        Ok(Opened {
            permissions: self.permissions(person, &prepared, &prepared.language),
            session,
            program: prepared.card.clone(),
            steps: steps.all,
            total_us,
            first: first.first,
            prepared,
        })
    }

    /// From the target to a verified package, and who would run it: all that needs no code.
    pub(crate) async fn arrive(&self, person: &PersonId, request: &OpenRequest, steps: &mut Steps) -> Result<Arrived, Problem> {
        let destination = steps.time("parse", &tracing::debug_span!("parse"), || self.destination(&request.target))?;
        let found = steps.time("resolve", &tracing::debug_span!("resolve"), || {
            self.registry.find_in(destination.program.clone(), destination.channel)
        });
        let installed = match found {
            Err(RegistryError::NotFound(_) | RegistryError::NoTrial(_)) => {
                let begun = Instant::now();
                let fetched = self.registry.resolve_in(destination.program.clone(), destination.channel);
                let installed = fetched.instrument(tracing::debug_span!("fetch")).await?;
                steps.push("fetch", micros(begun));
                installed
            }
            found => found?,
        };
        steps.time("verify", &tracing::debug_span!("verify"), || self.registry.verify(&installed))?;
        let language = language_or(&request.language, &self.config.language);
        steps.time("prepare", &tracing::debug_span!("prepare"), || {
            let prepared = self.prepared.get(&installed, language, &self.registry, &self.codes)?;
            let page = allowed_page(&prepared, &destination.page, request.from_program.is_some())?;
            let roles = self.services.roles(person, &installed.publisher);
            if destination.channel == Channel::Trial && roles.is_empty() {
                return Err(Problem::new(
                    403,
                    "trial",
                    "A trial version",
                    "The publisher tries this version out with its own people; nothing was opened.",
                    "Scan the program's usual code.",
                ));
            }
            let caller = Caller {
                session: self.fresh_session(),
                person: person.clone(),
                program: installed.manifest.app_id.clone(),
                publisher: installed.publisher.clone(),
                roles: roles.into(),
                requested: Arc::clone(&prepared.requested),
                language: language.into(),
            };
            Ok(Arrived {
                caller,
                prepared,
                page,
                scene: destination.scene,
                query: destination.query,
            })
        })
    }

    fn destination(&self, target: &Target) -> Result<Destination, Problem> {
        match target {
            Target::Code(text) => match self.codes.verify(text, self.config.clock.now_ms()) {
                Ok(code) => Ok(Destination {
                    program: code.program.into(),
                    channel: if code.trial { Channel::Trial } else { Channel::Release },
                    page: Page::Index(code.page),
                    scene: code.scene,
                    query: Vec::new(),
                }),
                Err(ScanError::NotOurs(CodeKind::MiniApp)) => self.address(text),
                Err(error) => Err(error.into()),
            },
            Target::Card {
                card: Card { code: Some(code), .. },
                ..
            } => self.destination(&Target::Code(code.clone())),
            Target::Card { card, .. } => Ok(Destination {
                program: (&card.program).into(),
                channel: Channel::Release,
                page: Page::Path(card.page.clone()),
                scene: String::new(),
                query: card.query.clone(),
            }),
            Target::Page {
                program,
                page,
                query,
                channel,
            } => Ok(Destination {
                program: program.into(),
                channel: *channel,
                page: Page::Path(page.clone()),
                scene: String::new(),
                query: query.clone(),
            }),
        }
    }

    /// A W3C MiniApp address of this host.
    fn address(&self, text: &str) -> Result<Destination, Problem> {
        let refused = |detail: String, remedy: &str| Problem::new(400, "address", "This address does not open here", detail, remedy);
        let address: Address = text
            .parse()
            .map_err(|error: youji_package::AddressError| refused(error.to_string(), "Scan the code of a mini-program."))?;
        let ours = |host: &String| self.codes.is_ours(&format!("{}://{host}", address.scheme));
        if !address.host.as_ref().is_none_or(ours) {
            return Err(refused(
                format!("The address belongs to {}.", address.host.unwrap_or_default()),
                "Open it there.",
            ));
        }
        // Of versions an address names the trial only; which one is released is the host's to say.
        let trial = address.version.as_deref() == Some("trial");
        Ok(Destination {
            program: address.program.into(),
            channel: if trial { Channel::Trial } else { Channel::Release },
            page: Page::Path(address.path),
            scene: String::new(),
            query: address.query,
        })
    }

    async fn program_of(&self, prepared: &Arc<Prepared>, steps: &mut Steps) -> Result<Arc<Program>, Problem> {
        let begun = Instant::now();
        let installed = Arc::clone(&prepared.installed);
        let code = prepared.code().await?.clone();
        let tokio = tokio::runtime::Handle::current();
        let program = self
            .runtime
            .program(code, &prepared.requested, move || {
                let wasm = tokio.block_on(installed.wasm()).map_err(|error| error.to_string())?;
                Ok(wasm.to_vec())
            })
            .instrument(tracing::debug_span!("program"))
            .await?;
        let us = micros(begun);
        // A program that somebody else made ready has steps too, but this opening did not wait for them.
        let made = program.steps();
        if !made.is_empty() && made.iter().map(|(_, us)| us).sum::<u64>() <= us {
            steps.all.extend_from_slice(made);
        } else {
            steps.push("cache", us);
        }
        Ok(program)
    }

    /// Compiles what opens of a program, its release and its trial, unless that was done, so that whoever scans it first does not wait.
    ///
    /// # Errors
    /// It is not there, or can't be compiled.
    pub async fn make_ready(&self, program: &ProgramId) -> Result<(), Problem> {
        let release = self.registry.open_verified(program);
        match (release, self.registry.find_in(program, Channel::Trial)) {
            (Err(error), Err(_)) => Err(error.into()),
            (release, trial) => {
                for installed in release.into_iter().chain(trial) {
                    self.make_version_ready(installed).await?;
                }
                Ok(())
            }
        }
    }

    async fn make_version_ready(&self, installed: Arc<Installed>) -> Result<(), Problem> {
        let code = code_of(&installed).await?;
        let requested = installed.requested(&self.config.language);
        let tokio = tokio::runtime::Handle::current();
        let ready = self.runtime.program(code, &requested, move || {
            let wasm = tokio.block_on(installed.wasm()).map_err(|error| error.to_string())?;
            Ok(wasm.to_vec())
        });
        ready.await?;
        Ok(())
    }

    fn fresh_session(&self) -> SessionId {
        loop {
            let mut bytes = [0; 8];
            self.config.random.fill(&mut bytes);
            let id = SessionId(u64::from_le_bytes(bytes));
            if id.0 != 0 && self.post.screen(id).is_none() {
                return id;
            }
        }
    }

    /// What a program may do now, with its reasons in that language.
    pub(crate) fn permissions(&self, person: &PersonId, prepared: &Prepared, language: &str) -> Vec<Permission> {
        let in_language = self.prepared.get(&prepared.installed, language, &self.registry, &self.codes);
        let prepared = in_language.as_deref().unwrap_or(prepared);
        let program = &prepared.installed.manifest.app_id;
        let state = |name: &str| {
            // Only scopes that some call needs are asked for; declaring the others is enough.
            if !is_asked(name) {
                return "included";
            }
            match self.services.consent(person, program, name) {
                Consent::Granted => "granted",
                Consent::Denied => "denied",
                Consent::NotAsked => "not-asked",
            }
        };
        let permissions = &prepared.requested.permissions;
        let permission = |(name, reason): &(String, String)| Permission {
            name: name.clone(),
            reason: reason.clone(),
            state: state(name),
            required: prepared.requested.required.contains(name),
        };
        permissions.iter().map(permission).collect()
    }
}

/// Home, an entry, or a page that one of the program's messages opens: nothing else can be reached from outside, and by another program
/// entries only.
fn allowed_page(prepared: &Prepared, page: &Page, by_program: bool) -> Result<String, Problem> {
    let manifest = &prepared.installed.manifest;
    let path = match page {
        Page::Index(index) => manifest.pages.get(usize::from(*index)).map_or("", String::as_str),
        Page::Path(path) if path.is_empty() => manifest.home(),
        Page::Path(path) => path.trim_start_matches('/'),
    };
    let in_message = || prepared.requested.templates.iter().any(|template| template.page == path);
    if !path.is_empty() && (manifest.is_entry(path) || (!by_program && in_message())) {
        return Ok(path.to_owned());
    }
    Err(Problem::new(
        404,
        "no-such-page",
        "No such page",
        format!("{} has no such page that can be opened from outside", prepared.installed.name("en")),
        "Open the program's first page.",
    ))
}
