//! Sessions over a real socket: resuming, once and only once, sheets, leaving.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Kiosk, Page};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_socket_resumes_and_no_event_counts_twice() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    assert_eq!(opened["program"]["id"], support::PROGRAM);
    let steps: Vec<&str> = opened["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step[0].as_str().unwrap())
        .collect();
    for step in ["parse", "resolve", "verify", "prepare", "instantiate", "launched", "shown", "view"] {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }

    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    assert_eq!(page.text(0), "0");
    assert_eq!(page.tap("add", "one").await["applied"], true);
    assert_eq!(page.text(0), "1", "the patch came before the acknowledgement");
    let (seq, tree) = (page.seq, page.tree.clone());
    drop(page);

    // Sent, and the socket is lost before the acknowledgement arrives.
    let mut page = resumed(device.page(&opened, seq).await, seq, &tree);
    let id = page.labelled("add");
    page.say(json!({"t": "event", "id": id, "kind": "tap", "value": null, "eventId": "two"}))
        .await;
    drop(page);

    let mut page = resumed(device.page(&opened, seq).await, seq, &tree);
    assert_eq!(
        page.tap("add", "one").await["applied"],
        false,
        "an event from before the first loss"
    );
    let again = page.tap("add", "two").await;
    assert_eq!(page.text(0), "2", "{again}");
    assert!(
        page.seen.iter().all(|frame| frame["t"] != "full"),
        "what was missing came as patches: {:?}",
        page.seen
    );

    // Another screen takes over; the first is told so.
    let mut second = device.page(&opened, 0).await;
    second.until("full").await;
    assert_eq!(second.text(0), "2");
    while page.next().await.is_some() {}
    assert_eq!(page.seen.last().unwrap()["code"], 4001);

    second.say(json!({"t": "close"})).await;
    let ended = second.until("ended").await;
    check_receipt(&ended, "closed");
    let mut late = device.page(&opened, 0).await;
    assert_eq!(late.until("ended").await["reason"], "closed", "a screen that was away is told too");
    kiosk.server.stop().await;
}

fn resumed(mut page: Page, seq: u64, tree: &[Value]) -> Page {
    page.seq = seq;
    page.tree = tree.to_vec();
    page
}

fn check_receipt(ended: &Value, reason: &str) {
    assert_eq!(ended["reason"], reason, "{ended}");
    let receipt = &ended["receipt"];
    assert!(receipt["before"]["memoryBytes"].as_u64().unwrap() > 0, "{receipt}");
    assert!(receipt["after"]["rssBytes"].as_u64().unwrap() > 0, "{receipt}");
    assert!(receipt["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{receipt}");
}

/// A visitor with the payment sheet of 1.00 before them, and what they have.
async fn asked_to_pay(guard: Duration) -> (Kiosk, support::Device, Page, Value, Value) {
    let kiosk = Kiosk::open(|config| config.limits.sheet_guard = guard).await;
    kiosk.enrol_shop().await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    page.tap("pay", "pay").await;
    let sheet = sheet_of(&mut page).await;
    assert_eq!(sheet["kind"], "payment", "{sheet}");
    let before = device.get("/api/person").await.json()["balance"].clone();
    (kiosk, device, page, sheet, before)
}

fn answer(sheet: &Value, accepted: bool, after_ms: u64) -> Value {
    json!({"t": "answer", "id": sheet["id"], "accepted": accepted, "chosen": [], "pin": "", "afterMs": after_ms})
}

/// The sheet stays: frames are taken in order, so what was said before the tap was decided when the tap is acknowledged.
async fn check_ignored(page: &mut Page, tap: &str, why: &str) {
    page.tap("add", tap).await;
    assert!(!page.comes("sheet-gone", Duration::from_millis(300)).await, "{why}");
    assert!(page.seen.iter().all(|frame| frame["t"] != "sheet-gone"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_claims_to_have_waited_and_has_not_is_ignored() {
    let (kiosk, mut device, mut page, sheet, before) = asked_to_pay(Duration::from_secs(3_600)).await;
    for accepted in [true, false] {
        page.say(answer(&sheet, accepted, 4_000_000)).await;
        check_ignored(&mut page, &accepted.to_string(), "it claims to have waited, and has not").await;
    }
    assert_eq!(device.get("/api/person").await.json()["balance"], before, "no money moved");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_soon_is_ignored() {
    const GUARD: Duration = Duration::from_millis(500);
    let (kiosk, mut device, mut page, sheet, before) = asked_to_pay(GUARD).await;
    tokio::time::sleep(GUARD).await;
    page.say(answer(&sheet, true, 120)).await;
    check_ignored(&mut page, "one", "a tap that was on its way when the sheet came").await;
    assert_eq!(device.get("/api/person").await.json()["balance"], before, "no money moved");
    // If this counted, the next one could not be paid any more.
    page.say(answer(&sheet, false, 120)).await;
    check_ignored(&mut page, "two", "a tap that was on its way when the sheet came").await;

    page.say(answer(&sheet, true, 900)).await;
    // The program may learn of it before or after the sheet goes.
    page.seen_or_until(|frame| frame["t"] == "sheet-gone", "the sheet's end").await;
    page.seen_or_until(|frame| frame["t"] == "patch" && frame.to_string().contains("done"), "the outcome")
        .await;
    let person = device.get("/api/person").await.json();
    assert_ne!(person["balance"], before, "now it did");
    let receipts = device.get("/api/person/receipts").await.json();
    assert_eq!(receipts["receipts"][0]["amount"], "1.00", "{receipts}");
    assert_eq!(receipts["receipts"].as_array().unwrap().len(), 1);
    kiosk.server.stop().await;
}

/// Nobody can answer that sheet any more, so it does not come back; why is said once.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_can_not_be_carried_out_is_said_and_leaves_the_screen() {
    let (kiosk, mut device, mut page, sheet, before) = asked_to_pay(Duration::ZERO).await;
    kiosk.host.services().shutdown().await;
    page.say(answer(&sheet, true, 900)).await;
    let of_answer = |frame: &Value| matches!(frame["t"].as_str(), Some("sheet" | "sheet-gone")) && !frame["problem"].is_null();
    let gone = page.seen_or_until(of_answer, "why it was not carried out").await;
    assert_eq!((&gone["t"], &gone["id"]), (&json!("sheet-gone"), &sheet["id"]), "{gone}");
    assert_eq!(
        gone["problem"]["code"], "not-found",
        "the services end their sessions first: {gone}"
    );
    assert_eq!(device.get("/api/person").await.json()["balance"], before, "no money moved");
    kiosk.server.stop().await;
}

async fn sheet_of(page: &mut Page) -> Value {
    page.seen_or_until(|frame| frame["t"] == "sheet", "sheet").await["sheet"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_leaves_nobody_and_nothing() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    page.tap("keep", "keep").await;
    assert_eq!(kiosk.host.services().people().len(), 1);
    let before = device.clone();

    let answer = device.post("/api/reset", &json!({})).await;
    let erased = answer.json()["erased"].clone();
    assert_eq!(
        (&erased["keys"], &erased["storage"], &erased["sessions"]),
        (&json!(1), &json!(1), &json!(1)),
        "{erased}"
    );
    check_receipt(&page.until("ended").await, "reset");
    assert!(kiosk.host.services().people().is_empty(), "the visitor is erased");
    assert!(kiosk.host.runtime().sessions().is_empty(), "the session is unloaded");
    assert!(device.cookies.is_empty(), "the cookie is gone");
    let mut stolen = before;
    assert_eq!(stolen.get("/api/person").await.status, 401, "and worthless");
    let state = stolen.get("/api/state").await.json();
    assert_eq!((&state["person"], &state["sessions"]), (&Value::Null, &json!([])), "{state}");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_seat_is_warned_and_then_ended() {
    const IDLE: Duration = Duration::from_secs(8);
    const WARN: Duration = Duration::from_millis(7_500);
    let kiosk = Kiosk::open(|config| {
        config.idle = IDLE;
        config.warn = WARN;
    })
    .await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    let check = |idle: &Value| assert!(idle["inMs"].as_u64().is_some_and(|ms| u128::from(ms) <= WARN.as_millis()), "{idle}");
    check(&page.until("idle").await);
    let stays = std::time::Instant::now();
    page.say(json!({"t": "stay"})).await;
    check(&page.until("idle").await);
    let ended = page.until("ended").await;
    check_receipt(&ended, "idle");
    assert_eq!(ended["seatEnded"], true, "the page is to forget the person: {ended}");
    assert!(stays.elapsed() >= IDLE, "who stays has a whole while again: {:?}", stays.elapsed());
    // The receipt comes before the erasing is done.
    support::until("the visitor is erased", || kiosk.host.services().people().is_empty()).await;
    assert_eq!(device.get("/api/person").await.status, 401);
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_program_is_there_as_long_as_they_say_so() {
    const IDLE: Duration = Duration::from_secs(6);
    let kiosk = Kiosk::open(|config| {
        config.idle = IDLE;
        config.warn = IDLE / 2;
    })
    .await;
    let mut device = kiosk.visitor().await;
    let begun = std::time::Instant::now();
    while begun.elapsed() < IDLE * 2 {
        let answer = device.post("/api/person/stay", &json!({})).await;
        assert_eq!(
            (answer.status, answer.json()["idleMs"].as_u64()),
            (200, Some(6_000)),
            "{}",
            answer.json()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Looking is no sign of life: a page may be looking for nobody.
    let end = begun + Duration::from_secs(120);
    while device.get("/api/person").await.status == 200 && std::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        device.get("/api/person").await.status,
        401,
        "a seat that nobody touches ends without a program too"
    );
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_program_of_a_person_takes_the_place_of_the_oldest() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let first = device.open(&kiosk.code()).await;
    let mut page = device.page(&first, 0).await;
    page.until("full").await;
    assert_eq!(page.tap("add", "one").await["applied"], true, "something to save");
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(device.open_with(json!({})).await);
    }
    let ended = page.until("ended").await;
    check_receipt(&ended, "pressure");
    assert!(ended.get("seatEnded").is_none(), "the person stays: {ended}");
    let here = device.get("/api/state").await.json();
    let open: Vec<&Value> = here["sessions"].as_array().unwrap().iter().map(|one| &one["session"]).collect();
    assert_eq!(open, others.iter().map(|one| &one["session"]).collect::<Vec<_>>());
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_goes_down_unloads_every_session_first() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    let data = kiosk.host.config().data_dir.clone();
    drop(kiosk.host);
    kiosk.server.stop().await;
    check_receipt(&page.until("ended").await, "shutdown");
    let events = std::fs::read_to_string(data.join("events.jsonl")).unwrap();
    let lines: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"start"));
    assert_eq!(kinds.last(), Some(&"stop"));
    for kind in ["open", "end"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let end = lines.iter().find(|line| line["kind"] == "end").unwrap();
    assert_eq!((&end["v"], &end["reason"]), (&json!(1), &json!("shutdown")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_frame_ends_the_socket_and_not_the_session() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    for bad in [json!({"t": "event"}), json!([1]), json!("x".repeat(70_000))] {
        let mut page = device.page(&opened, 0).await;
        page.until("full").await;
        page.say(bad).await;
        while page.next().await.is_some() {}
    }
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    assert_eq!(page.tap("add", "one").await["applied"], true, "the session goes on");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_says_why() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let good = kiosk.code();
    let altered: String = {
        let (head, last) = good.split_at(good.len() - 1);
        format!("{head}{}", if last == "A" { "B" } else { "A" })
    };
    let foreign = good.replace("LOCALHOST", "OTHER.EXAMPLE");
    for (code, status, expected) in [
        (altered.as_str(), 403, "altered"),
        (&foreign, 400, "foreign-host"),
        ("weixin://wxpay/bizpayurl?pr=abc", 400, "not-ours"),
        ("", 400, "not-ours"),
        (&format!("{good}{}", "A".repeat(4_000)), 400, "oversized"),
        (&"A".repeat(4_000), 400, "not-ours"),
    ] {
        let answer = device.post("/api/open", &json!({"code": code})).await;
        let shown: String = code.chars().take(40).collect();
        assert_eq!((answer.status, answer.code().as_str()), (status, expected), "{shown}: {answer:?}");
        let problem = answer.json();
        assert!(
            !problem["remedy"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty(),
            "{problem}"
        );
    }
    let unknown = device
        .post("/api/open", &json!({"program": "org.example.none", "page": "", "query": {}}))
        .await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not-found"));
    let page = device
        .post(
            "/api/open",
            &json!({"program": support::PROGRAM, "page": "pages/inner", "query": {}}),
        )
        .await;
    assert_eq!((page.status, page.code().as_str()), (404, "no-such-page"), "it is no entry");
    let fault = device
        .post(
            "/api/open",
            &json!({"program": support::PROGRAM, "page": "", "query": {"act": "trap", "at": "launched"}}),
        )
        .await;
    assert_eq!((fault.status, fault.code().as_str()), (502, "fault"), "{fault:?}");

    let mut operator = kiosk.operator().await;
    let publisher = operator.get("/api/operator/summary").await.json()["publishers"][0]["id"].clone();
    assert_eq!(
        operator
            .post("/api/operator/publishers", &json!({"id": publisher, "allowed": false}))
            .await
            .status,
        200
    );
    let refused = device.post("/api/open", &json!({"code": good})).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "disallowed"));
    assert_eq!(device.get("/api/state").await.json()["programs"], json!([]));
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_of_one_process_share_nothing() {
    let (one, two) = (Kiosk::open(|_| {}).await, Kiosk::open(|_| {}).await);
    let mut device = one.visitor().await;
    let there = device.clone();
    let mut there = support::Device {
        authority: two.authority(),
        ..there
    };
    assert_eq!(there.get("/api/person").await.status, 401, "a seat is its own host's");
    let mut other = two.visitor().await;
    let foreign = other.post("/api/open", &json!({"code": one.code()})).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (400, "foreign-host"), "and so is a code");
    let config = youji_kiosk::HostConfig::new(one.host.config().data_dir.clone());
    let last = config.clone().as_served_last().unwrap();
    assert_eq!(last.public_url, Some(one.host.public_url()));
    let taken = youji_kiosk::Host::new(config)
        .await
        .err()
        .expect("the folder is in use")
        .to_string();
    assert!(taken.contains("in use") && taken.contains("--data DIR"), "{taken}");
    assert_eq!(device.get("/api/person").await.status, 200, "and the one that has it goes on");
    one.server.stop().await;
    assert_eq!(other.get("/api/person").await.status, 200, "the other goes on");
    two.server.stop().await;
}

/// The value of one line of `/metrics`; nothing for one that is not there yet.
async fn counted(device: &mut support::Device, name: &str) -> f64 {
    let answer = device.get("/metrics").await;
    let text = String::from_utf8(answer.body).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    for (name, is) in [
        ("youji_open_seconds_count", 1.0),
        ("youji_open_step_seconds_count{step=\"view\"}", 1.0),
        ("youji_sessions", 1.0),
        ("youji_instances", 1.0),
        ("youji_sockets", 1.0),
        ("youji_sessions_ended_total{reason=\"closed\"}", 0.0),
    ] {
        assert_eq!(counted(&mut device, name).await, is, "{name}");
    }
    page.say(json!({"t": "close"})).await;
    page.until("ended").await;
    for (name, is) in [
        ("youji_sessions_ended_total{reason=\"closed\"}", 1.0),
        ("youji_sessions", 0.0),
        ("youji_instances", 0.0),
    ] {
        let begun = std::time::Instant::now();
        while counted(&mut device, name).await != is {
            assert!(begun.elapsed() < Duration::from_secs(120), "{name} does not become {is}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let nowhere = device
        .post("/api/open", &json!({"code": "HTTPS://ELSEWHERE.EXAMPLE/M/AAAAAAAA"}))
        .await;
    let name = format!("youji_open_refused_total{{reason=\"{}\"}}", nowhere.code());
    assert_eq!(counted(&mut device, &name).await, 1.0, "{name}");
    kiosk.server.stop().await;
}
