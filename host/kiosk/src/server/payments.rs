//! How a person pays what a merchant's server asks: the sheet of an intent, their yes, and what they do about what is held.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::at;
use super::visit::complete;
use crate::money::{decimal, minor};
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use youji_api::{Failure, Sheet, SheetId, SheetKind, codes};
use youji_services::trade::Agreed;

pub(crate) async fn sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
) -> Result<Json<Sheet>, Problem> {
    at(&app, &seat)?;
    let services = &app.host.services;
    let mut sheet = services.intent_sheet(&seat.person, &id).await?;
    let (merchant, simply) = services.payee_of_intent(&id)?;
    if simply
        && let SheetKind::Payment {
            amount,
            currency,
            pin,
            terms,
            ..
        } = &mut sheet.kind
        && *pin
    {
        let (now, cost) = (Instant::now(), minor(amount, currency).unwrap_or(u64::MAX));
        let (limits, age) = services.spending_offers();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match seat.pays.lock().covering(&merchant, cost, now) {
            Some((left, until)) => {
                *pin = false;
                terms.spending_left = decimal(left, currency);
                terms.spending_until = app.host.config.clock.now_ms().saturating_add(milliseconds(until - now));
            }
            None => {
                terms.spending_limits = limits.into_iter().map(|limit| decimal(limit, currency)).collect();
                terms.spending_ms = milliseconds(age);
            }
        }
    }
    seat.pays.lock().shown(sheet.id, id);
    seat.touch();
    Ok(Json(sheet))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmBody {
    /// The sheet on which the person said yes; it may be left out where a spending authorisation covers the payment.
    #[serde(default)]
    sheet: Option<SheetId>,
    amount: String,
    currency: String,
    #[serde(default)]
    pin: String,
    /// Decimal: with the PIN, further payments to this merchant at this seat need none, up to this in all, for a few minutes.
    #[serde(default)]
    spending: Option<String>,
}

pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<ConfirmBody>,
) -> Result<Json<Value>, Problem> {
    let guard = app.host.config.limits.sheet_guard;
    let now = Instant::now();
    let unshown = || {
        Problem::new(
            409,
            "no-sheet",
            "Look at the sheet first",
            "This payment was not shown at this seat, or its sheet was answered; nothing was moved.",
            "Get the sheet of the payment, show it to the person, and name it in \"sheet\".",
        )
    };
    let services = Arc::clone(&app.host.services);
    let currency = app.host.config.currency.clone();
    let agreed = Agreed {
        amount: body.amount,
        currency: body.currency,
    };
    // An answer that comes sooner than anybody reads was not meant for this sheet.
    if let Some(sheet) = body.sheet {
        let shown = seat.pays.lock().at(sheet, &id).ok_or_else(unshown)?;
        if now.saturating_duration_since(shown) < guard {
            return Err(Problem::new(
                409,
                "too-soon",
                "Too soon",
                format!(
                    "An answer that comes within {} ms of its sheet confirms nothing; nothing was moved.",
                    guard.as_millis()
                ),
                "Let the person read the sheet, then send it again.",
            ));
        }
    }
    let wanted = match &body.spending {
        None => None,
        Some(text) if text.is_empty() => None,
        Some(text) => {
            let most = services.spending_offers().0.last().copied().unwrap_or(0);
            let limit = minor(text, &currency).filter(|limit| *limit > 0 && *limit <= most);
            Some(limit.ok_or_else(|| {
                Problem::new(
                    400,
                    codes::INVALID,
                    "Not a limit",
                    format!(
                        "\"spending\": more than nothing and at most {} {currency} was expected; nothing was moved.",
                        decimal(most, &currency)
                    ),
                    "Choose a smaller limit, or leave it out.",
                )
            })?)
        }
    };
    complete(async move {
        let (merchant, simply) = services.payee_of_intent(&id)?;
        let cost = minor(&agreed.amount, &currency).unwrap_or(u64::MAX);
        let taken = match body.pin.is_empty() && simply {
            true => seat.pays.lock().take(&merchant, cost, now),
            false => None,
        };
        let done = match taken {
            Some(_) => services.pay_intent_authorised(&seat.person, &id, &agreed).await,
            None if body.sheet.is_none() => return Err(unshown()),
            None if body.pin.is_empty() && services.asks_for_pin(&seat.person) => {
                return Err(Problem::from(Failure::new(
                    codes::PIN_REQUIRED,
                    "this payment needs the PIN: no spending authorisation at this seat covers it; nothing was moved",
                )));
            }
            None => services.pay_intent(&seat.person, &id, &agreed, &body.pin).await,
        };
        // What may have moved counts as spent.
        let spent = match &done {
            Ok(paid) => !paid.before,
            Err(failure) => failure.code == codes::IN_DOUBT,
        };
        if let Some(taken) = taken.filter(|_| !spent) {
            seat.pays.lock().give_back(taken);
        }
        let paid = done?;
        if let Some(sheet) = body.sheet {
            seat.pays.lock().answered(sheet);
        }
        if let Some(limit) = wanted
            && taken.is_none()
            && simply
            && !paid.before
            && services.asks_for_pin(&seat.person)
        {
            let age = services.open_spending_for(&seat.person, &merchant, limit).await?;
            seat.pays.lock().allow(merchant, limit, Instant::now() + age);
        }
        Ok(Json(json!({
            "state": paid.state,
            "receipt": paid.receipt,
            "document": paid.document,
            "balance": decimal(paid.balance, &currency),
            "currency": currency,
            "before": paid.before,
        })))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldBody {
    #[serde(default)]
    pin: String,
}

async fn held(app: Arc<App>, seat: AtSeat, id: String, action: &'static str, pin: String) -> Result<Json<Value>, Problem> {
    complete(async move {
        let state = app.host.services.payer_acts(&seat.0.person, &id, action, &pin).await?;
        Ok(Json(json!({"state": state})))
    })
    .await
}

pub(crate) async fn release(
    State(app): State<Arc<App>>,
    Extension(seat): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<HeldBody>,
) -> Result<Json<Value>, Problem> {
    held(app, seat, id, "release", body.pin).await
}

pub(crate) async fn dispute(
    State(app): State<Arc<App>>,
    Extension(seat): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<HeldBody>,
) -> Result<Json<Value>, Problem> {
    held(app, seat, id, "dispute", body.pin).await
}
