//! People: apart for each program, erased when they want, asked before anything is given.

mod common;

use common::{Host, choose, no, order, put, ticket, yes};
use std::path::Path;
use std::time::Duration;
use youji_api::{Call, Capabilities, Consent, Consents, Fields, Reply, SavedState};
use youji_services::NewPerson;
use youji_store::{Map, RunMap};

const CANARY: &str = "canary-7f3a91c2";

/// Files under `dir` that hold `needle`, as it is or as base64 would show it at one of three places.
fn holding(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn base64_inside(text: &str) -> Vec<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |bytes: &[u8]| -> Vec<u8> {
        let triple = |chunk: &[u8]| {
            let n = (u32::from(chunk[0]) << 16) | (u32::from(chunk[1]) << 8) | u32::from(chunk[2]);
            [18, 12, 6, 0].map(|shift| alphabet[(n >> shift & 63) as usize])
        };
        bytes.chunks_exact(3).flat_map(triple).collect()
    };
    (0..3).map(|cut| encode(&text.as_bytes()[cut..])).collect()
}

/// How many keys of the projection name a person. Ends the host.
async fn named(host: &Host, person: &youji_api::PersonId) -> usize {
    host.services.shutdown().await;
    let copy = tempfile::tempdir().unwrap();
    common::copy_dir(&host.dir.path().join("data/projection"), copy.path());
    let pairs = RunMap::open(copy.path()).unwrap().scan(b"", None, 100_000).await.unwrap();
    let names = |key: &[u8]| key.windows(person.as_str().len()).any(|part| part == person.as_str().as_bytes());
    pairs.iter().filter(|(key, _)| names(key)).count()
}

async fn fill(host: &Host) -> (youji_services::Person, youji_api::caller::Caller) {
    let person = host
        .services
        .create_person(NewPerson {
            name: format!("name {CANARY}"),
            code: "CANARY".to_owned(),
            pin: "1234".to_owned(),
            language: "zh-CN".to_owned(),
            balance: 10_000,
            profile: vec![("phone".to_owned(), CANARY.to_owned())],
        })
        .await
        .unwrap();
    let caller = host.session(&person).await;
    let set = Call::StorageSet {
        key: format!("key {CANARY}"),
        value: CANARY.into(),
    };
    host.call(&caller, set).await.unwrap();
    let long = Call::StorageSet {
        key: "long".to_owned(),
        value: CANARY.repeat(12_000).into_bytes(),
    };
    host.call(&caller, long).await.unwrap();
    host.call(&caller, put("orders", "open", 0, CANARY.as_bytes())).await.unwrap();
    host.call(&caller, put("secrets", "s", 0, CANARY.as_bytes())).await.unwrap();
    let profile = Call::IdentityProfile {
        names: vec!["nickname".to_owned(), "phone".to_owned()],
        options: Fields::new(),
    };
    host.call(&caller, profile).await.unwrap();
    let sheet = host.last_sheet(&caller);
    host.answer(&caller, &sheet, choose(&["identity.nickname", "identity.phone"]))
        .await
        .unwrap();
    let mut paid = order("canary-order", 500);
    paid.options.set("purpose", CANARY);
    paid.lines[0].title = CANARY.to_owned();
    host.call(&caller, Call::PaymentPay(paid)).await.unwrap();
    let answer = youji_api::Answer {
        pin: "1234".to_owned(),
        ..yes()
    };
    host.answer(&caller, &host.last_sheet(&caller), answer).await.unwrap();
    let saved = SavedState {
        schema: 1,
        bytes: CANARY.into(),
    };
    host.services.ended(&caller, Some(saved)).await;
    (person, caller)
}

/// The sign is the person's own choice; nobody who reads the nickname can tell it.
async fn sign_of(host: &Host, person: &youji_api::PersonId) -> (String, String, bool) {
    let person = host.services.person(person).expect("there");
    (person.sign.picture, person.sign.word.en, person.sign_chosen)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_sign_is_the_persons_choice_and_no_nickname_tells_it() {
    let host = Host::new().await;
    let ann = host.visitor().await;
    assert!(!sign_of(&host, &ann.id).await.2, "drawn for them at first");
    let check = async |picture: &str, word: &str, code: &str| {
        let before = sign_of(&host, &ann.id).await;
        let said = host.services.choose_sign(&ann.id, picture, word).await;
        assert_eq!(
            said.as_ref().map_or_else(|failure| failure.code.as_str(), |()| "ok"),
            code,
            "{picture} {word}"
        );
        if code != "ok" {
            assert_eq!(sign_of(&host, &ann.id).await, before, "{picture} {word} changed nothing");
        }
    };
    check("kite", "Zebra", "ok").await;
    assert_eq!(sign_of(&host, &ann.id).await, ("kite".into(), "Zebra".into(), true));
    check("no-such-picture", "", "invalid").await;
    check("kite", &"x".repeat(17), "limit").await;
    check("kite", "a\u{7}b", "invalid").await;
    // Programs may read the nickname.
    let named = |name: &str| [("nickname".to_owned(), name.to_owned())].into();
    host.services.set_profile(&ann.id, &named("Bamboo Fan")).await.unwrap();
    check("bamboo", "", "invalid").await;
    check("moon", "fan", "invalid").await;
    check("moon", "", "ok").await;
    let told = host.services.set_profile(&ann.id, &named("Over the Moon")).await;
    assert_eq!(told.map_err(|failure| failure.code), Err("invalid".to_owned()));
    // It outlives the process, sealed like the rest of the profile.
    let again = host.killed().await;
    assert_eq!(sign_of(&again, &ann.id).await, ("moon".into(), "moon".into(), true));
    assert!(holding(host.dir.path(), b"Zebra").is_empty());
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_forgotten_is_nowhere_and_the_chain_is_whole() {
    let host = Host::new().await;
    let (person, caller) = fill(&host).await;
    // The control: without forgetting, another process opens all of it through the door.
    let control = host.killed().await;
    let (saved, outcomes) = control.services.started(&caller).await;
    assert_eq!(saved.unwrap().bytes, CANARY.as_bytes());
    assert!(outcomes.iter().any(|event| event.fields.text("profile.phone") == CANARY));
    let get = Call::StorageGet {
        key: format!("key {CANARY}"),
    };
    let found = control.call(&caller, get.clone()).await.unwrap();
    assert_eq!(found, Reply::Bytes(Some(CANARY.into())));
    let Reply::Bytes(Some(long)) = control.call(&caller, Call::StorageGet { key: "long".to_owned() }).await.unwrap() else {
        panic!("the long value is there");
    };
    assert_eq!(long.len(), CANARY.len() * 12_000);
    assert_eq!(control.services.receipts(&person.id).await[0].purpose, CANARY);
    assert!(control.services.person(&person.id).unwrap().name.contains(CANARY));

    let erased = host.services.forget(&person.id).await.unwrap();
    assert_eq!((erased.keys, erased.storage, erased.records, erased.saved), (1, 2, 2, 1));
    assert_eq!((erased.messages, erased.receipts, erased.orders, erased.consents), (1, 1, 1, 2));
    assert!(host.services.person(&person.id).is_none());
    assert!(host.services.consents(&person.id).is_empty());
    assert!(host.services.inbox(&person.id, 0).await.is_empty());
    assert!(host.services.receipts(&person.id).await.is_empty());
    assert_eq!(host.services.sign_in("CANARY", "1234").await.unwrap_err().code, "denied");
    assert_eq!(host.services.forget(&person.id).await.unwrap().keys, 0);
    let (saved, outcomes) = host.services.started(&caller).await;
    assert!(saved.is_none() && outcomes.is_empty());
    assert_eq!(host.call(&caller, get.clone()).await.unwrap(), Reply::Bytes(None));
    assert_eq!(
        host.code(
            &caller,
            Call::StorageSet {
                key: "a".to_owned(),
                value: vec![1]
            }
        )
        .await,
        "not-found"
    );
    // The merchant keeps what it took in.
    assert_eq!(host.earned(), 500);
    host.check().await;
    for needle in base64_inside(CANARY).into_iter().chain([CANARY.as_bytes().to_vec()]) {
        let found = holding(&host.dir.path().join("data"), &needle);
        assert!(found.is_empty(), "{found:?}");
    }
    // A backup of log and map from before, with the keys of today, opens nothing, and finishes the forgetting.
    let backup = tempfile::tempdir().unwrap();
    common::copy_dir(&control.dir.path().join("data"), &backup.path().join("data"));
    std::fs::remove_dir_all(backup.path().join("data/keys")).unwrap();
    common::copy_dir(&host.dir.path().join("data/keys"), &backup.path().join("data/keys"));
    let backup = Host::on(backup, common::START + 1_000).await;
    assert!(backup.services.person(&person.id).is_none());
    assert!(backup.services.receipts(&person.id).await.is_empty());
    let read = backup.call(&caller, get).await;
    assert!(!matches!(read, Ok(Reply::Bytes(Some(_)))), "{read:?}");
    common::until(|| backup.services.consents(&person.id).is_empty()).await;
    backup.check().await;
    // Replayed from the log, it is still gone.
    let after = host.killed().await;
    assert!(after.services.person(&person.id).is_none());
    assert_eq!(after.earned(), 500);
    after.check().await;
    // No key of the projection names the person any more; the control's do.
    assert!(named(&control, &person.id).await > 5);
    assert_eq!(named(&host, &person.id).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_outlives_its_visitor_for_the_kitchen() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let kitchen = host.session_as(&cook, "noodles", &["kitchen"]).await;
    host.call(&caller, put("orders", "paid", 0, b"beef")).await.unwrap();
    host.call(&caller, put("orders", "open", 0, b"draft")).await.unwrap();
    host.call(&caller, put("counters", "day", 0, b"1")).await.unwrap();
    let mut paid = order("1", 500);
    paid.options.set("record", "orders/paid");
    host.call(&caller, Call::PaymentPay(paid)).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    host.services.forget(&guest.id).await.unwrap();
    let list = Call::RecordsList {
        collection: "orders".to_owned(),
        options: Fields::new(),
    };
    let Ok(Reply::Rows(rows)) = host.call(&kitchen, list.clone()).await else {
        panic!("rows expected")
    };
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].key.as_str(), rows[0].value.as_slice()), ("paid", b"beef".as_slice()));
    host.call(&kitchen, put("orders", "paid", rows[0].version, b"ready")).await.unwrap();
    let counter = Call::RecordsGet {
        collection: "counters".to_owned(),
        key: "day".to_owned(),
    };
    assert!(matches!(host.call(&kitchen, counter).await, Ok(Reply::Row(Some(row))) if row.value == b"1"));
    host.pass(Duration::from_secs(90_000));
    assert_eq!(host.call(&kitchen, list).await.unwrap(), Reply::Rows(Vec::new()));
    // A visitor's money goes back where it came from.
    assert_eq!(host.balance(&cook), 20_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_programs_know_the_same_id() {
    let host = Host::new().await;
    let (guest, other) = (host.visitor().await, host.visitor().await);
    let a = host.session_as(&guest, "a", &[]).await;
    let b = host.session_as(&guest, "b", &[]).await;
    let c = host.session_as(&other, "a", &[]).await;
    let id = |reply: Result<Reply, youji_api::Failure>| match reply {
        Ok(Reply::Text(text)) => text,
        other => panic!("{other:?}"),
    };
    let mut ids = Vec::new();
    for caller in [&a, &b, &c] {
        ids.push(id(host.call(caller, Call::IdentityOpenId).await));
    }
    ids.push(id(host.call(&a, Call::IdentityUnionId).await));
    assert_eq!(id(host.call(&b, Call::IdentityUnionId).await), ids[3]);
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 4);
    let after = host.killed().await;
    assert_eq!(after.services.open_id(&guest.id, &"a".into()).as_str(), ids[0]);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_is_asked_for_remembered_and_withdrawn() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let names = |names: &[&str]| Call::IdentityProfile {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        options: Fields::new(),
    };
    // A part of what was asked for.
    let asked = ticket(host.call(&caller, names(&["nickname", "phone"])).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["identity.nickname"]))
        .await
        .unwrap();
    let outcome = host.outcome(&caller, asked).unwrap();
    let second = host.answer(&caller, &host.last_sheet(&caller), choose(&["identity.phone"])).await;
    assert_eq!(second.unwrap_err().code, "not-found");
    assert_eq!(outcome.fields.text("profile.nickname"), guest.name);
    assert!(outcome.fields.get("profile.phone").is_none());
    assert_eq!(host.code(&caller, names(&["phone"])).await, "denied");
    // Remembered: no second sheet.
    let sheets = host.heard.sheets.lock().unwrap().len();
    let again = ticket(host.call(&caller, names(&["nickname"])).await);
    assert_eq!(host.heard.sheets.lock().unwrap().len(), sheets);
    assert_eq!(host.outcome(&caller, again).unwrap().fields.text("outcome"), "done");
    // Withdrawn: it bites at the next call, and survives.
    let program = "noodles".into();
    host.services
        .set_consent(&guest.id, &program, "identity.nickname", false)
        .await
        .unwrap();
    assert_eq!(host.code(&caller, names(&["nickname"])).await, "denied");
    let after = host.killed().await;
    assert_eq!(after.services.consent(&guest.id, &program, "identity.nickname"), Consent::Denied);
    assert_eq!(host.services.consents(&guest.id).len(), 2);
    let unasked = host.services.set_consent(&guest.id, &program, "location", true).await;
    assert_eq!(unasked.unwrap_err().code, "not-found");
    // Place and scanner.
    let place = ticket(host.call(&caller, Call::LocationLocate { options: Fields::new() }).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["location"]))
        .await
        .unwrap();
    assert_eq!(host.outcome(&caller, place).unwrap().fields.text("place"), "Hall 3");
    let scan = ticket(host.call(&caller, Call::ScannerScan { options: Fields::new() }).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["scanner"])).await.unwrap();
    assert_eq!(*host.heard.scans.lock().unwrap(), [(caller.session, scan)]);
    host.services
        .scanned(caller.session, scan, Some("B0421"), Some(("pages/ride", "B0421")))
        .await
        .unwrap();
    assert_eq!(host.outcome(&caller, scan).unwrap().fields.text("scene"), "B0421");
    let twice = host.services.scanned(caller.session, scan, None, None).await;
    assert_eq!(twice.unwrap_err().code, "not-found");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_arrives_once_and_only_where_it_was_allowed() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let (caller, kitchen) = (host.session(&guest).await, host.session_as(&cook, "noodles", &["kitchen"]).await);
    let to = host.services.open_id(&guest.id, &"noodles".into()).to_string();
    let send = |number: i64, id: &str| Call::MessagingSend {
        to: to.clone(),
        template: "ready".to_owned(),
        fields: Fields::new().with("number", number),
        client_id: id.to_owned(),
        options: Fields::new(),
    };
    assert_eq!(host.code(&kitchen, send(7, "m1")).await, "denied");
    let subscribe = Call::MessagingSubscribe {
        templates: vec!["ready".to_owned(), "late".to_owned()],
        options: Fields::new(),
    };
    let asked = ticket(host.call(&caller, subscribe.clone()).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["ready"])).await.unwrap();
    let outcome = host.outcome(&caller, asked).unwrap();
    assert_eq!(
        (outcome.fields.text("template.ready"), outcome.fields.text("template.late")),
        ("accepted", "rejected")
    );
    let again = ticket(host.call(&caller, subscribe).await);
    assert_eq!(host.outcome(&caller, again).unwrap().fields.text("template.ready"), "accepted");
    let all = (0..8).map(|_| host.call(&kitchen, send(7, "m1")));
    for reply in futures_util::future::join_all(all).await {
        assert_eq!(reply.unwrap(), Reply::Number(1));
    }
    assert_eq!(host.code(&kitchen, send(8, "m1")).await, "taken");
    let inbox = host.services.inbox(&guest.id, 0).await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(
        (inbox[0].title.as_str(), inbox[0].text.as_str(), inbox[0].page.as_str()),
        ("取餐", "7 号好了", "pages/order")
    );
    assert_eq!(host.services.person(&guest.id).unwrap().unread, 1);
    assert_eq!(host.services.mark_read(&guest.id, 1).await.unwrap(), 0);
    assert!(host.services.inbox(&guest.id, 0).await[0].read);
    // Bounded: the oldest go, and the numbers show it.
    for number in 0..205 {
        host.call(&kitchen, send(number, &format!("n{number}"))).await.unwrap();
    }
    let inbox = host.services.inbox(&guest.id, 0).await;
    assert_eq!((inbox.len(), inbox[0].sequence, inbox[199].sequence), (200, 7, 206));
    host.pass(Duration::from_secs(31 * 86_400));
    assert!(host.services.inbox(&guest.id, 0).await.is_empty());
    host.services
        .set_consent(&guest.id, &"noodles".into(), "message.ready", false)
        .await
        .unwrap();
    assert_eq!(host.code(&kitchen, send(1, "last")).await, "denied");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_holds_ends_with_it() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let timer = ticket(host.call(&caller, Call::TimerWakeAfter { milliseconds: 30 }).await);
    common::until(|| host.outcome(&caller, timer).is_some()).await;
    for _ in 0..16 {
        ticket(host.call(&caller, Call::TimerWakeAfter { milliseconds: 3_000_000 }).await);
    }
    assert_eq!(host.code(&caller, Call::TimerWakeAfter { milliseconds: 1 }).await, "limit");
    let watch = Call::RecordsWatch {
        collection: "menu".to_owned(),
        options: Fields::new(),
    };
    ticket(host.call(&caller, watch).await);
    let asked = ticket(host.call(&caller, Call::PaymentPay(order("1", 5))).await);
    let open = Call::NavigationOpen {
        program: "tea".to_owned(),
        path: "pages/a".to_owned(),
        query: Fields::new(),
    };
    let opened = ticket(host.call(&caller, open).await);
    host.answer(&caller, &host.last_sheet(&caller), no()).await.unwrap();
    assert_eq!(host.outcome(&caller, opened).unwrap().fields.text("outcome"), "declined");
    let line = Call::LogWrite {
        level: "warn".to_owned(),
        message: "面".repeat(3_000),
    };
    host.call(&caller, line).await.unwrap();
    assert!(host.services.log_lines(caller.session)[0].message.len() <= 4_096);
    let saved = SavedState {
        schema: 3,
        bytes: vec![7; 200_000],
    };
    let dropped = host.services.ended(&caller, Some(saved.clone())).await;
    assert_eq!(
        dropped.erased,
        [("watches", 1), ("timers", 16), ("scans", 0), ("sheets", 1), ("log-lines", 1)]
    );
    let (kept, outcomes) = host.services.started(&caller).await;
    assert_eq!(kept, Some(saved));
    assert_eq!((outcomes[0].ticket, outcomes[0].fields.text("outcome")), (asked.0, "expired"));
    host.pass(Duration::from_secs(86_401));
    assert!(host.services.started(&caller).await.0.is_none());
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_of_a_killed_host_are_forgotten_and_nobody_else() {
    let host = Host::new().await;
    let (kept, _) = fill(&host).await;
    let visitors = [host.visitor().await, host.visitor().await];
    let caller = host.session(&visitors[0]).await;
    host.call(&caller, put("orders", "paid", 0, b"two bowls")).await.unwrap();
    let mut paid = order("visitors-order", 300);
    paid.options.set("record", "orders/paid");
    host.call(&caller, Call::PaymentPay(paid)).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();

    let next = host.killed().await;
    let had = next.balance(&kept);
    assert_eq!(
        next.balance(&visitors[0]),
        host.balance(&visitors[0]),
        "the control: a start alone erases nobody"
    );
    let erased = next.services.forget_visitors().await.unwrap();
    assert_eq!(erased.iter().map(|erased| erased.keys).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(erased.iter().map(|erased| (erased.orders, erased.receipts)).max(), Some((1, 1)));
    for visitor in &visitors {
        assert!(next.services.person(&visitor.id).is_none());
    }
    assert_eq!((next.balance(&kept), next.earned()), (had, 800));
    assert!(next.services.forget_visitors().await.unwrap().is_empty(), "once");
    next.check().await;
}
