//! The one table of routes and who may use each. The router is made from it, and so is the test of every route × principal.

use super::{
    App, between, chats, codes, collect, first, gifts, guard, merchant, messages, operate, pages, payments, person, privacy, programs,
    registry, socket, staff, token, visit,
};
use crate::problem::Problem;
use crate::remote;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everyone who reaches the kiosk.
    Anyone,
    /// A device with a person at its seat.
    Person,
    /// Who signed in with the operator's PIN.
    Operator,
    /// A publisher's own server, which shows in the body who it is and sends neither cookie nor origin.
    Publisher,
    /// A publisher at their own machine, whose key signed the request; sends neither cookie nor origin.
    Signer,
    /// A merchant's own server, with a merchant key and neither cookie nor origin.
    Merchant,
    /// Whoever sits at the machine itself, where the kiosk was started with tools for authors.
    Author,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// "GET" (with it HEAD) or "POST".
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: &'static str,
    /// Who may use it.
    pub who: Who,
}

/// Where a publisher's server exchanges a login code.
pub(crate) const TOKEN: &str = "/api/token";

type Entry = (Route, MethodRouter<Arc<App>>);

fn table() -> Vec<Entry> {
    fn read(path: &'static str, who: Who, handler: MethodRouter<Arc<App>>) -> Entry {
        (Route { method: "GET", path, who }, handler)
    }
    fn act(path: &'static str, who: Who, handler: MethodRouter<Arc<App>>) -> Entry {
        (Route { method: "POST", path, who }, handler)
    }
    use Who::{Anyone, Merchant, Operator, Person, Publisher, Signer};
    vec![
        read("/", Anyone, get(pages::page)),
        read("/M/{code}", Anyone, get(pages::page)),
        read("/P/{code}", Anyone, get(pages::page)),
        read("/operator", Anyone, get(pages::page)),
        read("/assets/{*file}", Anyone, get(pages::asset)),
        read("/program/{digest}/{*path}", Anyone, get(pages::program)),
        read("/healthz", Anyone, get(pages::health)),
        read("/metrics", Anyone, get(pages::metrics)),
        read("/.well-known/jwks.json", Anyone, get(token::keys)),
        act(TOKEN, Publisher, post(token::exchange)),
        read(remote::INDEX, Anyone, get(registry::index)),
        read("/registry/packages/{digest}", Anyone, get(registry::package)),
        act(remote::PUBLISH, Signer, post(registry::publish)),
        read("/api/state", Anyone, get(visit::state)),
        act("/api/visitor", Anyone, post(visit::visitor)),
        act("/api/sign-in", Anyone, post(visit::sign_in)),
        act("/api/reset", Anyone, post(visit::reset)),
        act("/api/decode", Anyone, post(visit::decode)),
        act("/api/open", Person, post(visit::open)),
        act("/api/open/answer", Person, post(first::answer)),
        act("/api/open/sheet", Person, post(first::sheet)),
        read("/api/person", Person, get(person::person)),
        read("/api/person/inbox", Person, get(person::inbox)),
        act("/api/person/inbox/read", Person, post(person::inbox_read)),
        read("/api/person/receipts", Person, get(person::receipts)),
        (
            Route {
                method: "GET",
                path: "/api/person/consents",
                who: Person,
            },
            get(person::consents),
        ),
        act("/api/person/consents", Person, post(person::set_consent)),
        read("/api/person/spending", Person, get(person::spending)),
        act("/api/person/spending/end", Person, post(person::end_spending)),
        read("/api/person/programs", Person, get(privacy::programs)),
        read("/api/person/audit", Person, get(privacy::audit)),
        read("/api/person/export", Person, get(privacy::export)),
        act("/api/person/forget", Person, post(privacy::forget)),
        (
            Route {
                method: "GET",
                path: "/api/person/profile",
                who: Person,
            },
            get(privacy::profile),
        ),
        act("/api/person/profile", Person, post(privacy::set_profile)),
        read("/api/person/sign", Person, get(privacy::signs)),
        act("/api/person/sign", Person, post(privacy::choose_sign)),
        act("/api/person/language", Person, post(person::set_language)),
        act("/api/person/stay", Person, post(visit::stay)),
        read("/C/{code}", Anyone, get(pages::page)),
        read("/api/chats", Person, get(chats::list)),
        act("/api/chats", Person, post(chats::make)),
        act("/api/chats/invitation", Person, post(chats::invitation)),
        act("/api/chats/join", Person, post(chats::join)),
        act("/api/chats/unblock", Person, post(chats::unblock)),
        read("/api/chats/{id}", Person, get(chats::read)),
        act("/api/chats/{id}/say", Person, post(chats::say)),
        act("/api/chats/{id}/read", Person, post(chats::mark_read)),
        act("/api/chats/{id}/title", Person, post(chats::title)),
        act("/api/chats/{id}/invite", Person, post(chats::invite)),
        act("/api/chats/{id}/ask", Person, post(chats::ask)),
        act("/api/chats/{id}/answer", Person, post(chats::answer)),
        act("/api/chats/{id}/remove", Person, post(chats::remove)),
        act("/api/chats/{id}/block", Person, post(chats::block)),
        act("/api/chats/{id}/leave", Person, post(chats::leave)),
        act("/api/chats/{id}/open", Person, post(chats::open)),
        act("/api/chats/{id}/sheet", Person, post(gifts::sheet)),
        act("/api/chats/{id}/give", Person, post(gifts::give)),
        act("/api/chats/{id}/claim", Person, post(gifts::claim)),
        read("/T/{code}", Anyone, get(pages::page)),
        read("/R/{code}", Anyone, get(pages::page)),
        act("/api/receive", Person, post(between::receive)),
        act("/api/receive/end", Person, post(between::receive_end)),
        act("/api/transfers", Person, post(between::transfer)),
        act("/api/transfers/sheet", Person, post(between::transfer_sheet)),
        act("/api/packets", Person, post(between::packet)),
        act("/api/packets/sheet", Person, post(between::packet_sheet)),
        read("/api/packets/{id}", Person, get(between::packet_seen)),
        act("/api/packets/{id}/claim", Person, post(between::packet_claim)),
        act("/api/codes/scan", Person, post(codes::scan)),
        act("/api/codes/present", Person, post(codes::present)),
        read("/api/codes/presented", Person, get(codes::presented)),
        act("/api/codes/withdraw", Person, post(codes::withdraw)),
        read("/api/messages", Person, get(messages::follow)),
        read("/api/session/{id}/socket", Person, get(socket::upgrade)),
        act("/api/operator/sign-in", Anyone, post(operate::sign_in)),
        act("/api/operator/sign-out", Operator, post(operate::sign_out)),
        read("/api/operator/summary", Operator, get(operate::summary)),
        act("/api/operator/publishers", Operator, post(operate::publishers)),
        act("/api/operator/programs", Operator, post(programs::choose)),
        act("/api/operator/asked", Operator, post(programs::asked)),
        act("/api/operator/refresh", Operator, post(programs::refresh)),
        act("/api/operator/top-up", Operator, post(operate::top_up)),
        act("/api/operator/token-keys", Operator, post(token::rotate)),
        act("/api/operator/reset", Operator, post(operate::reset)),
        act("/api/operator/compact", Operator, post(operate::compact)),
        read("/api/operator/posters", Operator, get(operate::posters)),
        read("/api/operator/merchants", Operator, get(merchant::all)),
        act("/api/operator/merchants/keys", Operator, post(merchant::keys)),
        read("/api/operator/notifications", Operator, get(merchant::deliveries)),
        act("/api/operator/notifications/retry", Operator, post(merchant::retry)),
        read("/api/staff", Person, get(staff::counters)),
        act("/api/staff/collect", Person, post(staff::collect)),
        read("/api/staff/payments", Person, get(staff::payments)),
        act("/api/staff/payments/{id}", Person, post(staff::act)),
        read("/api/payments/{id}", Person, get(payments::sheet)),
        act("/api/payments/{id}/confirm", Person, post(payments::confirm)),
        act("/api/payments/{id}/release", Person, post(payments::release)),
        act("/api/payments/{id}/dispute", Person, post(payments::dispute)),
        read("/v1/openapi.json", Anyone, get(merchant::description)),
        read("/v1/balance", Merchant, get(merchant::balance)),
        act("/v1/payment_intents", Merchant, post(merchant::create)),
        read("/v1/payment_intents", Merchant, get(merchant::list)),
        read("/v1/payment_intents/{id}", Merchant, get(merchant::get)),
        read("/v1/payment_intents/{id}/receipt", Merchant, get(merchant::receipt)),
        act("/v1/payment_intents/{id}/cancel", Merchant, post(merchant::cancel)),
        act("/v1/payment_intents/{id}/capture", Merchant, post(merchant::capture)),
        act("/v1/payment_intents/{id}/refund", Merchant, post(merchant::refund)),
        act("/v1/payment_intents/{id}/ship", Merchant, post(merchant::ship)),
        act("/v1/collect", Merchant, post(collect::collect)),
        read("/v1/events", Merchant, get(merchant::events)),
        read("/v1/events/{id}", Merchant, get(merchant::event)),
    ]
}

/// Below it stand the tools, if the kiosk was started with some.
const TOOLS: &str = "/dev";

/// All routes. What stands below the tools' is theirs, and has a table of its own.
pub fn routes() -> Vec<Route> {
    let tools = Route {
        method: "GET",
        path: "/dev/{*path}",
        who: Who::Author,
    };
    table().into_iter().map(|(route, _)| route).chain([tools]).collect()
}

pub(crate) fn router(app: &Arc<App>, tools: Router) -> Router {
    let mut router = Router::new();
    for (route, handler) in table() {
        let principal = from_fn_with_state((Arc::clone(app), route.who), guard::principal);
        router = router.route(route.path, handler.layer(principal));
    }
    router
        .nest(TOOLS, tools.layer(from_fn(guard::this_machine)).with_state(()))
        .fallback(async || no_such("No such page"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                405,
                "method",
                "Not this way",
                "This address does not take that method.",
                "See the protocol for the method.",
            )
        })
        .layer(from_fn(own_words))
        .layer(from_fn_with_state(Arc::clone(app), guard::frame))
        .with_state(Arc::clone(app))
}

fn no_such(title: &str) -> Problem {
    Problem::new(
        404,
        "not-found",
        title,
        "There is nothing at this address.",
        "Go back to the first page.",
    )
}

/// Errors that axum makes itself (a malformed path or query) get the form of all others.
async fn own_words(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    let response = next.run(request).await;
    let status = response.status();
    let ours = response
        .headers()
        .get(axum::http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    Problem::new(
        status.as_u16(),
        youji_api::codes::INVALID,
        status.canonical_reason().unwrap_or("The request is not right"),
        "The request is not as the protocol says; nothing was changed.",
        "Correct it and try again.",
    )
    .into_response()
}
