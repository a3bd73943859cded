//! Coming, opening, leaving.

use super::App;
use super::extract::{Object, Picture, clear, token};
use super::first;
use super::guard::{AtSeat, at_this_machine};
use super::net::Peer;
use super::person::{end_seat, person_json};
use super::seats::{Here, Place, Seat};
use crate::decode::{self, DecodeError};
use crate::host::Host;
use crate::open::{OpenRequest, Target};
use crate::prepared::language_or;
use crate::problem::Problem;
use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::{ProgramId, SessionId, Ticket, codes};
use youji_package::Channel;
use youji_runtime::EndReason;
use youji_services::Person;

/// Sees an action through even if the device goes away in the middle of it.
pub(crate) async fn complete<T: Send + 'static>(action: impl Future<Output = Result<T, Problem>> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(action).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request ended in a panic");
        Err(Problem::new(
            500,
            codes::FAILED,
            "It did not work",
            "The host made a mistake; what was confirmed is safe.",
            "Try again; if it stays so, tell the staff.",
        ))
    })
}

fn seat_of(app: &App, headers: &HeaderMap) -> Option<Arc<Seat>> {
    token(headers, &app.seat_cookie).and_then(|hash| app.seats.get(&hash))
}

fn language(app: &App, headers: &HeaderMap, person: Option<&Person>) -> String {
    if let Some(person) = person {
        return person.language.clone();
    }
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let first = accepted.split([',', ';']).next().map_or("", str::trim);
    language_or(first, &app.host.config.language).to_owned()
}

pub(crate) async fn state(State(app): State<Arc<App>>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Json<Value> {
    let host = &app.host;
    let config = host.config();
    let seat = seat_of(&app, &headers);
    let person = seat.as_ref().and_then(|seat| host.services.person(&seat.person));
    let programs = host.programs();
    let sessions = seat.as_ref().map(|seat| seat.live()).unwrap_or_default();
    let language = language(&app, &headers, person.as_ref());
    let sessions: Vec<Value> = sessions.iter().map(|here| opened_json(host, here, &language)).collect();
    let idle = seat.as_ref().map_or(config.idle, |seat| seat.idle_after(config));
    Json(json!({
        "language": language,
        "kiosk": {
            "name": config.name,
            "idleMs": idle.as_millis(),
            "warnMs": config.warn.as_millis(),
            "lan": config.lan,
            "address": host.public_url(),
            "demo": config.demo,
            "currency": config.currency,
            "atKiosk": at_this_machine(peer.0, &headers),
        },
        "person": person.as_ref().map(|person| person_json(host, person)),
        "programs": programs,
        "sessions": sessions,
    }))
}

/// The person is there, says a page without a socket; answers how long their seat may be quiet.
pub(crate) async fn stay(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Json<Value> {
    let config = app.host.config();
    Json(json!({"idleMs": seat.idle_after(config).as_millis(), "warnMs": config.warn.as_millis()}))
}

#[derive(Deserialize)]
pub(crate) struct VisitorBody {
    #[serde(default)]
    language: String,
}

pub(crate) async fn visitor(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Object(body): Object<VisitorBody>,
) -> Result<Response, Problem> {
    if !app.visitors.take(peer.0) {
        return Err(Problem::new(
            429,
            codes::LIMIT,
            "Too many visitors",
            "Too many visitors came from this device; nothing was changed.",
            "Wait a minute, or sign in with a code.",
        ));
    }
    complete(async move {
        let language = language_or(&body.language, &app.host.config.language).to_owned();
        // First the place, then the person: who finds no place leaves nobody behind.
        let place = make_place(&app, &headers).await?;
        let person = app.host.services.create_visitor(&language).await?;
        Ok(sit_down(&app, place, at_this_machine(peer.0, &headers), &person))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct SignInBody {
    code: String,
    pin: String,
}

pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Object(body): Object<SignInBody>,
) -> Result<Response, Problem> {
    complete(async move {
        let person = app.host.services.sign_in(&body.code, &body.pin).await.map_err(|failure| {
            let wrong = failure.code == codes::DENIED;
            let mut problem = Problem::from(failure);
            if wrong {
                problem.detail = "Code and PIN do not belong together; nothing was changed.".to_owned();
                problem.remedy = "Check both and try again.".to_owned();
            }
            problem
        })?;
        let place = make_place(&app, &headers).await?;
        Ok(sit_down(&app, place, at_this_machine(peer.0, &headers), &person))
    })
    .await
}

/// A place at a fresh seat; whoever sat at this device before is gone first.
async fn make_place(app: &Arc<App>, headers: &HeaderMap) -> Result<Place, Problem> {
    if let Some(before) = seat_of(app, headers) {
        end_seat(app, &before, EndReason::Reset, "replaced").await;
    }
    let (place, quiet) = app.seats.reserve()?;
    if let Some(quiet) = quiet {
        end_seat(app, &quiet, EndReason::Idle, "idle").await;
    }
    Ok(place)
}

fn sit_down(app: &Arc<App>, place: Place, kiosk: bool, person: &Person) -> Response {
    let token = place.sit(person.id.clone(), person.visitor, kiosk);
    let secure = !kiosk && app.host.public_url().starts_with("https:");
    let cookie = token.set(&app.seat_cookie, secure);
    (cookie, Json(person_json(&app.host, person))).into_response()
}

pub(crate) async fn reset(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    complete(async move {
        let erased = match seat_of(&app, &headers) {
            Some(seat) => end_seat(&app, &seat, EndReason::Reset, "reset").await,
            None => json!({}),
        };
        Ok((clear(&app.seat_cookie), Json(json!({"erased": erased}))).into_response())
    })
    .await
}

pub(crate) async fn decode(State(app): State<Arc<App>>, Picture { bytes, .. }: Picture) -> Result<Json<Value>, Problem> {
    let app_for_place = Arc::clone(&app);
    let _place = app_for_place.decoders.acquire().await.map_err(|_| Problem::shutting_down())?;
    let decoded = tokio::task::spawn_blocking(move || decode::decode(&bytes)).await;
    let decoded = decoded.unwrap_or_else(|error| Err(DecodeError::NotAPicture(error.to_string())));
    match decoded {
        Ok(texts) => Ok(Json(json!({"codes": texts}))),
        Err(error) => {
            let status = match error {
                DecodeError::NotAPicture(_) => 415,
                DecodeError::TooLarge { .. } => 413,
                DecodeError::NoCode => 422,
            };
            Err(Problem::from_sentence(status, error.code(), "No code was read", &error.to_string()))
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OpenBody {
    Code {
        code: String,
        #[serde(default)]
        language: String,
    },
    Page {
        program: String,
        #[serde(default)]
        page: String,
        #[serde(default)]
        query: Query,
        #[serde(default)]
        channel: Channel,
        #[serde(default)]
        language: String,
    },
}

/// Parameters as an object, or as "a=1&b=2".
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Query {
    Object(std::collections::BTreeMap<String, String>),
    Text(String),
    #[default]
    Nothing,
}

impl Query {
    fn pairs(self) -> Vec<(String, String)> {
        match self {
            Query::Object(pairs) => pairs.into_iter().collect(),
            Query::Text(text) => {
                let pairs = text.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
                pairs
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect()
            }
            Query::Nothing => Vec::new(),
        }
    }
}

pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<OpenBody>,
) -> Result<Json<Value>, Problem> {
    let person = app.host.services.person(&seat.person).ok_or_else(Problem::no_person)?;
    let request = match body {
        OpenBody::Code { code, language } => OpenRequest::scan(code, language_or(&language, &person.language)),
        OpenBody::Page {
            program,
            page,
            query,
            channel,
            language,
        } => OpenRequest {
            cause: if page.is_empty() { "list" } else { "link" }.to_owned(),
            target: Target::Page {
                program: ProgramId::from(program.as_str()),
                page,
                query: query.pairs(),
                channel,
            },
            language: language_or(&language, &person.language).to_owned(),
            from_program: None,
            accepted: None,
        },
    };
    let language = request.language.clone();
    let here = open_here(&app, &seat, request, None).await?;
    Ok(Json(opened_json(&app.host, &here, &language)))
}

/// The session whose program asked for an opening, and the ticket that it got for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) session: SessionId,
    pub(crate) ticket: Ticket,
}

impl Asker {
    /// What came of it: an error is the code of why not.
    pub(crate) fn tell(self, app: &App, opened: Result<(), &str>) {
        if let Err(failure) = app.host.services.opened(self.session, self.ticket, opened) {
            tracing::debug!(code = failure.code, "opened");
        }
    }
}

/// Opens a program at a seat, and sees it through even if the device goes away meanwhile. Where the person is asked first, the opening waits
/// for their answer; whoever asked for it learns what came of it then.
pub(crate) async fn open_here(app: &Arc<App>, seat: &Arc<Seat>, request: OpenRequest, asker: Option<Asker>) -> Result<Here, Problem> {
    let (app, seat) = (Arc::clone(app), Arc::clone(seat));
    complete(async move {
        let _waiting = seat.wait();
        let opened = open_now(&app, &seat, request.clone(), asker.map(|asker| asker.session)).await;
        if let Err(Problem { first: Some(first), .. }) = &opened {
            first::wait(&app, &seat, (**first).clone(), request, asker);
        } else if let Some(asker) = asker {
            asker.tell(&app, opened.as_ref().map(|_| ()).map_err(|problem| problem.code.as_str()));
        }
        opened
    })
    .await
}

async fn open_now(app: &Arc<App>, seat: &Arc<Seat>, request: OpenRequest, from: Option<SessionId>) -> Result<Here, Problem> {
    let code = match &request.target {
        Target::Code(text) => Some(text.clone()),
        Target::Card { card, .. } => card.code.clone(),
        Target::Page { .. } => None,
    };
    let opened = Box::pin(app.host.open(&seat.person, request)).await?;
    let here = Here::new(opened, from, code);
    if let Err(problem) = seat.add(here.clone(), app.host.config.limits.sessions_per_seat) {
        here.session.close(EndReason::Reset).await;
        return Err(problem);
    }
    Ok(here)
}

/// `Opened` of the protocol, as things stand now.
pub(crate) fn opened_json(host: &Host, here: &Here, language: &str) -> Value {
    json!({
        "session": here.session.id().to_string(),
        "program": here.prepared.card,
        "permissions": host.permissions(&here.session.caller().person, &here.prepared, language),
        "steps": here.steps,
        "totalUs": here.total_us,
        "from": here.from.map(|session| session.to_string()),
        "code": here.code,
    })
}
