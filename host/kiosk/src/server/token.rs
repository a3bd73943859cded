//! Tokens for publishers' own servers.

use super::App;
use super::extract::Object;
use super::visit::complete;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_services::Exchanged;

/// The public keys; the next one stands among them before it is used, so that they may be kept for a while.
pub(crate) async fn keys(State(app): State<Arc<App>>) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(app.host.services.token_keys()))
}

#[derive(Deserialize)]
pub(crate) struct Exchange {
    code: String,
    client_assertion: String,
}

pub(crate) async fn exchange(State(app): State<Arc<App>>, Object(body): Object<Exchange>) -> Result<Json<Exchanged>, Problem> {
    complete(async move {
        let issuer = app.host.public_url();
        let exchanged = app
            .host
            .services
            .exchange_login_code(&body.code, &body.client_assertion, &issuer)
            .await;
        exchanged.map(Json).map_err(|failure| Problem {
            remedy: "Ask the program for a fresh login code, and sign the assertion as PROTOCOL.md says.".to_owned(),
            ..Problem::from(failure)
        })
    })
    .await
}

pub(crate) async fn rotate(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    complete(async move {
        app.host.services.rotate_token_keys().await?;
        app.host.record("operator", json!({"action": "token-keys"}));
        Ok(Json(app.host.services.token_keys()))
    })
    .await
}
