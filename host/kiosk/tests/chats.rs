//! Conversations over HTTP: two people who talk, a card that opens the way of a scan, money on a sheet, and an end.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Device, Kiosk};

/// A kiosk at which sheets may be answered at once.
async fn kiosk() -> Kiosk {
    Kiosk::open(|config| config.limits.sheet_guard = Duration::ZERO).await
}

#[track_caller]
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
}

/// Two visitors in one conversation; the first one made it.
async fn pair(kiosk: &Kiosk, group: bool) -> (Device, Device, String) {
    let (mut one, mut other) = (kiosk.visitor().await, kiosk.visitor().await);
    let body = if group { json!({"title": "Friends"}) } else { json!({}) };
    let id = ok(&one.post("/api/chats", &body).await)["id"].as_str().unwrap().to_owned();
    let invitation = ok(&one.post(&format!("/api/chats/{id}/invite"), &json!({})).await);
    let address = invitation["address"].as_str().unwrap();
    assert!(address.contains("/C/"), "{address}");
    let there = ok(&other.post("/api/chats/invitation", &json!({"code": address})).await);
    assert_eq!((&there["id"], &there["members"]), (&json!(id), &json!(1)));
    assert_eq!(ok(&other.post("/api/chats/join", &json!({"code": address})).await)["id"], json!(id));
    refused(
        &kiosk.visitor().await.post("/api/chats/join", &json!({"code": address})).await,
        404,
        "not-found",
    );
    (one, other, id)
}

async fn lines(device: &mut Device, id: &str) -> Vec<Value> {
    ok(&device.get(&format!("/api/chats/{id}")).await)["lines"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_and_nobody_else_hears() {
    let kiosk = kiosk().await;
    let (mut one, mut other, id) = pair(&kiosk, false).await;
    let say = format!("/api/chats/{id}/say");
    let said = ok(&one.post(&say, &json!({"clientId": "1", "text": "hello\nthere"})).await);
    assert_eq!(said, json!({"number": 2, "unreached": [], "before": false}));
    let again = ok(&one.post(&say, &json!({"clientId": "1", "text": "hello\nthere"})).await);
    assert_eq!(again["before"], json!(true));
    refused(&one.post(&say, &json!({"clientId": "1", "text": "another"})).await, 409, "taken");
    refused(&one.post(&say, &json!({"clientId": "2"})).await, 400, "invalid");
    refused(
        &one.post(&say, &json!({"clientId": "2", "text": "x".repeat(2_001)})).await,
        429,
        "limit",
    );
    let read = lines(&mut other, &id).await;
    assert_eq!((&read[1]["text"], &read[1]["mine"]), (&json!("hello\nthere"), &json!(false)));
    assert_eq!(ok(&other.get("/api/person").await)["chats"], json!(1));
    ok(&other.post(&format!("/api/chats/{id}/read"), &json!({"number": 2})).await);
    assert_eq!(ok(&other.get("/api/person").await)["chats"], json!(0));
    let inbox = ok(&other.get("/api/person/inbox").await);
    assert_eq!(inbox["messages"], json!([]), "talk is not among the messages of programs");

    let mut stranger = kiosk.visitor().await;
    for (path, body) in [
        ("say", json!({"clientId": "1", "text": "let me in"})),
        ("read", json!({"number": 1})),
        ("title", json!({"title": "Mine"})),
        ("invite", json!({})),
        ("ask", json!({"code": "anna"})),
        ("answer", json!({"answer": "accept"})),
        ("remove", json!({"member": 1})),
        ("block", json!({"member": 1, "blocked": true})),
        ("leave", json!({})),
        ("open", json!({"number": 2})),
        ("sheet", json!({"kind": "packet", "amount": "1.00", "shares": 1})),
        ("claim", json!({"number": 2})),
    ] {
        refused(&stranger.post(&format!("/api/chats/{id}/{path}"), &body).await, 404, "not-found");
    }
    refused(&stranger.get(&format!("/api/chats/{id}")).await, 404, "not-found");

    // A visitor who leaves takes along what they said.
    ok(&one.post("/api/reset", &json!({})).await);
    let left = lines(&mut other, &id).await;
    let kinds: Vec<&str> = left.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["joined", "erased", "gone"]);
    refused(
        &other.post(&say, &json!({"clientId": "3", "text": "gone?"})).await,
        409,
        "no-recipient",
    );
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_opens_the_way_of_a_scan() {
    let kiosk = kiosk().await;
    let (mut one, mut other, id) = pair(&kiosk, true).await;
    let code = kiosk.code();
    let opened = one.open(&code).await;
    let say = format!("/api/chats/{id}/say");
    let card = |card: Value| json!({"clientId": card.to_string(), "card": card});
    let sent = ok(&one.post(&say, &card(json!({"session": opened["session"]}))).await)["number"].clone();
    let listed = ok(&one.post(&say, &card(json!({"program": opened["program"]["id"]}))).await)["number"].clone();
    refused(
        &one.post(&say, &card(json!({"program": "no.such.program"}))).await,
        404,
        "not-found",
    );
    refused(
        &other.post(&say, &card(json!({"session": opened["session"]}))).await,
        404,
        "not-found",
    );
    let drawn = lines(&mut other, &id).await;
    let first = drawn.iter().find(|line| line["number"] == sent).unwrap();
    assert_eq!(
        (&first["card"]["name"]["en"], &first["card"]["here"]),
        (&json!("Trial"), &json!(true)),
        "{first}"
    );
    let open = format!("/api/chats/{id}/open");
    let by_card = ok(&other.post(&open, &json!({"number": sent})).await);
    assert_eq!(
        (&by_card["program"]["id"], &by_card["code"]),
        (&opened["program"]["id"], &json!(code)),
        "with the code that it was opened by"
    );
    let home = ok(&other.post(&open, &json!({"number": listed})).await);
    assert_eq!(home["code"], Value::Null);
    refused(&other.post(&open, &json!({"number": 1})).await, 404, "not-found");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_needs_its_own_sheet() {
    let gift = |amount: &str| json!({"kind": "transfer", "to": 2, "amount": amount, "note": "lunch"});
    let give = |sheet: &Value, gift: Value| json!({"clientId": "g", "sheet": sheet["id"], "gift": gift, "pin": ""});
    // Nobody reads as fast as an answer that comes at once.
    let strict = Kiosk::open(|config| config.limits.sheet_guard = Duration::from_secs(3_600)).await;
    let (mut hasty, _other, id) = pair(&strict, true).await;
    let sheet = ok(&hasty.post(&format!("/api/chats/{id}/sheet"), &gift("7.00")).await);
    refused(
        &hasty.post(&format!("/api/chats/{id}/give"), &give(&sheet, gift("7.00"))).await,
        409,
        "too-soon",
    );
    assert_eq!(ok(&hasty.get("/api/person").await)["balance"], json!("200.00"));
    strict.server.stop().await;

    let kiosk = kiosk().await;
    let (mut one, mut other, id) = pair(&kiosk, true).await;
    let (sheet_at, give_at) = (format!("/api/chats/{id}/sheet"), format!("/api/chats/{id}/give"));
    refused(&one.post(&sheet_at, &gift("a lot")).await, 400, "invalid");
    refused(&one.post(&sheet_at, &gift("0")).await, 429, "limit");
    let sheet = ok(&one.post(&sheet_at, &gift("7.00")).await);
    assert_eq!(
        (&sheet["kind"], &sheet["amount"], &sheet["terms"]["mode"]),
        (&json!("payment"), &json!("7.00"), &json!("transfer"))
    );
    refused(&one.post(&give_at, &give(&sheet, gift("8.00"))).await, 409, "no-sheet");
    refused(&other.post(&give_at, &give(&sheet, gift("7.00"))).await, 409, "no-sheet");
    let given = ok(&one.post(&give_at, &give(&sheet, gift("7.00"))).await);
    assert_eq!(given["balance"], json!("193.00"));
    refused(&one.post(&give_at, &give(&sheet, gift("7.00"))).await, 409, "no-sheet");
    assert_eq!(ok(&other.get("/api/person").await)["balance"], json!("207.00"));
    let packet = json!({"kind": "packet", "amount": "3.00", "shares": 1});
    let sheet = ok(&one.post(&sheet_at, &packet).await);
    let body = json!({"clientId": "p", "sheet": sheet["id"], "gift": packet});
    let number = ok(&one.post(&give_at, &body).await)["number"].clone();
    let claim = format!("/api/chats/{id}/claim");
    assert_eq!(ok(&other.post(&claim, &json!({"number": number})).await)["share"], json!("3.00"));
    refused(&one.post(&claim, &json!({"number": number})).await, 410, "nothing-left");
    let line = lines(&mut other, &id).await.pop().unwrap();
    assert_eq!(
        (&line["claimed"], &line["open"], &line["share"]),
        (&json!(1), &json!(false), &json!("3.00"))
    );
    kiosk.server.stop().await;
}
