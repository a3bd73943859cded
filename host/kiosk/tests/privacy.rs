//! What a person sees of the use of their data, takes along, and takes back.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Device, Kiosk, PROGRAM};
use youji_api::{Call, Fields, Moment, Reply, SessionId};
use youji_services::{AuditRecord, verify_audit};

async fn got(device: &mut Device, path: &str) -> Value {
    let answer = device.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn acts(log: &Value) -> Vec<&str> {
    let records = log["records"].as_array().expect("records");
    records.iter().map(|record| record["act"].as_str().expect("an act")).collect()
}

/// Asks for the nickname as the program of that session would after a tap.
async fn ask_nickname(kiosk: &Kiosk, opened: &Value) {
    let id = u64::from_str_radix(opened["session"].as_str().expect("a session"), 16).expect("hex");
    let session = kiosk.host.runtime().session(SessionId(id)).expect("alive");
    let call = Call::IdentityProfile {
        names: vec!["nickname".to_owned()],
        options: Fields::new(),
    };
    let reply = kiosk
        .host
        .gate()
        .call(&session.caller(), Moment::Tap, call)
        .await
        .expect("a ticket");
    assert!(matches!(reply, Reply::Ticket(_)), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_who_used_what_takes_it_along_and_is_forgotten() {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = Duration::ZERO).await;
    let mut device = kiosk.visitor().await;
    let own_name = got(&mut device, "/api/person").await["name"].clone();
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    assert_eq!(page.tap("keep", "s").await["applied"], true);

    // The sheet's value is another one than the person's own.
    ask_nickname(&kiosk, &opened).await;
    let sheet = page.seen_or_until(|frame| frame["t"] == "sheet", "sheet").await["sheet"].clone();
    assert_eq!(
        (&sheet["kind"], &sheet["scopes"][0]["value"]),
        (&json!("consent"), &own_name),
        "{sheet}"
    );
    page.say(
        json!({"t": "answer", "id": sheet["id"], "accepted": true, "chosen": ["identity.nickname"],
        "values": {"identity.nickname": "Table Seven"}, "afterMs": 900}),
    )
    .await;
    page.until("sheet-gone").await;

    let log = got(&mut device, "/api/person/audit").await;
    assert_eq!(acts(&log), ["identity.profile", "consent.granted"], "newest first: {log}");
    let used = &log["records"][0];
    assert_eq!(
        (&used["program"], &used["about"], &used["purpose"]),
        (&json!(PROGRAM), &json!(["nickname"]), &json!("For a test")),
        "{log}"
    );
    assert_eq!(acts(&got(&mut device, "/api/person/audit?before=2").await), ["consent.granted"]);
    assert_eq!(acts(&got(&mut device, "/api/person/audit?before=1").await), [""; 0]);
    let consents = got(&mut device, "/api/person/consents").await;
    let consent = &consents["consents"][0];
    assert_eq!(
        (&consent["state"], &consent["other"], &consent["reason"]),
        (&json!("granted"), &json!(true), &json!("For a test")),
        "{consents}"
    );
    let known = got(&mut device, "/api/person/programs").await;
    assert_eq!(
        (&known["programs"][0]["program"], &known["programs"][0]["storage"]),
        (&json!(PROGRAM), &json!(1)),
        "{known}"
    );
    let mut other = kiosk.visitor().await;
    for (path, list) in [
        ("/api/person/audit", "records"),
        ("/api/person/programs", "programs"),
        ("/api/person/consents", "consents"),
    ] {
        assert_eq!(got(&mut other, path).await[list], json!([]), "{path} is each one's own");
    }

    let export = device.get("/api/person/export").await;
    assert!(export.header("content-disposition").starts_with("attachment"), "{export:?}");
    let export = export.json();
    assert_eq!(export["profile"]["nickname"], own_name, "the profile is as it was");
    let records: Vec<AuditRecord> = serde_json::from_value(export["audit"].clone()).expect("records");
    verify_audit(&records).expect("a whole chain");
    assert_eq!(
        (records.len(), &export["consents"][0]["state"]["consent"]),
        (2, &json!("given")),
        "{export}"
    );

    // Forgotten: closed, erased, and unknown when they come back.
    let answer = device.post("/api/person/forget", &json!({"program": "org.example.never"})).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"));
    let answer = device.post("/api/person/forget", &json!({"program": PROGRAM})).await;
    assert_eq!((answer.status, &answer.json()["erased"]["storage"]), (200, &json!(1)), "{answer:?}");
    page.seen_or_until(|frame| frame["t"] == "ended", "the end").await;
    assert_eq!(got(&mut device, "/api/person/programs").await["programs"], json!([]));
    assert_eq!(got(&mut device, "/api/person/consents").await["consents"], json!([]));
    let log = got(&mut device, "/api/person/audit").await;
    assert_eq!(acts(&log), ["forget", "identity.profile", "consent.granted"], "what was, was");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_what_they_say_about_themselves() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let change = |fields: Value| json!({"fields": fields});
    let answer = device
        .post("/api/person/profile", &change(json!({"nickname": "Lan", "phone": "555 0100"})))
        .await;
    assert_eq!(
        answer.json()["fields"],
        json!({"nickname": "Lan", "phone": "555 0100"}),
        "{answer:?}"
    );
    assert_eq!(got(&mut device, "/api/person").await["name"], "Lan");
    for (fields, status) in [
        (json!({"nickname": ""}), 400),
        (json!({"shoe-size": "43"}), 400),
        (json!({"address": "x".repeat(300)}), 429),
        (json!([]), 400),
    ] {
        let answer = device.post("/api/person/profile", &change(fields.clone())).await;
        assert_eq!(answer.status, status, "{fields}: {answer:?}");
    }
    let answer = device.post("/api/person/profile", &change(json!({"phone": ""}))).await;
    assert_eq!(answer.json()["fields"], json!({"nickname": "Lan"}));
    assert_eq!(
        acts(&got(&mut device, "/api/person/audit").await),
        ["profile.changed", "profile.changed"]
    );
    kiosk.server.stop().await;
}
