//! Codes that merchants present, and codes that customers present: each is good for what it says, once.

mod common;

use common::Host;
use std::time::Duration;
use youji_api::Failure;
use youji_package::EmvCode;
use youji_package::emv::{Account, Initiation, Object};
use youji_services::trade::{Agreed, Collected, Idempotency, MerchantId, NewIntent, PresentedState, Printed};
use youji_services::{Merchant, Names, NewPerson, Person, SeatId};

fn merchant() -> MerchantId {
    MerchantId::new("pub", "")
}

/// A code of ours for a merchant.
fn printed(merchant: &str, amount: Option<u64>, reference: &str) -> EmvCode {
    EmvCode {
        initiation: Some(if amount.is_some() {
            Initiation::Dynamic
        } else {
            Initiation::Static
        }),
        accounts: vec![Account::youji(&"pub".into(), merchant).unwrap()],
        category: Some("5812".to_owned()),
        currency: 156,
        amount,
        country: "CN".to_owned(),
        // Whoever prints it may claim anything.
        name: Some("The Palace".to_owned()),
        city: Some("BEIJING".to_owned()),
        additional: match reference {
            "" => Vec::new(),
            reference => vec![Object {
                id: 1,
                value: reference.to_owned(),
            }],
        },
        ..EmvCode::default()
    }
}

fn agreed(amount: &str) -> Agreed {
    Agreed {
        amount: amount.to_owned(),
        currency: "CNY".to_owned(),
    }
}

async fn scan(host: &Host, code: &EmvCode, amount: Option<u64>) -> Result<youji_services::trade::Scanned, Failure> {
    // As a camera reads it.
    let read: EmvCode = code.issue().unwrap().parse().unwrap();
    host.services.scan_payment_code(&read, amount).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchants_code_moves_nothing_without_its_sheet_and_is_paid_once() {
    let host = Host::new().await;
    let (guest, other) = (host.visitor().await, host.visitor().await);
    let code = printed("", Some(3_600), "Table 7");
    let scanned = scan(&host, &code, None).await.unwrap();
    assert_eq!(
        scanned.payee,
        Names::new("好味面馆", "Good Noodles"),
        "the stored name, not the code's"
    );
    assert_eq!((scanned.amount, scanned.reference.as_str()), (Some(3_600), "Table 7"));
    let intent = scanned.intent.unwrap();
    assert_eq!((host.balance(&guest), host.earned()), (20_000, 0), "scanning moves nothing");
    // Scanned again, also by somebody else: the same.
    for _ in 0..3 {
        assert_eq!(scan(&host, &code, None).await.unwrap().intent.unwrap().id, intent.id);
    }
    // Another amount under the same reference is another one.
    let altered = scan(&host, &printed("", Some(1), "Table 7"), None).await.unwrap().intent.unwrap();
    assert_ne!(altered.id, intent.id);
    host.services.intent_sheet(&guest.id, &intent.id, SeatId(1)).await.unwrap();
    // Agreed to another amount than is asked: nothing.
    for amount in ["36.01", "0.01", "36", "360.00"] {
        let refused = host.services.pay_intent(&guest.id, &intent.id, &agreed(amount), "").await;
        assert_eq!(refused.unwrap_err().code, "conflict", "{amount}");
    }
    assert_eq!(host.balance(&guest), 20_000);
    host.services.pay_intent(&guest.id, &intent.id, &agreed("36.00"), "").await.unwrap();
    assert_eq!((host.balance(&guest), host.earned()), (16_400, 3_600));
    let late = host.services.pay_intent(&other.id, &intent.id, &agreed("36.00"), "").await;
    assert_eq!(late.unwrap_err().code, "conflict");
    assert_eq!(host.balance(&other), 20_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_for_a_merchant_is_read_as_its_code() {
    let host = Host::new().await;
    let terms = Printed {
        amount: Some(3_605),
        reference: "Table 7".to_owned(),
        city: "BEIJING".to_owned(),
        country: "CN".to_owned(),
        category: "5812".to_owned(),
    };
    let text = host.services.print_payment_code(&merchant(), &terms).unwrap();
    let code: EmvCode = text.parse().unwrap();
    code.complete().unwrap();
    assert_eq!(code.ours(), Some((&"pub".into(), "")));
    assert_eq!((code.currency, code.amount, code.reference()), (156, Some(3_605), "Table 7"));
    assert_eq!(
        (code.name.as_deref(), code.localised.unwrap().name.as_str()),
        (Some("Good Noodles"), "好味面馆")
    );
    let refused = |merchant: &MerchantId, terms: &Printed| host.services.print_payment_code(merchant, terms).unwrap_err().code;
    assert_eq!(refused(&MerchantId::new("pub", "nobody"), &terms), "not-found");
    for wrong in [
        Printed {
            city: String::new(),
            ..terms.clone()
        },
        Printed {
            country: "XX".to_owned(),
            ..terms.clone()
        },
        Printed {
            category: "12".to_owned(),
            ..terms.clone()
        },
        Printed {
            reference: "r".repeat(26),
            ..terms.clone()
        },
        Printed {
            amount: Some(0),
            ..terms.clone()
        },
    ] {
        assert_eq!(refused(&merchant(), &wrong), "invalid", "{wrong:?}");
    }
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_code_asks_how_much_and_is_paid_by_many() {
    let host = Host::new().await;
    let (guest, other) = (host.visitor().await, host.visitor().await);
    let code = printed("", None, "");
    let scanned = scan(&host, &code, None).await.unwrap();
    assert_eq!((scanned.amount, scanned.intent), (None, None));
    for (person, amount, said) in [(&guest, 500, "5.00"), (&other, 700, "7.00")] {
        let intent = scan(&host, &code, Some(amount)).await.unwrap().intent.unwrap();
        host.services.pay_intent(&person.id, &intent.id, &agreed(said), "").await.unwrap();
    }
    assert_eq!((host.balance(&guest), host.balance(&other), host.earned()), (19_500, 19_300, 1_200));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_that_can_not_be_paid_here_say_why() {
    let host = Host::new().await;
    let promptpay: EmvCode = "00020101021229370016A0000006770101110113006680111111153037645802TH540520.15630442BE"
        .parse()
        .unwrap();
    let foreign = host.services.scan_payment_code(&promptpay, None).await.unwrap_err();
    assert_eq!(
        (foreign.code.as_str(), foreign.fields.text("schemes")),
        ("foreign-scheme", "PromptPay")
    );
    let code = |result: Result<_, Failure>| result.map(|_: youji_services::trade::Scanned| ()).unwrap_err().code;
    assert_eq!(code(scan(&host, &printed("nobody", Some(100), ""), None).await), "not-found");
    let mut yen = printed("", Some(100), "");
    yen.currency = 392;
    assert_eq!(code(scan(&host, &yen, None).await), "unsupported");
    let mut tip = printed("", Some(100), "");
    tip.tip = Some(youji_package::emv::Tip::Asked);
    assert_eq!(code(scan(&host, &tip, None).await), "unsupported");
    let mut nameless = printed("", Some(100), "");
    nameless.name = None;
    assert_eq!(code(scan(&host, &nameless, None).await), "invalid");
    assert_eq!(
        code(scan(&host, &printed("", Some(100), ""), Some(50)).await),
        "invalid",
        "another amount than the code's"
    );
    assert_eq!(code(scan(&host, &printed("", None, ""), Some(u64::MAX)).await), "limit");
    host.check().await;
}

fn bill(order: &str, amount: u64) -> NewIntent {
    NewIntent {
        order: order.to_owned(),
        description: "Noodles".to_owned(),
        amount,
        currency: "CNY".to_owned(),
        ..NewIntent::default()
    }
}

async fn collect(host: &Host, by: &MerchantId, digits: &str, order: &str, amount: u64) -> Result<Collected, Failure> {
    let again = Idempotency::new(
        format!("{order}/{}", digits.replace(' ', "")),
        &[order.as_bytes(), digits.as_bytes()],
    );
    host.services.collect(by, digits, bill(order, amount), &again).await
}

fn code_of(result: Result<Collected, Failure>) -> String {
    result.map_or_else(|failure| failure.code, |collected| format!("{collected:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customers_code_is_good_once_for_a_minute() {
    let host = Host::new().await;
    let stall = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("摊", "Stall"),
    };
    host.services.enrol_merchant(stall).await.unwrap();
    let stall = MerchantId::new("pub", "stall");
    let guest = host.visitor().await;
    let shown = host.services.present(&guest.id, "").await.unwrap();
    assert_eq!(shown.digits.len(), 18);
    assert_eq!(host.services.presented(&guest.id), Some(PresentedState::Waits));
    // Many merchants' tills at once: one of them gets it.
    let tills: Vec<(MerchantId, String)> = (0..8)
        .map(|n| (if n % 2 == 0 { merchant() } else { stall.clone() }, format!("A{n}")))
        .collect();
    let all = tills.iter().map(|(by, order)| collect(&host, by, &shown.digits, order, 1_000));
    let results = futures_util::future::join_all(all).await;
    let paid = |result: &&Result<Collected, Failure>| matches!(result, Ok(Collected::Paid { .. }));
    assert_eq!(results.iter().filter(paid).count(), 1, "{results:?}");
    for refused in results.iter().filter(|result| result.is_err()) {
        assert_eq!(refused.as_ref().unwrap_err().code, "code-used");
    }
    assert_eq!(host.balance(&guest), 19_000);
    assert!(matches!(host.services.presented(&guest.id), Some(PresentedState::Paid(_))));
    assert_eq!(host.services.inbox(&guest.id, 0).await.len(), 1, "they are told");
    // Replayed: the same till with the same order learns what came of it, and nothing moves; any other is refused.
    let at = results.iter().position(Result::is_ok).unwrap();
    let again = collect(&host, &tills[at].0, &shown.digits, &tills[at].1, 1_000).await.unwrap();
    assert!(matches!(&again, Collected::Paid { paid, .. } if paid.before), "{again:?}");
    assert_eq!(code_of(collect(&host, &tills[at].0, &shown.digits, "A9", 1_000).await), "code-used");
    let altered = collect(&host, &tills[at].0, &shown.digits, &tills[at].1, 1_001).await;
    assert_eq!(code_of(altered), "taken", "another amount under the same order");
    host.pass(Duration::from_secs(120));
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "A10", 1_000).await), "code-used");
    assert_eq!(host.balance(&guest), 19_000);

    // A minute, not a millisecond more.
    let shown = host.services.present(&guest.id, "").await.unwrap();
    host.pass(Duration::from_millis(59_999));
    assert!(matches!(
        collect(&host, &merchant(), &shown.digits, "B0", 100).await,
        Ok(Collected::Paid { .. })
    ));
    let shown = host.services.present(&guest.id, "").await.unwrap();
    host.pass(Duration::from_millis(60_000));
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "B1", 100).await), "expired");
    assert_eq!(host.services.presented(&guest.id), None);
    // A fresh one ends the one before, and so does putting it away.
    let old = host.services.present(&guest.id, "").await.unwrap();
    let new = host.services.present(&guest.id, "").await.unwrap();
    assert_eq!(code_of(collect(&host, &merchant(), &old.digits, "B2", 100).await), "expired");
    host.services.withdraw_presented(&guest.id);
    assert_eq!(code_of(collect(&host, &merchant(), &new.digits, "B3", 100).await), "expired");
    // And a restart.
    let last = host.services.present(&guest.id, "").await.unwrap();
    let after = host.killed().await;
    assert_eq!(code_of(collect(&after, &merchant(), &last.digits, "B4", 100).await), "not-found");
    assert_eq!(host.balance(&guest), 18_900);
    after.check().await;
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_limit_asks_the_person() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let shown = host.services.present(&guest.id, "").await.unwrap();
    assert_eq!(shown.at_once, 20_000);
    host.services.top_up(&guest.id, 50_000, "t").await.unwrap();
    let Ok(Collected::Asked { intent }) = collect(&host, &merchant(), &shown.digits, "C0", 20_001).await else {
        panic!("the person is to be asked");
    };
    assert_eq!(host.balance(&guest), 70_000, "nothing moved");
    assert_eq!(host.services.presented(&guest.id), Some(PresentedState::Asks(intent.clone())));
    // The code is spent all the same.
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "C1", 1).await), "code-used");
    host.services.intent_sheet(&guest.id, &intent, SeatId(1)).await.unwrap();
    host.services.pay_intent(&guest.id, &intent, &agreed("200.01"), "").await.unwrap();
    assert_eq!(host.balance(&guest), 70_000 - 20_001);
    // Exactly the limit goes at once.
    let shown = host.services.present(&guest.id, "").await.unwrap();
    assert!(matches!(
        collect(&host, &merchant(), &shown.digits, "C2", 20_000).await,
        Ok(Collected::Paid { .. })
    ));
    // What can't be afforded says so to both, and the code is spent.
    let poor = host.visitor().await;
    host.services
        .pay_intent(
            &poor.id,
            &scan(&host, &printed("", Some(15_000), "x"), None).await.unwrap().intent.unwrap().id,
            &agreed("150.00"),
            "",
        )
        .await
        .unwrap();
    let shown = host.services.present(&poor.id, "").await.unwrap();
    assert_eq!(
        code_of(collect(&host, &merchant(), &shown.digits, "C3", 6_000).await),
        "insufficient-funds"
    );
    assert_eq!(
        host.services.presented(&poor.id),
        Some(PresentedState::Failed("insufficient-funds".to_owned()))
    );
    assert_eq!(host.balance(&poor), 5_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_bounded_and_mistyping_is_no_guess() {
    let host = Host::new().await;
    let stall = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("摊", "Stall"),
    };
    host.services.enrol_merchant(stall).await.unwrap();
    let guest = host.visitor().await;
    let shown = host.services.present(&guest.id, "").await.unwrap();
    // Of ten last digits one fits the others: nine are mistyped, one is a guess.
    let mut said = Vec::new();
    for n in 0..12 {
        for last in 0..10 {
            let guess = format!("88{n:015}{last}");
            said.push(code_of(collect(&host, &merchant(), &guess, "D0", 100).await));
        }
    }
    let count = |code: &str| said.iter().filter(|said| *said == code).count();
    assert_eq!((count("invalid"), count("not-found"), count("limit")), (108, 10, 2), "{said:?}");
    // This merchant waits, also with a good code; another one does not, and time ends it.
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "D1", 100).await), "limit");
    assert!(matches!(
        collect(&host, &MerchantId::new("pub", "stall"), &shown.digits, "D1", 100).await,
        Ok(Collected::Paid { .. })
    ));
    host.pass(Duration::from_secs(60));
    let shown = host.services.present(&guest.id, "").await.unwrap();
    let paid = collect(
        &host,
        &merchant(),
        &format!("{} {}", &shown.digits[..9], &shown.digits[9..]),
        "D2",
        100,
    )
    .await;
    assert!(matches!(paid, Ok(Collected::Paid { .. })), "{paid:?}");
    // Who is no merchant here collects nothing.
    let shown = host.services.present(&guest.id, "").await.unwrap();
    assert_eq!(
        code_of(collect(&host, &MerchantId::new("pub", "nobody"), &shown.digits, "D3", 100).await),
        "not-found"
    );
    assert_eq!(
        host.services.presented(&guest.id),
        Some(PresentedState::Waits),
        "and spends no code"
    );
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "D4", 0).await), "limit");
    assert_eq!(
        host.services.presented(&guest.id),
        Some(PresentedState::Waits),
        "nor does what can't be paid"
    );
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn showing_a_code_takes_the_pin_and_says_nothing_of_the_person() {
    let host = Host::new().await;
    let new = NewPerson {
        name: "小林".to_owned(),
        code: "lin".to_owned(),
        pin: "2468".to_owned(),
        language: "en".to_owned(),
        balance: 10_000,
        profile: Vec::new(),
    };
    let person: Person = host.services.create_person(new).await.unwrap();
    for wrong in ["", "1111"] {
        assert_eq!(host.services.present(&person.id, wrong).await.unwrap_err().code, "denied");
    }
    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        let shown = host.services.present(&person.id, "2468").await.unwrap();
        assert!(shown.digits.starts_with("88") && shown.digits.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(seen.insert(shown.digits), "another one each time");
    }
    // Somebody guesses the PIN until it locks: the code that is shown ends too.
    let shown = host.services.present(&person.id, "2468").await.unwrap();
    for _ in 0..5 {
        assert!(host.services.sign_in("lin", "0000").await.is_err());
    }
    assert_eq!(code_of(collect(&host, &merchant(), &shown.digits, "E0", 100).await), "expired");
    assert_eq!(host.services.present(&person.id, "2468").await.unwrap_err().code, "limit");
    assert_eq!(host.balance(&person), 10_000);
    host.check().await;
}
