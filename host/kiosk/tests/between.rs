//! Money between two people at their own devices: a code that is shown, a red packet behind a link, and a sheet of the host before either.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Device, Kiosk};

const GUARD: Duration = Duration::from_millis(300);

async fn post(device: &mut Device, path: &str, key: &str, body: &Value) -> Answer {
    let origin = format!("http://{}", device.authority);
    let mut headers = vec![("origin", origin.as_str()), ("content-type", "application/json")];
    if !key.is_empty() {
        headers.push(("idempotency-key", key));
    }
    device.send("POST", path, &headers, body.to_string().as_bytes()).await
}

/// The sheet of a gift, once it may be answered.
async fn sheet(device: &mut Device, path: &str, gift: &Value) -> Value {
    let answer = device.post(&format!("{path}/sheet"), gift).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    tokio::time::sleep(GUARD).await;
    answer.json()
}

async fn balance(device: &mut Device) -> String {
    device.get("/api/person").await.json()["balance"]
        .as_str()
        .expect("a balance")
        .to_owned()
}

#[track_caller]
fn check(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_needs_its_own_sheet_and_counts_once() {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = GUARD).await;
    let (mut ann, mut bo) = (kiosk.visitor().await, kiosk.visitor().await);
    let code = bo.post("/api/receive", &json!({})).await.json();
    let address = code["address"].as_str().expect("an address").to_owned();
    assert!(
        address.ends_with(&format!("/T/{}", code["code"].as_str().unwrap_or_default().to_uppercase())),
        "{code}"
    );
    let gift = json!({"to": address, "amount": "12.50", "note": "Tea"});
    let asked = ann.post("/api/transfers/sheet", &gift).await.json();
    let yes = |sheet: &Value, gift: &Value| json!({"sheet": sheet["id"], "gift": gift, "pin": ""});
    check(&post(&mut ann, "/api/transfers", "k", &yes(&asked, &gift)).await, 409, "too-soon");
    tokio::time::sleep(GUARD).await;
    check(
        &post(&mut ann, "/api/transfers", "", &yes(&asked, &gift)).await,
        400,
        "no-idempotency-key",
    );
    let more = json!({"to": address, "amount": "125.00", "note": "Tea"});
    check(&post(&mut ann, "/api/transfers", "k", &yes(&asked, &more)).await, 409, "no-sheet");
    check(&post(&mut bo, "/api/transfers", "k", &yes(&asked, &gift)).await, 409, "no-sheet");
    let strange = json!({"sheet": asked["id"], "gift": {"to": address, "amount": "12.50", "from": "somebody"}});
    assert_eq!(post(&mut ann, "/api/transfers", "k", &strange).await.status, 400);
    assert_eq!(
        (balance(&mut ann).await, balance(&mut bo).await),
        ("200.00".into(), "200.00".into())
    );

    let given = post(&mut ann, "/api/transfers", "k", &yes(&asked, &gift)).await;
    assert_eq!(given.status, 200, "{given:?}");
    let given = given.json();
    assert_eq!(
        (&given["state"], &given["balance"], &given["before"]),
        (&json!("succeeded"), &json!("187.50"), &json!(false)),
        "{given}"
    );
    assert_eq!(balance(&mut bo).await, "212.50");
    // Sent again: what came of it, though its sheet was answered. Under another key the answered sheet is good for nothing.
    let again = post(&mut ann, "/api/transfers", "k", &yes(&asked, &gift)).await.json();
    assert_eq!((&again["before"], &again["receipt"]), (&json!(true), &given["receipt"]), "{again}");
    check(
        &post(&mut ann, "/api/transfers", "k", &yes(&asked, &more)).await,
        422,
        "idempotency-mismatch",
    );
    check(
        &post(&mut ann, "/api/transfers", "other", &yes(&asked, &gift)).await,
        409,
        "no-sheet",
    );
    assert_eq!(
        (balance(&mut ann).await, balance(&mut bo).await),
        ("187.50".into(), "212.50".into())
    );
    let inbox = bo.get("/api/person/inbox").await.json();
    let message = &inbox["messages"][0];
    assert!(message["text"].as_str().is_some_and(|text| text.ends_with(": Tea")), "{inbox}");
    assert_eq!(message["name"]["en"], "Transfers", "{inbox}");
    assert_eq!(bo.post("/api/receive/end", &json!({})).await.status, 200);
    check(&ann.post("/api/transfers/sheet", &gift).await, 404, "not-found");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_yes_moves_money_once_however_many_keys_come_at_once() {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = GUARD).await;
    let (mut ann, mut bo) = (kiosk.visitor().await, kiosk.visitor().await);
    let code = bo.post("/api/receive", &json!({})).await.json();
    let gift = json!({"to": code["address"], "amount": "12.50", "note": ""});
    let asked = sheet(&mut ann, "/api/transfers", &gift).await;
    let yes = json!({"sheet": asked["id"], "gift": gift, "pin": ""});
    let all = (0..16).map(|number| {
        let (mut ann, yes) = (ann.clone(), yes.clone());
        async move { post(&mut ann, "/api/transfers", &format!("key-{}", number / 2), &yes).await }
    });
    let answers = futures_util::future::join_all(all).await;
    let given = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["receipt"].to_string());
    let mut receipts = given.collect::<Vec<_>>();
    assert_eq!(receipts.len(), 2, "both requests of one key: {answers:?}");
    receipts.dedup();
    assert_eq!(receipts.len(), 1, "{answers:?}");
    answers
        .iter()
        .filter(|answer| answer.status != 200)
        .for_each(|answer| check(answer, 409, "no-sheet"));
    assert_eq!(
        (balance(&mut ann).await, balance(&mut bo).await),
        ("187.50".into(), "212.50".into())
    );
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_packet_is_for_whoever_has_its_link() {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = GUARD).await;
    let (mut ann, mut bo, mut cy) = (kiosk.visitor().await, kiosk.visitor().await, kiosk.visitor().await);
    let gift = json!({"amount": "10.00", "shares": 1, "random": true, "note": "Luck"});
    let asked = sheet(&mut ann, "/api/packets", &gift).await;
    let given = post(&mut ann, "/api/packets", "k", &json!({"sheet": asked["id"], "gift": gift}))
        .await
        .json();
    let address = given["address"].as_str().expect("an address");
    let id = address.rsplit('/').next().expect("an id").to_owned();
    assert_eq!(ann.get(&format!("/R/{id}")).await.status, 200, "the page");
    let path = format!("/api/packets/{id}");
    let seen = bo.get(&path).await.json();
    assert_eq!(
        (&seen["note"], &seen["shares"], &seen["open"], &seen["share"], &seen["own"]),
        (&json!("Luck"), &json!(1), &json!(true), &Value::Null, &json!(false)),
        "{seen}"
    );
    let claim = format!("{path}/claim");
    check(&post(&mut bo, &claim, "", &json!({})).await, 400, "no-idempotency-key");
    check(&post(&mut ann, &claim, "c", &json!({})).await, 403, "forbidden");
    for _ in 0..2 {
        let share = post(&mut bo, &claim, "c", &json!({})).await.json();
        assert_eq!((&share["share"], &share["balance"]), (&json!("10.00"), &json!("210.00")), "{share}");
    }
    check(&post(&mut cy, &claim, "c", &json!({})).await, 410, "nothing-left");
    assert_eq!(
        (balance(&mut ann).await, balance(&mut cy).await),
        ("190.00".into(), "200.00".into())
    );
    kiosk.host.services().check_ledger().await.expect("sums are conserved");
    kiosk.server.stop().await;
}
