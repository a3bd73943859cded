//! A merchant's server, or its staff, collects with the code that a customer presents.

use super::App;
use super::extract::Object;
use super::merchant::{AsMerchant, again, amount, said};
use super::visit::complete;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::codes;
use youji_services::trade::{CODE_USED, Collected, EXPIRED, Idempotency, MerchantId, NewIntent};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCollect {
    /// 18 digits, with spaces or without.
    pub(super) code: String,
    pub(super) order: String,
    pub(super) description: String,
    pub(super) amount: String,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) notify_url: Option<String>,
}

/// Answers what was paid, or that the customer is being asked.
pub(crate) async fn collect(
    State(app): State<Arc<App>>,
    Extension(AsMerchant(merchant)): Extension<AsMerchant>,
    headers: HeaderMap,
    Object(body): Object<NewCollect>,
) -> Result<Json<Value>, Problem> {
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let again = again(&headers, &[b"collect", &content])?;
    collected(app, merchant, body, again).await
}

/// The same for whoever may collect for that merchant.
pub(super) async fn collected(app: Arc<App>, merchant: MerchantId, body: NewCollect, again: Idempotency) -> Result<Json<Value>, Problem> {
    let currency = app.host.config.currency.clone();
    let new = NewIntent {
        amount: amount("amount", &body.amount, &currency)?,
        order: body.order,
        description: body.description,
        currency: body.currency,
        notify_url: body.notify_url,
        ..NewIntent::default()
    };
    complete(async move {
        let collected = app.host.services.collect(&merchant, &body.code, new, &again).await;
        let collected = collected.map_err(|failure| {
            let refused = matches!(failure.code.as_str(), CODE_USED | EXPIRED);
            let guessed = failure.code == codes::LIMIT && failure.fields.integer("retry-after-ms").is_some();
            let mut problem = said(failure);
            if refused {
                (problem.status, problem.title) = (409, "The customer's code is no longer good".into());
                problem.remedy = "Ask the customer for a fresh one.".to_owned();
            }
            if guessed {
                (problem.status, problem.remedy) = (429, "Wait, and scan codes instead of typing them.".to_owned());
            }
            problem
        })?;
        Ok(Json(match collected {
            Collected::Paid { intent, paid } => json!({
                "payment_intent": intent,
                "state": paid.state,
                "receipt": paid.receipt,
                "before": paid.before,
            }),
            Collected::Asked { intent } => json!({
                "payment_intent": intent,
                "state": "requires_confirmation",
                "receipt": "",
                "before": false,
            }),
        }))
    })
    .await
}
