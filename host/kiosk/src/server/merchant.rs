//! What merchants' own servers ask, below `/v1/`. Each request carries a merchant key; what moves or reserves money an `Idempotency-Key`.

use super::App;
use super::extract::Object;
use super::openapi;
use super::visit::complete;
use crate::money::{decimal, minor};
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use youji_api::call::OrderLine;
use youji_api::{Failure, Fields, codes};
use youji_services::trade::{IDEMPOTENCY_MISMATCH, Idempotency, Intent, MerchantId, NewIntent};

/// Where merchants' routes stand.
pub(crate) const PREFIX: &str = "/v1/";
/// Entries of a list at most, and unless told.
const LIST_MOST: usize = 100;
const LIST_USUAL: usize = 20;

/// The merchant whose key a request carries.
#[derive(Clone)]
pub(crate) struct AsMerchant(pub(crate) MerchantId);

/// Whose key a request carries, if it is a good one of a publisher who is allowed.
pub(crate) fn merchant_of(app: &App, headers: &HeaderMap) -> Result<MerchantId, Problem> {
    let refused = |detail: &str| {
        Problem::new(
            401,
            "no-merchant-key",
            "A merchant key is needed",
            format!("{detail}; nothing was changed."),
            "Send \"Authorization: Bearer ymk_…\" with a key that the operator of this host made and did not revoke.",
        )
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("One header Authorization was expected"));
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.ok_or_else(|| refused("The header Authorization is not of the form \"Bearer KEY\""))?;
    let merchant = app.host.services.merchant_of_key(token);
    let merchant = merchant.ok_or_else(|| refused("The key is unknown or revoked"))?;
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

/// A failure in words for whoever writes a server: what a person would be told to do is nothing that it can do.
pub(super) fn said(failure: Failure) -> Problem {
    let mut problem = Problem::from(failure);
    let (status, title, remedy) = match problem.code.as_str() {
        codes::INVALID => (400, "Something in the request is not right", "Correct what the detail names."),
        codes::LIMIT => (422, "Outside a limit of this host", "Keep within the limit that the detail names."),
        codes::UNSUPPORTED => (422, "Not offered here", "Use one of what the detail names, or leave it out."),
        codes::NOT_FOUND => (404, "Not here", "Check the id; list what there is."),
        codes::FORBIDDEN => (
            409,
            "Not for this intent",
            "Get the intent, and use an action that its mode and state allow.",
        ),
        codes::CONFLICT => (
            409,
            "Not in this state",
            "Get the intent, and use an action that its mode and state allow.",
        ),
        codes::TAKEN => (409, "The number is taken", "Use a new number, or send what it stands for."),
        codes::INSUFFICIENT => (409, "The account holds too little", "Give back less, or wait until more was paid."),
        IDEMPOTENCY_MISMATCH => (
            422,
            "The Idempotency-Key stands for another request",
            "Use a fresh key for each new request.",
        ),
        _ => return problem,
    };
    (problem.status, problem.title, problem.remedy) = (status, title.into(), remedy.to_owned());
    problem
}

/// A line of an order; amounts are decimal strings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineBody {
    title: String,
    #[serde(default = "one")]
    quantity: u32,
    amount: String,
    #[serde(default)]
    kind: String,
}

fn one() -> u32 {
    1
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentBody {
    order: String,
    description: String,
    amount: String,
    currency: String,
    #[serde(default)]
    lines: Vec<LineBody>,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    expires_at: Option<u64>,
    #[serde(default)]
    hold_until: Option<u64>,
    #[serde(default)]
    at_hold_end: String,
    #[serde(default)]
    notify_url: Option<String>,
}

/// The `Idempotency-Key` of a request for that, with everything that it says.
pub(super) fn again(headers: &HeaderMap, parts: &[&[u8]]) -> Result<Idempotency, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let key = match (values.next(), values.next()) {
        (Some(key), None) => key.to_str().unwrap_or("").to_owned(),
        _ => String::new(),
    };
    if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(
            400,
            "no-idempotency-key",
            "An Idempotency-Key is needed",
            "One header Idempotency-Key of 1 to 128 printable ASCII characters was expected; nothing was changed.",
            "Send a fresh random one with each new request, and the same one when you send a request again.",
        ));
    }
    Ok(Idempotency::new(key, parts))
}

pub(super) fn amount(name: &str, text: &str, currency: &str) -> Result<u64, Problem> {
    minor(text, currency).ok_or_else(|| {
        let shown: String = text.chars().take(32).collect();
        Problem::new(
            400,
            codes::INVALID,
            "Not an amount",
            format!("\"{name}\": a decimal string of {currency} was expected, \"{shown}\" came; nothing was changed."),
            "Write it as \"36.00\", as text.",
        )
    })
}

/// An intent as merchants get it: with the link that its payer opens.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    intent: &'a Intent,
    pay_url: String,
}

fn shown<'a>(app: &App, intent: &'a Intent) -> Shown<'a> {
    Shown {
        intent,
        pay_url: app.host.pay_url(&intent.id),
    }
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    headers: HeaderMap,
    Object(body): Object<IntentBody>,
) -> Result<Response, Problem> {
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let again = again(&headers, &[b"create", &content])?;
    let currency = app.host.config.currency.clone();
    let mut lines = Vec::with_capacity(body.lines.len().min(64));
    for line in &body.lines {
        let mut options = Fields::new();
        if !line.kind.is_empty() {
            options.set("kind", line.kind.as_str());
        }
        lines.push(OrderLine {
            title: line.title.clone(),
            quantity: line.quantity,
            amount: amount("amount of a line", &line.amount, &currency)?,
            options,
        });
    }
    let new = NewIntent {
        amount: amount("amount", &body.amount, &currency)?,
        order: body.order,
        description: body.description,
        currency: body.currency,
        lines,
        mode: body.mode,
        expires_at: body.expires_at,
        hold_until: body.hold_until,
        at_hold_end: body.at_hold_end,
        notify_url: body.notify_url,
    };
    let made = app.host.services.make_intent(&merchant, new, &again).await.map_err(said)?;
    Ok((StatusCode::CREATED, Json(shown(&app, &made))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

impl ListQuery {
    fn most(&self) -> Result<usize, Problem> {
        let most = self.limit.unwrap_or(LIST_USUAL);
        if (1..=LIST_MOST).contains(&most) {
            return Ok(most);
        }
        Err(Problem::new(
            400,
            codes::INVALID,
            "Not a limit",
            format!("\"limit\": 1 to {LIST_MOST} expected, {most} came."),
            "Ask for fewer, and for the next ones with \"before\".",
        ))
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let most = query.most()?;
    let found = app
        .host
        .services
        .intents(&merchant, query.before.as_deref(), most)
        .await
        .map_err(said)?;
    let more = found.len() == most;
    let intents: Vec<Shown<'_>> = found.iter().map(|intent| shown(&app, intent)).collect();
    Ok(Json(json!({"payment_intents": intents, "more": more})))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let intent = app.host.services.intent(&merchant, &id).await.map_err(said)?;
    Ok(Json(json!(shown(&app, &intent))))
}

pub(crate) async fn receipt(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let receipt = app.host.services.intent_receipt(&merchant, &id).await.map_err(said)?;
    let money = |amount: u64| decimal(amount, &receipt.currency);
    Ok(Json(json!({
        "receipt": receipt.receipt,
        "order": receipt.order,
        "payer": receipt.payer,
        "amount": money(receipt.amount),
        "captured": money(receipt.captured),
        "refunded": money(receipt.refunded),
        "currency": receipt.currency,
        "state": receipt.state,
        "at": receipt.at,
        "document": receipt.document,
    })))
}

/// What an action may say; each takes its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<String>,
    #[serde(default, rename = "final", skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tracking: Option<String>,
}

async fn act(
    app: Arc<App>,
    merchant: MerchantId,
    headers: HeaderMap,
    id: String,
    action: &'static str,
    body: ActBody,
) -> Result<Json<Value>, Problem> {
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let again = again(&headers, &[action.as_bytes(), id.as_bytes(), &content])?;
    let options = options_of(&app, action, body, &again)?;
    complete(async move {
        let intent = app
            .host
            .services
            .act_on_intent(&merchant, &id, action, &options, &again)
            .await
            .map_err(said)?;
        Ok(Json(json!(shown(&app, &intent))))
    })
    .await
}

/// What an action says, as mini-programs say it too.
pub(super) fn options_of(app: &App, action: &str, body: ActBody, again: &Idempotency) -> Result<Fields, Problem> {
    let mut options = Fields::new();
    if let Some(text) = &body.amount {
        let amount = amount("amount", text, &app.host.config.currency)?;
        options.set("amount", i64::try_from(amount).unwrap_or(i64::MAX));
    }
    if let Some(last) = body.last {
        options.set("final", last);
    }
    // Each refund has a name, so that it is known as the same one also when its Idempotency-Key is forgotten.
    let reference = match (action, body.reference) {
        ("refund", None) if again.key.len() <= 64 => Some(again.key.clone()),
        ("refund", None) => Some(HEXLOWER.encode(&Sha256::digest(again.key.as_bytes()))),
        (_, reference) => reference,
    };
    for (name, text) in [("reference", reference), ("reason", body.reason), ("tracking", body.tracking)] {
        if let Some(text) = text {
            options.set(name, text);
        }
    }
    Ok(options)
}

macro_rules! action {
    ($name:ident) => {
        pub(crate) async fn $name(
            State(app): State<Arc<App>>,
            Extension(AsMerchant(merchant)): Extension<AsMerchant>,
            headers: HeaderMap,
            Path(id): Path<String>,
            Object(body): Object<ActBody>,
        ) -> Result<Json<Value>, Problem> {
            act(app, merchant, headers, id, stringify!($name), body).await
        }
    };
}
action!(cancel);
action!(capture);
action!(refund);
action!(ship);

pub(crate) async fn balance(State(app): State<Arc<App>>, Extension(AsMerchant(merchant)): Extension<AsMerchant>) -> Json<Value> {
    let services = &app.host.services;
    let currency = &app.host.config.currency;
    Json(json!({
        "merchant": merchant.merchant,
        "publisher": merchant.publisher,
        "name": services.merchant_name(&merchant),
        "available": decimal(services.merchant_holds(&merchant), currency),
        "currency": currency,
    }))
}

pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let most = query.most()?;
    let events = app
        .host
        .services
        .notifications(&merchant, query.before.as_deref(), most)
        .map_err(said)?;
    let more = events.len() == most;
    Ok(Json(json!({"events": events, "more": more})))
}

pub(crate) async fn event(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(app.host.services.notification(&merchant, &id).map_err(said)?)))
}

pub(crate) async fn description(State(app): State<Arc<App>>) -> Json<Value> {
    Json(openapi::description(&app.host.public_url()))
}

// What the operator does about merchants and their keys.

#[derive(Deserialize)]
pub(crate) struct KeyBody {
    publisher: String,
    #[serde(default)]
    merchant: String,
    /// To make one.
    #[serde(default)]
    name: Option<String>,
    /// To revoke one.
    #[serde(default)]
    revoke: Option<String>,
}

/// Merchants with their keys.
pub(crate) async fn all(State(app): State<Arc<App>>) -> Json<Value> {
    let services = &app.host.services;
    let currency = &app.host.config.currency;
    let publishers = app.host.registry.publishers();
    let merchants: Vec<Value> = publishers
        .iter()
        .flat_map(|publisher| services.merchants(&publisher.id))
        .map(|(merchant, holds)| {
            let id = MerchantId::new(merchant.publisher.clone(), merchant.id.clone());
            json!({
                "publisher": merchant.publisher,
                "merchant": merchant.id,
                "name": merchant.name,
                "holds": decimal(holds, currency),
                "currency": currency,
                "keys": services.merchant_keys(&id),
            })
        })
        .collect();
    Json(json!({"merchants": merchants}))
}

pub(crate) async fn keys(State(app): State<Arc<App>>, Object(body): Object<KeyBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let merchant = MerchantId::new(body.publisher.as_str(), body.merchant);
        let services = &app.host.services;
        let answer = match (body.name, body.revoke) {
            (Some(name), None) => {
                let (key, token) = services.make_merchant_key(&merchant, &name).await?;
                app.host.record("operator", json!({"action": "merchant-key", "key": key.id}));
                json!({"key": key, "token": token})
            }
            (None, Some(id)) => {
                services.revoke_merchant_key(&merchant, &id).await?;
                app.host.record("operator", json!({"action": "merchant-key-revoked", "key": id}));
                json!({"revoked": id})
            }
            _ => {
                return Err(Problem::new(
                    400,
                    codes::INVALID,
                    "Not a request about a key",
                    "Either \"name\" (make a key) or \"revoke\" (the id of one) was expected; nothing was changed.",
                    "Send one of the two.",
                ));
            }
        };
        Ok(Json(answer))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct DeliveriesQuery {
    publisher: String,
    #[serde(default)]
    merchant: String,
    #[serde(default)]
    before: Option<String>,
}

/// Notifications of a merchant, newest first, with every attempt to deliver them.
pub(crate) async fn deliveries(State(app): State<Arc<App>>, Query(query): Query<DeliveriesQuery>) -> Result<Json<Value>, Problem> {
    let merchant = MerchantId::new(query.publisher.as_str(), query.merchant);
    let events = app.host.services.notifications(&merchant, query.before.as_deref(), LIST_USUAL)?;
    Ok(Json(json!({"more": events.len() == LIST_USUAL, "events": events})))
}

#[derive(Deserialize)]
pub(crate) struct RetryBody {
    publisher: String,
    #[serde(default)]
    merchant: String,
    id: String,
}

/// Sends a notification once more, now.
pub(crate) async fn retry(State(app): State<Arc<App>>, Object(body): Object<RetryBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let merchant = MerchantId::new(body.publisher.as_str(), body.merchant);
        let event = app.host.services.retry_notification(&merchant, &body.id).await?;
        app.host.record("operator", json!({"action": "notification-retry"}));
        Ok(Json(json!(event)))
    })
    .await
}
