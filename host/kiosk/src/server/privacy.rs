//! What programs know of a person, who used it and when; taking it along, and taking it back.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::{at, person_json, program_name};
use super::visit::complete;
use crate::host::Host;
use crate::money::decimal;
use crate::problem::Problem;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, HeaderName};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use youji_api::ProgramId;
use youji_runtime::EndReason;
use youji_services::AuditRecord;

/// Records in one answer.
const PAGE: u64 = 100;

pub(crate) async fn programs(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    let known = app.host.services.programs_of(&seat.person);
    let known: Vec<Value> = known
        .into_iter()
        .map(|known| {
            json!({
                "program": known.program,
                "name": program_name(&app.host, &known.program),
                "storage": known.storage,
                "records": known.records,
                "saved": known.saved,
                "orders": known.orders,
            })
        })
        .collect();
    Ok(Json(json!({"programs": known})))
}

#[derive(Deserialize)]
pub(crate) struct Before {
    #[serde(default)]
    before: Option<u64>,
}

/// Uses of the person's data and money, newest first.
pub(crate) async fn audit(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Query(query): Query<Before>,
) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    let services = &app.host.services;
    let kept = services.audit_kept(&seat.person)?;
    let last = query.before.map_or(*kept.end(), |before| before.saturating_sub(1).min(*kept.end()));
    let after = last.saturating_sub(PAGE);
    let records = services
        .audit_log(&seat.person, after, usize::try_from(last - after).unwrap_or(usize::MAX))
        .await?;
    let records: Vec<Value> = records.iter().rev().map(|record| record_json(&app.host, record)).collect();
    Ok(Json(json!({"records": records, "first": kept.start(), "last": kept.end()})))
}

fn record_json(host: &Host, record: &AuditRecord) -> Value {
    json!({
        "number": record.number,
        "at": record.at,
        "program": record.program,
        "name": record.program.as_ref().map(|program| program_name(host, program)),
        "act": record.act,
        "about": record.about.iter().map(|about| stored_name(host, about)).collect::<Vec<_>>(),
        "amount": record.amount.as_ref().map(|(amount, currency)| decimal(*amount, currency)),
        "currency": record.amount.as_ref().map(|(_, currency)| currency),
        "purpose": record.purpose,
        "hash": record.hash,
    })
}

/// A publisher's name where the record has its id.
fn stored_name(host: &Host, about: &str) -> String {
    let known = host.registry.publishers().into_iter().find(|known| known.id.as_str() == about);
    known.map_or_else(|| about.to_owned(), |known| known.name)
}

/// Everything in one document, to be saved as a file.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
) -> Result<([(HeaderName, &'static str); 1], Json<Value>), Problem> {
    at(&app, &seat)?;
    let document = app.host.services.export(&seat.person).await?;
    Ok(([(CONTENT_DISPOSITION, "attachment; filename=\"youji.json\"")], Json(document)))
}

#[derive(Deserialize)]
pub(crate) struct ForgetBody {
    program: String,
}

/// Ends the person's sessions in a program, wherever they sit, and makes it forget them.
pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<ForgetBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        let program = ProgramId::from(body.program.as_str());
        let seats = app.seats.all().into_iter().filter(|other| other.person == seat.person);
        let open: Vec<_> = seats
            .flat_map(|seat| seat.live())
            .filter(|here| here.session.caller().program == program)
            .collect();
        futures_util::future::join_all(open.iter().map(|here| here.session.close(EndReason::Closed))).await;
        let erased = app.host.services.forget_in(&seat.person, &program).await?;
        app.host
            .record("forget", json!({"program": program, "sessions": open.len(), "erased": erased}));
        Ok(Json(json!({"erased": erased})))
    })
    .await
}

pub(crate) async fn profile(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"fields": app.host.services.profile_fields(&seat.person)?})))
}

/// The pictures that a secret sign may have, with their words.
pub(crate) async fn signs() -> Json<Value> {
    let pictures = youji_services::sign::PICTURES.iter();
    let pictures: Vec<Value> = pictures
        .map(|(picture, zh, en)| json!({"picture": picture, "word": {"zh": zh, "en": en}}))
        .collect();
    Json(json!({"pictures": pictures}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignBody {
    picture: String,
    /// The person's own; empty: the picture's.
    #[serde(default)]
    word: String,
}

pub(crate) async fn choose_sign(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<SignBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        app.host.services.choose_sign(&seat.person, &body.picture, &body.word).await?;
        let person = at(&app, &seat)?;
        Ok(Json(person_json(&app.host, &person)))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct ProfileBody {
    /// An empty value removes a field.
    fields: BTreeMap<String, String>,
}

pub(crate) async fn set_profile(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<ProfileBody>,
) -> Result<Json<Value>, Problem> {
    complete(async move {
        app.host.services.set_profile(&seat.person, &body.fields).await?;
        Ok(Json(json!({"fields": app.host.services.profile_fields(&seat.person)?})))
    })
    .await
}
