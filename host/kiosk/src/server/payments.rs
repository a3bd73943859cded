//! How a person pays what a merchant's server asks: the sheet of an intent, their yes, and what they do about what is held.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::at;
use super::visit::complete;
use crate::money::decimal;
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use youji_api::{Sheet, SheetId};
use youji_services::SpendsAt;
use youji_services::trade::Agreed;

pub(crate) async fn sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
) -> Result<Json<Sheet>, Problem> {
    at(&app, &seat)?;
    let sheet = app.host.services.intent_sheet(&seat.person, &id, seat.id).await?;
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
    /// One of the sheet's limits: with the PIN, further payments to this merchant at this seat need none, up to this in all, for a few
    /// minutes.
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
    complete(async move {
        let tapped = match body.pin.is_empty() {
            true => services.pay_intent_by_tap(&seat.person, &id, &agreed, seat.id).await?,
            false => None,
        };
        let paid = match tapped {
            Some(paid) => paid,
            None if body.sheet.is_none() => return Err(unshown()),
            None => {
                let spending = body.spending.as_deref().unwrap_or_default();
                services
                    .pay_intent_at(&seat.person, &id, &agreed, &body.pin, seat.id, spending)
                    .await?
            }
        };
        // Somebody who left meanwhile allows nothing any more.
        if *seat.over().borrow() {
            services.end_spendings_at(SpendsAt::Seat(seat.id)).await;
        }
        if let Some(sheet) = body.sheet {
            seat.pays.lock().answered(sheet);
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
