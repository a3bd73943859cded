//! Openings of a seat that wait for a person's yes: what a program can't do without, before its first run.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::seats::Seat;
use super::visit::{Asker, open_here, opened_json};
use crate::first::FirstSheet;
use crate::open::OpenRequest;
use crate::prepared::language_or;
use crate::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use youji_api::{SheetId, codes};
use youji_services::check_given;

/// Openings of one seat that wait; then the oldest is as if the person had left it.
const WAITING: usize = 8;

/// In memory only: it ends with the seat, and with the process. Nothing of the program has run, so nothing is left of it.
#[derive(Default)]
pub(crate) struct Firsts {
    waiting: VecDeque<Wait>,
}

struct Wait {
    first: FirstSheet,
    request: OpenRequest,
    asker: Option<Asker>,
    shown: Instant,
}

/// Keeps an opening until the person has answered; whoever says yes should not wait for the compiler, so that begins now.
pub(crate) fn wait(app: &Arc<App>, seat: &Seat, first: FirstSheet, request: OpenRequest, asker: Option<Asker>) {
    let program = first.program.clone();
    let wait = Wait {
        first,
        request,
        asker,
        shown: Instant::now(),
    };
    let pushed_out = {
        let mut firsts = seat.firsts.lock();
        firsts.waiting.push_back(wait);
        (firsts.waiting.len() > WAITING).then(|| firsts.waiting.pop_front()).flatten()
    };
    if let Some(asker) = pushed_out.and_then(|wait| wait.asker) {
        asker.tell(app, Err(codes::DENIED));
    }
    let host = Arc::clone(&app.host);
    tokio::spawn(async move {
        if let Err(problem) = host.make_ready(&program).await {
            tracing::debug!(code = problem.code, "compiling while the person reads");
        }
    });
}

impl Firsts {
    fn find(&self, sheet: SheetId) -> Option<&Wait> {
        self.waiting.iter().find(|wait| wait.first.sheet.id == sheet)
    }

    fn take(&mut self, sheet: SheetId) -> Option<Wait> {
        let at = self.waiting.iter().position(|wait| wait.first.sheet.id == sheet)?;
        self.waiting.remove(at)
    }
}

fn unshown() -> Problem {
    Problem::new(
        409,
        "no-sheet",
        "Look at the sheet first",
        "This sheet was not shown at this seat, or it was answered; nothing was opened.",
        "Open the program again.",
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerBody {
    sheet: SheetId,
    accepted: bool,
    /// By scope: what the program gets instead of the person's own; empty for none.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// The person accepts, and the program opens; or leaves, and nothing happened.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<AnswerBody>,
) -> Result<Json<Value>, Problem> {
    let guard = app.host.config.limits.sheet_guard;
    seat.touch();
    {
        let firsts = seat.firsts.lock();
        let wait = firsts.find(body.sheet).ok_or_else(unshown)?;
        if wait.shown.elapsed() < guard {
            return Err(Problem::new(
                409,
                "too-soon",
                "Too soon",
                format!(
                    "An answer that comes within {} ms of its sheet counts for nothing.",
                    guard.as_millis()
                ),
                "Let the person read the sheet, then send it again.",
            ));
        }
    }
    if body.accepted {
        for (scope, value) in &body.values {
            check_given(scope, value)?;
        }
    }
    // Whoever takes it out answers it; a second answer finds none.
    let wait = seat.firsts.lock().take(body.sheet).ok_or_else(unshown)?;
    if !body.accepted {
        if let Some(asker) = wait.asker {
            asker.tell(&app, Err(codes::DENIED));
        }
        return Ok(Json(json!({"left": true})));
    }
    let mut request = wait.request;
    request.accepted = Some(wait.first.accept(body.values));
    let language = request.language.clone();
    let here = open_here(&app, &seat, request, wait.asker).await?;
    Ok(Json(opened_json(&app.host, &here, &language)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SheetBody {
    sheet: SheetId,
    language: String,
}

/// The same sheet in another language, under its own number.
pub(crate) async fn sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<SheetBody>,
) -> Result<Json<Value>, Problem> {
    let request = {
        let firsts = seat.firsts.lock();
        let wait = firsts.find(body.sheet).ok_or_else(unshown)?;
        let language = language_or(&body.language, &wait.request.language).to_owned();
        OpenRequest {
            language,
            ..wait.request.clone()
        }
    };
    let said = app.host.first_sheet(&seat.person, &request).await?.ok_or_else(unshown)?;
    let mut firsts = seat.firsts.lock();
    let wait = firsts.waiting.iter_mut().find(|wait| wait.first.sheet.id == body.sheet);
    let wait = wait.ok_or_else(unshown)?;
    // What the person reads is what they accept, also where a new version came meanwhile.
    wait.first.sheet.kind = said.sheet.kind;
    wait.first.sheet.program = said.sheet.program;
    wait.first.sheet.publisher = said.sheet.publisher;
    wait.request = request;
    wait.shown = Instant::now();
    Ok(Json(json!({"program": wait.first.program, "sheet": wait.first.sheet})))
}
