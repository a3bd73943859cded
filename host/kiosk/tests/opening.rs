//! One program opens another: the person confirms, the host says who asks, and afterwards the first one is there again.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Device, Kiosk, PROGRAM, Page};
use youji_package::PublisherKey;

const TEA: &str = "org.example.tea";
const CLOSED: &str = "org.example.closed";
const SISTER: &str = "org.example.sister";

/// A kiosk with programs of another publisher: one that everybody may open and one that nobody may; and a sister of the first.
async fn kiosk() -> Kiosk {
    let kiosk = Kiosk::open(|_| {}).await;
    let other = PublisherKey::from_seed(&[9; 32]);
    let registry = kiosk.host.registry();
    registry.allow_publisher("Leaf & Co", &other.public()).await.expect("allowed");
    for package in [
        support::package_as(TEA, "Tea House", &other, &["*"]),
        support::package_as(CLOSED, "Closed", &other, &["org.example.somebody"]),
        support::package_as(SISTER, "Sister", &support::key(), &[]),
    ] {
        registry.publish(package).await.expect("published");
    }
    kiosk
}

/// The first program, ready to open that one.
async fn ready(kiosk: &Kiosk, opens: &str) -> (Device, Value, Page) {
    let mut device = kiosk.visitor().await;
    let opened = device.open_with(json!({"opens": opens})).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    (device, opened, page)
}

async fn sheet(page: &mut Page) -> Value {
    page.tap("open", "open").await;
    let frame = page.seen_or_until(|frame| frame["t"] == "sheet", "a sheet").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    frame["sheet"].clone()
}

fn answer(sheet: &Value, accepted: bool) -> Value {
    json!({"t": "answer", "id": sheet["id"], "accepted": accepted, "afterMs": 900})
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_with_its_caller_stamped_and_comes_back() {
    let kiosk = kiosk().await;
    let (mut device, first, mut page) = ready(&kiosk, &format!("{TEA} pages/second")).await;
    page.tap("add", "add").await;
    let asked = sheet(&mut page).await;
    assert_eq!(asked["kind"], "open", "{asked}");
    assert_eq!(
        (&asked["program"], &asked["target"], &asked["targetPublisher"]),
        (&json!("Trial"), &json!("Tea House"), &json!("Leaf & Co")),
        "stored names"
    );
    assert_eq!(
        asked["opens"],
        json!({"program": TEA, "page": "pages/second", "query": [["said", "hello"]]})
    );
    page.say(answer(&asked, true)).await;
    let opened = page.until("opened").await["opened"].clone();
    assert_eq!(
        (&opened["program"]["id"], &opened["from"]),
        (&json!(TEA), &first["session"]),
        "{opened}"
    );
    // The program may learn of it before or after the page does.
    page.seen_or_until(|frame| frame["t"] == "patch" && frame.to_string().contains(":done"), "the outcome")
        .await;

    let mut tea = device.page(&opened, 0).await;
    let full = tea.until("full").await;
    assert_eq!(full["path"], "pages/second");
    assert_eq!(
        tea.text(2),
        format!("from {PROGRAM} with hello"),
        "cause and caller come from the host"
    );

    // What a page that was reloaded is told.
    let state = device.get("/api/state").await.json();
    let sessions = state["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2, "{state}");
    let again = sessions.iter().find(|one| one["session"] == opened["session"]).expect("the second");
    assert_eq!(*again, opened, "the same as at first: permissions, steps, and where it came from");

    tea.say(json!({"t": "close"})).await;
    tea.until("ended").await;
    let mut back = device.page(&first, 0).await;
    back.until("full").await;
    assert_eq!(back.text(0), "1", "the first one has its state");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_declines_is_not_opened() {
    let kiosk = kiosk().await;
    let (mut device, _, mut page) = ready(&kiosk, SISTER).await;
    let asked = sheet(&mut page).await;
    assert_eq!(asked["opens"]["page"], "pages/home", "{asked}");
    page.say(answer(&asked, false)).await;
    page.until_match(
        |frame| frame["t"] == "patch" && frame.to_string().contains(":declined"),
        "the outcome",
    )
    .await;
    assert_eq!(device.get("/api/state").await.json()["sessions"].as_array().map(Vec::len), Some(1));
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_take_calls_is_not_even_asked_about() {
    for (opens, code) in [
        (CLOSED, "forbidden"),
        ("org.example.nobody", "not-found"),
        ("org.example.tea pages/inner", "not-found"),
        ("org.example.tea pages/nowhere", "not-found"),
        (PROGRAM, "invalid"),
    ] {
        let kiosk = kiosk().await;
        kiosk.enrol_shop().await;
        let (_, _, mut page) = ready(&kiosk, opens).await;
        page.tap("open", "open").await;
        assert_eq!(page.text(2), format!("Err(\"{code}\")"), "{opens}");
        // Sheets come in the order in which they were opened: the first one is of another matter.
        page.tap("pay", "pay").await;
        let first = page.seen_or_until(|frame| frame["t"] == "sheet", "a sheet").await;
        assert_eq!(first["sheet"]["kind"], "payment", "{opens}: {first}");
        kiosk.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_not_say_that_a_program_asked() {
    let kiosk = kiosk().await;
    let mut device = kiosk.visitor().await;
    let body = json!({"program": TEA, "page": "pages/second", "query": {"said": "lie"}, "fromProgram": PROGRAM});
    let opened = device.post("/api/open", &body).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let opened = opened.json();
    assert_eq!(opened["from"], Value::Null);
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    assert_eq!(page.text(2), "", "it was opened by a link");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_open_in_the_end_is_said_to_both() {
    let kiosk = kiosk().await;
    let (_, _, mut page) = ready(&kiosk, TEA).await;
    let asked = sheet(&mut page).await;
    let other = PublisherKey::from_seed(&[9; 32]).public().id();
    kiosk.host.registry().set_allowed(&other, false).await.expect("disallowed");
    page.say(answer(&asked, true)).await;
    let problem = page.until("not-opened").await["problem"].clone();
    assert_eq!(problem["code"], "disallowed", "{problem}");
    page.seen_or_until(
        |frame| frame["t"] == "patch" && frame.to_string().contains(":faileddisallowed"),
        "the outcome",
    )
    .await;
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_stays_with_the_person() {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut device = kiosk.visitor().await;
    let state = device.get("/api/state").await.json();
    assert_eq!(state["language"], "en");
    let answer = device.post("/api/person/language", &json!({"language": "zh-CN"})).await;
    assert_eq!((answer.status, &answer.json()["language"]), (200, &json!("zh-CN")));
    assert_eq!(device.get("/api/state").await.json()["language"], "zh-CN");
    // Nonsense changes nothing.
    let answer = device.post("/api/person/language", &json!({"language": "<script>"})).await;
    assert_eq!((answer.status, &answer.json()["language"]), (200, &json!("zh-CN")));
    let opened = device.open(&kiosk.code()).await;
    let mut page = device.page(&opened, 0).await;
    page.until("full").await;
    assert_eq!(
        device.get("/api/state").await.json()["language"],
        "en",
        "the page's hello says what it speaks"
    );
    kiosk.server.stop().await;
}
