//! Bodies within bounds, cookies, problem documents.

use super::App;
use super::net::Peer;
use crate::problem::Problem;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a small body may take to arrive.
const SMALL_BODY: Duration = Duration::from_secs(10);
/// How long a picture may take.
const PICTURE: Duration = Duration::from_secs(60);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == 429 {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// A JSON body of at most [`HostLimits::body_bytes`](crate::HostLimits::body_bytes).
pub(crate) struct Object<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("");
        // A form of another origin can't send this type, whatever else fails.
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Err(Problem::new(
                415,
                "not-json",
                "JSON is expected",
                format!(
                    "The body has type \"{}\"; nothing was changed.",
                    kind.chars().take(64).collect::<String>()
                ),
                "Send it as application/json.",
            ));
        }
        let bytes = read(request, app.host.config().limits.body_bytes, SMALL_BODY).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(
                400,
                youji_api::codes::INVALID,
                "The request is not right",
                format!("{error}; nothing was changed."),
                "Send the members that the protocol names.",
            )
        })?;
        Ok(Object(value))
    }
}

/// A picture of at most [`HostLimits::picture_bytes`](crate::HostLimits::picture_bytes), and its place among those in memory.
pub(crate) struct Picture {
    pub(crate) bytes: Bytes,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// Pictures in memory at once. The machine's own screen does not wait for what comes over the network.
pub(crate) struct Uploads {
    here: Arc<Semaphore>,
    network: Arc<Semaphore>,
}

impl Uploads {
    pub(crate) fn new(limit: usize) -> Self {
        let network = limit / 2;
        Uploads {
            here: Arc::new(Semaphore::new(limit - network)),
            network: Arc::new(Semaphore::new(network)),
        }
    }

    fn place(&self, peer: Option<Peer>) -> Option<OwnedSemaphorePermit> {
        let here = peer.is_some_and(|peer| peer.0.is_loopback());
        let places = if here { &self.here } else { &self.network };
        Arc::clone(places).try_acquire_owned().ok()
    }
}

impl FromRequest<Arc<App>> for Picture {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let place = app.uploads.place(request.extensions().get::<Peer>().copied()).ok_or_else(|| {
            Problem::new(
                503,
                "busy",
                "Too many pictures at once",
                "The host is reading as many pictures as it can hold; this one was not taken.",
                "Try again in a moment.",
            )
        })?;
        let bytes = read(request, app.host.config().limits.picture_bytes, PICTURE).await?;
        Ok(Picture { bytes, _place: place })
    }
}

pub(crate) async fn read(request: Request, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            413,
            "too-large",
            "Too large",
            format!("At most {limit} bytes are taken; nothing was changed."),
            "Send less.",
        )
    };
    let promised = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if promised.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let body: Body = request.into_body();
    match tokio::time::timeout(patience, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let over = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit exceeded"));
            if over {
                return Err(too_large());
            }
            Err(Problem::new(
                400,
                "cut-off",
                "The request broke off",
                error.to_string(),
                "Send it again.",
            ))
        }
        Err(_) => Err(Problem::new(
            408,
            "too-slow",
            "The request took too long",
            format!("It was not here after {} seconds; nothing was changed.", patience.as_secs()),
            "Send it again.",
        )),
    }
}

/// A secret that a cookie carries. The host keeps its hash only.
pub(crate) struct Token {
    text: String,
    pub(crate) hash: [u8; 32],
}

impl Token {
    /// 256 random bits.
    pub(crate) fn new() -> Result<Token, Problem> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            Problem::new(
                503,
                "failed",
                "It did not work",
                format!("The system gave no randomness: {error}"),
                "Try again.",
            )
        })?;
        Ok(Token {
            text: BASE64URL_NOPAD.encode(&bytes),
            hash: Sha256::digest(bytes).into(),
        })
    }

    pub(crate) fn set(&self, name: &str, secure: bool) -> [(axum::http::HeaderName, String); 1] {
        let secure = if secure { "; Secure" } else { "" };
        [(
            SET_COOKIE,
            format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.text),
        )]
    }
}

/// Takes a cookie away.
pub(crate) fn clear(name: &str) -> [(axum::http::HeaderName, String); 1] {
    [(SET_COOKIE, format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"))]
}

/// Hash of the secret in that cookie, if it has the right form.
pub(crate) fn token(headers: &HeaderMap, name: &str) -> Option<[u8; 32]> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, text) = pairs.find(|(found, _)| *found == name)?;
    if text.len() != 43 {
        return None;
    }
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    Some(Sha256::digest(bytes).into())
}
