//! What a person sees and decides, and how a seat ends.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::seats::{Here, Seat};
use super::visit::complete;
use crate::host::Host;
use crate::money::decimal;
use crate::prepared::{direction, language_or};
use crate::problem::Problem;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use youji_api::{ProgramId, SheetId};
use youji_runtime::EndReason;
use youji_services::trade::MerchantId;
use youji_services::{Message, Names, Person, Spending, SpendsAt};

pub(crate) fn person_json(host: &Host, person: &Person) -> Value {
    let publishers = host.registry.publishers();
    let roles: BTreeSet<String> = publishers
        .iter()
        .flat_map(|publisher| host.services.roles(&person.id, &publisher.id))
        .collect();
    json!({
        "name": person.name,
        "visitor": person.visitor,
        "roles": roles,
        "balance": decimal(person.balance, &person.currency),
        "currency": person.currency,
        "hasPin": person.has_pin,
        "language": person.language,
        "sign": person.sign,
        "signChosen": person.sign_chosen,
        "unread": person.unread,
        "chats": host.services.chats_unread(&person.id),
        "last": person.last_message,
    })
}

pub(crate) fn at(app: &App, seat: &Seat) -> Result<Person, Problem> {
    app.host.services.person(&seat.person).ok_or_else(Problem::no_person)
}

/// In both languages; the id where the program is not here any more.
pub(crate) fn program_name(host: &Host, program: &ProgramId) -> Names {
    if let Some(merchant) = MerchantId::of_program(program) {
        return host.services.merchant_name(&merchant);
    }
    // What the host itself says: no program has a ":" in its name.
    match program.as_str() {
        youji_services::between::BETWEEN => return Names::new("转账和红包", "Transfers"),
        "host:chat" => return Names::new("聊天", "Chats"),
        _ => {}
    }
    let listed = host
        .registry
        .list()
        .into_iter()
        .find(|listed| listed.current.manifest.app_id == *program);
    match listed {
        Some(listed) => Names::new(listed.current.name("zh-CN"), listed.current.name("en")),
        None => Names::new(program.as_str(), program.as_str()),
    }
}

pub(crate) async fn person(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    Ok(Json(person_json(&app.host, &at(&app, &seat)?)))
}

/// A message as a page gets it; `name` is the program's.
pub(crate) fn message_json<'a>(message: &'a Message, name: &'a Value) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct Drawn<'a> {
        sequence: u64,
        program: &'a ProgramId,
        name: &'a Value,
        title: &'a str,
        text: &'a str,
        at: u64,
        page: &'a str,
        read: bool,
    }
    Drawn {
        sequence: message.sequence,
        program: &message.program,
        name,
        title: &message.title,
        text: &message.text,
        at: message.at,
        page: &message.page,
        read: message.read,
    }
}

/// What may be paid with a tap only, as a page gets it.
pub(crate) fn spending_json(standing: &[Spending], now: u64, language: &str) -> Value {
    let line = |spending: &Spending| {
        json!({
            "id": spending.id,
            "payee": spending.payee.in_language(language),
            "limit": decimal(spending.limit, &spending.currency),
            "left": decimal(spending.left, &spending.currency),
            "currency": spending.currency,
            "until": spending.until,
            "inMs": spending.until.saturating_sub(now),
        })
    };
    standing.iter().map(line).collect()
}

/// What may be paid at this seat with a tap only, where no program asks for it.
pub(crate) async fn spending(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    let person = at(&app, &seat)?;
    let standing = app.host.services.spendings(SpendsAt::Seat(seat.id));
    let now = app.host.config.clock.now_ms();
    Ok(Json(json!({"spending": spending_json(&standing, now, &person.language)})))
}

#[derive(Deserialize)]
pub(crate) struct EndBody {
    id: SheetId,
}

pub(crate) async fn end_spending(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<EndBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        app.host.services.end_spending(SpendsAt::Seat(seat.id), body.id).await?;
        Ok(Json(json!({})))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: u64,
}

pub(crate) async fn inbox(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Query(query): Query<After>,
) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    let messages = app.host.services.inbox(&seat.person, query.after).await;
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| json!(message_json(message, &json!(program_name(&app.host, &message.program)))))
        .collect();
    Ok(Json(json!({"messages": messages})))
}

#[derive(Deserialize)]
pub(crate) struct ReadBody {
    sequence: u64,
}

pub(crate) async fn inbox_read(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<ReadBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        let unread = app.host.services.mark_read(&seat.person, body.sequence).await?;
        Ok(Json(json!({"unread": unread})))
    })
    .await
}

pub(crate) async fn receipts(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    let person = at(&app, &seat)?;
    let receipts = app.host.services.receipts(&seat.person).await;
    let receipts: Vec<Value> = receipts
        .into_iter()
        .map(|receipt| {
            let held = app.host.services.held_now(&seat.person, &receipt).map(|held| {
                json!({
                    "payment": held.intent,
                    "mode": held.mode,
                    "amount": decimal(held.amount, &receipt.currency),
                    "currency": receipt.currency,
                    "disputed": held.disputed,
                })
            });
            json!({
                "held": held,
                "receipt": receipt.receipt,
                "payee": receipt.payee.in_language(&person.language),
                "amount": decimal(receipt.amount, &receipt.currency),
                "currency": receipt.currency,
                "purpose": receipt.purpose,
                "at": receipt.at,
                "program": receipt.program,
                "name": program_name(&app.host, &receipt.program),
                "document": receipt.document,
            })
        })
        .collect();
    Ok(Json(json!({"receipts": receipts})))
}

pub(crate) async fn consents(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    let consents = app.host.services.consents(&seat.person);
    let consents: Vec<Value> = consents
        .into_iter()
        .map(|consent| {
            json!({
                "program": consent.program,
                "name": program_name(&app.host, &consent.program),
                "scope": consent.scope,
                "state": if consent.granted { "granted" } else { "denied" },
                "at": consent.at,
                "reason": consent.reason,
                "other": consent.other,
                "left": consent.left,
            })
        })
        .collect();
    Ok(Json(json!({"consents": consents})))
}

#[derive(Deserialize)]
pub(crate) struct ConsentBody {
    program: String,
    scope: String,
    granted: bool,
}

pub(crate) async fn set_consent(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<ConsentBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        let program = ProgramId::from(body.program.as_str());
        app.host
            .services
            .set_consent(&seat.person, &program, &body.scope, body.granted)
            .await?;
        Ok(Json(json!({"state": if body.granted { "granted" } else { "denied" }})))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct LanguageBody {
    language: String,
}

/// The language that the person wants to be spoken to in; their open programs are told.
pub(crate) async fn set_language(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<LanguageBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        speak(&app, &seat, &body.language).await?;
        Ok(Json(person_json(&app.host, &at(&app, &seat)?)))
    })
    .await
}

/// Takes a language for the person and for every program that is open at the seat.
pub(crate) async fn speak(app: &App, seat: &Seat, language: &str) -> Result<(), Problem> {
    let known = at(app, seat)?.language;
    let language = language_or(language, &known);
    if language != known {
        app.host.services.set_language(&seat.person, language).await?;
    }
    for Here { session, .. } in seat.live() {
        if app.host.screen(session.id()).is_some_and(|screen| screen.speak(language)) {
            session.language(language, direction(language));
        }
    }
    Ok(())
}

/// Ends a seat: its sessions are unloaded, a visitor is erased. Answers how much of each kind was.
pub(crate) async fn end_seat(app: &Arc<App>, seat: &Arc<Seat>, reason: EndReason, why: &'static str) -> Value {
    let Some(sessions) = seat.leave() else {
        return json!({});
    };
    let unloaded = sessions.len();
    app.host.services.withdraw_presented(&seat.person);
    app.host.services.end_spendings_at(SpendsAt::Seat(seat.id)).await;
    futures_util::future::join_all(sessions.iter().map(|here| here.session.close(reason))).await;
    app.seats.remove(seat);
    let mut erased = json!({});
    if seat.visitor {
        match app.host.services.forget(&seat.person).await {
            Ok(counts) => erased = json!(counts),
            Err(failure) => tracing::error!(code = failure.code, message = failure.message, "a visitor could not be erased"),
        }
    }
    if let Some(erased) = erased.as_object_mut() {
        erased.insert("sessions".to_owned(), unloaded.into());
    }
    app.host
        .record("reset", json!({"reason": why, "visitor": seat.visitor, "erased": erased}));
    erased
}
