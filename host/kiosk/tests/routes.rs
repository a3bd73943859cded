//! Every route × principal, and strangers at every door.

mod support;

use serde_json::json;
use std::collections::BTreeMap;
use support::{Answer, Device, Kiosk};
use youji_kiosk::server::routes::{Route, Who, routes};

/// Status for nobody, for a person and for the operator. A route that is added without a row here fails the test.
const EXPECTED: &[(&str, &str, [u16; 3])] = &[
    ("GET", "/", [200, 200, 200]),
    ("GET", "/M/{code}", [200, 200, 200]),
    ("GET", "/P/{code}", [200, 200, 200]),
    ("GET", "/operator", [200, 200, 200]),
    ("GET", "/assets/{*file}", [404, 404, 404]),
    ("GET", "/program/{digest}/{*path}", [404, 404, 404]),
    ("GET", "/healthz", [200, 200, 200]),
    ("GET", "/metrics", [200, 200, 200]),
    ("GET", "/.well-known/jwks.json", [200, 200, 200]),
    ("POST", "/api/token", [400, 400, 400]),
    ("GET", "/registry/index", [200, 200, 200]),
    ("GET", "/registry/packages/{digest}", [404, 404, 404]),
    // Neither a seat nor the operator is a publisher; `registries.rs` has what a publisher's signature opens.
    ("POST", "/registry/publish", [401, 401, 401]),
    ("GET", "/api/state", [200, 200, 200]),
    ("POST", "/api/visitor", [200, 200, 200]),
    ("POST", "/api/sign-in", [400, 400, 400]),
    ("POST", "/api/reset", [200, 200, 200]),
    ("POST", "/api/decode", [415, 415, 415]),
    ("POST", "/api/open", [401, 400, 401]),
    ("POST", "/api/open/answer", [401, 400, 401]),
    ("POST", "/api/open/sheet", [401, 400, 401]),
    ("GET", "/api/person", [401, 200, 401]),
    ("GET", "/api/person/inbox", [401, 200, 401]),
    ("POST", "/api/person/inbox/read", [401, 400, 401]),
    ("GET", "/api/person/receipts", [401, 200, 401]),
    ("GET", "/api/person/consents", [401, 200, 401]),
    ("POST", "/api/person/consents", [401, 400, 401]),
    ("GET", "/api/person/programs", [401, 200, 401]),
    ("GET", "/api/person/audit", [401, 200, 401]),
    ("GET", "/api/person/export", [401, 200, 401]),
    ("POST", "/api/person/forget", [401, 400, 401]),
    ("GET", "/api/person/profile", [401, 200, 401]),
    ("POST", "/api/person/profile", [401, 400, 401]),
    ("GET", "/api/person/sign", [401, 200, 401]),
    ("POST", "/api/person/sign", [401, 400, 401]),
    ("POST", "/api/person/language", [401, 400, 401]),
    ("POST", "/api/person/stay", [401, 200, 401]),
    ("GET", "/api/person/spending", [401, 200, 401]),
    ("POST", "/api/person/spending/end", [401, 400, 401]),
    ("GET", "/api/staff", [401, 200, 401]),
    ("POST", "/api/staff/collect", [401, 400, 401]),
    ("GET", "/api/staff/payments", [401, 400, 401]),
    ("POST", "/api/staff/payments/{id}", [401, 400, 401]),
    ("GET", "/api/messages", [401, 406, 401]),
    ("GET", "/api/session/{id}/socket", [401, 404, 401]),
    ("POST", "/api/operator/sign-in", [400, 400, 400]),
    ("POST", "/api/operator/sign-out", [401, 401, 200]),
    ("GET", "/api/operator/summary", [401, 401, 200]),
    ("POST", "/api/operator/publishers", [401, 401, 400]),
    ("POST", "/api/operator/programs", [401, 401, 400]),
    ("POST", "/api/operator/asked", [401, 401, 400]),
    ("POST", "/api/operator/refresh", [401, 401, 200]),
    ("POST", "/api/operator/top-up", [401, 401, 400]),
    ("POST", "/api/operator/token-keys", [401, 401, 200]),
    ("POST", "/api/operator/reset", [401, 401, 200]),
    ("POST", "/api/operator/compact", [401, 401, 200]),
    ("GET", "/api/operator/posters", [401, 401, 200]),
    ("GET", "/api/operator/merchants", [401, 401, 200]),
    ("POST", "/api/operator/merchants/keys", [401, 401, 400]),
    ("GET", "/api/operator/notifications", [401, 401, 400]),
    ("POST", "/api/operator/notifications/retry", [401, 401, 400]),
    ("GET", "/api/payments/{id}", [401, 404, 401]),
    ("POST", "/api/payments/{id}/confirm", [401, 400, 401]),
    ("POST", "/api/payments/{id}/release", [401, 404, 401]),
    ("POST", "/api/payments/{id}/dispute", [401, 404, 401]),
    ("GET", "/v1/openapi.json", [200, 200, 200]),
    // Neither a seat nor the operator is a merchant; `merchant.rs` has what a key opens.
    ("GET", "/v1/balance", [401, 401, 401]),
    ("POST", "/v1/payment_intents", [401, 401, 401]),
    ("GET", "/v1/payment_intents", [401, 401, 401]),
    ("GET", "/v1/payment_intents/{id}", [401, 401, 401]),
    ("GET", "/v1/payment_intents/{id}/receipt", [401, 401, 401]),
    ("POST", "/v1/payment_intents/{id}/cancel", [401, 401, 401]),
    ("POST", "/v1/payment_intents/{id}/capture", [401, 401, 401]),
    ("POST", "/v1/payment_intents/{id}/refund", [401, 401, 401]),
    ("POST", "/v1/payment_intents/{id}/ship", [401, 401, 401]),
    ("POST", "/v1/collect", [401, 401, 401]),
    ("GET", "/C/{code}", [200, 200, 200]),
    ("GET", "/api/chats", [401, 200, 401]),
    ("POST", "/api/chats", [401, 200, 401]),
    ("POST", "/api/chats/invitation", [401, 400, 401]),
    ("POST", "/api/chats/join", [401, 400, 401]),
    ("POST", "/api/chats/unblock", [401, 400, 401]),
    ("GET", "/api/chats/{id}", [401, 404, 401]),
    ("POST", "/api/chats/{id}/say", [401, 400, 401]),
    ("POST", "/api/chats/{id}/read", [401, 400, 401]),
    ("POST", "/api/chats/{id}/title", [401, 400, 401]),
    ("POST", "/api/chats/{id}/invite", [401, 404, 401]),
    ("POST", "/api/chats/{id}/ask", [401, 400, 401]),
    ("POST", "/api/chats/{id}/answer", [401, 400, 401]),
    ("POST", "/api/chats/{id}/remove", [401, 400, 401]),
    ("POST", "/api/chats/{id}/block", [401, 400, 401]),
    ("POST", "/api/chats/{id}/leave", [401, 404, 401]),
    ("POST", "/api/chats/{id}/open", [401, 400, 401]),
    ("POST", "/api/chats/{id}/sheet", [401, 400, 401]),
    ("POST", "/api/chats/{id}/give", [401, 400, 401]),
    ("POST", "/api/chats/{id}/claim", [401, 400, 401]),
    ("GET", "/T/{code}", [200, 200, 200]),
    ("GET", "/R/{code}", [200, 200, 200]),
    ("POST", "/api/receive", [401, 200, 401]),
    ("POST", "/api/receive/end", [401, 200, 401]),
    ("POST", "/api/transfers", [401, 400, 401]),
    ("POST", "/api/transfers/sheet", [401, 400, 401]),
    ("POST", "/api/packets", [401, 400, 401]),
    ("POST", "/api/packets/sheet", [401, 400, 401]),
    ("GET", "/api/packets/{id}", [401, 404, 401]),
    ("POST", "/api/packets/{id}/claim", [401, 400, 401]),
    ("POST", "/api/codes/scan", [401, 400, 401]),
    ("POST", "/api/codes/present", [401, 200, 401]),
    ("GET", "/api/codes/presented", [401, 200, 401]),
    ("POST", "/api/codes/withdraw", [401, 200, 401]),
    ("GET", "/v1/events", [401, 401, 401]),
    ("GET", "/v1/events/{id}", [401, 401, 401]),
    // This kiosk has no tools; `host/dev/tests/routes.rs` has the table of one that was started with them.
    ("GET", "/dev/{*path}", [404, 404, 404]),
];

/// Whole, so that nothing is let in by an addition: no inline script or style, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; \
     connect-src 'self'; worker-src 'self'; media-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn address(route: &Route) -> String {
    route
        .path
        .replace("{code}", "ABC")
        .replace("{digest}", &"0".repeat(64))
        .replace("{id}", "0000000000000001")
        .replace("{*file}", "no-such-file.js")
        .replace("{*path}", "common/none.svg")
}

async fn ask(device: &mut Device, route: &Route, headers: &[(&str, &str)]) -> Answer {
    let path = address(route);
    let own = format!("http://{}", device.authority);
    let mut all = headers.to_vec();
    if route.method == "POST" {
        if !all.iter().any(|(name, _)| *name == "origin") {
            all.push(("origin", &own));
        }
        all.push(("content-type", "application/json"));
        device.send("POST", &path, &all, b"{}").await
    } else {
        device.send("GET", &path, &all, b"").await
    }
}

/// One address asks for every route, with a person and an operator for each: more than a host expects of one.
async fn open_to_many() -> Kiosk {
    Kiosk::open(|config| {
        config.limits.visitors_per_minute = 10_000;
        config.limits.requests_per_second = 10_000;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_and_principal() {
    let expected: BTreeMap<(&str, &str), [u16; 3]> = EXPECTED.iter().map(|(method, path, status)| ((*method, *path), *status)).collect();
    let all = routes();
    assert_eq!(all.len(), expected.len(), "every route has a row, and every row a route");
    let kiosk = open_to_many().await;
    for route in &all {
        let wanted = expected
            .get(&(route.method, route.path))
            .unwrap_or_else(|| panic!("no row for {route:?}"));
        let nobody = kiosk.device();
        let person = kiosk.visitor().await;
        let operator = kiosk.operator().await;
        for (principal, (mut device, wanted)) in ["nobody", "person", "operator"]
            .iter()
            .zip([nobody, person, operator].into_iter().zip(wanted))
        {
            let answer = ask(&mut device, route, &[]).await;
            assert_eq!(
                answer.status,
                *wanted,
                "{principal}: {route:?}: {}",
                String::from_utf8_lossy(&answer.body)
            );
            if answer.status >= 400 {
                assert!(!answer.code().is_empty(), "{route:?} answers with a problem document: {answer:?}");
            }
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(answer.header(name), value, "{route:?}");
            }
            assert_eq!(answer.header("content-security-policy"), POLICY, "{route:?}");
            assert!(!answer.header("cache-control").is_empty(), "{route:?}");
        }
        let who = match *wanted {
            _ if route.path == "/registry/publish" => Who::Signer,
            [401, 401, 401] => Who::Merchant,
            [nobody, _, operator] if nobody == 401 && operator != 401 => Who::Operator,
            [401, ..] => Who::Person,
            _ if route.path == "/api/token" => Who::Publisher,
            _ if route.path.starts_with("/dev/") => Who::Author,
            _ => Who::Anyone,
        };
        assert_eq!(route.who, who, "{route:?}");
    }
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_at_every_door() {
    let kiosk = open_to_many().await;
    let port = kiosk.server.address().port();
    let (foreign_port, rebound) = (format!("localhost:{}", port.wrapping_add(1)), format!("evil.example:{port}"));
    let own = kiosk.authority();
    for route in routes() {
        let mut operator = kiosk.operator().await;
        let visitor = kiosk.visitor().await;
        operator.cookies.extend(visitor.cookies);
        for host in [
            rebound.as_str(),
            &foreign_port,
            "localhost",
            "",
            &format!("{own}.evil.example"),
            &format!("127.0.0.1.evil.example:{port}"),
        ] {
            let answer = ask(&mut operator, &route, &[("host", host)]).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "foreign-host"),
                "{route:?} as {host:?}"
            );
        }
        for origin in [
            "http://evil.example",
            "null",
            &format!("http://{foreign_port}"),
            &format!("http://{own}.evil.example"),
            &format!("ftp://{own}"),
        ] {
            let answer = ask(&mut operator, &route, &[("origin", origin)]).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "foreign-origin"),
                "{route:?} from {origin}"
            );
        }
        let answer = ask(
            &mut operator,
            &route,
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
        )
        .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "foreign-origin"),
            "{route:?} from another page"
        );
        // A server has no origin to name; it shows who it is in the body, or with a key.
        if route.method == "POST" && !matches!(route.who, Who::Publisher | Who::Signer | Who::Merchant) {
            let path = address(&route);
            let answer = operator.send("POST", &path, &[("content-type", "application/json")], b"{}").await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "foreign-origin"),
                "{route:?} without origin"
            );
        }
    }
    let mut operator = kiosk.operator().await;
    assert_eq!(
        operator.get("/api/operator/summary").await.status,
        200,
        "nothing of that signed the operator out"
    );
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_no_socket() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut visitor = kiosk.visitor().await;
    let opened = visitor.open(&kiosk.code()).await;
    let session = opened["session"].as_str().unwrap();
    let own = format!("http://{}", kiosk.authority());
    for (what, headers) in [
        ("another origin", vec![("origin", "http://evil.example")]),
        ("no origin", vec![("origin", "")]),
        ("null", vec![("origin", "null")]),
        ("another name", vec![("host", "evil.example"), ("origin", "http://evil.example")]),
        ("another name, own origin", vec![("host", "evil.example"), ("origin", own.as_str())]),
    ] {
        assert!(visitor.try_socket(session, &headers).await.is_err(), "{what}");
    }
    let other = kiosk.visitor().await;
    assert!(other.try_socket(session, &[]).await.is_err(), "another seat's session");
    assert!(kiosk.device().try_socket(session, &[]).await.is_err(), "no seat");
    assert!(visitor.try_socket(session, &[]).await.is_ok(), "its own");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_bounds() {
    let kiosk = Kiosk::open(|config| config.limits.picture_bytes = 200 << 10).await;
    let mut device = kiosk.device();
    let origin = format!("http://{}", kiosk.authority());
    let json_type = ("content-type", "application/json");
    for (path, size, status) in [
        ("/api/visitor", (64 << 10) + 1, 413),
        ("/api/decode", (200 << 10) + 1, 413),
        ("/api/decode", 100 << 10, 415),
    ] {
        let answer = device
            .send("POST", path, &[("origin", &origin), json_type], &vec![b' '; size])
            .await;
        assert_eq!(answer.status, status, "{path} with {size} bytes: {answer:?}");
    }
    let chunks = [("origin", origin.as_str()), json_type, ("transfer-encoding", "chunked")];
    let mut body = Vec::new();
    for _ in 0..80 {
        body.extend_from_slice(b"400\r\n");
        body.extend_from_slice(&[b' '; 1_024]);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let answer = device.send_raw("POST", "/api/visitor", &chunks, &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"), "{answer:?}");
    let answer = device
        .send(
            "POST",
            "/api/visitor",
            &[("origin", &origin), ("content-type", "text/plain")],
            b"{}",
        )
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "not-json"));
    let answer = device.send("GET", "/", &[("x-long", &"x".repeat(100 << 10))], b"").await;
    assert_eq!(answer.status, 431);
    let answer = device.send("POST", "/", &[("origin", &origin)], b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method"));
    let answer = device.get("/no/such/page").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"));
    let answer = device.get("/assets/../Cargo.toml").await;
    assert_eq!(answer.status, 404);
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_guesses_is_locked_out() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.device();
    for _ in 0..5 {
        let answer = device.post("/api/operator/sign-in", &json!({"pin": "00000000"})).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "denied"));
    }
    let answer = device.post("/api/operator/sign-in", &json!({"pin": kiosk.operator_pin})).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "limit"), "even with the right one");
    assert_eq!(device.get("/api/operator/summary").await.status, 401);
    kiosk.server.stop().await;
}
