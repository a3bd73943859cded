//! This host as a registry for others: its index, packages by digest, and what publishers send.

use super::App;
use super::extract::read;
use super::pages::IMMUTABLE;
use super::visit::complete;
use crate::problem::Problem;
use crate::remote::{PUBLISH, PUBLISH_TYPE};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use youji_api::codes;
use youji_package::statement::STATEMENT_BYTES;
use youji_package::{Digest, PackageLimits, PublisherRequest, SignedStatement};
use youji_registry::RegistryError;

/// Bytes of a package that are read at once.
const PIECE: usize = 64 << 10;
/// How long a package may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let listing = app.host.registry.listing();
    let tag = format!("\"{}\"", listing.tag);
    let caching = [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag.clone())];
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, "application/json")], listing.bytes.to_vec()).into_response()
}

pub(crate) async fn package(State(app): State<Arc<App>>, Path(digest): Path<String>) -> Result<Response, Problem> {
    let no_such = || {
        Problem::new(
            404,
            "not-found",
            "No such package",
            "The index names no such package, or it is not here.",
            "Get the index again.",
        )
    };
    let digest: Digest = digest.parse().map_err(|_| no_such())?;
    let file = app.host.registry.package_file(&digest).await?.ok_or_else(no_such)?;
    let file = tokio::fs::File::from_std(file);
    let length = file.metadata().await.map_err(|_| no_such())?.len();
    // Piece by piece: many who fetch at once hold little of it in memory.
    let pieces = try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        Ok::<_, std::io::Error>((length > 0).then_some((piece, file)))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/miniapp-pkg+zip"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    Ok(response)
}

/// Whoever sends must have signed the request, and be allowed here, before the body is looked at.
pub(crate) async fn publish(State(app): State<Arc<App>>, request: Request) -> Result<Json<Value>, Problem> {
    let (asked, bytes) = signed_body(&app, request).await?;
    let refused = |detail: &str| {
        Problem::new(
            400,
            codes::INVALID,
            "The request is not right",
            format!("{detail}; nothing was changed."),
            "Send it with `youji publish --to`.",
        )
    };
    if Digest::of(&bytes) != asked.body {
        return Err(refused("The body is not the one that was signed"));
    }
    let (statement, package) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (bytes.slice(..at), Some(bytes.slice(at + 1..))),
        None => (bytes, None),
    };
    let statement = std::str::from_utf8(&statement).map_err(|_| refused("The statement is not UTF-8"))?;
    let signed = SignedStatement::parse(statement).map_err(RegistryError::from)?;
    if signed.publisher != asked.publisher {
        return Err(refused("The statement is another publisher's than the request"));
    }
    complete(async move {
        let host = &app.host;
        let published = host.registry.receive(package.map(|bytes| bytes.to_vec()), signed).await?;
        host.programs_changed();
        host.record(
            "program",
            json!({"program": published.program, "digest": published.digest.to_string(), "version": published.version, "channel": published.channel, "from": "publisher"}),
        );
        // So that whoever scans it first does not wait; what does not compile is told to whoever opens it.
        let (ready, program) = (Arc::clone(host), published.program.clone());
        tokio::spawn(async move {
            if let Err(problem) = ready.make_ready(&program).await {
                tracing::info!(%program, %problem, "what was published does not open");
            }
        });
        Ok(Json(json!({
            "program": published.program,
            "version": published.version,
            "channel": published.channel,
            "digest": published.digest.to_string(),
            "publisher": published.publisher,
            "changed": published.changed,
        })))
    })
    .await
}

async fn signed_body(app: &App, request: Request) -> Result<(PublisherRequest, axum::body::Bytes), Problem> {
    let headers = request.headers();
    let unsigned = |error: youji_package::RequestError| {
        Problem::from_sentence(401, "no-publisher", "A publisher's signature is needed", &error.to_string())
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let asked = match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(text), None) => PublisherRequest::parse(text).map_err(unsigned)?,
        _ => return Err(unsigned(youji_package::RequestError::Malformed)),
    };
    // One of ours: the guard saw to that.
    let called = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked
        .verify("POST", called, PUBLISH, app.host.config.clock.now_ms() / 1_000)
        .map_err(unsigned)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind != PUBLISH_TYPE {
        return Err(Problem::new(
            415,
            "not-json",
            "Another type is expected",
            "The body is not of the type in which publishers publish; nothing was changed.",
            format!("Send it as {PUBLISH_TYPE}."),
        ));
    }
    app.host.registry.check_publisher(&asked.publisher.id())?;
    let limit = STATEMENT_BYTES + 1 + PackageLimits::default().packed_bytes;
    let _place = app.publishing.try_acquire().map_err(|_| {
        Problem::new(
            503,
            "busy",
            "Too much at once",
            "The host is taking in as many packages as it can hold; this one was not taken.",
            "Try again in a moment.",
        )
    })?;
    let bytes = read(request, limit, PATIENCE).await?;
    Ok((asked, bytes))
}
