//! Merchants' own servers over HTTP: keys, intents, the person's yes, notifications; and everything that is sent twice, altered or forged.

mod support;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::{Answer, Device, Kiosk, key, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use youji_kiosk::HostConfig;
use youji_kiosk::server::openapi::{DESCRIBED, operations};
use youji_kiosk::server::routes::routes;
use youji_services::trade::{Attempt, MerchantId, RETRIES_MS};
use youji_services::{Clock, Merchant, Names, NewPerson};

/// A clock that goes on by hand, above the machine's.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now_ms(&self) -> u64 {
        youji_services::SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

struct Shop {
    kiosk: Kiosk,
    server: Device,
    token: String,
}

impl Shop {
    async fn open(change: impl FnOnce(&mut HostConfig)) -> Shop {
        let kiosk = Kiosk::open(|config| {
            config.limits.sheet_guard = Duration::ZERO;
            config.limits.visitors_per_minute = 10_000;
            config.limits.requests_per_second = 10_000;
            change(config);
        })
        .await;
        let merchant = Merchant {
            publisher: key().id(),
            id: "stall".to_owned(),
            name: Names::new("小摊", "Corner Stall"),
        };
        kiosk.host.services().enrol_merchant(merchant).await.unwrap();
        let (_, token) = kiosk.host.services().make_merchant_key(&stall(), "test").await.unwrap();
        let server = kiosk.device();
        Shop { kiosk, server, token }
    }

    async fn post(&mut self, path: &str, again: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", again),
        ];
        self.server.send("POST", path, &headers, body.to_string().as_bytes()).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.server.send("GET", path, &[("authorization", &bearer)], b"").await
    }

    async fn make(&mut self, order: &str, body: Value) -> Value {
        let answer = self.post("/v1/payment_intents", order, &body).await;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    fn holds(&self) -> u64 {
        self.kiosk.host.services().merchant_holds(&stall())
    }
}

fn stall() -> MerchantId {
    MerchantId::new(key().id(), "stall")
}

fn tea(order: &str) -> Value {
    json!({"order": order, "description": "Two teas", "amount": "12.00", "currency": "CNY"})
}

/// Shows the sheet at the device and says yes.
async fn pay(device: &mut Device, id: &str, amount: &str) -> Answer {
    let sheet = device.get(&format!("/api/payments/{id}")).await;
    if sheet.status != 200 {
        return sheet;
    }
    let body = json!({"sheet": sheet.json()["id"], "amount": amount, "currency": "CNY"});
    device.post(&format!("/api/payments/{id}/confirm"), &body).await
}

fn is(answer: &Answer, status: u16, code: &str) {
    let shown = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
    for member in ["detail", "remedy", "title"] {
        assert!(
            answer.json()[member].as_str().is_some_and(|text| text.len() > 3),
            "{member}: {shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_asks_a_person_pays_and_gets_something_back() {
    let mut shop = Shop::open(|_| {}).await;
    let made = shop.make("A-1", tea("A-1")).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["state"], "requires_payment_method");
    assert!(made["pay_url"].as_str().unwrap().ends_with(&format!("/P/{id}")));
    let mut person = shop.kiosk.visitor().await;
    let sheet = person.get(&format!("/api/payments/{id}")).await.json();
    assert_eq!((&sheet["kind"], &sheet["amount"]), (&json!("payment"), &json!("12.00")));
    assert!(["小摊", "Corner Stall"].contains(&sheet["payee"].as_str().unwrap()));
    let paid = pay(&mut person, &id, "12.00").await;
    assert_eq!(paid.status, 200, "{}", String::from_utf8_lossy(&paid.body));
    let paid = paid.json();
    assert_eq!((&paid["state"], &paid["balance"]), (&json!("succeeded"), &json!("188.00")));
    let seen = shop.get(&format!("/v1/payment_intents/{id}")).await.json();
    assert_eq!(
        (&seen["state"], &seen["captured"], &seen["receipt"]),
        (&json!("succeeded"), &json!("12.00"), &paid["receipt"])
    );
    let receipt = shop.get(&format!("/v1/payment_intents/{id}/receipt")).await.json();
    assert!(shop.kiosk.host.services().verify_receipt(receipt["document"].as_str().unwrap()));
    let path = format!("/v1/payment_intents/{id}/refund");
    let part = shop.post(&path, "r-1", &json!({"amount": "2.00", "reason": "cold"})).await.json();
    assert_eq!((&part["refunded"], part["refunds"].as_array().unwrap().len()), (&json!("2.00"), 1));
    assert_eq!(
        shop.post(&path, "r-1", &json!({"amount": "2.00", "reason": "cold"})).await.json(),
        part
    );
    assert_eq!(shop.get("/v1/balance").await.json()["available"], "10.00");
    let list = shop.get("/v1/payment_intents?limit=1").await.json();
    assert_eq!(
        (list["payment_intents"][0]["id"].as_str(), list["more"].as_bool()),
        (Some(id.as_str()), Some(true))
    );
    let older = shop.get(&format!("/v1/payment_intents?before={id}")).await.json();
    assert_eq!(older["payment_intents"], json!([]));
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_key_opens_anything() {
    let mut shop = Shop::open(|_| {}).await;
    let good = shop.token.clone();
    for wrong in ["", "ymk_x_y", "Bearer", &good[1..]] {
        shop.token = wrong.to_owned();
        is(&shop.get("/v1/balance").await, 401, "no-merchant-key");
        is(&shop.post("/v1/payment_intents", "k", &tea("1")).await, 401, "no-merchant-key");
    }
    shop.token = good.clone();
    let id = shop.make("1", tea("1")).await["id"].as_str().unwrap().to_owned();
    // Another merchant sees and does nothing of it.
    let services = Arc::clone(shop.kiosk.host.services());
    let own = Merchant {
        publisher: key().id(),
        id: String::new(),
        name: Names::new("出版者", "Publisher"),
    };
    services.enrol_merchant(own).await.unwrap();
    let (_, other) = services.make_merchant_key(&MerchantId::new(key().id(), ""), "other").await.unwrap();
    shop.token = other;
    is(&shop.get(&format!("/v1/payment_intents/{id}")).await, 404, "not-found");
    is(
        &shop.post(&format!("/v1/payment_intents/{id}/cancel"), "c", &json!({})).await,
        404,
        "not-found",
    );
    shop.token = good.clone();
    // The operator makes and revokes keys; the secret is shown once.
    let mut operator = shop.kiosk.operator().await;
    let publisher = key().id();
    let body = json!({"publisher": publisher, "merchant": "stall", "name": "till"});
    let made = operator.post("/api/operator/merchants/keys", &body).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let listed = operator.get("/api/operator/merchants").await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&token));
    shop.token = token;
    assert_eq!(shop.get("/v1/balance").await.status, 200);
    let revoke = json!({"publisher": publisher, "merchant": "stall", "revoke": made["key"]["id"]});
    assert_eq!(operator.post("/api/operator/merchants/keys", &revoke).await.status, 200);
    is(&shop.get("/v1/balance").await, 401, "no-merchant-key");
    // Nor does a key of a publisher who is not allowed any more.
    shop.token = good;
    shop.kiosk.host.registry().disallow(&publisher).await.unwrap();
    is(&shop.get("/v1/balance").await, 403, "denied");
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let mut shop = Shop::open(|_| {}).await;
    let with = |name: &str, value: Value| {
        let mut body = tea("1");
        body[name] = value;
        body
    };
    for (body, status, code) in [
        (json!({}), 400, "invalid"),
        (with("amount", json!(12)), 400, "invalid"),
        (with("amount", json!("-1")), 400, "invalid"),
        (with("amount", json!("0.00")), 422, "limit"),
        (with("amount", json!("999999999999.00")), 422, "limit"),
        (with("currency", json!("EUR")), 422, "unsupported"),
        (with("mode", json!("gift")), 422, "unsupported"),
        (with("unknown", json!(1)), 400, "invalid"),
        (with("notify_url", json!("file:///etc/passwd")), 400, "invalid"),
        (with("lines", json!([{"title": "Tea", "amount": "1.00"}])), 400, "invalid"),
        (with("expires_at", json!(1)), 400, "invalid"),
    ] {
        let answer = shop.post("/v1/payment_intents", "k", &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{body}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        is(&answer, status, code);
    }
    for bad in ["", "with space", &"x".repeat(129)] {
        is(&shop.post("/v1/payment_intents", bad, &tea("1")).await, 400, "no-idempotency-key");
    }
    let mut large = tea("1");
    large["description"] = json!("x".repeat(70_000));
    is(&shop.post("/v1/payment_intents", "k", &large).await, 413, "too-large");
    is(&shop.get("/v1/payment_intents?limit=101").await, 400, "invalid");
    is(&shop.get("/v1/payment_intents?limit=x").await, 400, "invalid");
    is(&shop.get("/v1/payment_intents?before=none").await, 404, "not-found");
    is(&shop.get("/v1/events/evt_zz").await, 404, "not-found");
    assert_eq!(shop.get("/v1/payment_intents").await.json()["payment_intents"], json!([]));
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_twice_or_altered_has_one_outcome() {
    let mut shop = Shop::open(|_| {}).await;
    let first = shop.make("k-1", tea("A-1")).await;
    assert_eq!(shop.make("k-1", tea("A-1")).await, first);
    let mut other = tea("A-1");
    other["amount"] = json!("13.00");
    is(&shop.post("/v1/payment_intents", "k-1", &other).await, 422, "idempotency-mismatch");
    is(&shop.post("/v1/payment_intents", "k-2", &other).await, 409, "taken");
    // Many at once under one key.
    let bearer = format!("Bearer {}", shop.token);
    let tries = (0..12).map(|_| {
        let (mut device, bearer) = (shop.kiosk.device(), bearer.clone());
        tokio::spawn(async move {
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("idempotency-key", "k-3"),
            ];
            let answer = device
                .send("POST", "/v1/payment_intents", &headers, tea("A-3").to_string().as_bytes())
                .await;
            (answer.status, answer.body)
        })
    });
    let answers: BTreeSet<_> = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Another amount than the one that is asked.
    let id = first["id"].as_str().unwrap().to_owned();
    let mut person = shop.kiosk.visitor().await;
    is(&pay(&mut person, &id, "1.00").await, 409, "conflict");
    let confirm = format!("/api/payments/{id}/confirm");
    let yes = json!({"amount": "12.00", "currency": "CNY"});
    is(&person.post(&confirm, &yes).await, 409, "no-sheet");
    let strange = json!({"sheet": "00000000000000aa", "amount": "12.00", "currency": "CNY"});
    is(&person.post(&confirm, &strange).await, 409, "no-sheet");
    assert_eq!(shop.holds(), 0);
    // Two people, each many times at once.
    let mut people = vec![person];
    people.push(shop.kiosk.visitor().await);
    let mut tries = Vec::new();
    for device in &mut people {
        let sheet = device.get(&format!("/api/payments/{id}")).await.json()["id"].clone();
        for _ in 0..6 {
            let mut device = device.clone();
            let (confirm, body) = (confirm.clone(), json!({"sheet": sheet, "amount": "12.00", "currency": "CNY"}));
            tries.push(tokio::spawn(async move { device.post(&confirm, &body).await }));
        }
    }
    let done: Vec<Answer> = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let moved = done
        .iter()
        .filter(|answer| answer.status == 200 && answer.json()["before"] == false)
        .count();
    assert_eq!(moved, 1, "{done:?}");
    assert_eq!(shop.holds(), 1_200);
    let sheet = people[1].get(&format!("/api/payments/{id}")).await;
    is(&sheet, 409, "conflict");
    // Many refunds at once under one key; the same key for another intent.
    let tries = (0..8).map(|_| {
        let (mut device, bearer, path) = (shop.kiosk.device(), bearer.clone(), format!("/v1/payment_intents/{id}/refund"));
        tokio::spawn(async move {
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("idempotency-key", "r"),
            ];
            device.send("POST", &path, &headers, br#"{"amount":"5.00"}"#).await.body
        })
    });
    let answers: BTreeSet<_> = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!((answers.len(), shop.holds()), (1, 700));
    is(
        &shop
            .post(&format!("/v1/payment_intents/{id}/refund"), "r", &json!({"amount": "4.00"}))
            .await,
        422,
        "idempotency-mismatch",
    );
    is(
        &shop
            .post(&format!("/v1/payment_intents/{id}/refund"), "r2", &json!({"amount": "7.01"}))
            .await,
        422,
        "limit",
    );
    assert_eq!(shop.holds(), 700);
    shop.kiosk.host.services().check_ledger().await.unwrap();
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_may_allow_further_payments_to_the_same_merchant() {
    let mut shop = Shop::open(|_| {}).await;
    let anna = NewPerson {
        name: "Anna".to_owned(),
        code: "anna".to_owned(),
        pin: "2468".to_owned(),
        language: "en".to_owned(),
        balance: 50_000,
        profile: Vec::new(),
    };
    shop.kiosk.host.services().create_person(anna).await.unwrap();
    let mut device = shop.kiosk.device();
    assert_eq!(
        device.post("/api/sign-in", &json!({"code": "anna", "pin": "2468"})).await.status,
        200
    );
    let confirm = async |device: &mut Device, id: &str, more: Value| {
        let sheet = device.get(&format!("/api/payments/{id}")).await.json()["id"].clone();
        let mut body = json!({"sheet": sheet, "amount": "12.00", "currency": "CNY"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        device.post(&format!("/api/payments/{id}/confirm"), &body).await
    };
    let mut ids = Vec::new();
    for at in 0..8 {
        let order = format!("S-{at}");
        ids.push(shop.make(&order, tea(&order)).await["id"].as_str().unwrap().to_owned());
    }
    is(&confirm(&mut device, &ids[0], json!({})).await, 403, "pin-required");
    is(&confirm(&mut device, &ids[0], json!({"pin": "1111"})).await, 403, "denied");
    is(
        &confirm(&mut device, &ids[0], json!({"pin": "2468", "spending": "30.00"})).await,
        400,
        "invalid",
    );
    assert_eq!(
        confirm(&mut device, &ids[0], json!({"pin": "2468", "spending": "50.00"}))
            .await
            .status,
        200
    );
    // Four more fit, without PIN and with or without a sheet; a fifth one does not.
    let bare = json!({"amount": "12.00", "currency": "CNY"});
    assert_eq!(confirm(&mut device, &ids[1], json!({})).await.status, 200);
    for id in &ids[5..8] {
        assert_eq!(device.post(&format!("/api/payments/{id}/confirm"), &bare).await.status, 200);
    }
    is(&confirm(&mut device, &ids[3], json!({})).await, 403, "pin-required");
    is(
        &device.post(&format!("/api/payments/{}/confirm", ids[3]), &bare).await,
        409,
        "no-sheet",
    );
    // What is held is asked for with the PIN each time.
    let mut held = tea("S-held");
    held["mode"] = json!("escrow");
    let held = shop.make("S-held", held).await["id"].as_str().unwrap().to_owned();
    // The sheet says what may be opened, and what stands.
    let terms = device.get(&format!("/api/payments/{}", ids[3])).await.json();
    assert_eq!(
        (&terms["pin"], &terms["terms"]["spendingLimits"][2]),
        (&json!(true), &json!("500.00"))
    );
    // Another seat of the same person has no part in it.
    assert_eq!(
        confirm(&mut device, &ids[3], json!({"pin": "2468", "spending": "50.00"}))
            .await
            .status,
        200
    );
    let terms = device.get(&format!("/api/payments/{}", ids[4])).await.json();
    assert_eq!((&terms["pin"], &terms["terms"]["spendingLeft"]), (&json!(false), &json!("50.00")));
    is(&confirm(&mut device, &held, json!({})).await, 403, "pin-required");
    let mut elsewhere = shop.kiosk.device();
    assert_eq!(
        elsewhere.post("/api/sign-in", &json!({"code": "anna", "pin": "2468"})).await.status,
        200
    );
    is(&confirm(&mut elsewhere, &ids[4], json!({})).await, 403, "pin-required");
    assert_eq!(elsewhere.get("/api/person/spending").await.json()["spending"], json!([]));
    assert_eq!(shop.holds(), 6 * 1_200);
    // It is seen at its seat, and ended there, by nobody else.
    let stands = device.get("/api/person/spending").await.json()["spending"].clone();
    assert_eq!(
        (stands.as_array().map(Vec::len), &stands[0]["limit"], &stands[0]["left"]),
        (Some(1), &json!("50.00"), &json!("50.00")),
        "{stands}"
    );
    let end = json!({"id": stands[0]["id"]});
    is(&elsewhere.post("/api/person/spending/end", &end).await, 404, "not-found");
    assert_eq!(device.post("/api/person/spending/end", &end).await.status, 200);
    is(&device.post("/api/person/spending/end", &end).await, 404, "not-found");
    is(&confirm(&mut device, &ids[4], json!({})).await, 403, "pin-required");
    // Whoever guesses the PIN elsewhere ends it too, and so does leaving: what was spent stands in the person's chain.
    assert_eq!(
        confirm(&mut device, &ids[4], json!({"pin": "2468", "spending": "50.00"}))
            .await
            .status,
        200
    );
    for _ in 0..5 {
        is(&confirm(&mut elsewhere, &ids[2], json!({"pin": "0000"})).await, 403, "denied");
    }
    assert_eq!(device.get("/api/person/spending").await.json()["spending"], json!([]));
    is(&confirm(&mut device, &ids[2], json!({})).await, 403, "pin-required");
    let audit = device.get("/api/person/audit").await.json();
    let notes = audit["records"].as_array().unwrap().iter();
    let ended: Vec<&Value> = notes
        .filter(|note| note["act"] == "spending.ended")
        .map(|note| &note["amount"])
        .collect();
    assert_eq!(ended.len(), 3, "{ended:?}");
    assert_eq!(shop.holds(), 7 * 1_200);
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_sooner_than_anybody_reads_confirms_nothing() {
    let mut shop = Shop::open(|config| config.limits.sheet_guard = Duration::from_secs(3_600)).await;
    let id = shop.make("1", tea("1")).await["id"].as_str().unwrap().to_owned();
    let mut person = shop.kiosk.visitor().await;
    is(&pay(&mut person, &id, "12.00").await, 409, "too-soon");
    assert_eq!(shop.holds(), 0);
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escrow_is_released_or_disputed_by_its_payer() {
    let mut shop = Shop::open(|_| {}).await;
    let mut person = shop.kiosk.visitor().await;
    for (order, action, state) in [("E-1", "release", "succeeded"), ("E-2", "dispute", "disputed")] {
        let mut body = tea(order);
        body["mode"] = json!("escrow");
        let id = shop.make(order, body).await["id"].as_str().unwrap().to_owned();
        assert_eq!(pay(&mut person, &id, "12.00").await.json()["state"], "requires_capture");
        is(
            &shop
                .post(&format!("/v1/payment_intents/{id}/capture"), &format!("c{order}"), &json!({}))
                .await,
            409,
            "forbidden",
        );
        assert_eq!(
            shop.post(
                &format!("/v1/payment_intents/{id}/ship"),
                &format!("s{order}"),
                &json!({"tracking": "SF1"})
            )
            .await
            .json()["shipped"],
            true
        );
        let mut stranger = shop.kiosk.visitor().await;
        is(
            &stranger.post(&format!("/api/payments/{id}/{action}"), &json!({})).await,
            404,
            "not-found",
        );
        let done = person.post(&format!("/api/payments/{id}/{action}"), &json!({})).await;
        assert_eq!((done.status, done.json()["state"].as_str()), (200, Some(state)));
    }
    assert_eq!(shop.holds(), 1_200);
    shop.kiosk.server.stop().await;
}

/// A receiver on this machine that answers with those statuses, then with 200, and hands on what it got.
async fn receiver(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?shop=1", listener.local_addr().unwrap());
    let (said, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4_096];
            let (head, body) = loop {
                let read = stream.read(&mut chunk).await.unwrap_or(0);
                if read == 0 {
                    break (String::new(), String::new());
                }
                bytes.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                if body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0) {
                    break (head.to_owned(), body.to_owned());
                }
            };
            if head.is_empty() {
                continue;
            }
            let _ = said.send((head, body));
            let status = statuses.next().copied().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, heard)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")));
    line.map_or("", |line| line[name.len() + 2..].trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_signed_and_tried_again() {
    let clock = Arc::new(Hand(AtomicU64::new(0)));
    let hand = Arc::clone(&clock);
    let mut shop = Shop::open(move |config| {
        config.notify_private = true;
        config.clock = hand;
    })
    .await;
    // A redirect is an answer like any other that is no success: nobody goes where it leads.
    let (url, mut heard) = receiver(&[500, 302]).await;
    let mut body = tea("N-1");
    body["notify_url"] = json!(url);
    let id = shop.make("N-1", body).await["id"].as_str().unwrap().to_owned();
    let mut person = shop.kiosk.visitor().await;
    assert_eq!(pay(&mut person, &id, "12.00").await.status, 200);
    let keys = shop.server.get("/.well-known/jwks.json").await.json();
    let mut seen = Vec::new();
    for (at, later) in RETRIES_MS.iter().take(3).enumerate() {
        let (head, body) = tokio::time::timeout(Duration::from_secs(60), heard.recv()).await.unwrap().unwrap();
        assert!(head.starts_with("POST /hook?shop=1 HTTP/1.1"), "{head}");
        let (event, seconds) = (header(&head, "webhook-id").to_owned(), header(&head, "webhook-timestamp"));
        let signature = header(&head, "webhook-signature").strip_prefix("v1a,").unwrap();
        let signature = BASE64.decode(signature.as_bytes()).unwrap();
        let verifies = |body: &str| {
            keys["keys"].as_array().unwrap().iter().any(|key| {
                let public = BASE64URL_NOPAD.decode(key["x"].as_str().unwrap().as_bytes()).unwrap();
                let public = ed25519_dalek::VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
                let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
                public
                    .verify_strict(format!("{event}.{seconds}.{body}").as_bytes(), &signature)
                    .is_ok()
            })
        };
        assert!(verifies(&body));
        assert!(!verifies(&body.replace("12.00", "99.00")), "a forged one does not verify");
        seen.push((event.clone(), body));
        // What came of it is written down before the schedule goes on.
        let services = Arc::clone(shop.kiosk.host.services());
        until("the attempt is in the log", || {
            services
                .notification(&stall(), &event)
                .is_ok_and(|log| log.attempts.len() == at + 1)
        })
        .await;
        if at < 2 {
            clock.0.fetch_add(*later, Ordering::Relaxed);
        }
    }
    assert!(
        seen.iter().all(|(event, body)| (event, body) == (&seen[0].0, &seen[0].1)),
        "the same each time"
    );
    let said: Value = serde_json::from_str(&seen[0].1).unwrap();
    assert_eq!(
        (&said["type"], &said["data"]["id"], &said["data"]["amount"]),
        (&json!("payment_intent.succeeded"), &json!(id), &json!("12.00"))
    );
    let log = shop.get("/v1/events").await.json();
    let attempts: Vec<u64> = log["events"][0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(
        (attempts, &log["events"][0]["delivery"]),
        (vec![500, 302, 200], &json!("delivered"))
    );
    // Somebody who invents a notification changes nothing: what counts is asked of the host.
    assert_eq!(shop.get(&format!("/v1/payment_intents/{id}")).await.json()["captured"], "12.00");
    shop.kiosk.server.stop().await;
}

/// What was delivered or given up is sent once more when the operator says so, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_deliveries_and_has_one_sent_again() {
    let mut shop = Shop::open(|config| config.notify_private = true).await;
    let (url, mut heard) = receiver(&[]).await;
    let mut body = tea("N-2");
    body["notify_url"] = json!(url);
    let id = shop.make("N-2", body).await["id"].as_str().unwrap().to_owned();
    let mut person = shop.kiosk.visitor().await;
    assert_eq!(pay(&mut person, &id, "12.00").await.status, 200);
    let mut got = async || tokio::time::timeout(Duration::from_secs(60), heard.recv()).await.unwrap().unwrap();
    let first = got().await;
    let event = header(&first.0, "webhook-id").to_owned();
    let services = Arc::clone(shop.kiosk.host.services());
    let attempts = |count: usize| {
        let (services, event) = (Arc::clone(&services), event.clone());
        until("the attempt is in the log", move || {
            let log = services.notification(&stall(), &event);
            log.is_ok_and(|log| log.attempts.len() == count && log.delivery == "delivered")
        })
    };
    attempts(1).await;
    let mut operator = shop.kiosk.operator().await;
    let path = format!("/api/operator/notifications?publisher={}&merchant=stall", stall().publisher);
    let seen = operator.get(&path).await.json();
    assert_eq!(
        (&seen["events"][0]["id"], &seen["events"][0]["delivery"], &seen["more"]),
        (&json!(event), &json!("delivered"), &json!(false)),
        "{seen}"
    );
    let again = json!({"publisher": stall().publisher, "merchant": "stall", "id": event});
    let retried = operator.post("/api/operator/notifications/retry", &again).await;
    assert_eq!(
        (retried.status, &retried.json()["delivery"]),
        (200, &json!("pending")),
        "{retried:?}"
    );
    let second = got().await;
    assert_eq!(
        (header(&second.0, "webhook-id"), &second.1),
        (event.as_str(), &first.1),
        "the same once more"
    );
    attempts(2).await;
    // Another merchant's is none of that one's.
    let wrong = json!({"publisher": stall().publisher, "merchant": "other", "id": event});
    is(&operator.post("/api/operator/notifications/retry", &wrong).await, 404, "not-found");
    assert!(heard.try_recv().is_err(), "nothing was sent for that");
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_notification_goes_into_the_hosts_own_network() {
    let mut shop = Shop::open(|_| {}).await;
    let (url, mut heard) = receiver(&[]).await;
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for (at, url) in [
        url.clone(),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("https://127.0.0.1:{port}/"),
    ]
    .into_iter()
    .enumerate()
    {
        let order = format!("N-{at}");
        let mut body = tea(&order);
        body["notify_url"] = json!(url);
        let id = shop.make(&order, body).await["id"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.post(&format!("/v1/payment_intents/{id}/cancel"), &format!("c{at}"), &json!({}))
                .await
                .status,
            200
        );
    }
    let services = Arc::clone(shop.kiosk.host.services());
    until("all were tried", || {
        let log = services.notifications(&stall(), None, 10).unwrap();
        log.len() == 5 && log.iter().all(|one| !one.attempts.is_empty())
    })
    .await;
    let tried: Vec<Attempt> = services
        .notifications(&stall(), None, 10)
        .unwrap()
        .into_iter()
        .map(|one| one.attempts[0].clone())
        .collect();
    assert!(tried.iter().all(|attempt| attempt.status == 0), "{tried:?}");
    assert!(
        tried.iter().filter(|attempt| attempt.error == "private-address").count() >= 4,
        "{tried:?}"
    );
    assert!(heard.try_recv().is_err(), "nothing arrived");
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shows_no_certificate_is_told_nothing() {
    let mut shop = Shop::open(|config| config.notify_private = true).await;
    let (url, mut heard) = receiver(&[]).await;
    let mut body = tea("N-1");
    body["notify_url"] = json!(url.replace("http:", "https:"));
    let id = shop.make("N-1", body).await["id"].as_str().unwrap().to_owned();
    let canceled = shop.post(&format!("/v1/payment_intents/{id}/cancel"), "c", &json!({})).await;
    assert_eq!(canceled.status, 200);
    let services = Arc::clone(shop.kiosk.host.services());
    let first = || {
        services
            .notifications(&stall(), None, 1)
            .unwrap()
            .first()?
            .attempts
            .first()
            .cloned()
    };
    until("it was tried", || first().is_some()).await;
    let attempt = first().unwrap();
    assert!(
        attempt.status == 0 && ["tls", "timeout"].contains(&attempt.error.as_str()),
        "{attempt:?}"
    );
    assert!(heard.try_recv().is_err(), "nothing readable arrived");
    shop.kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route_and_no_other() {
    let mut shop = Shop::open(|_| {}).await;
    let described: BTreeSet<(String, String)> = operations()
        .into_iter()
        .map(|(method, path)| (method.to_uppercase(), path.to_owned()))
        .collect();
    let there: BTreeSet<(String, String)> = routes()
        .into_iter()
        .filter(|route| DESCRIBED.iter().any(|prefix| route.path.starts_with(prefix)))
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(described, there);
    let answer = shop.server.get("/v1/openapi.json").await.json();
    assert_eq!(answer["openapi"], "3.1.0");
    for (method, path) in described {
        let operation = &answer["paths"][path.as_str()][method.to_lowercase().as_str()];
        assert!(operation["summary"].is_string(), "{method} {path}");
        let gift = ["/api/transfers", "/api/packets"].iter().any(|prefix| path.starts_with(prefix)) && !path.ends_with("/sheet");
        let moves = method == "POST" && (path.starts_with("/v1/") || gift);
        let keyed = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["name"] == "Idempotency-Key" && one["required"] == true);
        assert_eq!(moves, keyed, "{method} {path}");
    }
    shop.kiosk.server.stop().await;
}
