//! Money moves exactly once or not at all.

mod common;

use common::{Host, no, order, put, ticket, yes};
use std::time::Duration;
use youji_api::{Answer, Call, Capabilities, Fields, Reply, SheetKind};
use youji_services::NewPerson;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_one_act() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    host.call(&caller, put("orders", "k1", 0, b"one beef")).await.unwrap();
    let mut wanted = order("A1", 3_600);
    wanted.options.set("record", "orders/k1");
    wanted.options.set("record-version", 1_i64);
    let asked = ticket(host.call(&caller, Call::PaymentPay(wanted)).await);
    let sheet = host.last_sheet(&caller);
    let SheetKind::Payment {
        payee,
        amount,
        affordable,
        pin,
        balance,
        ..
    } = &sheet.kind
    else {
        panic!("a payment sheet expected");
    };
    assert_eq!((payee.as_str(), amount.as_str(), balance.as_str()), ("好味面馆", "36.00", "200.00"));
    assert!(*affordable && !*pin);
    // Twelve confirmations at once: one moves money.
    let all = (0..12).map(|_| host.answer(&caller, &sheet, yes()));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!((host.balance(&guest), host.earned()), (16_400, 3_600));
    let outcome = host.outcome(&caller, asked).unwrap();
    assert_eq!(outcome.fields.text("outcome"), "done");
    assert_eq!(outcome.fields.text("state"), "succeeded");
    // Receipt, message, stamp, counts.
    let receipts = host.services.receipts(&guest.id).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].receipt, outcome.fields.text("receipt"));
    assert!(host.services.verify_receipt(&receipts[0].document));
    let mut forged = receipts[0].document.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    assert!(!host.services.verify_receipt(&String::from_utf8(forged).unwrap()));
    assert_eq!(host.services.inbox(&guest.id, 0).await.len(), 1);
    let found = host
        .call(
            &caller,
            Call::RecordsGet {
                collection: "orders".to_owned(),
                key: "k1".to_owned(),
            },
        )
        .await;
    let Ok(Reply::Row(Some(row))) = found else { panic!("{found:?}") };
    assert_eq!((row.version, row.value.as_slice()), (2, b"one beef".as_slice()));
    assert_eq!(row.stamps.text("paid-state"), "succeeded");
    assert_eq!(row.stamps.integer("paid-amount"), Some(3_600));
    let counts = host.services.day_counts();
    assert_eq!((counts.orders, counts.turnover), (1, 3_600));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_number_stands_for_one_content_of_one_person() {
    let host = Host::new().await;
    let (guest, other) = (host.visitor().await, host.visitor().await);
    let (caller, stranger) = (host.session(&guest).await, host.session(&other).await);
    let first = ticket(host.call(&caller, Call::PaymentPay(order("B1", 100))).await);
    assert_eq!(host.code(&caller, Call::PaymentPay(order("B1", 200))).await, "taken");
    assert_eq!(host.code(&stranger, Call::PaymentPay(order("B1", 100))).await, "taken");
    let old = host.last_sheet(&caller);
    // The same again: the same ticket, a new sheet, and the old one is dead.
    assert_eq!(ticket(host.call(&caller, Call::PaymentPay(order("B1", 100))).await), first);
    let new = host.last_sheet(&caller);
    assert_ne!(old.id, new.id);
    assert_eq!(host.answer(&caller, &old, yes()).await.unwrap_err().code, "not-found");
    assert_eq!(host.answer(&stranger, &new, yes()).await.unwrap_err().code, "not-found");
    assert_eq!(host.balance(&guest), 20_000);
    host.answer(&caller, &new, yes()).await.unwrap();
    // Once paid, the same order says so again and moves nothing.
    assert_eq!(ticket(host.call(&caller, Call::PaymentPay(order("B1", 100))).await), first);
    assert_eq!(host.balance(&guest), 19_900);
    assert_eq!(host.outcome(&caller, first).unwrap().fields.text("state"), "succeeded");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_paid_moves_nothing_and_says_why() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let declined = ticket(host.call(&caller, Call::PaymentPay(order("C1", 100))).await);
    host.answer(&caller, &host.last_sheet(&caller), no()).await.unwrap();
    assert_eq!(host.outcome(&caller, declined).unwrap().fields.text("outcome"), "declined");
    // Declined is not final: the same order may be asked for again.
    let again = ticket(host.call(&caller, Call::PaymentPay(order("C1", 100))).await);
    assert_ne!(again, declined);
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    assert_eq!(host.balance(&guest), 19_900);

    let poor = ticket(host.call(&caller, Call::PaymentPay(order("C2", 20_000))).await);
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    let outcome = host.outcome(&caller, poor).unwrap();
    assert_eq!(
        (outcome.fields.text("outcome"), outcome.fields.text("code")),
        ("failed", "insufficient-funds")
    );

    // The row changed while the sheet was open.
    host.call(&caller, put("orders", "k", 0, b"1")).await.unwrap();
    let mut bound = order("C3", 100);
    bound.options.set("record", "orders/k");
    bound.options.set("record-version", 1_i64);
    let late = ticket(host.call(&caller, Call::PaymentPay(bound)).await);
    host.call(&caller, put("orders", "k", 1, b"2")).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    assert_eq!(host.outcome(&caller, late).unwrap().fields.text("code"), "conflict");

    // Expired.
    let slow = ticket(host.call(&caller, Call::PaymentPay(order("C4", 100))).await);
    let sheet = host.last_sheet(&caller);
    host.pass(Duration::from_secs(3_600));
    assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "not-found");
    common::until(|| host.outcome(&caller, slow).is_some()).await;
    assert_eq!(host.outcome(&caller, slow).unwrap().fields.text("outcome"), "expired");

    let mut elsewhere = order("C5", 100);
    elsewhere.merchant = "stranger".to_owned();
    assert_eq!(host.code(&caller, Call::PaymentPay(elsewhere)).await, "not-found");
    let mut theirs = order("C6", 100);
    theirs.options.set("mode", "gift");
    assert_eq!(host.code(&caller, Call::PaymentPay(theirs)).await, "unsupported");
    assert_eq!(host.balance(&guest), 19_900);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_is_never_overdrawn_by_many_at_once() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let mut sheets = Vec::new();
    for n in 0..20 {
        let caller = host.session(&guest).await;
        ticket(host.call(&caller, Call::PaymentPay(order(&format!("D{n}"), 3_000))).await);
        sheets.push((host.last_sheet(&caller), caller));
    }
    let all = sheets.iter().map(|(sheet, caller)| host.answer(caller, sheet, yes()));
    futures_util::future::join_all(all)
        .await
        .into_iter()
        .for_each(|answer| answer.unwrap());
    assert_eq!((host.balance(&guest), host.earned()), (2_000, 18_000));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_guards_a_wallet_and_locks() {
    let host = Host::new().await;
    let new = NewPerson {
        name: "小林".to_owned(),
        code: "LIN".to_owned(),
        pin: "2468".to_owned(),
        language: "zh-CN".to_owned(),
        balance: 5_000,
        profile: vec![("phone".to_owned(), "555-0100".to_owned())],
    };
    let person = host.services.create_person(new.clone()).await.unwrap();
    assert_eq!(host.services.create_person(new).await.unwrap().id, person.id);
    let caller = host.session(&person).await;
    let asked = ticket(host.call(&caller, Call::PaymentPay(order("E1", 1_000))).await);
    let sheet = host.last_sheet(&caller);
    let with = |pin: &str| Answer {
        pin: pin.to_owned(),
        ..yes()
    };
    assert_eq!(host.answer(&caller, &sheet, with("1111")).await.unwrap_err().code, "denied");
    assert_eq!(host.balance(&person), 5_000);
    host.answer(&caller, &sheet, with("2468")).await.unwrap();
    assert_eq!(host.outcome(&caller, asked).unwrap().fields.text("outcome"), "done");
    // Ten guesses at once: five are judged, and a restart does not lift the lock.
    let all = (0..10).map(|n| {
        let services = host.services.clone();
        async move { services.sign_in("lin", &format!("000{n}")).await.unwrap_err().code }
    });
    let codes = futures_util::future::join_all(all).await;
    assert_eq!(codes.iter().filter(|code| *code == "denied").count(), 5, "{codes:?}");
    assert_eq!(host.services.sign_in("LIN", "2468").await.unwrap_err().code, "limit");
    let after = host.killed().await;
    assert_eq!(after.services.sign_in("LIN", "2468").await.unwrap_err().code, "limit");
    after.pass(Duration::from_secs(301));
    assert_eq!(after.services.sign_in("LIN", "2468").await.unwrap().id, person.id);
    for _ in 0..5 {
        assert_eq!(after.services.sign_in("NOBODY", "2468").await.unwrap_err().code, "denied");
    }
    assert_eq!(after.services.sign_in("NOBODY", "2468").await.unwrap_err().code, "limit");
    after.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_charges_once_or_not_at_all() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let asked = ticket(host.call(&caller, Call::PaymentPay(order("F1", 700))).await);
    // Killed while the sheet is open: not charged, and the next launch says so.
    let before = host.killed().await;
    let next = before.session(&guest).await;
    let (_, outcomes) = before.services.started(&next).await;
    assert_eq!(outcomes.len(), 1);
    assert_eq!((outcomes[0].ticket, outcomes[0].fields.text("outcome")), (asked.0, "expired"));
    assert_eq!(before.balance(&guest), 20_000);
    before.check().await;
    // Killed at random moments of the confirmation.
    let sheet = host.last_sheet(&caller);
    let (services, session) = (host.services.clone(), caller.session);
    let answering = tokio::spawn(async move { services.answer(session, sheet.id, yes()).await });
    let mut copies = Vec::new();
    for _ in 0..4 {
        copies.push(host.killed().await);
    }
    answering.await.unwrap().unwrap();
    copies.push(host.killed().await);
    for (n, copy) in copies.iter().enumerate() {
        let next = copy.session(&guest).await;
        let (_, outcomes) = copy.services.started(&next).await;
        assert_eq!(outcomes.len(), 1, "copy {n}");
        let paid = outcomes[0].fields.text("state") == "succeeded";
        let receipts = copy.services.receipts(&guest.id).await.len();
        let expected = if paid { (19_300, 700, 1) } else { (20_000, 0, 0) };
        assert_eq!((copy.balance(&guest), copy.earned(), receipts), expected, "copy {n}");
        assert_eq!(outcomes[0].fields.text("order-no"), "F1");
        copy.check().await;
    }
    // The last copy was made after the answer: acknowledged means durable.
    let last = copies.pop().unwrap();
    assert_eq!(last.balance(&guest), 19_300);
    let next = last.session(&guest).await;
    last.services.taken(&next, asked).await;
    let (_, outcomes) = last.services.started(&next).await;
    assert!(outcomes.is_empty(), "an outcome that was taken is not offered again");
    let known = last
        .call(
            &next,
            Call::PaymentLookup {
                order_no: "F1".to_owned(),
                options: Fields::new(),
            },
        )
        .await;
    let Ok(Reply::Fields(known)) = known else { panic!("{known:?}") };
    assert_eq!((known.text("state"), known.integer("captured")), ("succeeded", Some(700)));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_top_up_happens_once() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let all = (0..16).map(|_| host.services.top_up(&guest.id, 500, "till-1"));
    for balance in futures_util::future::join_all(all).await {
        assert_eq!(balance.unwrap(), 20_500);
    }
    assert_eq!(host.services.top_up(&guest.id, 501, "till-1").await.unwrap_err().code, "taken");
    assert_eq!(host.balance(&guest), 20_500);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_of_many_at_once_are_each_made_once() {
    let host = Host::new().await;
    let mut sheets = Vec::new();
    for n in 0..64 {
        let guest = host.visitor().await;
        let caller = host.session(&guest).await;
        ticket(host.call(&caller, Call::PaymentPay(order(&format!("S{n}"), 10))).await);
        sheets.push((host.last_sheet(&caller), caller));
    }
    let all = sheets.iter().map(|(sheet, caller)| host.answer(caller, sheet, yes()));
    futures_util::future::join_all(all)
        .await
        .into_iter()
        .for_each(|answer| answer.unwrap());
    assert_eq!(host.earned(), 640);
    host.check().await;
}
