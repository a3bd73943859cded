//! What a program asks for, and who leaves in that moment, shakes neither the host nor anybody else.

mod common;

use common::{Host, choose, order, put, ticket, yes};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Answer, Call, Capabilities, Fields, PersonId, Reply, Sheet, SheetId};
use youji_services::PROFILE_FIELDS;

/// A put whose parties are those.
fn put_with(collection: &str, key: &str, parties: String) -> Call {
    match put(collection, key, 0, b"v") {
        Call::RecordsPut {
            collection,
            key,
            expected,
            value,
            ..
        } => Call::RecordsPut {
            collection,
            key,
            expected,
            value,
            options: Fields::new().with("parties", parties),
        },
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_has_a_bound() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    // Parties that are not names; as many as may be, as long as may be, each character of which JSON doubles.
    let odd = vec!["\u{1}".repeat(64); 500].join(" ");
    assert_eq!(host.code(&caller, put_with("chats", "odd", odd)).await, "invalid");
    let long = "o".repeat(65);
    assert_eq!(host.code(&caller, put_with("chats", "long", long)).await, "limit");
    let many = (0..500).map(|n| format!("{}{n:03}", "\\".repeat(61))).collect::<Vec<_>>().join(" ");
    assert_eq!(host.code(&caller, put_with("chats", "many", many)).await, "ok");
    // Options of lines, one by one and together.
    let with_option = |number: &str, value: usize| {
        let mut wide = order(number, 100);
        wide.lines[0].options.set("note", "x".repeat(value));
        Call::PaymentPay(wide)
    };
    assert_eq!(host.code(&caller, with_option("W1", 200 << 10)).await, "limit");
    assert_eq!(host.code(&caller, with_option("W2", 1_024)).await, "ok");
    let mut whole = order("W3", 5_000);
    let mut line = order("W3", 100).lines.remove(0);
    (0..16).for_each(|n| line.options.set(format!("note-{n}"), "x".repeat(1_024)));
    whole.lines = vec![line; 50];
    assert_eq!(host.code(&caller, Call::PaymentPay(whole)).await, "limit");
    host.check().await;
}

/// Bounds that an operator sets too wide are still bounded by what the projection keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_has_no_room_is_refused_before_it_is_written() {
    let host = Host::with(|config| config.limits.record_value_bytes = 1 << 20).await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    assert_eq!(host.code(&caller, put("orders", "wide", 0, &[7; 200 << 10])).await, "limit");
    assert_eq!(host.code(&caller, put("orders", "wide", 0, &[7; 90 << 10])).await, "ok");
    let asked = ticket(host.call(&caller, Call::PaymentPay(order("V1", 100))).await);
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    assert_eq!(host.outcome(&caller, asked).unwrap().fields.text("outcome"), "done");
    host.check().await;
}

fn act(number: &str, action: &str) -> Call {
    Call::PaymentAct {
        order_no: number.to_owned(),
        action: action.to_owned(),
        options: Fields::new(),
    }
}

async fn lookup(host: &Host, caller: &Caller, number: &str) -> Fields {
    let call = Call::PaymentLookup {
        order_no: number.to_owned(),
        options: Fields::new(),
    };
    match host.call(caller, call).await {
        Ok(Reply::Fields(fields)) => fields,
        other => panic!("fields expected, {other:?} came"),
    }
}

async fn pay(host: &Host, caller: &Caller, wanted: Order) {
    let asked = ticket(host.call(caller, Call::PaymentPay(wanted)).await);
    host.answer(caller, &host.last_sheet(caller), yes()).await.unwrap();
    assert_eq!(host.outcome(caller, asked).unwrap().fields.text("outcome"), "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_given_back_to_a_wallet_that_nobody_has() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    pay(&host, &caller, order("G1", 3_600)).await;
    host.services.forget(&guest.id).await.unwrap();
    let refused = host.call(&staff, act("G1", "refund")).await.unwrap_err();
    assert_eq!(refused.code, "not-found");
    assert!(refused.message.contains("forgotten"), "{}", refused.message);
    let known = lookup(&host, &staff, "G1").await;
    assert_eq!((known.text("state"), known.integer("refunded")), ("succeeded", Some(0)));
    assert_eq!(host.earned(), 3_600, "it stays where it can be given back from");
    host.check().await;
}

/// A confirmation that was under way when everything was settled, or a power cut between the key and the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_settled_also_after_the_key_is_gone() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let mut held = order("H1", 5_000);
    held.options.set("mode", "deposit");
    pay(&host, &caller, held).await;
    let copy = tempfile::tempdir().unwrap();
    common::copy_dir(&host.dir.path().join("data"), &copy.path().join("data"));
    let ring = youji_store::Keyring::open(&copy.path().join("data/keys")).unwrap();
    ring.destroy(guest.id.as_str()).unwrap();
    let after = Host::on(copy, common::START + 1).await;
    let staff = after.session_as(&cook, "noodles", &["kitchen"]).await;
    for _ in 0..12_000 {
        if lookup(&after, &staff, "H1").await.text("state") == "canceled" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lookup(&after, &staff, "H1").await.text("state"), "canceled");
    assert_eq!(after.earned(), 0);
    after.check().await;
}

/// The key of what a person has in "noodles" is gone, whoever still knows its name.
fn destroy_own_key(host: &Host, person: &PersonId) {
    let ring = youji_store::Keyring::open(&host.dir.path().join("data/keys")).unwrap();
    ring.destroy(&format!("{person}/noodles/0")).unwrap();
}

fn withdrawn(host: &Host, caller: &Caller, sheet: &Sheet) -> bool {
    host.heard.withdrawn.lock().unwrap().contains(&(caller.session, sheet.id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sheet_that_can_not_be_carried_out_leaves_the_screen() {
    let host = Host::new().await;
    let (buyer, seller, rider) = (host.visitor().await, host.visitor().await, host.visitor().await);
    // Something in the way that is neither balance nor row: the payee's event can't be sealed. Before a launch makes the key.
    destroy_own_key(&host, &seller.id);
    destroy_own_key(&host, &rider.id);
    let (buys, sells, rides) = (host.session(&buyer).await, host.session(&seller).await, host.session(&rider).await);
    let to = host.services.open_id(&seller.id, &sells.program);
    let mut gift = order("S1", 700);
    gift.options.set("to", to.as_str());
    let asked = ticket(host.call(&buys, Call::PaymentPay(gift)).await);
    let sheet = host.last_sheet(&buys);
    host.answer(&buys, &sheet, yes()).await.unwrap_err();
    assert!(withdrawn(&host, &buys, &sheet));
    let outcome = host.outcome(&buys, asked).expect("the program is told").fields;
    assert_eq!((outcome.text("outcome"), outcome.text("state")), ("failed", "canceled"));
    assert_eq!(lookup(&host, &buys, "S1").await.text("state"), "canceled");
    assert_eq!((host.balance(&buyer), host.balance(&seller)), (20_000, 20_000));
    // No money: the outcome can't be kept, and is told all the same.
    let subscribe = Call::MessagingSubscribe {
        templates: vec!["ready".to_owned()],
        options: Fields::new(),
    };
    let asked = ticket(host.call(&rides, subscribe).await);
    let sheet = host.last_sheet(&rides);
    host.answer(&rides, &sheet, choose(&["ready"])).await.unwrap_err();
    assert!(withdrawn(&host, &rides, &sheet));
    assert_eq!(
        host.outcome(&rides, asked).expect("the program is told").fields.text("outcome"),
        "failed"
    );
    // Too late.
    let asked = ticket(host.call(&buys, Call::PaymentPay(order("S2", 100))).await);
    let sheet = host.last_sheet(&buys);
    host.pass(Duration::from_secs(3_600));
    assert_eq!(host.answer(&buys, &sheet, yes()).await.unwrap_err().code, "not-found");
    common::until(|| host.outcome(&buys, asked).is_some()).await;
    assert!(withdrawn(&host, &buys, &sheet));
    // A sheet that the screen has and the host does not.
    let unknown = Sheet {
        id: SheetId(sheet.id.0 ^ 1),
        ..sheet
    };
    assert_eq!(host.answer(&buys, &unknown, yes()).await.unwrap_err().code, "not-found");
    assert!(withdrawn(&host, &buys, &unknown));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_can_not_be_given_is_put_right_on_its_sheet() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let wanted = Call::IdentityProfile {
        names: vec!["phone".to_owned()],
        options: Fields::new(),
    };
    let asked = ticket(host.call(&caller, wanted).await);
    let sheet = host.last_sheet(&caller);
    let give = |phone: String| Answer {
        values: BTreeMap::from([("identity.phone".to_owned(), phone)]),
        ..choose(&["identity.phone"])
    };
    for (wrong, code) in [("5".repeat(257), "limit"), ("555\u{7}".to_owned(), "invalid")] {
        assert_eq!(host.answer(&caller, &sheet, give(wrong)).await.unwrap_err().code, code);
        assert!(!withdrawn(&host, &caller, &sheet));
    }
    host.answer(&caller, &sheet, give("555-0199".to_owned())).await.unwrap();
    assert_eq!(host.outcome(&caller, asked).unwrap().fields.text("profile.phone"), "555-0199");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_could_not_be_erased_is_tried_again() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    // The disk refuses to mark the key: something stands in the mark's place.
    let name = Sha256::digest(format!("youji person {}", guest.id));
    let mark = host
        .dir
        .path()
        .join(format!("data/keys/{}.gone", data_encoding::HEXLOWER.encode(&name)));
    std::fs::create_dir(&mark).unwrap();
    assert_eq!(host.services.forget(&guest.id).await.unwrap_err().code, "failed");
    std::fs::remove_dir(&mark).unwrap();
    common::until(|| host.services.person(&guest.id).is_none()).await;
    host.services.forget(&guest.id).await.unwrap();
    assert_eq!(host.services.forget(&guest.id).await.unwrap().keys, 0, "there is nobody any more");
    host.check().await;
}

/// The runtime queues what `started` answers; told as an event beside that, the program would hear it twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_left_open_is_told_once() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let asked = ticket(host.call(&caller, Call::PaymentPay(order("L1", 100))).await);
    let after = host.killed().await;
    let next = after.caller(&guest);
    let (_, waiting) = after.services.started(&next).await;
    let outcomes: Vec<(u64, &str)> = waiting.iter().map(|event| (event.ticket, event.fields.text("outcome"))).collect();
    assert_eq!(outcomes, [(asked.0, "expired")]);
    assert_eq!(after.events(&next, "completed").len(), 0);
    after.check().await;
}

/// Five people change a field each, in the same moment, over and over: what was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_of_a_profile_is_lost() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    for round in 0..100 {
        let all = PROFILE_FIELDS.map(|field| {
            let (services, person) = (host.services.clone(), guest.id.clone());
            tokio::spawn(async move {
                let change = BTreeMap::from([(field.to_owned(), format!("{field} {round}"))]);
                loop {
                    match services.set_profile(&person, &change).await {
                        Ok(()) => return,
                        Err(failure) => assert_eq!(failure.code, "conflict"),
                    }
                }
            })
        });
        for one in all {
            one.await.unwrap();
        }
        let now = host.services.profile_fields(&guest.id).unwrap();
        let wanted = PROFILE_FIELDS.map(|field| (field.to_owned(), format!("{field} {round}")));
        assert_eq!(now, BTreeMap::from(wanted));
    }
    host.check().await;
}

async fn union_id(host: &Host, caller: &Caller) -> String {
    match host.call(caller, Call::IdentityUnionId).await {
        Ok(Reply::Text(id)) => id,
        other => panic!("an id expected, {other:?} came"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_kept_does_not_find_somebody_whom_it_forgot() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    let tea = host.session_as(&guest, "tea", &[]).await;
    let known = union_id(&host, &caller).await;
    assert_eq!(union_id(&host, &tea).await, known);
    pay(&host, &caller, order("N1", 100)).await;
    ticket(host.call(&caller, Call::PaymentPay(order("N2", 200))).await);
    let mut held = order("N3", 300);
    held.options.set("mode", "deposit");
    pay(&host, &caller, held).await;
    host.call(&caller, put("drops", "d", 0, b"mine")).await.unwrap();
    host.services.forget_in(&guest.id, &caller.program).await.unwrap();

    let again = host.caller(&guest);
    let (_, waiting) = host.services.started(&again).await;
    assert_eq!(waiting, []);
    let fresh = union_id(&host, &again).await;
    assert!(fresh != known && union_id(&host, &tea).await == known);
    let asks = |number: &str| Call::PaymentLookup {
        order_no: number.to_owned(),
        options: Fields::new(),
    };
    assert_eq!(host.code(&again, asks("N1")).await, "not-found");
    assert_eq!(host.code(&again, asks("N2")).await, "not-found");
    assert_eq!(host.code(&again, Call::PaymentPay(order("N1", 100))).await, "taken");
    assert_eq!(host.code(&again, Call::PaymentPay(order("N2", 200))).await, "taken");
    let drop = Call::RecordsGet {
        collection: "drops".to_owned(),
        key: "d".to_owned(),
    };
    assert_eq!(host.call(&again, drop).await.unwrap(), Reply::Row(None));
    // What is held stays theirs until it ends.
    assert_eq!(lookup(&host, &again, "N3").await.text("state"), "requires_capture");
    host.call(&staff, act("N3", "cancel")).await.unwrap();
    assert_eq!(host.code(&again, asks("N3")).await, "not-found");
    assert_eq!((host.balance(&guest), host.earned()), (19_900, 100));
    assert_eq!(lookup(&host, &staff, "N1").await.text("state"), "succeeded");
    assert_eq!(lookup(&host, &staff, "N2").await.text("state"), "canceled");
    let after = host.killed().await;
    let there = after.session(&guest).await;
    assert_eq!(union_id(&after, &there).await, fresh);
    assert_eq!(after.code(&there, asks("N1")).await, "not-found");
    host.check().await;
}
