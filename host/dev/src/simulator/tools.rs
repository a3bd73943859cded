//! The routes below `/dev`: for this machine only, and only on a kiosk that was started with them. Host, Origin and headers are checked by
//! the kiosk, like those of every route.

use super::{Simulator, socket};
use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use youji_api::SessionId;

/// Every route, as the kiosk's table names its own: all of them answer GET.
pub const ROUTES: [&str; 4] = ["/dev", "/dev/files/{*file}", "/dev/socket", "/dev/recording/{session}"];
/// Bytes of a frame from the page.
const FRAME_BYTES: usize = 64 << 10;
/// Bytes that may wait to be written to a page.
const WRITE_BYTES_MAX: usize = 8 << 20;

#[derive(RustEmbed)]
#[folder = "page/"]
struct Files;

pub(crate) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/", get(async || file("index.html")))
        .route("/files/{*file}", get(async |Path(path): Path<String>| file(&path)))
        .route("/socket", get(upgrade))
        .route("/recording/{session}", get(recording))
        .with_state(simulator)
}

fn file(path: &str) -> Response {
    let Some(found) = Files::get(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")];
    (headers, Body::from(found.data.into_owned())).into_response()
}

async fn upgrade(State(simulator): State<Simulator>, socket: WebSocketUpgrade) -> Response {
    socket
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .on_upgrade(move |socket| async move { Box::pin(socket::serve(simulator, socket)).await })
}

async fn recording(State(simulator): State<Simulator>, Path(session): Path<String>) -> Response {
    let found = u64::from_str_radix(&session, 16)
        .ok()
        .and_then(|session| simulator.inner.log.recording(SessionId(session)));
    let Some(text) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Body::from(text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"session.youji.jsonl\""),
    );
    response
}
