//! The page, its files, and files of programs.

use super::App;
use crate::metrics;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;
use std::sync::Arc;
use youji_package::Digest;

/// The page as it was at build time; in debug builds it is read from the source folder at each request.
#[derive(RustEmbed)]
#[folder = "page/"]
#[allow_missing = true]
struct Files;

/// A picture of a program opened in a tab of its own runs nothing, although it comes from our address.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
/// A digest in the address names exactly these bytes.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

pub(crate) async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    file("index.html", &headers)
}

pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    if path == "posters.css" {
        return Ok(([(CONTENT_TYPE, "text/css; charset=utf-8")], crate::posters::CSS).into_response());
    }
    file(&path, &headers)
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let Some(EmbeddedFile { data, metadata }) = Files::get(path) else {
        return Err(Problem::new(
            404,
            "not-found",
            "No such file",
            "The page has no such file.",
            "Reload the page.",
        ));
    };
    let tag = format!("\"{}\"", HEXLOWER.encode(&metadata.sha256_hash()[..16]));
    // Asked for each time, sent when it changed: the address of a file does not say its version.
    let caching = [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag.clone())];
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let body = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    Ok((caching, [(CONTENT_TYPE, content_type(path))], body).into_response())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "text/plain; charset=utf-8",
    }
}

pub(crate) async fn program(State(app): State<Arc<App>>, Path((digest, path)): Path<(String, String)>) -> Result<Response, Problem> {
    let no_such = || Problem::new(404, "not-found", "No such picture", "No program here has it.", "Reload the page.");
    let digest: Digest = digest.parse().map_err(|_| no_such())?;
    let installed = app.host.registry.by_digest(&digest).ok_or_else(no_such)?;
    let asset = installed.asset(&path).await?;
    let mut response = Body::from(asset.bytes.to_vec()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
    Ok(response)
}

pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.host.is_closing() {
        return Err(Problem::shutting_down());
    }
    match app.host.services.health() {
        Ok(()) => Ok("ok\n"),
        Err(_) => Err(Problem::new(
            503,
            "degraded",
            "Nothing can be written",
            "Since a write failed, nothing is taken any more; what was confirmed is safe. The host's terminal says why.",
            "Free space or repair the disk, then restart the host.",
        )),
    }
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.host.metrics.text(&app.host.runtime.metrics(), app.host.journal.lost());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}
