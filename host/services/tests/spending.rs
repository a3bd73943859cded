//! Payments with a tap only, after a PIN said how much: never more than that, nowhere else, and for no longer.

mod common;

use common::{Host, order, ticket, yes};
use std::time::Duration;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Answer, Call, Capabilities, Failure, Sheet, SheetKind, SheetTerms};
use youji_services::trade::{Agreed, Idempotency, MerchantId, NewIntent, PaidIntent};
use youji_services::{Merchant, Names, NewPerson, Person, SeatId, SpendsAt};

const PIN: &str = "2468";

async fn somebody(host: &Host, code: &str) -> Person {
    let new = NewPerson {
        name: "小林".to_owned(),
        code: code.to_owned(),
        pin: PIN.to_owned(),
        language: "en".to_owned(),
        balance: 1_000_000,
        profile: Vec::new(),
    };
    host.services.create_person(new).await.unwrap()
}

fn with_pin(spending: &str) -> Answer {
    Answer {
        pin: PIN.to_owned(),
        spending: spending.to_owned(),
        ..yes()
    }
}

fn terms(sheet: &Sheet) -> (bool, SheetTerms) {
    let SheetKind::Payment { pin, terms, .. } = &sheet.kind else {
        panic!("a payment sheet expected");
    };
    (*pin, (**terms).clone())
}

/// The sheet of a fresh order.
async fn ask(host: &Host, caller: &Caller, wanted: Order) -> Sheet {
    ticket(host.call(caller, Call::PaymentPay(wanted)).await);
    host.last_sheet(caller)
}

async fn pay(host: &Host, caller: &Caller, number: &str, amount: u64, answer: Answer) -> Result<(), Failure> {
    let sheet = ask(host, caller, order(number, amount)).await;
    host.answer(caller, &sheet, answer).await
}

fn left(host: &Host, caller: &Caller) -> Vec<u64> {
    host.services
        .spendings(SpendsAt::Session(caller.session))
        .iter()
        .map(|one| one.left)
        .collect()
}

/// What the audit says of authorisations, with amounts.
async fn notes(host: &Host, person: &Person) -> Vec<(String, u64)> {
    let records = host.services.audit_log(&person.id, 0, 1_000).await.unwrap();
    let notes = records.into_iter().filter(|record| record.act.starts_with("spending."));
    notes
        .map(|record| {
            assert_eq!(record.about, ["pub"]);
            (record.act, record.amount.unwrap().0)
        })
        .collect()
}

fn opened(limit: u64) -> (String, u64) {
    ("spending.opened".to_owned(), limit)
}

fn ended(spent: u64) -> (String, u64) {
    ("spending.ended".to_owned(), spent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_is_enough_up_to_the_limit_and_not_a_cent_beyond() {
    let host = Host::new().await;
    let person = somebody(&host, "lin").await;
    let caller = host.session(&person).await;
    // Off unless chosen.
    let sheet = ask(&host, &caller, order("A0", 100)).await;
    let (pin, said) = terms(&sheet);
    assert!(pin);
    assert_eq!(said.spending_limits, ["50.00", "200.00", "500.00"]);
    assert_eq!((said.spending_left.as_str(), said.spending_ms), ("", 300_000));
    host.answer(&caller, &sheet, with_pin("")).await.unwrap();
    assert!(left(&host, &caller).is_empty());

    // What the sheet did not offer is not taken, and the sheet stays.
    let sheet = ask(&host, &caller, order("A1", 100)).await;
    for invented in ["50", "5000.00", "-1", "50.000"] {
        let refused = host.answer(&caller, &sheet, with_pin(invented)).await.unwrap_err();
        assert_eq!(refused.code, "invalid", "{invented}");
    }
    host.answer(&caller, &sheet, with_pin("50.00")).await.unwrap();
    assert_eq!(left(&host, &caller), [5_000], "the payment that opens it is no part of it");
    assert_eq!(notes(&host, &person).await, [opened(5_000)]);

    // 49.99 with a tap.
    let sheet = ask(&host, &caller, order("A2", 4_999)).await;
    let (pin, said) = terms(&sheet);
    assert!(!pin, "a tap is enough");
    assert_eq!(said.spending_left, "50.00");
    host.answer(&caller, &sheet, yes()).await.unwrap();
    assert_eq!(left(&host, &caller), [1]);
    // 0.02 is one too many: it asks, and a tap does not do.
    let sheet = ask(&host, &caller, order("A3", 2)).await;
    assert!(terms(&sheet).0);
    assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "pin-required");
    // 0.01 fits exactly, and uses it up.
    pay(&host, &caller, "A4", 1, yes()).await.unwrap();
    assert!(left(&host, &caller).is_empty());
    assert_eq!(notes(&host, &person).await, [opened(5_000), ended(5_000)]);
    assert_eq!(pay(&host, &caller, "A5", 1, yes()).await.unwrap_err().code, "pin-required");
    // A3 is still open, and its PIN still counts.
    host.answer(&caller, &sheet, with_pin("")).await.unwrap();
    assert_eq!(host.balance(&person), 1_000_000 - 100 - 100 - 4_999 - 1 - 2);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_spend_the_limit_and_no_more() {
    let host = Host::new().await;
    let person = somebody(&host, "lin").await;
    let caller = host.session(&person).await;
    pay(&host, &caller, "B0", 100, with_pin("50.00")).await.unwrap();
    // As many sheets as may be open, each of which says that a tap is enough: together they are more than what is left.
    let mut sheets = Vec::new();
    for n in 0..4 {
        sheets.push(ask(&host, &caller, order(&format!("B1-{n}"), 2_000)).await);
    }
    assert!(sheets.iter().all(|sheet| !terms(sheet).0), "each alone is covered");
    let all = sheets.iter().flat_map(|sheet| (0..3).map(|_| host.answer(&caller, sheet, yes())));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2, "{answers:?}");
    assert_eq!(left(&host, &caller), [1_000]);
    assert_eq!(host.balance(&person), 1_000_000 - 100 - 4_000);
    assert_eq!(host.earned(), 4_100);
    // The stale ones were shown again, and ask now.
    let shown = host.heard.sheets.lock().unwrap().clone();
    for sheet in &sheets {
        let last = shown.iter().rfind(|(_, other)| other.id == sheet.id).unwrap();
        let paid = answers_of(&sheets, &answers, sheet);
        assert_eq!(terms(&last.1).0, !paid, "a stale sheet asks for the PIN");
    }
    host.check().await;
}

fn answers_of(sheets: &[Sheet], answers: &[Result<(), Failure>], sheet: &Sheet) -> bool {
    let at = sheets.iter().position(|other| other.id == sheet.id).unwrap();
    answers[at * 3..at * 3 + 3].iter().any(Result::is_ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_over_after_five_minutes_also_for_a_sheet_that_is_open() {
    let host = Host::new().await;
    let person = somebody(&host, "lin").await;
    let caller = host.session(&person).await;
    pay(&host, &caller, "C0", 100, with_pin("200.00")).await.unwrap();
    host.pass(Duration::from_millis(299_999));
    pay(&host, &caller, "C1", 100, yes()).await.unwrap();
    let sheet = ask(&host, &caller, order("C2", 100)).await;
    assert!(!terms(&sheet).0);
    host.pass(Duration::from_millis(1));
    // The sheet is stale: it promised that a tap is enough.
    assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "pin-required");
    assert_eq!(host.balance(&person), 1_000_000 - 200, "nothing moved");
    let again = host.last_sheet(&caller);
    assert_eq!(again.id, sheet.id);
    assert!(terms(&again).0, "it asks for the PIN now");
    host.answer(&caller, &sheet, with_pin("")).await.unwrap();
    assert!(left(&host, &caller).is_empty());
    // Noted by the host's own round, which looks about once a second.
    let all = [opened(20_000), ended(100)];
    common::until_async(async || notes(&host, &person).await == all).await;
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_for_this_session_this_person_and_this_payee() {
    let host = Host::new().await;
    let stall = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("摊", "Stall"),
    };
    host.services.enrol_merchant(stall).await.unwrap();
    let (person, other) = (somebody(&host, "lin").await, somebody(&host, "wang").await);
    let caller = host.session(&person).await;
    let beside = host.session(&person).await;
    let elsewhere = host.session_as(&person, "tea", &[]).await;
    let stranger = host.session(&other).await;
    pay(&host, &caller, "D0", 100, with_pin("200.00")).await.unwrap();
    for (n, not) in [&beside, &elsewhere, &stranger].into_iter().enumerate() {
        let sheet = ask(&host, not, order(&format!("D1-{n}"), 100)).await;
        assert!(terms(&sheet).0, "session {n}");
        assert_eq!(
            host.answer(not, &sheet, yes()).await.unwrap_err().code,
            "pin-required",
            "session {n}"
        );
        assert!(host.services.spendings(SpendsAt::Session(not.session)).is_empty());
    }
    // Another merchant of the same publisher.
    let mut for_stall = order("D2", 100);
    for_stall.merchant = "stall".to_owned();
    let sheet = ask(&host, &caller, for_stall).await;
    assert!(terms(&sheet).0);
    assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "pin-required");
    // What is not simply paid asks each time, and opens nothing.
    let mut held = order("D3", 100);
    held.options.set("mode", "escrow");
    let sheet = ask(&host, &caller, held).await;
    let (pin, said) = terms(&sheet);
    assert!(pin && said.spending_limits.is_empty());
    assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "pin-required");
    assert_eq!(host.answer(&caller, &sheet, with_pin("50.00")).await.unwrap_err().code, "invalid");
    assert_eq!(host.balance(&person), 1_000_000 - 100, "none of them was paid");
    // And nobody else ends it.
    let id = host.services.spendings(SpendsAt::Session(caller.session))[0].id;
    assert_eq!(
        host.services
            .end_spending(SpendsAt::Session(beside.session), id)
            .await
            .unwrap_err()
            .code,
        "not-found"
    );
    pay(&host, &caller, "D4", 100, yes()).await.unwrap();
    assert_eq!(left(&host, &caller), [19_900]);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_by_hand_with_the_session_at_a_lock_and_at_a_restart() {
    let host = Host::new().await;
    let person = somebody(&host, "lin").await;
    let caller = host.session(&person).await;
    pay(&host, &caller, "E0", 100, with_pin("50.00")).await.unwrap();
    // By hand.
    let id = host.services.spendings(SpendsAt::Session(caller.session))[0].id;
    host.services.end_spending(SpendsAt::Session(caller.session), id).await.unwrap();
    assert_eq!(
        host.services
            .end_spending(SpendsAt::Session(caller.session), id)
            .await
            .unwrap_err()
            .code,
        "not-found"
    );
    assert_eq!(pay(&host, &caller, "E1", 100, yes()).await.unwrap_err().code, "pin-required");

    // At a lock: somebody guesses the PIN.
    pay(&host, &caller, "E2", 100, with_pin("50.00")).await.unwrap();
    for n in 0..5 {
        assert_eq!(left(&host, &caller), [5_000], "after {n} guesses");
        assert!(host.services.sign_in("lin", "0000").await.is_err());
    }
    assert!(left(&host, &caller).is_empty());
    host.pass(Duration::from_secs(301));

    // With the session.
    pay(&host, &caller, "E3", 100, with_pin("50.00")).await.unwrap();
    pay(&host, &caller, "E4", 700, yes()).await.unwrap();
    host.services.ended(&caller, None).await;
    assert!(host.services.spendings(SpendsAt::Session(caller.session)).is_empty());
    let all = [opened(5_000), ended(0), opened(5_000), ended(0), opened(5_000), ended(700)];
    assert_eq!(notes(&host, &person).await, all);

    // At a restart, which may come without a word.
    let caller = host.session(&person).await;
    pay(&host, &caller, "E5", 100, with_pin("50.00")).await.unwrap();
    let after = host.killed().await;
    after.services.started(&caller).await;
    assert!(left(&after, &caller).is_empty());
    assert_eq!(pay(&after, &caller, "E6", 100, yes()).await.unwrap_err().code, "pin-required");
    after.check().await;
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_paid_is_not_spent_and_opens_nothing() {
    let host = Host::new().await;
    let new = NewPerson {
        name: "小林".to_owned(),
        code: "lin".to_owned(),
        pin: PIN.to_owned(),
        language: "en".to_owned(),
        balance: 1_000,
        profile: Vec::new(),
    };
    let person = host.services.create_person(new).await.unwrap();
    let caller = host.session(&person).await;
    // The balance is too small: the PIN was right, nothing was paid, nothing is allowed.
    pay(&host, &caller, "F0", 1_001, with_pin("50.00")).await.unwrap();
    assert_eq!((host.balance(&person), left(&host, &caller)), (1_000, vec![]));
    pay(&host, &caller, "F1", 100, with_pin("50.00")).await.unwrap();
    pay(&host, &caller, "F2", 4_000, yes()).await.unwrap();
    assert_eq!(
        (host.balance(&person), left(&host, &caller)),
        (900, vec![5_000]),
        "it did not suffice"
    );
    // Declined by hand, and a tap that counts as no guess of the PIN.
    let sheet = ask(&host, &caller, order("F3", 100)).await;
    host.answer(&caller, &sheet, common::no()).await.unwrap();
    assert_eq!(left(&host, &caller), [5_000]);
    for n in 0..6 {
        let sheet = ask(&host, &caller, order(&format!("F4-{n}"), 6_000)).await;
        assert_eq!(host.answer(&caller, &sheet, yes()).await.unwrap_err().code, "pin-required");
        host.answer(&caller, &sheet, common::no()).await.unwrap();
    }
    assert_eq!(host.services.sign_in("lin", PIN).await.unwrap().id, person.id, "not locked");
    assert_eq!(notes(&host, &person).await, [opened(5_000)]);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_without_a_pin_is_offered_none() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let sheet = ask(&host, &caller, order("G0", 100)).await;
    let (pin, said) = terms(&sheet);
    assert!(!pin && said.spending_limits.is_empty() && said.spending_left.is_empty());
    let sly = Answer {
        spending: "50.00".to_owned(),
        ..yes()
    };
    host.answer(&caller, &sheet, sly).await.unwrap();
    assert!(left(&host, &caller).is_empty());
}

/// What stands at a seat is for payments that no program asks for there, and the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seats_and_a_sessions_authorisations_are_apart() {
    let host = Host::new().await;
    let (person, other) = (somebody(&host, "lin").await, somebody(&host, "wang").await);
    let caller = host.session(&person).await;
    let (seat, beside) = (SeatId(1), SeatId(2));
    let make = async |number: &str, amount: u64| {
        let new = NewIntent {
            order: number.to_owned(),
            description: "Noodles".to_owned(),
            amount,
            currency: "CNY".to_owned(),
            ..NewIntent::default()
        };
        let again = Idempotency::new(number, &[number.as_bytes()]);
        let made = host.services.make_intent(&MerchantId::new("pub", ""), new, &again).await;
        made.unwrap().id
    };
    let agreed = |amount: &str| Agreed {
        amount: amount.to_owned(),
        currency: "CNY".to_owned(),
    };
    // In the session first: the seat has no part in it, though person and payee are the same.
    pay(&host, &caller, "H0", 100, with_pin("50.00")).await.unwrap();
    let first = make("H1", 100).await;
    assert!(terms(&host.services.intent_sheet(&person.id, &first, seat).await.unwrap()).0);
    assert_eq!(
        host.services
            .pay_intent_by_tap(&person.id, &first, &agreed("1.00"), seat)
            .await
            .unwrap(),
        None
    );
    let bare = host.services.pay_intent_at(&person.id, &first, &agreed("1.00"), "", seat, "").await;
    assert_eq!(bare.unwrap_err().code, "pin-required");
    let invented = host
        .services
        .pay_intent_at(&person.id, &first, &agreed("1.00"), PIN, seat, "49.00")
        .await;
    assert_eq!(invented.unwrap_err().code, "invalid");
    assert_eq!(host.balance(&person), 1_000_000 - 100, "none of these was paid");
    host.services
        .pay_intent_at(&person.id, &first, &agreed("1.00"), PIN, seat, "50.00")
        .await
        .unwrap();
    let stands = |at: SpendsAt| host.services.spendings(at).iter().map(|one| one.left).collect::<Vec<_>>();
    assert_eq!((stands(SpendsAt::Seat(seat)), left(&host, &caller)), (vec![5_000], vec![5_000]));

    // Many at once spend the limit and no more; the larger sum asks; another seat and another person find nothing.
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(make(&format!("H2-{n}"), 1_500).await);
    }
    let said = agreed("15.00");
    let all = ids.iter().map(|id| host.services.pay_intent_by_tap(&person.id, id, &said, seat));
    let taps = futures_util::future::join_all(all).await;
    let fresh = |tap: &&Result<Option<PaidIntent>, Failure>| matches!(tap, Ok(Some(paid)) if !paid.before);
    assert_eq!(taps.iter().filter(fresh).count(), 3, "{taps:?}");
    assert_eq!(stands(SpendsAt::Seat(seat)), [500]);
    let last = make("H3", 501).await;
    assert_eq!(
        host.services
            .pay_intent_by_tap(&person.id, &last, &agreed("5.01"), seat)
            .await
            .unwrap(),
        None
    );
    let fits = make("H4", 500).await;
    assert_eq!(
        host.services
            .pay_intent_by_tap(&person.id, &fits, &agreed("5.00"), beside)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        host.services
            .pay_intent_by_tap(&other.id, &fits, &agreed("5.00"), seat)
            .await
            .unwrap(),
        None
    );
    // Another amount than the asked one moves nothing and gives back what it took.
    let altered = host.services.pay_intent_by_tap(&person.id, &fits, &agreed("4.00"), seat).await;
    assert_eq!(altered.unwrap_err().code, "conflict");
    assert_eq!(stands(SpendsAt::Seat(seat)), [500]);
    assert!(
        host.services
            .pay_intent_by_tap(&person.id, &fits, &agreed("5.00"), seat)
            .await
            .unwrap()
            .is_some()
    );
    assert!(stands(SpendsAt::Seat(seat)).is_empty(), "used up");
    assert_eq!(left(&host, &caller), [5_000], "the session's is whole");
    // A session's does not end at a seat, nor by a seat's end.
    let id = host.services.spendings(SpendsAt::Session(caller.session))[0].id;
    assert_eq!(
        host.services.end_spending(SpendsAt::Seat(seat), id).await.unwrap_err().code,
        "not-found"
    );
    host.services.end_spendings_at(SpendsAt::Seat(seat)).await;
    assert_eq!(left(&host, &caller), [5_000]);
    assert_eq!(notes(&host, &person).await, [opened(5_000), opened(5_000), ended(5_000)]);
    assert_eq!(host.balance(&person), 1_000_000 - 100 - 100 - 4_500 - 500);
    host.check().await;
}
