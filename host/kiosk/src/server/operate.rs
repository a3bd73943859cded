//! The operator's page.

use super::App;
use super::extract::{Object, Token, clear, token};
use super::guard::at_this_machine;
use super::net::Peer;
use super::person::end_seat;
use super::visit::complete;
use crate::host::Host;
use crate::metrics::rss_bytes;
use crate::money::{decimal, minor};
use crate::posters::{self, Paper, Poster, Style, is_this_machine_only};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::{PersonId, PublisherId, codes};
use youji_runtime::EndReason;

#[derive(Deserialize)]
pub(crate) struct PinBody {
    pin: String,
}

pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Object(body): Object<PinBody>,
) -> Result<Response, Problem> {
    let host = Arc::clone(&app.host);
    let here = at_this_machine(peer.0, &headers);
    let checked = tokio::task::spawn_blocking(move || host.operator().check(&body.pin, here)).await;
    let checked = checked.unwrap_or_else(|_| Err(Problem::shutting_down()));
    if let Err(problem) = checked {
        app.host.record("operator", json!({"action": "sign-in-refused"}));
        return Err(problem);
    }
    let token = Token::new()?;
    app.host.operator().sign_in(token.hash);
    app.host.record("operator", json!({"action": "sign-in"}));
    let secure = !here && app.host.public_url().starts_with("https:");
    Ok((token.set(&app.operator_cookie, secure), Json(json!({}))).into_response())
}

pub(crate) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(hash) = token(&headers, &app.operator_cookie) {
        app.host.operator().sign_out(&hash);
    }
    (clear(&app.operator_cookie), Json(json!({}))).into_response()
}

pub(crate) async fn summary(State(app): State<Arc<App>>) -> Json<Value> {
    let host = &app.host;
    let config = host.config();
    let day = host.services.day_counts();
    let live: Vec<Value> = host
        .runtime
        .sessions()
        .into_iter()
        .map(|info| {
            json!({
                "session": info.session.to_string(),
                "program": info.caller.program,
                "state": info.state,
                "memoryBytes": info.usage.memory_bytes,
                "cpuUs": info.usage.cpu_us,
            })
        })
        .collect();
    let publishers: Vec<Value> = host
        .registry
        .publishers()
        .into_iter()
        .map(|known| json!({"id": known.id, "name": known.name, "allowed": known.allowed, "programs": known.programs}))
        .collect();
    let people: Vec<Value> = host
        .services
        .people()
        .into_iter()
        .map(|person| {
            json!({
                "id": person.id,
                "name": person.name,
                "visitor": person.visitor,
                "balance": decimal(person.balance, &person.currency),
                "currency": person.currency,
                "code": person.code,
            })
        })
        .collect();
    let (programs, asked, registries) = super::programs::summary(host);
    Json(json!({
        "programs": programs,
        "asked": asked,
        "registries": registries,
        "day": {
            "scans": day.scans,
            "opens": day.opens,
            "orders": day.orders,
            "turnover": decimal(day.turnover, &config.currency),
            "currency": config.currency,
            "faults": day.faults,
            "unloads": day.unloads,
        },
        "live": live,
        "publishers": publishers,
        "people": people,
        "host": {
            "version": env!("CARGO_PKG_VERSION"),
            "rssBytes": rss_bytes(),
            "uptimeS": host.started.elapsed().as_secs(),
            "data": config.data_dir,
        },
    }))
}

#[derive(Deserialize)]
pub(crate) struct PublisherBody {
    id: String,
    allowed: bool,
}

pub(crate) async fn publishers(State(app): State<Arc<App>>, Object(body): Object<PublisherBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        app.host
            .registry
            .set_allowed(&PublisherId::from(body.id.as_str()), body.allowed)
            .await?;
        app.host.programs_changed();
        app.host.record("operator", json!({"action": "publishers"}));
        Ok(Json(json!({"allowed": body.allowed})))
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopUpBody {
    person: String,
    amount: String,
    idempotency_key: String,
}

pub(crate) async fn top_up(State(app): State<Arc<App>>, Object(body): Object<TopUpBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let currency = app.host.config.currency.clone();
        let amount = minor(&body.amount, &currency).ok_or_else(|| {
            Problem::new(
                400,
                codes::INVALID,
                "Not an amount",
                format!(
                    "\"{}\" is not an amount of {currency}; nothing was changed.",
                    body.amount.chars().take(32).collect::<String>()
                ),
                "Write it as 50 or 50.00.",
            )
        })?;
        let person = PersonId::from(body.person.as_str());
        let balance = app.host.services.top_up(&person, amount, &body.idempotency_key).await?;
        app.host.record("operator", json!({"action": "top-up"}));
        Ok(Json(json!({"balance": decimal(balance, &currency)})))
    })
    .await
}

pub(crate) async fn reset(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let seats = app.seats.all();
        let ended = futures_util::future::join_all(seats.iter().map(|seat| end_seat(&app, seat, EndReason::Reset, "operator"))).await;
        app.host.record("operator", json!({"action": "reset"}));
        Ok(Json(json!({"seats": ended.len()})))
    })
    .await
}

pub(crate) async fn compact(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let done = app.host.services.compact().await?;
        app.host.record("operator", json!({"action": "compact"}));
        Ok(Json(json!({
            "entries": done.entries,
            "part": done.part,
            "nothing": done.nothing,
            "bytesBefore": done.bytes_before,
            "bytesAfter": done.bytes_after,
            "tookMs": u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
        })))
    })
    .await
}

pub(crate) async fn posters(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let page = posters_page(&app.host, Style::Linked("/assets/posters.css"))?;
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}

/// A printable page of the codes of all programs: each one's home, and the places of
/// [`HostConfig::places`](crate::HostConfig::places).
pub(crate) fn posters_page(host: &Host, style: Style) -> Result<String, Problem> {
    let address = host.public_url();
    let this_machine_only = is_this_machine_only(&address);
    let mut all = Vec::new();
    for card in host.programs() {
        let poster = |place: &str, code: String| Poster {
            name_zh: card.name.zh.clone(),
            name_en: card.name.en.clone(),
            place: place.to_owned(),
            code,
            address: address.clone(),
            this_machine_only,
        };
        all.push(poster("", card.code.clone()));
        for place in host.config().places.iter().filter(|place| place.program == card.id) {
            all.push(poster(&place.scene, host.code_for(&card.id, &place.page, &place.scene)?));
        }
    }
    posters::page(&all, Paper::SheetA4, style).map_err(|error| {
        Problem::new(
            500,
            "posters",
            "No posters",
            error.to_string(),
            "Use a shorter address with --public-url.",
        )
    })
}
