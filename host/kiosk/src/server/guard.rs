//! What every request passes, before any handler and whatever the route.

use super::App;
use super::extract::token;
use super::merchant;
use super::net::Peer;
use super::routes::{TOKEN, Who};
use super::seats::Seat;
use crate::problem::Problem;
use crate::remote::PUBLISH;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;
use tracing::Instrument;

/// Scripts, styles and connections of this host only; a program's strings can't become code.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; \
     font-src 'self'; connect-src 'self'; worker-src 'self'; media-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), fullscreen=(self)",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The frame around everything: refuses strangers, adds headers, counts.
pub(crate) async fn frame(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let span = tracing::debug_span!("http", method = %request.method(), path = %request.uri().path());
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).instrument(span).await,
        Err(problem) => {
            tracing::info!(code = problem.code, path = %request.uri().path(), "refused");
            problem.into_response()
        }
    };
    app.host.metrics.request(response.status().as_u16());
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(app: &App, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let authority = own_authority(app, request)?;
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // What carries no cookie gains nothing by being sent from another page; and servers have no origin.
    let merchant = request.uri().path().starts_with(merchant::PREFIX);
    let changes = changes && !merchant && !matches!(request.uri().path(), TOKEN | PUBLISH);
    check_origin(headers, &authority, changes || headers.contains_key(header::UPGRADE))?;
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let rate = if merchant { &app.servers } else { &app.requests };
    if peer.is_some_and(|peer| !rate.take(peer)) {
        return Err(Problem::new(
            429,
            youji_api::codes::LIMIT,
            "Too many requests",
            "This device asked for more than the host answers; nothing was changed.",
            "Wait a moment, then try again.",
        ));
    }
    Ok(())
}

/// The name under which we were called, if it is one of ours. A web page elsewhere whose name was made to point at this
/// machine (DNS rebinding) ends here.
fn own_authority(app: &App, request: &Request) -> Result<String, Problem> {
    let mut values = request.headers().get_all(header::HOST).iter();
    let (first, second) = (values.next(), values.next());
    let called = match (first.and_then(|value| value.to_str().ok()), second) {
        (Some(called), None) => called.to_ascii_lowercase(),
        _ => String::new(),
    };
    let same = request
        .uri()
        .authority()
        .is_none_or(|target| target.as_str().eq_ignore_ascii_case(&called));
    if same && app.authorities.contains(&called) {
        return Ok(called);
    }
    Err(Problem::new(
        403,
        "foreign-host",
        "Wrong address",
        format!(
            "This host does not answer to \"{}\"; nothing was changed.",
            called.chars().take(80).collect::<String>()
        ),
        format!("Open {} instead.", app.host.public_url()),
    ))
}

fn check_origin(headers: &HeaderMap, authority: &str, required: bool) -> Result<(), Problem> {
    let refused = |detail: String| {
        Problem::new(
            403,
            "foreign-origin",
            "Another page asked",
            detail,
            "Do it on the kiosk's own page; scripts send the header Origin with the kiosk's address.",
        )
    };
    match headers.get(header::ORIGIN) {
        Some(origin) => {
            let origin = origin.to_str().unwrap_or("").to_ascii_lowercase();
            let own = origin
                .split_once("://")
                .is_some_and(|(scheme, from)| matches!(scheme, "http" | "https") && from == authority);
            if !own {
                let shown: String = origin.chars().take(80).collect();
                return Err(refused(format!(
                    "The request came from \"{shown}\", not from this kiosk; nothing was changed."
                )));
            }
        }
        None if required => {
            return Err(refused(
                "The request does not say which page it came from; nothing was changed.".to_owned(),
            ));
        }
        None => {}
    }
    // Pages of other sites can load what they can't read: pictures, scripts. Opening an address by hand or by a link is fine.
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if matches!(text("sec-fetch-site"), "cross-site" | "same-site") && text("sec-fetch-mode") != "navigate" {
        return Err(refused("Another page tried to load this; nothing was changed.".to_owned()));
    }
    Ok(())
}

/// Whether a request was made at the machine itself: by the address it came from, since anybody can write "localhost" into a header; and by
/// the name it called, since a proxy on this machine carries the requests of others.
pub(crate) fn at_this_machine(peer: IpAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
    peer.is_loopback() && (host.starts_with("localhost") || host.starts_with("127.0.0.1") || host.starts_with("[::1]"))
}

/// Lets only this machine through.
pub(crate) async fn this_machine(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    if peer.is_some_and(|peer| at_this_machine(peer, request.headers())) {
        return next.run(request).await;
    }
    Problem::new(
        403,
        "this-machine",
        "Not from here",
        "Tools for authors answer at the machine itself only.",
        "Open this page on the machine that the kiosk runs on.",
    )
    .into_response()
}

/// The seat of a request that needs a person.
#[derive(Clone)]
pub(crate) struct AtSeat(pub(crate) Arc<Seat>);

/// Lets through who may use the route.
pub(crate) async fn principal(State((app, who)): State<(Arc<App>, Who)>, mut request: Request, next: Next) -> Response {
    match who {
        // Tools have a guard of their own, `this_machine`.
        // The signature of a publisher is over the body too, so that the handler checks it.
        Who::Anyone | Who::Publisher | Who::Signer | Who::Author => {}
        Who::Person => {
            let seat = token(request.headers(), &app.seat_cookie).and_then(|hash| app.seats.get(&hash));
            let Some(seat) = seat else {
                return Problem::no_person().into_response();
            };
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                seat.touch();
            }
            request.extensions_mut().insert(AtSeat(seat));
        }
        Who::Merchant => match merchant::merchant_of(&app, request.headers()) {
            Ok(merchant) => {
                request.extensions_mut().insert(merchant::AsMerchant(merchant));
            }
            Err(problem) => return problem.into_response(),
        },
        Who::Operator => {
            let known = token(request.headers(), &app.operator_cookie).is_some_and(|hash| app.host.operator().is_signed_in(&hash));
            if !known {
                return Problem::new(
                    401,
                    "no-operator",
                    "For the operator",
                    "Nobody is signed in as the operator here; nothing was changed.",
                    "Sign in with the operator's PIN at /operator.",
                )
                .into_response();
            }
        }
    }
    next.run(request).await
}
