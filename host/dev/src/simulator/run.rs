//! One instance on the stage: how it is swapped for the next one, and what becomes of its state.

use super::conditions::{Conditions, State, Who};
use super::seen::fault_json;
use super::{Inner, Kept, Stage, micros};
use crate::symbols::Place;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use youji_api::{Caller, PersonId, ProgramId, PublisherId, SavedState, SessionId};
use youji_kiosk::{Opened, Problem, ProgramCard};
use youji_runtime::{EndReason, Session};
use youji_services::NewPerson;

/// What people of the simulator have, in minor units.
const BALANCE: u64 = 100_000;
/// Of the simulator's people, for their phones; it protects nothing.
const PIN: &str = "2468";

/// One instance.
pub(crate) struct Run {
    pub(crate) session: Session,
    pub(crate) card: ProgramCard,
    pub(crate) person: PersonId,
    pub(crate) conditions: Conditions,
    pub(crate) kept: Kept,
    /// Of the build that it is of.
    pub(crate) build: u64,
    pub(crate) steps: Vec<(&'static str, u64)>,
    pub(crate) total_us: u64,
}

/// Why the stage changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    /// A new build.
    Build(u64),
    /// Other launch conditions.
    Relaunch,
}

/// What a swap brought.
pub(crate) struct Swapped {
    pub(crate) kept: Kept,
    pub(crate) parts: Vec<(&'static str, u64)>,
}

/// Why the new one is not there.
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) places: Vec<Place>,
}

/// The people of the simulator, made when they are first wanted.
#[derive(Default)]
pub(crate) struct People(Mutex<HashMap<Who, PersonId>>);

impl Inner {
    async fn person(&self, who: Who, language: &str, publisher: &PublisherId) -> Result<PersonId, Problem> {
        let services = self.host.services();
        if who != Who::Stranger
            && let Some(known) = self.people.0.lock().get(&who)
        {
            return Ok(known.clone());
        }
        let named = |name: &str, code: &str, balance: u64| NewPerson {
            name: name.to_owned(),
            code: code.to_owned(),
            pin: PIN.to_owned(),
            language: language.to_owned(),
            balance,
            profile: Vec::new(),
        };
        let person = match who {
            Who::Visitor | Who::Stranger => services.create_visitor(language).await?.id,
            Who::Staff => {
                let person = services.create_person(named("Staff", "staff", BALANCE)).await?.id;
                services.set_role(&person, publisher, "staff", true).await?;
                person
            }
            Who::Broke => services.create_person(named("Broke", "broke", 0)).await?.id,
        };
        self.people.0.lock().insert(who, person.clone());
        Ok(person)
    }

    /// Closes the instance on the stage and opens the newest build in its place.
    pub(crate) async fn swap(&self, program: ProgramId, opening: Opening) -> Result<Swapped, Refused> {
        let _one = self.swapping.lock().await;
        let conditions = self.conditions.lock().clone();
        let mut parts = Vec::new();
        let began = Instant::now();
        let old = self.stage.borrow().run.clone();
        let leaving = match &old {
            Some(old) => Some(self.close(old).await),
            None => None,
        };
        parts.push(("save state", micros(began)));
        self.log.forget_faults();
        let build = match opening {
            Opening::Build(number) => number,
            Opening::Relaunch => self.build.borrow().build,
        };
        let opened = Box::pin(self.open(&program, &conditions)).await;
        let (stage, result) = match opened {
            Ok((person, opened, second)) => {
                let kept = kept(&conditions, old.as_deref(), &person, leaving, second);
                parts.extend(opened.steps.iter().copied());
                let run = Run {
                    session: opened.session,
                    card: opened.program,
                    person,
                    conditions,
                    kept: kept.clone(),
                    build,
                    steps: opened.steps,
                    total_us: opened.total_us,
                };
                (Ok(Arc::new(run)), Ok(Swapped { kept, parts }))
            }
            Err(problem) => {
                let broken = self.log.any_fault();
                let shown = json!({
                    "title": problem.title,
                    "detail": problem.detail,
                    "remedy": problem.remedy,
                    "fault": broken.as_ref().map(fault_json),
                });
                let message = format!("{}: {} {}", problem.title, problem.detail, problem.remedy);
                let places = broken.map_or_else(Vec::new, |broken| broken.places);
                (Err(shown), Err(Refused { message, places }))
            }
        };
        self.stage.send_modify(|now| {
            let number = now.number + 1;
            let (run, refused) = match stage {
                Ok(run) => (Some(run), None),
                Err(refused) => (None, Some(refused)),
            };
            *now = Stage {
                number,
                run,
                refused,
                program: Some(program),
            };
        });
        result
    }

    async fn close(&self, old: &Run) -> Leaving {
        let session = old.session.id();
        let over = old.session.try_ended().is_some();
        old.session.close(EndReason::Closed).await;
        let saved = self.log.take_saved(session);
        match (saved, self.log.fault(session)) {
            (_, Some(broken)) => Leaving::Broken(broken.message),
            (Some(Some(saved)), None) => Leaving::Saved(saved),
            (Some(None), None) => Leaving::Nothing,
            (None, None) => Leaving::Broken(if over { "it had ended" } else { "it could not be asked" }.to_owned()),
        }
    }

    /// The last value says why a first launch with the saved state failed.
    async fn open(&self, program: &ProgramId, conditions: &Conditions) -> Result<(PersonId, Opened, Option<String>), Problem> {
        let installed = self.host.registry().open_verified(program)?;
        let person = self.person(conditions.person, &conditions.language, &installed.publisher).await?;
        match conditions.state {
            State::Kept => {}
            State::Fresh => self.put_saved(&person, program, &installed.publisher, None).await,
            State::Given => {
                let saved = SavedState {
                    schema: conditions.schema,
                    bytes: conditions.saved.clone().into_bytes(),
                };
                self.put_saved(&person, program, &installed.publisher, Some(saved)).await;
            }
        }
        let request = conditions.request(&self.host, program)?;
        // The simulator's people say yes to what a program can't do without; a phone on the simulator's kiosk is asked.
        let first = Box::pin(self.host.open_accepting(&person, request.clone())).await;
        match first {
            Ok(opened) => Ok((person, opened, None)),
            // A program that breaks on what its predecessor saved is opened without it: what broke has erased it.
            Err(problem) => {
                let Some(broken) = self.log.any_fault() else { return Err(problem) };
                match Box::pin(self.host.open(&person, request)).await {
                    Ok(opened) => {
                        let at = crate::symbols::own(&broken.places).map_or_else(String::new, |place| format!(" ({place})"));
                        Ok((person, opened, Some(format!("{}{at}", broken.message))))
                    }
                    Err(_) => Err(problem),
                }
            }
        }
    }

    /// What the next instance of a person is given: the services keep what the end of a session says, so a session that never was ends.
    async fn put_saved(&self, person: &PersonId, program: &ProgramId, publisher: &PublisherId, saved: Option<SavedState>) {
        let caller = Caller {
            session: SessionId(u64::MAX),
            person: person.clone(),
            program: program.clone(),
            publisher: publisher.clone(),
            roles: Vec::new().into(),
            requested: Arc::default(),
            language: "en".into(),
        };
        let sessions = self.host.gate().sessions();
        sessions.started(&caller).await;
        sessions.ended(&caller, saved).await;
    }
}

/// How the instance before went.
enum Leaving {
    Saved(SavedState),
    Nothing,
    Broken(String),
}

fn kept(conditions: &Conditions, old: Option<&Run>, person: &PersonId, leaving: Option<Leaving>, second: Option<String>) -> Kept {
    let not = |why: String| Kept { kept: false, why };
    match (conditions.state, old, leaving) {
        _ if second.is_some() => not(format!(
            "the new version stopped when it was given the saved state, so it began fresh: {}",
            second.unwrap_or_default()
        )),
        (State::Fresh, ..) => not("the launch conditions say: begin fresh".to_owned()),
        (State::Given, ..) => Kept {
            kept: true,
            why: format!(
                "given by the launch conditions: schema {}, {} bytes",
                conditions.schema,
                conditions.saved.len()
            ),
        },
        (State::Kept, None, _) | (State::Kept, _, None) => not("it is the first launch".to_owned()),
        (State::Kept, Some(old), _) if old.person != *person => not("another person has it open".to_owned()),
        (State::Kept, _, Some(Leaving::Saved(saved))) => Kept {
            kept: true,
            why: format!("schema {}, {} bytes", saved.schema, saved.bytes.len()),
        },
        (State::Kept, _, Some(Leaving::Nothing)) => not("the program saves nothing: `save` gave none".to_owned()),
        (State::Kept, _, Some(Leaving::Broken(why))) => not(format!("the instance before could not be asked for its state: {why}")),
    }
}

impl Run {
    /// As the page gets it.
    pub(crate) fn to_json(&self, inner: &Inner, number: u64) -> Value {
        let services = inner.host.services();
        let person = services.person(&self.person);
        json!({
            "t": "run",
            "run": number,
            "build": self.build,
            "session": self.session.id().to_string(),
            "program": self.card,
            "conditions": self.conditions,
            "state": self.kept,
            "steps": self.steps,
            "totalUs": self.total_us,
            "person": person.map(|person| json!({
                "name": person.name,
                "balance": youji_kiosk::money::decimal(person.balance, &inner.host.config().currency),
                "currency": inner.host.config().currency,
                "hasPin": person.has_pin,
                "sign": person.sign,
            })),
        })
    }
}
