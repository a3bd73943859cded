//! Staff at their own seat: they collect with a customer's code and give back, for the merchants of who gave them a role and nobody else's.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Device, Kiosk, key};
use youji_services::{Merchant, Names, NewPerson};

async fn signed_in(kiosk: &Kiosk, code: &str, role: Option<&str>) -> Device {
    let new = NewPerson {
        name: code.to_owned(),
        code: code.to_owned(),
        pin: "2468".to_owned(),
        language: "en".to_owned(),
        balance: 10_000,
        profile: Vec::new(),
    };
    let person = kiosk.host.services().create_person(new).await.expect("a person");
    if let Some(role) = role {
        kiosk
            .host
            .services()
            .set_role(&person.id, &key().id(), role, true)
            .await
            .expect("a role");
    }
    let mut device = kiosk.device();
    assert_eq!(device.post("/api/sign-in", &json!({"code": code, "pin": "2468"})).await.status, 200);
    device
}

async fn kiosk() -> Kiosk {
    let kiosk = Kiosk::open(|config| {
        config.limits.sheet_guard = Duration::ZERO;
        config.limits.requests_per_second = 10_000;
    })
    .await;
    let merchant = Merchant {
        publisher: key().id(),
        id: "stall".to_owned(),
        name: Names::new("小摊", "Corner Stall"),
    };
    kiosk.host.services().enrol_merchant(merchant).await.expect("a merchant");
    kiosk
}

async fn send(device: &mut Device, path: &str, again: &str, body: &Value) -> Answer {
    let origin = format!("http://{}", device.authority);
    let headers = [
        ("origin", origin.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", again),
    ];
    device.send("POST", path, &headers, body.to_string().as_bytes()).await
}

fn collect(code: &str, amount: &str) -> Value {
    json!({"publisher": key().id(), "merchant": "stall", "code": code, "amount": amount})
}

fn is(answer: &Answer, status: u16, code: &str) {
    let shown = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
}

async fn presented(device: &mut Device, pin: &str) -> String {
    let shown = device.post("/api/codes/present", &json!({"pin": pin})).await.json();
    shown["digits"].as_str().expect("digits").to_owned()
}

async fn balance(device: &mut Device) -> Value {
    device.get("/api/person").await.json()["balance"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_collect_with_a_customers_code_and_give_it_back() {
    let kiosk = kiosk().await;
    let mut staff = signed_in(&kiosk, "cook", Some("kitchen")).await;
    let mut customer = kiosk.visitor().await;
    let counters = staff.get("/api/staff").await.json();
    assert_eq!(
        (
            counters["merchants"].as_array().map(Vec::len),
            &counters["merchants"][0]["name"]["en"]
        ),
        (Some(1), &json!("Corner Stall")),
        "{counters}"
    );
    let digits = presented(&mut customer, "").await;
    let paid = send(&mut staff, "/api/staff/collect", "a", &collect(&digits, "12.00")).await;
    assert_eq!((paid.status, &paid.json()["state"]), (200, &json!("succeeded")), "{paid:?}");
    assert_eq!(
        (balance(&mut customer).await, balance(&mut staff).await),
        (json!("188.00"), json!("100.00"))
    );
    // Sent again, it is the same; altered it is not; with a new key the code is used.
    let again = send(&mut staff, "/api/staff/collect", "a", &collect(&digits, "12.00")).await.json();
    assert_eq!(
        (&again["receipt"], &again["before"]),
        (&paid.json()["receipt"], &json!(true)),
        "{again}"
    );
    is(
        &send(&mut staff, "/api/staff/collect", "a", &collect(&digits, "13.00")).await,
        409,
        "taken",
    );
    is(
        &send(&mut staff, "/api/staff/collect", "b", &collect(&digits, "12.00")).await,
        409,
        "code-used",
    );
    let bare = staff.post("/api/staff/collect", &collect(&digits, "12.00")).await;
    is(&bare, 400, "no-idempotency-key");

    // Given back in two parts, each once.
    let list = format!("/api/staff/payments?publisher={}&merchant=stall", key().id());
    let shown = staff.get(&list).await.json();
    let one = shown["payments"]
        .as_array()
        .expect("payments")
        .iter()
        .find(|one| one["state"] == "succeeded");
    let path = format!("/api/staff/payments/{}", one.expect("the payment")["id"].as_str().expect("an id"));
    let back = |amount: &str| json!({"publisher": key().id(), "merchant": "stall", "action": "refund", "amount": amount});
    for _ in 0..2 {
        let done = send(&mut staff, &path, "r1", &back("5.00")).await;
        assert_eq!((done.status, &done.json()["refunded"]), (200, &json!("5.00")), "{done:?}");
    }
    is(&send(&mut staff, &path, "r2", &back("7.01")).await, 422, "limit");
    assert_eq!(send(&mut staff, &path, "r3", &back("7.00")).await.json()["refunded"], "12.00");
    assert_eq!(balance(&mut customer).await, "200.00");
    is(
        &send(
            &mut staff,
            &path,
            "r4",
            &json!({"publisher": key().id(), "merchant": "stall", "action": "dispute"}),
        )
        .await,
        400,
        "invalid",
    );
    kiosk.host.services().check_ledger().await.expect("a whole ledger");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_staff_collects_nothing_and_sees_nothing() {
    let kiosk = kiosk().await;
    let mut staff = signed_in(&kiosk, "cook", Some("kitchen")).await;
    let mut other = signed_in(&kiosk, "guest", None).await;
    let mut customer = kiosk.visitor().await;
    let digits = presented(&mut customer, "").await;
    assert_eq!(other.get("/api/staff").await.json()["merchants"], json!([]));
    is(
        &send(&mut other, "/api/staff/collect", "a", &collect(&digits, "12.00")).await,
        403,
        "forbidden",
    );
    let list = format!("/api/staff/payments?publisher={}&merchant=stall", key().id());
    is(&other.get(&list).await, 403, "forbidden");
    // The code is as good as before. Of a merchant of nobody, or another publisher's, staff get nothing either.
    for (publisher, merchant, status, code) in [
        (key().id().to_string(), "nobody", 404, "not-found"),
        ("somebody-else".to_owned(), "stall", 403, "forbidden"),
    ] {
        let body = json!({"publisher": publisher, "merchant": merchant, "code": digits, "amount": "1.00"});
        is(&send(&mut staff, "/api/staff/collect", merchant, &body).await, status, code);
    }
    let done = send(&mut staff, "/api/staff/collect", "c", &collect(&digits, "1.00")).await;
    assert_eq!(done.status, 200, "{done:?}");
    let id = done.json()["payment_intent"].as_str().expect("an intent").to_owned();
    let back = json!({"publisher": key().id(), "merchant": "stall", "action": "refund", "amount": "1.00"});
    is(
        &send(&mut other, &format!("/api/staff/payments/{id}"), "d", &back).await,
        403,
        "forbidden",
    );
    assert_eq!(balance(&mut customer).await, "199.00");
    // A role that is taken away counts from the next request on.
    let cook = kiosk
        .host
        .services()
        .people()
        .into_iter()
        .find(|person| person.code == "cook")
        .expect("the cook");
    kiosk
        .host
        .services()
        .set_role(&cook.id, &key().id(), "kitchen", false)
        .await
        .expect("taken away");
    is(
        &send(&mut staff, &format!("/api/staff/payments/{id}"), "e", &back).await,
        403,
        "forbidden",
    );
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_given_at_once_is_asked_on_the_customers_own_screen() {
    let kiosk = kiosk().await;
    let mut staff = signed_in(&kiosk, "cook", Some("kitchen")).await;
    let mut customer = signed_in(&kiosk, "rich", None).await;
    let person = kiosk
        .host
        .services()
        .people()
        .into_iter()
        .find(|person| person.code == "rich")
        .expect("them");
    kiosk.host.services().top_up(&person.id, 100_000, "more").await.expect("topped up");
    let digits = presented(&mut customer, "2468").await;
    let asked = send(&mut staff, "/api/staff/collect", "a", &collect(&digits, "500.00"))
        .await
        .json();
    assert_eq!(asked["state"], "requires_confirmation", "{asked}");
    let state = customer.get("/api/codes/presented").await.json();
    assert_eq!((&state["state"], &state["payment"]), (&json!("asks"), &asked["payment_intent"]));
    let path = format!("/api/payments/{}", state["payment"].as_str().expect("a payment"));
    let sheet = customer.get(&path).await.json();
    assert_eq!((&sheet["payee"], &sheet["pin"]), (&json!("Corner Stall"), &json!(true)), "{sheet}");
    let yes = json!({"sheet": sheet["id"], "amount": "500.00", "currency": "CNY", "pin": "2468"});
    assert_eq!(customer.post(&format!("{path}/confirm"), &yes).await.status, 200);
    let list = format!("/api/staff/payments?publisher={}&merchant=stall", key().id());
    assert_eq!(staff.get(&list).await.json()["payments"][0]["state"], "succeeded");
    assert_eq!(balance(&mut customer).await, "600.00");
    kiosk.server.stop().await;
}

/// What is held of a pay link is on its payer's receipt, with what they may do.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stands_on_the_receipt_until_it_is_released() {
    let kiosk = kiosk().await;
    let services = kiosk.host.services();
    let merchant = youji_services::trade::MerchantId::new(key().id(), "stall");
    let new = youji_services::trade::NewIntent {
        order: "held".to_owned(),
        description: "A lamp".to_owned(),
        amount: 2_000,
        currency: "CNY".to_owned(),
        mode: "escrow".to_owned(),
        ..youji_services::trade::NewIntent::default()
    };
    let again = youji_services::trade::Idempotency::new("held", &[b"held"]);
    let intent = services.make_intent(&merchant, new, &again).await.expect("an intent");
    let mut customer = kiosk.visitor().await;
    let path = format!("/api/payments/{}", intent.id);
    let sheet = customer.get(&path).await.json();
    let yes = json!({"sheet": sheet["id"], "amount": "20.00", "currency": "CNY"});
    assert_eq!(customer.post(&format!("{path}/confirm"), &yes).await.status, 200);
    let held = customer.get("/api/person/receipts").await.json()["receipts"][0]["held"].clone();
    assert_eq!(
        (&held["payment"], &held["amount"], &held["mode"], &held["disputed"]),
        (&json!(intent.id), &json!("20.00"), &json!("escrow"), &json!(false)),
        "{held}"
    );
    assert_eq!(customer.post(&format!("{path}/dispute"), &json!({})).await.status, 200);
    let receipts = customer.get("/api/person/receipts").await.json();
    assert_eq!(receipts["receipts"][0]["held"]["disputed"], true, "{receipts}");
    assert_eq!(customer.post(&format!("{path}/release"), &json!({})).await.status, 200);
    assert_eq!(services.merchant_holds(&merchant), 2_000);
    let receipts = customer.get("/api/person/receipts").await.json();
    let all = receipts["receipts"].as_array().expect("receipts");
    assert!(all.iter().all(|one| one["held"].is_null()), "{receipts}");
    kiosk.server.stop().await;
}
