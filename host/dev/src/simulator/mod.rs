//! The simulator: a host of its own, one running instance that is swapped at each build, and a page that shows both.
//!
//! | module | holds |
//! |---|---|
//! | [`conditions`] | how the program is launched |
//! | `run` | one instance: closed, opened again, with its state or without |
//! | `seen` | what the inspector is told |
//! | `socket` | the page's connection: what it is shown, what it may do |
//! | `look` | storage, records, messages, payments, permissions, as they stand |
//! | [`tools`] | the routes below `/dev` |

pub mod conditions;
mod look;
mod run;
mod seen;
mod socket;
pub mod tools;

pub use conditions::{Conditions, State, Who};

use crate::Progress;
use crate::develop::{Developed, Developer};
use crate::symbols::{Place, Symbols};
use crate::watch::{Saved, Watch};
use parking_lot::Mutex;
use run::{Opening, People, Run};
use seen::{Known, Log};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};
use youji_api::ProgramId;
use youji_kiosk::{Host, HostConfig, HostError, Server};
use youji_package::Manifest;
use youji_services::{Merchant, Names};

/// Nobody is thrown out of a simulator for thinking.
const IDLE: Duration = Duration::from_secs(24 * 3_600);
/// Longest message of a compiler that a page gets.
const MESSAGE: usize = 16 << 10;

/// What an author is told as it happens.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Notice {
    /// Something was saved, or it is the first build.
    Building {
        /// Number of the build, from 1.
        build: u64,
        /// Files that were saved, below the project's folder.
        files: Vec<String>,
    },
    /// It did not build: what ran before goes on.
    Failed {
        /// Number of the build.
        build: u64,
        /// What the compiler, the manifest or the disk say.
        message: String,
        /// "src/lib.rs:7:5", where the message names any.
        places: Vec<String>,
    },
    /// The new build is on the stage.
    Running {
        /// Number of the build.
        build: u64,
        /// What became of the state.
        state: Kept,
        /// Microseconds of each part between the saving of a file and the new view.
        parts: Vec<(&'static str, u64)>,
        /// All of them together.
        total_us: u64,
    },
    /// It was built and does not open.
    Refused {
        /// Number of the build.
        build: u64,
        /// Why.
        message: String,
        /// Where in the source, when it is a fault of the program.
        places: Vec<Place>,
    },
    /// A running instance broke.
    Fault {
        /// Such as "trap".
        code: String,
        /// What happened.
        message: String,
        /// Where in the source, innermost first.
        places: Vec<Place>,
    },
}

/// What became of the state of the instance before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Whether the new instance was given it.
    pub kept: bool,
    /// How much, or why not.
    pub why: String,
}

/// Where a build stands, as pages see it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Build {
    pub(crate) build: u64,
    /// "building", "built", "failed".
    pub(crate) phase: &'static str,
    pub(crate) message: String,
    pub(crate) places: Vec<String>,
    pub(crate) parts: Vec<(&'static str, u64)>,
}

/// A host with one program that is being written.
#[derive(Clone)]
pub struct Simulator {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) host: Arc<Host>,
    pub(crate) log: Arc<Log>,
    pub(crate) project: crate::Project,
    pub(crate) people: People,
    pub(crate) build: watch::Sender<Build>,
    pub(crate) stage: watch::Sender<Stage>,
    pub(crate) conditions: Mutex<Conditions>,
    /// One swap at a time: two would leave two instances.
    swapping: tokio::sync::Mutex<()>,
    notices: broadcast::Sender<Notice>,
}

/// What is on the stage.
#[derive(Clone, Default)]
pub(crate) struct Stage {
    /// Rises at each change.
    pub(crate) number: u64,
    pub(crate) run: Option<Arc<Run>>,
    /// Why there is no instance.
    pub(crate) refused: Option<serde_json::Value>,
    pub(crate) program: Option<ProgramId>,
}

impl Simulator {
    /// Opens a host for the project. `config` says where its data, its port and its address are. Nothing is built yet.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn open(project: crate::Project, config: HostConfig) -> Result<Simulator, HostError> {
        let log = Arc::new(Log::new());
        let language = config.language.clone();
        let host = Host::new(HostConfig {
            observer: Some(Arc::clone(&log) as _),
            idle: IDLE,
            ..config
        })
        .await?;
        let notices = broadcast::Sender::new(256);
        Ok(Simulator {
            inner: Arc::new(Inner {
                host,
                log,
                project,
                people: People::default(),
                build: watch::Sender::default(),
                stage: watch::Sender::default(),
                conditions: Mutex::new(Conditions {
                    language,
                    ..Conditions::default()
                }),
                swapping: tokio::sync::Mutex::default(),
                notices,
            }),
        })
    }

    /// The host behind it.
    pub fn host(&self) -> &Arc<Host> {
        &self.inner.host
    }

    /// Answers on that listener: the kiosk for phones, and the simulator's page at `/dev` for this machine.
    pub fn serve(&self, listener: tokio::net::TcpListener) -> Server {
        Server::start_with_tools(Arc::clone(&self.inner.host), listener, tools::router(self.clone()))
    }

    /// Text of the scan code that opens the program's home page; none before the first build.
    pub fn code(&self) -> Option<String> {
        let program = self.inner.stage.borrow().program.clone()?;
        self.inner.host.code_for(&program, "", "").ok()
    }

    /// What happens from now on. Faults of running instances are among it while [`work`](Self::work) runs.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.notices.subscribe()
    }

    /// Other launch conditions; the program is launched again.
    ///
    /// # Errors
    /// Conditions that no launch could bring.
    pub async fn launch(&self, conditions: Conditions) -> Result<(), String> {
        conditions.check()?;
        *self.inner.conditions.lock() = conditions;
        let program = self.inner.stage.borrow().program.clone();
        if let Some(program) = program {
            // What does not open is on the page.
            let _ = self.inner.swap(program, Opening::Relaunch).await;
        }
        Ok(())
    }

    /// Builds and swaps until nobody listens to files any more: at once, and whenever something was saved.
    pub async fn work(&self, mut developer: Developer, mut watch: Watch) {
        let mut faults = self.inner.log.faults();
        let telling = self.clone();
        let teller = tokio::spawn(async move {
            while let Ok(broken) = faults.recv().await {
                telling.tell(Notice::Fault {
                    code: broken.code.to_owned(),
                    message: broken.message,
                    places: broken.places,
                });
            }
        });
        let mut saved = Saved {
            files: Vec::new(),
            at: Instant::now(),
        };
        let mut number = 0;
        loop {
            number += 1;
            let again;
            (developer, again) = self.build_once(number, developer, &saved, &watch).await;
            if again && !watch.is_stale() {
                continue;
            }
            match watch.next().await {
                Some(next) => saved = next,
                None => break,
            }
        }
        teller.abort();
    }

    fn tell(&self, notice: Notice) {
        // Nobody may listen; that is no error.
        let _ = self.inner.notices.send(notice);
    }

    /// Builds and shows; true when what was built is not to be shown, since a source was saved meanwhile.
    async fn build_once(&self, number: u64, developer: Developer, saved: &Saved, watch: &Watch) -> (Developer, bool) {
        let dir = developer.project().dir.clone();
        let files = saved
            .files
            .iter()
            .map(|path| path.strip_prefix(&dir).unwrap_or(path).display().to_string());
        self.tell(Notice::Building {
            build: number,
            files: files.collect(),
        });
        self.inner.build.send_replace(Build {
            build: number,
            phase: "building",
            ..Build::default()
        });
        let waited = micros(saved.at);
        let task = tokio::task::spawn_blocking(move || {
            let mut developer = developer;
            let built = developer.build(&mut |_: Progress<'_>| {});
            (developer, built)
        });
        let Ok((developer, built)) = task.await else {
            // The builder panicked: a bug of ours, and nothing to go on with.
            self.failed(number, "the builder stopped; start `youji dev` again".to_owned());
            std::future::pending::<()>().await;
            unreachable!("pending never ends")
        };
        let mut again = false;
        match built {
            Err(error) => self.failed(number, error.to_string()),
            Ok(developed) if developed.edited || watch.is_stale() => {
                // Saved while it was being compiled: half of it may be older than the other half, so it is not shown.
                again = true;
            }
            Ok(developed) => {
                if let Err(message) = self.install(number, &developer, developed, ("noticed", waited)).await {
                    self.failed(number, message);
                }
            }
        }
        (developer, again)
    }

    fn failed(&self, build: u64, message: String) {
        let places = places_in(&message);
        let message = tail(&message, MESSAGE).to_owned();
        self.inner.build.send_replace(Build {
            build,
            phase: "failed",
            message: message.clone(),
            places: places.clone(),
            parts: Vec::new(),
        });
        self.tell(Notice::Failed { build, message, places });
    }

    /// Publishes a build into the host and puts it on the stage.
    async fn install(&self, number: u64, developer: &Developer, developed: Developed, noticed: (&'static str, u64)) -> Result<(), String> {
        let Developed {
            built, module, mut parts, ..
        } = developed;
        parts.insert(0, noticed);
        let began = Instant::now();
        let inner = &self.inner;
        let public = developer.key().public();
        let host = &inner.host;
        if !host.registry().publishers().iter().any(|known| known.id == public.id()) {
            let manifest = std::fs::read(inner.project.dir.join("manifest.json")).map_err(|error| error.to_string())?;
            let name = Manifest::parse(&manifest).map_err(|errors| errors.to_string())?.name;
            let publisher = host
                .registry()
                .allow_publisher(&name, &public)
                .await
                .map_err(|error| error.to_string())?;
            let merchant = Merchant {
                publisher,
                id: String::new(),
                name: Names::new(&*name, &*name),
            };
            host.services()
                .enrol_merchant(merchant)
                .await
                .map_err(|failure| failure.to_string())?;
        }
        inner.log.know(Known {
            digest: built.digest.to_string(),
            package: built.bytes.clone(),
            symbols: Symbols::new(&module, &inner.project.dir).ok(),
        });
        let published = host.registry().publish(built.bytes).await.map_err(|error| error.to_string())?;
        host.programs_changed();
        parts.push(("publish", micros(began)));
        inner.build.send_replace(Build {
            build: number,
            phase: "built",
            parts: parts.clone(),
            ..Build::default()
        });
        match inner.swap(published.program, Opening::Build(number)).await {
            Ok(swapped) => {
                parts.extend(swapped.parts);
                let total_us = parts.iter().map(|(_, us)| us).sum();
                inner.build.send_modify(|build| build.parts.clone_from(&parts));
                self.tell(Notice::Running {
                    build: number,
                    state: swapped.kept,
                    parts,
                    total_us,
                });
            }
            Err(refused) => self.tell(Notice::Refused {
                build: number,
                message: refused.message,
                places: refused.places,
            }),
        }
        Ok(())
    }
}

/// "file:line:column" of each message of the compiler, in order, each once; or of a manifest's.
fn places_in(message: &str) -> Vec<String> {
    let mut places = Vec::new();
    for line in message.lines() {
        if let Some(place) = line.trim_start().strip_prefix("--> ")
            && !places.iter().any(|known| known == place)
        {
            places.push(place.to_owned());
        }
    }
    places
}

fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("project", &self.inner.project)
            .finish_non_exhaustive()
    }
}
