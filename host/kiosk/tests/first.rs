//! What a program can't do without is accepted before its first run, or nothing of it runs.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Device, Kiosk, PROGRAM};
use youji_api::{Call, Fields, Moment, SessionId};
use youji_package::PublisherKey;

const NEEDY: &str = "org.example.needy";
const NICKNAME: &str = "identity.nickname";
const PHONE: &str = "identity.phone";
const GUARD: Duration = Duration::from_millis(300);

fn other_key() -> PublisherKey {
    PublisherKey::from_seed(&[9; 32])
}

/// A kiosk with a program that can't do without a nickname, which every other program may open.
async fn kiosk() -> Kiosk {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = GUARD).await;
    let registry = kiosk.host.registry();
    registry.allow_publisher("Leaf & Co", &other_key().public()).await.expect("allowed");
    publish(&kiosk, 1, &[NICKNAME]).await;
    kiosk
}

async fn publish(kiosk: &Kiosk, version: u32, required: &[&str]) {
    let package = support::package_requiring(NEEDY, "Needy", &other_key(), &["*"], version, required);
    kiosk.host.registry().publish(package).await.expect("published");
    kiosk.host.programs_changed();
}

async fn open(device: &mut Device) -> Answer {
    device.post("/api/open", &json!({"program": NEEDY, "page": "", "query": {}})).await
}

/// Opens, and is asked for exactly these first; the sheet, once it may be answered.
async fn asked(device: &mut Device, scopes: &[&str]) -> Value {
    let answer = open(device).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "consent-first"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["program"], NEEDY, "{problem}");
    let sheet = problem["sheet"].clone();
    assert_eq!(
        (&sheet["kind"], &sheet["required"], &sheet["program"], &sheet["publisher"]),
        (&json!("consent"), &json!(true), &json!("Needy"), &json!("Leaf & Co")),
        "stored names: {sheet}"
    );
    let lines = sheet["scopes"].as_array().expect("scopes");
    let found: Vec<&str> = lines.iter().filter_map(|line| line["scope"].as_str()).collect();
    assert_eq!(found, scopes, "{sheet}");
    for line in lines {
        assert_eq!(
            line["reason"],
            format!("For {}", line["scope"].as_str().unwrap_or_default()),
            "{sheet}"
        );
    }
    tokio::time::sleep(GUARD).await;
    sheet
}

async fn say(device: &mut Device, sheet: &Value, accepted: bool, values: Value) -> Answer {
    let body = json!({"sheet": sheet["id"], "accepted": accepted, "values": values});
    device.post("/api/open/answer", &body).await
}

async fn list(device: &mut Device, path: &str, name: &str) -> Vec<Value> {
    let answer = device.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()[name].as_array().expect("a list").clone()
}

/// Nothing of the program runs, and nothing was written about this person.
async fn check_nothing(kiosk: &Kiosk, device: &mut Device) {
    assert!(list(device, "/api/state", "sessions").await.is_empty());
    for (path, name) in [
        ("/api/person/consents", "consents"),
        ("/api/person/programs", "programs"),
        ("/api/person/audit", "records"),
    ] {
        assert_eq!(list(device, path, name).await, [""; 0], "{path}");
    }
    let live = kiosk.operator().await.get("/api/operator/summary").await.json()["live"].clone();
    assert_eq!(live, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_before_the_person_accepted_and_leaving_keeps_nothing() {
    let kiosk = kiosk().await;
    let mut device = kiosk.visitor().await;
    let sheet = asked(&mut device, &[NICKNAME]).await;
    check_nothing(&kiosk, &mut device).await;

    // Nobody else answers it, an answer is whole, and a value that can't be given leaves the sheet as it was.
    let mut other = kiosk.visitor().await;
    let answer = say(&mut other, &sheet, true, json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "no-sheet"), "{answer:?}");
    let answer = say(&mut device, &sheet, true, json!({NICKNAME: "x".repeat(10_000)})).await;
    assert_eq!(answer.status / 100, 4, "{answer:?}");
    check_nothing(&kiosk, &mut device).await;

    let answer = say(&mut device, &sheet, false, json!({})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"left": true})));
    check_nothing(&kiosk, &mut device).await;
    let answer = say(&mut device, &sheet, true, json!({})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "no-sheet"),
        "it was answered: {answer:?}"
    );
    check_nothing(&kiosk, &mut device).await;

    // Who left is asked again; who is quick says nothing.
    let answer = open(&mut device).await;
    let sheet = answer.json()["sheet"].clone();
    let answer = say(&mut device, &sheet, true, json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "too-soon"), "{answer:?}");
    check_nothing(&kiosk, &mut device).await;
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_not_asked_again_and_a_wider_version_asks_for_what_is_new() {
    let kiosk = kiosk().await;
    let mut device = kiosk.visitor().await;
    let sheet = asked(&mut device, &[NICKNAME]).await;
    let opened = say(&mut device, &sheet, true, json!({NICKNAME: "Table Seven"})).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let opened = opened.json();
    let permissions = opened["permissions"].as_array().expect("permissions");
    let nickname = permissions.iter().find(|one| one["name"] == NICKNAME).expect("requested");
    assert_eq!((&nickname["state"], &nickname["required"]), (&json!("granted"), &json!(true)));
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;

    // The program gets the value without another sheet, and the use of it stands in the person's log.
    let id = u64::from_str_radix(opened["session"].as_str().expect("a session"), 16).expect("hex");
    let session = kiosk.host.runtime().session(SessionId(id)).expect("alive");
    let call = Call::IdentityProfile {
        names: vec!["nickname".to_owned()],
        options: Fields::new(),
    };
    let caller = session.caller();
    kiosk.host.gate().call(&caller, Moment::Tap, call.clone()).await.expect("allowed");
    let consents = list(&mut device, "/api/person/consents", "consents").await;
    assert_eq!(
        (consents.len(), &consents[0]["state"], &consents[0]["other"], &consents[0]["reason"]),
        (1, &json!("granted"), &json!(true), &json!("For identity.nickname")),
        "{consents:?}"
    );
    let audit = list(&mut device, "/api/person/audit", "records").await;
    let acts: Vec<&str> = audit.iter().filter_map(|record| record["act"].as_str()).collect();
    assert_eq!(acts, ["identity.profile", "consent.granted"], "newest first");
    page.say(json!({"t": "close"})).await;
    let ended = page.until("ended").await;
    assert!(page.seen.iter().all(|frame| frame["t"] != "sheet"), "{:?}", page.seen);
    assert!(ended["receipt"]["kept"].to_string().contains("consents"), "{ended}");

    let answer = open(&mut device).await;
    assert_eq!(answer.status, 200, "once is enough: {answer:?}");

    publish(&kiosk, 2, &[NICKNAME, PHONE]).await;
    let sheet = asked(&mut device, &[PHONE]).await;
    let mut theirs = kiosk.visitor().await;
    asked(&mut theirs, &[NICKNAME, PHONE]).await;
    // What came while the person read is asked for before anything of it runs.
    publish(&kiosk, 3, &[NICKNAME, PHONE, "location"]).await;
    let answer = say(&mut device, &sheet, true, json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "consent-first"), "{answer:?}");
    let sheet = asked(&mut device, &["location"]).await;
    assert_eq!(say(&mut device, &sheet, true, json!({})).await.status, 200);

    // Taken back, it is not asked for again: the person's own page changes it. A running session learns it at its next call.
    let set = json!({"program": NEEDY, "scope": NICKNAME, "granted": false});
    assert_eq!(device.post("/api/person/consents", &set).await.status, 200);
    let refused = kiosk.host.gate().call(&caller, Moment::Tap, call).await.expect_err("taken back");
    assert_eq!(refused.code, "denied");
    let answer = open(&mut device).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "consent-refused"), "{answer:?}");
    assert_eq!(answer.json()["fields"], json!({"program": NEEDY, "scopes": NICKNAME}));
    let set = json!({"program": NEEDY, "scope": NICKNAME, "granted": true});
    assert_eq!(device.post("/api/person/consents", &set).await.status, 200);
    assert_eq!(open(&mut device).await.status, 200);
    kiosk.server.stop().await;
}

/// The first program, whose person agreed that it opens the other one; the sheet that came then.
async fn through(kiosk: &Kiosk) -> (Device, Value, support::Page, Value) {
    let mut device = kiosk.visitor().await;
    let first = device.open_with(json!({"opens": format!("{NEEDY} pages/second")})).await;
    let mut page = device.page(&first, 0).await;
    page.until("full").await;
    page.tap("open", "open").await;
    let frame = page.seen_or_until(|frame| frame["t"] == "sheet", "a sheet").await;
    tokio::time::sleep(GUARD).await;
    page.say(json!({"t": "answer", "id": frame["sheet"]["id"], "accepted": true, "afterMs": 900}))
        .await;
    let asked = page.until("not-opened").await["problem"].clone();
    assert_eq!(asked["code"], "consent-first", "{asked}");
    tokio::time::sleep(GUARD).await;
    (device, first, page, asked["sheet"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_opens_it_learns_what_the_person_said() {
    let kiosk = kiosk().await;
    let (mut device, first, mut page, sheet) = through(&kiosk).await;
    let opened = say(&mut device, &sheet, true, json!({})).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let opened = opened.json();
    assert_eq!(opened["from"], first["session"], "the host says who asked: {opened}");
    page.seen_or_until(|frame| frame["t"] == "patch" && frame.to_string().contains(":done"), "the outcome")
        .await;
    let mut needy = device.page(&opened, 0).await;
    assert_eq!(needy.until("full").await["path"], "pages/second");
    assert_eq!(needy.text(2), format!("from {PROGRAM} with hello"));

    let (mut device, _, mut page, sheet) = through(&kiosk).await;
    assert_eq!(say(&mut device, &sheet, false, json!({})).await.json(), json!({"left": true}));
    page.seen_or_until(
        |frame| frame["t"] == "patch" && frame.to_string().contains(":failed"),
        "the outcome",
    )
    .await;
    assert_eq!(list(&mut device, "/api/state", "sessions").await.len(), 1);
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sheet_speaks_the_persons_language_and_a_seat_keeps_few() {
    let kiosk = kiosk().await;
    let mut device = kiosk.visitor().await;
    let sheet = asked(&mut device, &[NICKNAME]).await;
    let body = json!({"sheet": sheet["id"], "language": "zh-CN"});
    let answer = device.post("/api/open/sheet", &body).await;
    assert_eq!((answer.status, &answer.json()["sheet"]["id"]), (200, &sheet["id"]), "{answer:?}");
    // It was shown anew.
    let answer = say(&mut device, &sheet, true, json!({})).await;
    assert_eq!(answer.code(), "too-soon", "{answer:?}");
    let mut other = kiosk.visitor().await;
    assert_eq!(other.post("/api/open/sheet", &body).await.code(), "no-sheet");
    for _ in 0..8 {
        assert_eq!(open(&mut device).await.code(), "consent-first");
    }
    tokio::time::sleep(GUARD).await;
    assert_eq!(
        say(&mut device, &sheet, true, json!({})).await.code(),
        "no-sheet",
        "the oldest went"
    );
    kiosk.server.stop().await;
}
