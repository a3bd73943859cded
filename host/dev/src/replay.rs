//! The same session again: the program gets what it got, the host answers what it answered, and every view is held against the one that
//! was drawn then, byte for byte.

use crate::recording::{Line, Recording};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use youji_api::{
    Call, Caller, Capabilities, Consent, Consents, Event, Failure, Gate, Left, Limits, PersonId, ProgramId, Reply, SavedState, SessionId,
    Ticket, codes,
};
use youji_package::{I18n, Package, PackageLimits};
use youji_runtime::{Code, Compiler, EndReason, LaunchRequest, Observer, Runtime, RuntimeConfig, Seen};

/// How long a program may take for what took it a moment when it was recorded.
const PATIENCE: Duration = Duration::from_secs(30);
/// The session's number; a program never sees it.
const SESSION: SessionId = SessionId(1);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether everything was as it had been.
    pub same: bool,
    /// Views that were drawn and compared.
    pub views: usize,
    /// Host calls that were answered from the recording.
    pub calls: usize,
    /// Lines of the recording that were played.
    pub lines: usize,
    /// The first difference; none when it is the same.
    pub difference: Option<Difference>,
}

/// Where the replay went another way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Line in the file, from 1.
    pub line: usize,
    /// What the recording has there.
    pub recorded: String,
    /// What came now.
    pub replayed: String,
}

/// Plays a recording. Needs a multi-threaded Tokio runtime. `cache` is a folder for compiled code.
///
/// # Errors
/// The package in it can't be opened or compiled: nothing was played.
pub async fn replay(recording: &Recording, cache: &Path, compiler: Compiler) -> Result<Outcome, String> {
    let bytes = recording.package()?;
    let package = Package::open(&bytes, &PackageLimits::default()).map_err(|error| format!("the package in the recording: {error}"))?;
    if package.digest.to_string() != recording.head.digest {
        return Err(format!(
            "the recording names package {}, but holds {}: it was put together by hand",
            recording.head.digest, package.digest
        ));
    }
    let lines: Vec<Line> = recording
        .lines
        .iter()
        .map(|line| serde_json::from_str(line).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let mut causes: VecDeque<Line> = lines.into_iter().filter(Line::is_cause).collect();
    let Some(Line::Launched { launch, saved }) = causes.pop_front() else {
        return Err("the recording does not begin with a launch".to_owned());
    };
    let script = Arc::new(Script::new(recording, saved));
    let mut config = RuntimeConfig::new(cache);
    config.compiler = compiler;
    config.max_sessions = 4;
    config.observer = Some(Arc::clone(&script) as _);
    let runtime = Runtime::new(config).map_err(|error| error.to_string())?;
    let i18n: I18n = package.i18n.clone();
    let requested = Arc::new(package.manifest.requested(&i18n, &launch.language));
    let wasm = package.wasm().to_vec();
    let code = Code {
        script: package.script().into(),
        ..Code::from(recording.head.digest.as_str())
    };
    let program = runtime
        .program(code, &requested, move || Ok(wasm))
        .await
        .map_err(|error| error.to_string())?;
    let caller = Caller {
        session: SESSION,
        person: PersonId::from("replay"),
        program: package.manifest.app_id.clone(),
        publisher: package.publisher.id(),
        roles: recording.head.roles.clone().into(),
        requested,
        language: launch.language.as_str().into(),
    };
    let launched = runtime
        .launch(LaunchRequest {
            program,
            caller,
            launch,
            gate: Gate::new(Arc::clone(&script) as _, Arc::clone(&script) as _),
            limits: Some(Limits {
                // A day is replayed in a second.
                calls_per_second: u32::MAX,
                log_lines_per_second: u32::MAX,
                ..Limits::default()
            }),
            ended: None,
        })
        .await;
    if let Ok((session, _)) = launched {
        for cause in causes {
            if script.is_done() || session.try_ended().is_some() {
                break;
            }
            let turn = script.turn();
            match cause {
                Line::Event { event } => drop(session.deliver(event)),
                // Not waited for here: the script says when the program has handled it.
                Line::Back => {
                    let session = session.clone();
                    let id = format!("replay-{turn}");
                    tokio::spawn(async move { session.back(id).await });
                }
                Line::Shown { shown: true } => session.show(),
                Line::Shown { shown: false } => session.hide(),
                Line::Language { language, direction } => session.language(&language, &direction),
                _ => {}
            }
            tokio::select! {
                reached = tokio::time::timeout(PATIENCE, script.reached(turn)) => {
                    if reached.is_err() {
                        script.stuck();
                        break;
                    }
                }
                _ = session.ended() => {}
            }
        }
        session.close(EndReason::Closed).await;
    }
    runtime.shutdown().await;
    Ok(script.outcome())
}

/// The recording as it is played.
struct Script {
    state: Mutex<State>,
    saved: Option<SavedState>,
    news: Notify,
}

struct State {
    /// As in the file, with the number of each line.
    left: VecDeque<(usize, String)>,
    played: usize,
    views: usize,
    calls: usize,
    /// Causes that the program has handled: each ends when the next one begins, or with its view.
    drawn: usize,
    turns: usize,
    difference: Option<Difference>,
}

impl Script {
    fn new(recording: &Recording, saved: Option<SavedState>) -> Script {
        let lines = recording.lines.iter().enumerate().map(|(at, line)| (at + 2, line.clone()));
        Script {
            state: Mutex::new(State {
                left: lines.collect(),
                played: 0,
                views: 0,
                calls: 0,
                drawn: 0,
                turns: 1,
                difference: None,
            }),
            saved,
            news: Notify::new(),
        }
    }

    /// One more cause goes in; its number.
    fn turn(&self) -> usize {
        let mut state = self.state.lock();
        state.turns += 1;
        state.turns
    }

    /// Resolves when the program has drawn after that many causes, or went another way.
    async fn reached(&self, turn: usize) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            {
                let state = self.state.lock();
                if state.drawn >= turn || state.difference.is_some() {
                    return;
                }
            }
            news.await;
        }
    }

    fn is_done(&self) -> bool {
        let state = self.state.lock();
        let over = state
            .left
            .front()
            .is_none_or(|(_, line)| matches!(serde_json::from_str(line), Ok(Line::Full | Line::Saved { .. } | Line::Ended { .. })));
        over || state.difference.is_some()
    }

    fn stuck(&self) {
        let mut state = self.state.lock();
        if let Some((line, recorded)) = state.left.front().cloned() {
            state.difference.get_or_insert(Difference {
                line,
                recorded,
                replayed: format!("nothing within {} seconds", PATIENCE.as_secs()),
            });
        }
    }

    /// The next line, if it is a call.
    fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        let state = self.state.lock();
        let next = state.left.front().and_then(|(_, line)| serde_json::from_str::<Line>(line).ok());
        match next {
            Some(Line::Call { call: recorded, answer }) if recorded == *call => answer,
            // What is observed right after this says where it went another way.
            _ => Err(Failure::new(codes::FAILED, "this call is not in the recording")),
        }
    }

    fn outcome(&self) -> Outcome {
        let mut state = self.state.lock();
        // A recording may end in the middle of a session; it is the same as far as it goes. What a closed session says at its end was
        // recorded or not, depending on when the file was saved.
        let left = state.left.front().cloned();
        if let Some((line, recorded)) = left
            && state.difference.is_none()
            && !matches!(serde_json::from_str(&recorded), Ok(Line::Full | Line::Ended { .. }))
        {
            state.difference = Some(Difference {
                line,
                recorded,
                replayed: "the session ended before that".to_owned(),
            });
        }
        Outcome {
            same: state.difference.is_none(),
            views: state.views,
            calls: state.calls,
            lines: state.played,
            difference: state.difference.clone(),
        }
    }
}

impl Observer for Script {
    fn observe(&self, _: &Caller, seen: Seen<'_>) {
        let Some(line) = Line::new(&seen) else { return };
        let mut state = self.state.lock();
        let text = line.text();
        match (state.left.front().cloned(), &line) {
            _ if state.difference.is_some() => {}
            // The recording ended earlier: nothing to hold it against.
            (None, _) => {}
            (Some((_, recorded)), _) if recorded == text => {
                state.left.pop_front();
                state.played += 1;
                match line {
                    Line::View { .. } => {
                        state.views += 1;
                        state.drawn = state.turns;
                    }
                    Line::Call { .. } => state.calls += 1,
                    _ => {}
                }
            }
            // Why it ended is the player's doing here, unless the program was at fault.
            (Some((_, recorded)), Line::Ended { fault, .. }) if ends_alike(&recorded, fault) => {
                state.left.pop_front();
                state.played += 1;
            }
            (Some((number, recorded)), _) => {
                state.difference = Some(Difference {
                    line: number,
                    recorded: shortened(&recorded),
                    replayed: shortened(&text),
                });
            }
        }
        drop(state);
        self.news.notify_waiters();
    }
}

fn ends_alike(recorded: &str, fault: &str) -> bool {
    matches!(serde_json::from_str(recorded), Ok(Line::Ended { fault: then, .. }) if then == fault)
}

fn shortened(text: &str) -> String {
    const CHARS: usize = 2_000;
    if text.chars().count() > CHARS {
        text.chars().take(CHARS).chain("…".chars()).collect()
    } else {
        text.to_owned()
    }
}

#[async_trait]
impl Capabilities for Script {
    async fn call(&self, _: &Caller, call: Call) -> Result<Reply, Failure> {
        self.answer(&call)
    }

    async fn ask(&self, _: &Caller, _: Vec<String>, call: Call) -> Result<Reply, Failure> {
        self.answer(&call)
    }

    async fn started(&self, _: &Caller) -> (Option<SavedState>, Vec<Event>) {
        (self.saved.clone(), Vec::new())
    }

    async fn taken(&self, _: &Caller, _: Ticket) {}

    async fn ended(&self, _: &Caller, _: Option<SavedState>) -> Left {
        Left::default()
    }
}

impl Consents for Script {
    /// Whatever the gate refused for want of consent is refused again: its answer stands in the recording.
    fn consent(&self, _: &PersonId, _: &ProgramId, _: &str) -> Consent {
        Consent::Granted
    }
}
