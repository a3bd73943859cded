//! The four routes.

use std::future::Future;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use youji_store::{Commit, CommitOptions, SledMap, StoreError};

use crate::books::{Answer, Books, Command};
use crate::posting::Posting;
use crate::scratch;

const MOST_BODY_BYTES: usize = 64 * 1024;

/// Why the contract is not served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder holds something that must not be emptied.
    #[error("{0} is there, so this is no scratch folder: whoever tests the ledger empties it; name an empty folder with --data DIR")]
    NotScratch(PathBuf),
    /// The folder can't be used.
    #[error("{0} can't be used: {1}")]
    Folder(PathBuf, std::io::Error),
    /// The log or the projection can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A scratch ledger.
pub struct Conformance {
    log: Commit<Books>,
}

type App = State<Arc<Conformance>>;

impl Conformance {
    /// Opens a scratch folder, made if it is missing, and recovers what was acknowledged. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path) -> Result<Arc<Conformance>, OpenError> {
        let folder = scratch::take(folder).map_err(|(path, error)| match error {
            None => OpenError::NotScratch(path),
            Some(error) => OpenError::Folder(path, error),
        })?;
        let map = Arc::new(SledMap::open(&folder.join("map"))?);
        let (log, recovery) = Commit::open(CommitOptions::new(&folder), map, Books::default)?;
        tracing::info!(
            sequence = recovery.sequence,
            replayed = recovery.replayed,
            "a scratch ledger is open"
        );
        Ok(Arc::new(Conformance { log }))
    }

    /// Answers on `listener` until `end` is ready, then closes. The listener should be on this machine only.
    ///
    /// # Errors
    /// What the system says.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, end: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let routes = Router::new()
            .route("/_lck/reset", post(reset))
            .route("/_lck/post", post(post_legs))
            .route("/_lck/balance", get(balance))
            .route("/_lck/journal", get(journal))
            .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
            .layer(axum::middleware::from_fn(guard))
            .with_state(self.clone());
        let served = axum::serve(listener, routes).with_graceful_shutdown(end).await;
        if let Err(error) = self.log.close().await {
            tracing::warn!(%error, "no checkpoint at the end; the next start replays more");
        }
        served
    }

    /// Checks every sum of the ledger, and the whole log with its chain. Blocks for a while.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub async fn verify(&self) -> Result<(), String> {
        self.log.read(Books::check).await.map_err(|error| error.to_string())??;
        self.log.log().verify().map(drop).map_err(|error| error.to_string())
    }
}

/// A page elsewhere must not drive a port of this machine: no foreign name, no origin at all.
async fn guard(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let here = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !here || request.headers().contains_key(header::ORIGIN) {
        return fault(StatusCode::FORBIDDEN, "a scratch ledger answers test programs on this machine only");
    }
    next.run(request).await
}

fn fault(status: StatusCode, detail: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "error": detail.to_string() }))).into_response()
}

fn store_fault(error: &StoreError) -> Response {
    fault(StatusCode::SERVICE_UNAVAILABLE, error)
}

async fn reset(State(app): App) -> Response {
    match app.log.submit(Command::Reset).await {
        Ok(_) => Json(json!({})).into_response(),
        Err(error) => store_fault(&error),
    }
}

async fn post_legs(State(app): App, posting: Result<Json<Posting>, JsonRejection>) -> Response {
    let Json(posting) = match posting {
        Ok(posting) => posting,
        Err(rejection) => return fault(rejection.status(), rejection.body_text()),
    };
    match app.log.submit(Command::Post(posting)).await {
        Ok(Answer::Said(said)) => Json(said).into_response(),
        Ok(Answer::Judged(verdict)) => match verdict.get() {
            Some(said) => Json(said).into_response(),
            None => fault(StatusCode::INTERNAL_SERVER_ERROR, "an entry was written and not judged"),
        },
        Ok(Answer::Emptied) => fault(StatusCode::INTERNAL_SERVER_ERROR, "two answers were mixed up"),
        Err(error) => store_fault(&error),
    }
}

#[derive(Deserialize)]
struct Asked {
    account: String,
    currency: String,
}

async fn balance(State(app): App, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(rejection) => return fault(rejection.status(), rejection.body_text()),
    };
    match app.log.read(move |books| books.balance(&asked.account, &asked.currency)).await {
        Ok(subunits) => match i64::try_from(subunits) {
            Ok(subunits) => Json(json!({ "subunits": subunits })).into_response(),
            Err(_) => fault(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the balance is {subunits}, beyond the contract's 64 bits"),
            ),
        },
        Err(error) => store_fault(&error),
    }
}

async fn journal(State(app): App) -> Response {
    match app.log.read(Books::journal).await {
        Ok(rows) => Json(rows).into_response(),
        Err(error) => store_fault(&error),
    }
}
