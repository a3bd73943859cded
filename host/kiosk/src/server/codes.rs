//! Payment codes at a seat: a merchant's that the person scans, and the person's own that they present.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::at;
use super::visit::complete;
use crate::money::{decimal, minor};
use crate::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::codes;
use youji_package::{EmvCode, EmvError};
use youji_services::trade::{FOREIGN_SCHEME, PresentedState};

impl From<EmvError> for Problem {
    fn from(error: EmvError) -> Self {
        Problem::from_sentence(400, "payment-code", "This payment code can't be used", &error.to_string())
    }
}

#[derive(Deserialize)]
pub(crate) struct ScanBody {
    code: String,
    /// Decimal: what the person pays, where the code does not say it.
    #[serde(default)]
    amount: Option<String>,
}

/// Whom a merchant's code pays, and the intent to be paid on its sheet once there is an amount. Nothing moves here.
pub(crate) async fn scan(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<ScanBody>,
) -> Result<Json<Value>, Problem> {
    let person = at(&app, &seat)?;
    let code: EmvCode = body.code.parse()?;
    let currency = app.host.config.currency.clone();
    let amount = match &body.amount {
        None => None,
        Some(text) => Some(minor(text, &currency).ok_or_else(|| {
            Problem::new(
                400,
                codes::INVALID,
                "Not an amount",
                format!("\"amount\": a decimal string of {currency} was expected, such as \"36.00\"; nothing was paid."),
                "Type the amount again.",
            )
        })?),
    };
    seat.touch();
    complete(async move {
        let scanned = app.host.services.scan_payment_code(&code, amount).await;
        let scanned = scanned.map_err(|failure| {
            let foreign = failure.code == FOREIGN_SCHEME;
            let schemes = failure.fields.text("schemes").to_owned();
            let mut problem = Problem::from(failure);
            if foreign {
                (problem.status, problem.title) = (400, "This code is another scheme's".into());
                problem.remedy = "Pay it with an app of that scheme.".to_owned();
                problem = problem.with("kind", schemes);
            }
            problem
        })?;
        Ok(Json(json!({
            "payee": scanned.payee.in_language(&person.language),
            "amount": scanned.amount.map(|amount| decimal(amount, &currency)),
            "currency": currency,
            "reference": scanned.reference,
            "payment": scanned.intent.map(|intent| intent.id),
        })))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct PresentBody {
    #[serde(default)]
    pin: String,
}

/// A fresh code of the person's.
pub(crate) async fn present(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<PresentBody>,
) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    seat.touch();
    complete(async move {
        let shown = app.host.services.present(&seat.person, &body.pin).await?;
        let currency = &app.host.config.currency;
        Ok(Json(json!({
            "digits": shown.digits,
            "inMs": shown.until.saturating_sub(app.host.config.clock.now_ms()),
            "atOnce": decimal(shown.at_once, currency),
            "currency": currency,
        })))
    })
    .await
}

/// What became of the code that the person showed last.
pub(crate) async fn presented(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    Ok(Json(match app.host.services.presented(&seat.person) {
        None => json!({"state": "over"}),
        Some(PresentedState::Waits) => json!({"state": "waits"}),
        Some(PresentedState::Asks(intent)) => json!({"state": "asks", "payment": intent}),
        Some(PresentedState::Paid(intent)) => json!({"state": "paid", "payment": intent}),
        Some(PresentedState::Failed(code)) => json!({"state": "failed", "code": code}),
    }))
}

/// The person puts their code away.
pub(crate) async fn withdraw(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Result<Json<Value>, Problem> {
    at(&app, &seat)?;
    app.host.services.withdraw_presented(&seat.person);
    Ok(Json(json!({})))
}
