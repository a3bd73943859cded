//! A merchant's staff at their own seat: they collect with the codes that customers show them, see what was paid, and give it back.

use super::App;
use super::collect::{NewCollect, collected};
use super::extract::Object;
use super::guard::AtSeat;
use super::merchant::{ActBody, again, options_of, said};
use super::person::at;
use super::seats::Seat;
use super::visit::complete;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use youji_api::codes;
use youji_services::trade::MerchantId;

/// Payments of one page of the list.
const LIST: usize = 20;

/// For which merchant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct For {
    publisher: String,
    #[serde(default)]
    merchant: String,
    #[serde(default)]
    before: Option<String>,
}

/// The merchant, if the person at the seat is its staff and its publisher is allowed here.
fn counter(app: &App, seat: &Seat, publisher: &str, merchant: &str) -> Result<MerchantId, Problem> {
    at(app, seat)?;
    let merchant = MerchantId::new(publisher, merchant);
    app.host.services.check_staff(&seat.person, &merchant)?;
    if app.host.is_refused(&merchant.publisher) {
        return Err(Problem::new(
            403,
            codes::DENIED,
            "The publisher is not allowed here",
            "The operator of this host does not allow the publisher of this merchant; nothing was changed.",
            "Ask the operator.",
        ));
    }
    Ok(merchant)
}

/// Merchants for whom the person at the seat may collect.
pub(crate) async fn counters(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    let counters = app.host.services.counters_of(&seat.person);
    let allowed = counters.into_iter().filter(|merchant| !app.host.is_refused(&merchant.publisher));
    let merchants: Vec<Value> = allowed
        .map(|merchant| json!({"publisher": merchant.publisher, "merchant": merchant.id, "name": merchant.name}))
        .collect();
    Ok(Json(json!({"merchants": merchants, "currency": app.host.config.currency})))
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectBody {
    publisher: String,
    #[serde(default)]
    merchant: String,
    /// 18 digits, with spaces or without.
    code: String,
    amount: String,
    #[serde(default)]
    description: String,
}

/// Answers what was paid, or that the customer is being asked.
pub(crate) async fn collect(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    headers: HeaderMap,
    Object(body): Object<CollectBody>,
) -> Result<Json<Value>, Problem> {
    let merchant = counter(&app, &seat, &body.publisher, &body.merchant)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let again = again(&headers, &[b"staff-collect", &content])?;
    let description = match body.description.trim() {
        "" => app
            .host
            .services
            .merchant_name(&merchant)
            .in_language(&at(&app, &seat)?.language)
            .to_owned(),
        said => said.to_owned(),
    };
    // The key is what makes it the same one: so it is its number too.
    let number = HEXLOWER.encode(&Sha256::digest(again.key.as_bytes())[..12]);
    let new = NewCollect {
        code: body.code,
        order: format!("staff-{number}"),
        description,
        amount: body.amount,
        currency: app.host.config.currency.clone(),
        notify_url: None,
    };
    collected(app, merchant, new, again).await
}

/// What was asked of customers, and paid, newest first.
pub(crate) async fn payments(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Query(query): Query<For>,
) -> Result<Json<Value>, Problem> {
    let merchant = counter(&app, &seat, &query.publisher, &query.merchant)?;
    let found = app.host.services.intents(&merchant, query.before.as_deref(), LIST).await?;
    Ok(Json(json!({"more": found.len() == LIST, "payments": found})))
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveBody {
    publisher: String,
    #[serde(default)]
    merchant: String,
    /// "cancel", "capture", "refund" or "ship".
    action: String,
    #[serde(default)]
    amount: Option<String>,
}

/// What a merchant's server does with `/v1/payment_intents/{id}/…`.
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Object(body): Object<MoveBody>,
) -> Result<Json<Value>, Problem> {
    let merchant = counter(&app, &seat, &body.publisher, &body.merchant)?;
    if !matches!(body.action.as_str(), "cancel" | "capture" | "refund" | "ship") {
        return Err(Problem::new(
            400,
            codes::INVALID,
            "Not an action",
            "\"action\": cancel, capture, refund or ship was expected; nothing was changed.",
            "Name one of them.",
        ));
    }
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let again = again(&headers, &[b"staff-act", id.as_bytes(), &content])?;
    let words = ActBody {
        amount: body.amount,
        ..ActBody::default()
    };
    let options = options_of(&app, &body.action, words, &again)?;
    complete(async move {
        let done = app
            .host
            .services
            .act_on_intent(&merchant, &id, &body.action, &options, &again)
            .await;
        Ok(Json(json!(done.map_err(said)?)))
    })
    .await
}
