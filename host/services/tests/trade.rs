//! Payment intents of merchants' own servers: one outcome, whatever is sent twice, at once, late or altered.

mod common;

use common::{Host, START};
use std::sync::Arc;
use std::time::Duration;
use youji_api::{Fields, SheetKind};
use youji_services::trade::{Agreed, Attempt, EXPIRED, IDEMPOTENCY_MISMATCH, Idempotency, Intent, MerchantId, NewIntent, RETRIES_MS};
use youji_services::{Merchant, Names, NewPerson, Person, SeatId, Services};

fn shop() -> MerchantId {
    MerchantId::new("pub", "stall")
}

async fn host() -> Host {
    let host = Host::new().await;
    let merchant = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("小摊", "Corner Stall"),
    };
    host.services.enrol_merchant(merchant).await.unwrap();
    host
}

fn new(order: &str, amount: u64) -> NewIntent {
    NewIntent {
        order: order.to_owned(),
        description: "Two teas".to_owned(),
        amount,
        currency: "CNY".to_owned(),
        ..NewIntent::default()
    }
}

fn key(key: &str, asked: &str) -> Idempotency {
    Idempotency::new(key, &[asked.as_bytes()])
}

async fn made(services: &Services, order: &str, amount: u64) -> Intent {
    services.make_intent(&shop(), new(order, amount), &key(order, order)).await.unwrap()
}

fn agreed(amount: &str) -> Agreed {
    Agreed {
        amount: amount.to_owned(),
        currency: "CNY".to_owned(),
    }
}

fn holds(host: &Host) -> u64 {
    host.services.merchant_holds(&shop())
}

async fn act(host: &Host, id: &str, action: &str, amount: Option<i64>, again: &str) -> Result<Intent, String> {
    let mut options = Fields::new();
    if let Some(amount) = amount {
        options.set("amount", amount);
    }
    if action == "refund" {
        options.set("reference", again);
    }
    let again = key(again, &format!("{id}{action}{amount:?}"));
    let done = host.services.act_on_intent(&shop(), id, action, &options, &again).await;
    done.map_err(|failure| failure.code)
}

async fn with_pin(host: &Host) -> Person {
    let new = NewPerson {
        name: "Anna".to_owned(),
        code: "anna".to_owned(),
        pin: "2468".to_owned(),
        language: "en".to_owned(),
        balance: 10_000,
        profile: Vec::new(),
    };
    host.services.create_person(new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_again_is_the_same_intent_and_another_one_is_not() {
    let host = host().await;
    let first = made(&host.services, "A-1", 1_200).await;
    assert_eq!((first.state.as_str(), first.amount.as_str()), ("requires_payment_method", "12.00"));
    let again = made(&host.services, "A-1", 1_200).await;
    assert_eq!(first, again);
    // Another request under the same key.
    let code = |done: Result<Intent, youji_api::Failure>| done.map_or_else(|failure| failure.code, |intent| intent.id);
    let other = host.services.make_intent(&shop(), new("A-1", 1_300), &key("A-1", "other")).await;
    assert_eq!(code(other), IDEMPOTENCY_MISMATCH);
    // The same number under another key: the same content finds it, other content is refused.
    let known = host.services.make_intent(&shop(), new("A-1", 1_200), &key("B", "b")).await;
    assert_eq!(code(known), first.id);
    let taken = host.services.make_intent(&shop(), new("A-1", 1_300), &key("C", "c")).await;
    assert_eq!(code(taken), "taken");
    // Many at once under one key.
    let tries = (0..16).map(|_| {
        let services = Arc::clone(&host.services);
        tokio::spawn(async move { made(&services, "A-2", 500).await.id })
    });
    let ids = futures_util::future::join_all(tries).await;
    let ids: std::collections::BTreeSet<String> = ids.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(host.services.intents(&shop(), None, 10).await.unwrap().len(), 2);
    // After a paid order the first answer is still the first answer, also a day later and after a kill.
    let person = host.visitor().await;
    host.services.pay_intent(&person.id, &first.id, &agreed("12.00"), "").await.unwrap();
    host.pass(Duration::from_secs(23 * 3_600));
    assert_eq!(made(&host.services, "A-1", 1_200).await, first);
    let later = host.killed().await;
    assert_eq!(made(&later.services, "A-1", 1_200).await, first);
    assert_eq!(later.services.intent(&shop(), &first.id).await.unwrap().state, "succeeded");
    assert_eq!(
        later
            .services
            .intent(&MerchantId::new("pub", ""), &first.id)
            .await
            .unwrap_err()
            .code,
        "not-found"
    );
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_no_intent_says_why() {
    let host = host().await;
    let all = [
        ("limit", NewIntent { amount: 0, ..new("1", 0) }),
        (
            "unsupported",
            NewIntent {
                currency: "EUR".to_owned(),
                ..new("1", 100)
            },
        ),
        (
            "unsupported",
            NewIntent {
                mode: "packet".to_owned(),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                expires_at: Some(START - 1),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                expires_at: Some(START + 8 * 86_400_000),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                hold_until: Some(START + 86_400_000),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                notify_url: Some("ftp://example.com".to_owned()),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                notify_url: Some("https://user@example.com/".to_owned()),
                ..new("1", 100)
            },
        ),
        (
            "invalid",
            NewIntent {
                notify_url: Some("https:///nowhere".to_owned()),
                ..new("1", 100)
            },
        ),
        (
            "limit",
            NewIntent {
                description: "x".repeat(201),
                ..new("1", 100)
            },
        ),
        ("limit", new("", 100)),
    ];
    for (at, (code, new)) in all.into_iter().enumerate() {
        let asked = key(&format!("k{at}"), "x");
        let failure = host.services.make_intent(&shop(), new.clone(), &asked).await.unwrap_err();
        assert_eq!(failure.code, code, "{new:?}: {failure:?}");
    }
    let nobody = MerchantId::new("pub", "nobody");
    let refused = host.services.make_intent(&nobody, new("1", 100), &key("n", "n")).await;
    assert_eq!(refused.unwrap_err().code, "not-found");
    for bad in ["", "with space", "ключ", &"x".repeat(129)] {
        let refused = host.services.make_intent(&shop(), new("1", 100), &key(bad, "n")).await;
        assert_eq!(refused.unwrap_err().code, "invalid", "{bad:?}");
    }
    assert!(host.services.intents(&shop(), None, 10).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intent_is_paid_once_by_one_person_as_they_saw_it() {
    let host = host().await;
    let (one, other) = (host.visitor().await, host.visitor().await);
    let intent = made(&host.services, "A-1", 1_200).await;
    let sheet = host.services.intent_sheet(&one.id, &intent.id, SeatId(1)).await.unwrap();
    let SheetKind::Payment {
        payee,
        amount,
        lines,
        affordable,
        ..
    } = sheet.kind
    else {
        panic!("a payment sheet expected");
    };
    assert_eq!((payee.as_str(), amount.as_str(), affordable), ("小摊", "12.00", true));
    assert_eq!(lines, [("Two teas".to_owned(), 1, "12.00".to_owned())]);
    for altered in [
        agreed("1.00"),
        agreed("12"),
        Agreed {
            amount: "12.00".to_owned(),
            currency: "EUR".to_owned(),
        },
    ] {
        let refused = host.services.pay_intent(&one.id, &intent.id, &altered, "").await.unwrap_err();
        assert_eq!(refused.code, "conflict", "{altered:?}");
    }
    assert_eq!(holds(&host), 0);
    // Two people at once, each many times.
    let tries = (0..20).map(|at| {
        let services = Arc::clone(&host.services);
        let (person, id) = (if at % 2 == 0 { one.id.clone() } else { other.id.clone() }, intent.id.clone());
        tokio::spawn(async move { (person.clone(), services.pay_intent(&person, &id, &agreed("12.00"), "").await) })
    });
    let done: Vec<_> = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let paid: Vec<_> = done
        .iter()
        .filter_map(|(person, done)| Some((person, done.as_ref().ok()?)))
        .collect();
    assert_eq!(paid.iter().filter(|(_, paid)| !paid.before).count(), 1, "one of them moved money");
    assert_eq!(paid.len(), 10, "the payer is told each time");
    assert!(
        paid.iter()
            .all(|(person, done)| *person == paid[0].0 && done.receipt == paid[0].1.receipt)
    );
    assert!(
        done.iter()
            .filter_map(|(_, done)| done.as_ref().err())
            .all(|failure| failure.code == "conflict")
    );
    assert_eq!(holds(&host), 1_200);
    assert_eq!(host.balance(&one) + host.balance(&other), 40_000 - 1_200);
    // The receipt is the host's, for the payer and for the merchant.
    let receipt = host.services.intent_receipt(&shop(), &intent.id).await.unwrap();
    assert!(host.services.verify_receipt(&receipt.document) && host.services.verify_receipt(&paid[0].1.document));
    assert_eq!(
        (receipt.receipt.as_str(), receipt.order.as_str(), receipt.captured),
        (paid[0].1.receipt.as_str(), "A-1", 1_200)
    );
    let payer = if *paid[0].0 == one.id { &one } else { &other };
    let own = host.services.receipts(&payer.id).await;
    assert_eq!((own.len(), own[0].receipt.as_str()), (1, receipt.receipt.as_str()));
    let seen = host.services.intent(&shop(), &intent.id).await.unwrap();
    assert_eq!(
        (seen.state.as_str(), seen.captured.as_str(), seen.payer.as_str()),
        ("succeeded", "12.00", receipt.payer.as_str())
    );
    assert!(
        !format!("{seen:?}{receipt:?}").contains(payer.id.as_str()),
        "the merchant knows the payer by an id of its own"
    );
    assert_eq!(host.services.inbox(&payer.id, 0).await.len(), 1);
    host.check().await;
    let later = host.killed().await;
    assert_eq!(later.services.intent(&shop(), &intent.id).await.unwrap(), seen);
    assert_eq!(
        later.services.pay_intent(&other.id, &intent.id, &agreed("12.00"), "").await.is_ok(),
        *paid[0].0 == other.id
    );
    later.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_and_a_balance_are_needed_and_nothing_moves_without_them() {
    let host = host().await;
    let anna = with_pin(&host).await;
    let intent = made(&host.services, "A-1", 1_200).await;
    for wrong in ["", "0000", "24680"] {
        let refused = host
            .services
            .pay_intent(&anna.id, &intent.id, &agreed("12.00"), wrong)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "denied", "{wrong:?}");
    }
    assert_eq!(
        host.services
            .pay_intent(&anna.id, &intent.id, &agreed("12.00"), "2468")
            .await
            .unwrap()
            .balance,
        8_800
    );
    let dear = made(&host.services, "A-2", 9_000).await;
    let refused = host
        .services
        .pay_intent(&anna.id, &dear.id, &agreed("90.00"), "2468")
        .await
        .unwrap_err();
    assert_eq!(refused.code, "insufficient-funds");
    host.services.top_up(&anna.id, 1_000, "t").await.unwrap();
    host.services
        .pay_intent(&anna.id, &dear.id, &agreed("90.00"), "2468")
        .await
        .unwrap();
    assert_eq!((host.balance(&anna), holds(&host)), (800, 10_200));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_canceled_or_late_is_not_paid() {
    let host = host().await;
    let person = host.visitor().await;
    let pay = async |id: &str| host.services.pay_intent(&person.id, id, &agreed("5.00"), "").await;
    let canceled = made(&host.services, "A-1", 500).await;
    let shown = act(&host, &canceled.id, "cancel", None, "c").await.unwrap();
    assert_eq!((shown.state.as_str(), shown.reason.as_str()), ("canceled", "canceled"));
    assert_eq!(act(&host, &canceled.id, "cancel", None, "c").await.unwrap(), shown);
    assert_eq!(pay(&canceled.id).await.unwrap_err().code, EXPIRED);
    let late = made(&host.services, "A-2", 500).await;
    assert_eq!(act(&host, &late.id, "refund", None, "r").await.unwrap_err(), "conflict");
    host.pass(Duration::from_secs(30 * 60));
    assert_eq!(pay(&late.id).await.unwrap_err().code, EXPIRED);
    assert_eq!(
        host.services.intent_sheet(&person.id, &late.id, SeatId(1)).await.unwrap_err().code,
        EXPIRED
    );
    // The scheduler closes it, also after a restart.
    let later = host.killed().await;
    common::until_async(async || later.services.intent(&shop(), &late.id).await.unwrap().reason == "expired").await;
    assert_eq!(holds(&host), 0);
    host.check().await;
}

/// Its merchant takes it back in the moment in which it is paid: one of the two happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_canceled_while_it_is_paid_is_one_of_the_two() {
    let host = host().await;
    let person = host.visitor().await;
    let mut both = [0_u64; 2];
    for round in 0..60_u64 {
        let intent = made(&host.services, &format!("C-{round}"), 100).await;
        let said = agreed("1.00");
        let pay = host.services.pay_intent(&person.id, &intent.id, &said, "");
        let key = format!("cancel-{round}");
        let cancel = act(&host, &intent.id, "cancel", None, &key);
        let (paid, canceled) = match round % 2 {
            0 => tokio::join!(pay, cancel),
            _ => {
                let (canceled, paid) = tokio::join!(cancel, pay);
                (paid, canceled)
            }
        };
        assert_ne!(paid.is_ok(), canceled.is_ok(), "round {round}: {paid:?} {canceled:?}");
        both[usize::from(paid.is_ok())] += 1;
        let now = host.services.intent(&shop(), &intent.id).await.unwrap();
        assert_eq!(now.state, if paid.is_ok() { "succeeded" } else { "canceled" }, "round {round}");
        assert_eq!(
            (host.balance(&person), holds(&host)),
            (20_000 - 100 * both[1], 100 * both[1]),
            "round {round}"
        );
    }
    eprintln!("canceled and paid: {both:?}");
    host.check().await;
}

/// Two different requests under one `Idempotency-Key` at once: one of them is carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_idempotency_key_is_for_one_request_also_at_once() {
    let host = host().await;
    let person = host.visitor().await;
    let mut given_back = 0;
    for round in 0..30 {
        // Two intents.
        let (one, other) = (format!("K-{round}-a"), format!("K-{round}-b"));
        let name = format!("make-{round}");
        let (first, second) = (key(&name, &one), key(&name, &other));
        let shop = shop();
        let (left, right) = tokio::join!(
            host.services.make_intent(&shop, new(&one, 100), &first),
            host.services.make_intent(&shop, new(&other, 100), &second)
        );
        assert_ne!(left.is_ok(), right.is_ok(), "round {round}: {left:?} {right:?}");
        let (made_one, refused) = match (left, right) {
            (Ok(made), Err(refused)) | (Err(refused), Ok(made)) => (made, refused),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused.code, IDEMPOTENCY_MISMATCH);
        // Two refunds, of different intents.
        let another = made(&host.services, &format!("K-{round}-c"), 100).await;
        for intent in [&made_one, &another] {
            host.services.pay_intent(&person.id, &intent.id, &agreed("1.00"), "").await.unwrap();
        }
        let name = format!("refund-{round}");
        let (left, right) = tokio::join!(
            act(&host, &made_one.id, "refund", Some(1), &name),
            act(&host, &another.id, "refund", Some(1), &name)
        );
        given_back += 1;
        assert_ne!(left.is_ok(), right.is_ok(), "round {round}: {left:?} {right:?}");
        assert_eq!(left.err().or(right.err()).as_deref(), Some(IDEMPOTENCY_MISMATCH), "round {round}");
        assert_eq!(holds(&host), 200 * (round + 1) - given_back, "round {round}");
    }
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_are_made_once_and_never_more_than_was_paid() {
    let host = host().await;
    let person = host.visitor().await;
    let intent = made(&host.services, "A-1", 1_000).await;
    host.services
        .pay_intent(&person.id, &intent.id, &agreed("10.00"), "")
        .await
        .unwrap();
    // Many at once under one key.
    let tries = (0..8).map(|_| act(&host, &intent.id, "refund", Some(300), "r1"));
    for done in futures_util::future::join_all(tries).await {
        assert_eq!(done.unwrap().refunded, "3.00");
    }
    assert_eq!((holds(&host), host.balance(&person)), (700, 19_300));
    // The same key for something else, at once too.
    assert_eq!(
        act(&host, &intent.id, "refund", Some(200), "r1").await.unwrap_err(),
        IDEMPOTENCY_MISMATCH
    );
    let second = made(&host.services, "A-2", 1_000).await;
    host.services
        .pay_intent(&person.id, &second.id, &agreed("10.00"), "")
        .await
        .unwrap();
    let (one, two) = tokio::join!(
        act(&host, &intent.id, "refund", Some(100), "same"),
        act(&host, &second.id, "refund", Some(100), "same"),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    assert_eq!(holds(&host), 1_600);
    assert_eq!(act(&host, &intent.id, "refund", Some(2_000), "r2").await.unwrap_err(), "limit");
    let whole = act(&host, &intent.id, "refund", None, "r3").await.unwrap();
    assert_eq!((whole.refunded.as_str(), whole.state.as_str()), ("10.00", "succeeded"));
    assert_eq!(act(&host, &intent.id, "refund", None, "r4").await.unwrap_err(), "limit");
    assert_eq!(act(&host, &intent.id, "cancel", None, "c1").await.unwrap_err(), "forbidden");
    // After the person went there is nobody to give it back to.
    host.services.forget(&person.id).await.unwrap();
    assert_eq!(act(&host, &second.id, "refund", None, "r5").await.unwrap_err(), "not-found");
    assert_eq!(host.services.intent_receipt(&shop(), &intent.id).await.unwrap().refunded, 1_000);
    host.check().await;
    let later = host.killed().await;
    assert_eq!(
        act(&later, &intent.id, "refund", Some(300), "r1").await.unwrap().refunded,
        "3.00",
        "the first answer"
    );
    later.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escrow_and_deposit_hold_until_they_are_decided() {
    let host = host().await;
    let person = host.visitor().await;
    let escrow = async |order: &str, mode: &str| {
        let new = NewIntent {
            mode: mode.to_owned(),
            ..new(order, 1_000)
        };
        let intent = host.services.make_intent(&shop(), new, &key(order, order)).await.unwrap();
        let paid = host
            .services
            .pay_intent(&person.id, &intent.id, &agreed("10.00"), "")
            .await
            .unwrap();
        assert_eq!(paid.state, "requires_capture");
        intent.id
    };
    let payer = async |id: &str, action: &str| {
        host.services
            .payer_acts(&person.id, id, action, "")
            .await
            .map_err(|failure| failure.code)
    };
    let one = escrow("E-1", "escrow").await;
    assert_eq!(holds(&host), 0);
    assert_eq!(
        act(&host, &one, "capture", None, "1").await.unwrap_err(),
        "forbidden",
        "the payer's to say"
    );
    assert!(act(&host, &one, "ship", None, "2").await.unwrap().shipped);
    assert_eq!(payer(&one, "release").await.unwrap(), "succeeded");
    assert_eq!(payer(&one, "release").await.unwrap_err(), "conflict");
    assert_eq!(holds(&host), 1_000);
    let two = escrow("E-2", "escrow").await;
    assert_eq!(payer(&two, "dispute").await.unwrap(), "disputed");
    assert_eq!(payer(&two, "dispute").await.unwrap(), "disputed");
    assert_eq!(act(&host, &two, "cancel", None, "3").await.unwrap().reason, "returned");
    assert_eq!(holds(&host), 1_000);
    let three = escrow("D-1", "deposit").await;
    let charged = act(&host, &three, "capture", Some(400), "4").await.unwrap();
    assert_eq!((charged.captured.as_str(), charged.state.as_str()), ("4.00", "succeeded"));
    assert_eq!((holds(&host), host.balance(&person)), (1_400, 18_600));
    let stranger = host.visitor().await;
    assert_eq!(
        host.services.payer_acts(&stranger.id, &two, "dispute", "").await.unwrap_err().code,
        "not-found"
    );
    // Time releases what nobody decided.
    let four = escrow("E-3", "escrow").await;
    host.pass(Duration::from_secs(11 * 86_400));
    common::until(|| holds(&host) == 2_400).await;
    assert_eq!(host.services.intent(&shop(), &four).await.unwrap().state, "succeeded");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_shown_once_and_open_nothing_once_they_are_revoked() {
    let host = host().await;
    let (known, token) = host.services.make_merchant_key(&shop(), "till 1").await.unwrap();
    assert_eq!(host.services.merchant_of_key(&token), Some(shop()));
    let altered = format!("{}A", &token[..token.len() - 1]);
    for wrong in [
        "",
        "ymk_",
        "ymk_x_y",
        &token[..token.len() - 1],
        altered.as_str(),
        &token.replace("ymk", "YMK"),
    ] {
        if wrong != token {
            assert_eq!(host.services.merchant_of_key(wrong), None, "{wrong}");
        }
    }
    let listed = host.services.merchant_keys(&shop());
    assert_eq!(listed, std::slice::from_ref(&known));
    // The secret itself may hold a "_".
    let secret = token.splitn(3, '_').nth(2).unwrap();
    assert!(!format!("{listed:?}").contains(secret));
    let later = host.killed().await;
    assert_eq!(later.services.merchant_of_key(&token), Some(shop()));
    assert_eq!(
        host.services
            .revoke_merchant_key(&MerchantId::new("pub", ""), &known.id)
            .await
            .unwrap_err()
            .code,
        "not-found"
    );
    host.services.revoke_merchant_key(&shop(), &known.id).await.unwrap();
    host.services.revoke_merchant_key(&shop(), &known.id).await.unwrap();
    assert_eq!(host.services.merchant_of_key(&token), None);
    assert!(host.services.merchant_keys(&shop())[0].revoked_at.is_some());
    let nobody = MerchantId::new("pub", "nobody");
    assert_eq!(host.services.make_merchant_key(&nobody, "x").await.unwrap_err().code, "not-found");
    for at in 0..20 {
        host.services.make_merchant_key(&shop(), &format!("till {at}")).await.unwrap();
    }
    assert_eq!(
        host.services.make_merchant_key(&shop(), "one more").await.unwrap_err().code,
        "limit"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_follow_the_schedule_and_survive_a_restart() {
    let host = host().await;
    let person = host.visitor().await;
    let new = NewIntent {
        notify_url: Some("http://shop.example/hook".to_owned()),
        ..new("A-1", 1_000)
    };
    let intent = host.services.make_intent(&shop(), new, &key("1", "1")).await.unwrap();
    assert!(host.services.due_notifications(10).await.is_empty());
    host.services
        .pay_intent(&person.id, &intent.id, &agreed("10.00"), "")
        .await
        .unwrap();
    let due = host.services.due_notifications(10).await;
    assert_eq!((due.len(), due[0].url.as_str()), (1, "http://shop.example/hook"));
    let said: serde_json::Value = serde_json::from_str(&due[0].body).unwrap();
    assert_eq!(
        (
            said["type"].as_str(),
            said["data"]["amount"].as_str(),
            said["data"]["order"].as_str(),
            said["id"].as_str()
        ),
        (
            Some("payment_intent.succeeded"),
            Some("10.00"),
            Some("A-1"),
            Some(due[0].id.as_str())
        )
    );
    // Nothing was written down: whoever starts next sends the same.
    let mut host = host.killed().await;
    let again = host.services.due_notifications(10).await;
    assert_eq!((&again[0].id, &again[0].body), (&due[0].id, &due[0].body));
    for (at, wait) in RETRIES_MS.iter().enumerate() {
        let due = host.services.due_notifications(10).await;
        assert_eq!(due.len(), 1, "attempt {at}");
        assert_eq!(due[0].body, again[0].body);
        let attempt = Attempt {
            at: host.clock_now(),
            status: if at % 2 == 0 { 500 } else { 0 },
            error: String::new(),
            took_ms: 1,
        };
        host.services.notification_sent(&due[0], attempt).await.unwrap();
        host.pass(Duration::from_millis(wait - 1));
        assert!(
            host.services.due_notifications(10).await.is_empty(),
            "too early for attempt {}",
            at + 1
        );
        host.pass(Duration::from_millis(1));
        if at == 3 {
            host = host.killed().await;
        }
    }
    let log = &host.services.notifications(&shop(), None, 10).unwrap()[0];
    assert_eq!((log.delivery.as_str(), log.attempts.len()), ("pending", RETRIES_MS.len()));
    let last = host.services.due_notifications(10).await.remove(0);
    let attempt = Attempt {
        at: host.clock_now(),
        status: 404,
        error: String::new(),
        took_ms: 1,
    };
    host.services.notification_sent(&last, attempt).await.unwrap();
    assert_eq!(host.services.notification(&shop(), &last.id).unwrap().delivery, "failed");
    assert_eq!(host.services.next_notification(), None);
    // A refund is another notification; taken at once, it is not sent again.
    act(&host, &intent.id, "refund", Some(100), "r").await.unwrap();
    let refund = host.services.due_notifications(10).await.remove(0);
    assert!(
        refund.body.contains("payment_intent.refunded") && refund.body.contains("\"refunded\":\"1.00\""),
        "{}",
        refund.body
    );
    let attempt = Attempt {
        at: host.clock_now(),
        status: 204,
        error: String::new(),
        took_ms: 1,
    };
    host.services.notification_sent(&refund, attempt).await.unwrap();
    assert_eq!(host.services.notification(&shop(), &refund.id).unwrap().delivery, "delivered");
    assert!(host.services.due_notifications(10).await.is_empty());
    assert_eq!(
        host.services
            .notification(&MerchantId::new("pub", ""), &refund.id)
            .unwrap_err()
            .code,
        "not-found"
    );
    host.check().await;
}
