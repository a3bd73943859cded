//! Payment codes over HTTP and at a seat, and what a PIN allows to be paid with a tap only.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Device, Kiosk, key};
use youji_package::emv::{Account, EmvCode};
use youji_services::NewPerson;
use youji_services::trade::MerchantId;

/// A kiosk whose trial publisher takes money, and a key of its server.
async fn shop(guard: Duration) -> (Kiosk, String) {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = guard).await;
    kiosk.enrol_shop().await;
    let merchant = MerchantId::new(key().id(), "");
    let (_, token) = kiosk.host.services().make_merchant_key(&merchant, "till").await.expect("a key");
    (kiosk, token)
}

fn printed(amount: Option<u64>) -> String {
    let code = EmvCode {
        accounts: vec![Account::youji(&key().id(), "").expect("it fits")],
        category: Some("5812".to_owned()),
        currency: 156,
        amount,
        country: "CN".to_owned(),
        name: Some("Somebody Else".to_owned()),
        city: Some("BEIJING".to_owned()),
        ..EmvCode::default()
    };
    code.issue().expect("a code")
}

async fn balance(device: &mut Device) -> Value {
    device.get("/api/person").await.json()["balance"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_code_opens_the_hosts_sheet_and_moves_nothing_without_it() {
    let (kiosk, _) = shop(Duration::ZERO).await;
    let mut device = kiosk.visitor().await;
    let before = balance(&mut device).await;
    // How much is the person's to say.
    let asked = device.post("/api/codes/scan", &json!({"code": printed(None)})).await.json();
    assert_eq!(
        (&asked["payee"], &asked["amount"], &asked["payment"]),
        (&json!("Trial Shop"), &Value::Null, &Value::Null),
        "{asked}"
    );
    let scanned = device
        .post("/api/codes/scan", &json!({"code": printed(None), "amount": "5.00"}))
        .await
        .json();
    let payment = scanned["payment"].as_str().expect("a payment").to_owned();
    assert_eq!(balance(&mut device).await, before, "nothing moved");
    let path = format!("/api/payments/{payment}");
    let sheet = device.get(&path).await.json();
    assert_eq!(
        (&sheet["payee"], &sheet["amount"]),
        (&json!("Trial Shop"), &json!("5.00")),
        "{sheet}"
    );
    // Agreed to another amount than the sheet's.
    let altered = json!({"sheet": sheet["id"], "amount": "0.05", "currency": "CNY"});
    assert_eq!(device.post(&format!("{path}/confirm"), &altered).await.code(), "conflict");
    let stale = json!({"sheet": "00000000000000aa", "amount": "5.00", "currency": "CNY"});
    assert_eq!(device.post(&format!("{path}/confirm"), &stale).await.code(), "no-sheet");
    assert_eq!(balance(&mut device).await, before);
    let yes = json!({"sheet": sheet["id"], "amount": "5.00", "currency": "CNY"});
    let paid = device.post(&format!("{path}/confirm"), &yes).await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert_ne!(balance(&mut device).await, before);
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_payment_codes_are_named_and_refused() {
    let (kiosk, _) = shop(Duration::ZERO).await;
    let mut device = kiosk.visitor().await;
    let promptpay = "00020101021229370016A0000006770101110113006680111111153037645802TH540520.15630442BE";
    let foreign = device.post("/api/codes/scan", &json!({"code": promptpay})).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (400, "foreign-scheme"));
    assert_eq!(foreign.json()["fields"]["kind"], "PromptPay");
    for damaged in [
        promptpay.replace("20.15", "20.16"),
        promptpay[..40].to_owned(),
        String::new(),
        "9".repeat(5_000),
    ] {
        let refused = device.post("/api/codes/scan", &json!({"code": damaged})).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "payment-code"), "{damaged}");
    }
    let amount = device
        .post("/api/codes/scan", &json!({"code": printed(None), "amount": "5.001"}))
        .await;
    assert_eq!((amount.status, amount.code().as_str()), (400, "invalid"));
    kiosk.server.stop().await;
}

async fn collect(kiosk: &Kiosk, token: &str, code: &str, order: &str, amount: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let again = format!("{order}-{}", code.replace(' ', ""));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", &again),
    ];
    let body = json!({"code": code, "order": order, "description": "Tea", "amount": amount, "currency": "CNY"});
    kiosk
        .device()
        .send("POST", "/v1/collect", &headers, body.to_string().as_bytes())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_server_collects_with_a_customers_code_once() {
    let (kiosk, token) = shop(Duration::ZERO).await;
    let mut device = kiosk.visitor().await;
    assert_eq!(device.get("/api/codes/presented").await.json()["state"], "over");
    let shown = device.post("/api/codes/present", &json!({})).await.json();
    let digits = shown["digits"].as_str().expect("digits").to_owned();
    assert!(shown["inMs"].as_u64().is_some_and(|ms| ms <= 60_000), "{shown}");
    assert_eq!(device.get("/api/codes/presented").await.json()["state"], "waits");
    let paid = collect(&kiosk, &token, &digits, "A1", "12.00").await;
    assert_eq!((paid.status, &paid.json()["state"]), (200, &json!("succeeded")), "{paid:?}");
    assert_eq!(device.get("/api/codes/presented").await.json()["state"], "paid");
    assert_eq!(balance(&mut device).await, "188.00");
    // Replayed: the same request has the same answer, another one is refused.
    let again = collect(&kiosk, &token, &digits, "A1", "12.00").await.json();
    assert_eq!(
        (&again["receipt"], &again["before"]),
        (&paid.json()["receipt"], &json!(true)),
        "{again}"
    );
    let replayed = collect(&kiosk, &token, &digits, "A2", "12.00").await;
    assert_eq!((replayed.status, replayed.code().as_str()), (409, "code-used"));
    assert_eq!(balance(&mut device).await, "188.00");

    // More than is given at once: a sheet opens at the person's seat, and nothing moves before they say yes.
    let person = kiosk.host.services().people()[0].id.clone();
    kiosk.host.services().top_up(&person, 100_000, "more").await.expect("topped up");
    let digits = device.post("/api/codes/present", &json!({})).await.json()["digits"]
        .as_str()
        .expect("digits")
        .to_owned();
    let asked = collect(&kiosk, &token, &digits, "A3", "500.00").await.json();
    assert_eq!(asked["state"], "requires_confirmation", "{asked}");
    let state = device.get("/api/codes/presented").await.json();
    assert_eq!((&state["state"], &state["payment"]), (&json!("asks"), &asked["payment_intent"]));
    assert_eq!(balance(&mut device).await, "1188.00");
    let path = format!("/api/payments/{}", state["payment"].as_str().expect("a payment"));
    let sheet = device.get(&path).await.json();
    let yes = json!({"sheet": sheet["id"], "amount": "500.00", "currency": "CNY"});
    assert_eq!(device.post(&format!("{path}/confirm"), &yes).await.status, 200);
    assert_eq!(balance(&mut device).await, "688.00");

    // Whoever leaves takes their code along.
    let digits = device.post("/api/codes/present", &json!({})).await.json()["digits"]
        .as_str()
        .expect("digits")
        .to_owned();
    device.post("/api/reset", &json!({})).await;
    let late = collect(&kiosk, &token, &digits, "A4", "1.00").await;
    assert_eq!((late.status, late.code().as_str()), (409, "expired"));
    let stranger = collect(&kiosk, "ymk_nobody_nothing", &digits, "A5", "1.00").await;
    assert_eq!(stranger.status, 401);
    kiosk.server.stop().await;
}

/// What stands is on the page of the session in which the PIN was given, and ends there with a button.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_pin_allows_is_shown_in_its_session_and_ended_there() {
    let (kiosk, _) = shop(Duration::ZERO).await;
    let new = NewPerson {
        name: "Ann".to_owned(),
        code: "ann".to_owned(),
        pin: "2468".to_owned(),
        language: "en".to_owned(),
        balance: 10_000,
        profile: Vec::new(),
    };
    kiosk.host.services().create_person(new).await.expect("a person");
    let mut device = kiosk.device();
    assert_eq!(
        device.post("/api/sign-in", &json!({"code": "ann", "pin": "2468"})).await.status,
        200
    );
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    page.tap("pay", "pay").await;
    let sheet = page.seen_or_until(|frame| frame["t"] == "sheet", "sheet").await["sheet"].clone();
    assert_eq!(
        (&sheet["pin"], &sheet["terms"]["spendingLimits"][0]),
        (&json!(true), &json!("50.00")),
        "{sheet}"
    );
    // A tap without a PIN: the sheet stays and says why.
    let answer = |pin: &str, spending: &str| json!({"t": "answer", "id": sheet["id"], "accepted": true, "chosen": [], "pin": pin, "spending": spending, "afterMs": 900});
    page.say(answer("", "50.00")).await;
    let again = page.until("sheet").await;
    assert_eq!(
        (&again["problem"]["code"], &again["sheet"]["id"]),
        (&json!("pin-required"), &sheet["id"]),
        "{again}"
    );
    page.say(answer("2468", "50.00")).await;
    let stands = page.seen_or_until(|frame| frame["t"] == "spending", "what stands").await["spending"][0].clone();
    assert_eq!(
        (&stands["payee"], &stands["limit"], &stands["left"]),
        (&json!("Trial Shop"), &json!("50.00"), &json!("50.00")),
        "{stands}"
    );
    assert!(stands["inMs"].as_u64().is_some_and(|ms| ms > 0 && ms <= 300_000), "{stands}");
    // A screen that comes back sees it too.
    drop(page);
    let mut page = device.page(&opened, 0).await;
    let again = page.until("spending").await;
    assert_eq!(again["spending"][0]["id"], stands["id"]);
    page.say(json!({"t": "endSpending", "id": stands["id"]})).await;
    let ended = page.until("spending").await;
    assert_eq!(ended["spending"], json!([]));
    let audit = device.get("/api/person/audit").await.json();
    let acts: Vec<&str> = audit["records"]
        .as_array()
        .expect("records")
        .iter()
        .filter_map(|record| record["act"].as_str())
        .collect();
    assert!(acts.contains(&"spending.opened") && acts.contains(&"spending.ended"), "{acts:?}");
    kiosk.server.stop().await;
}
