//! What strangers, slow screens and merchants try twice, late or altered: one outcome each.

mod common;

use common::{Host, order, put, ticket, yes};
use std::time::Duration;
use youji_api::{Call, Capabilities, Fields};
use youji_services::trade::{Agreed, Collected, Idempotency, MerchantId, NewIntent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_claim_the_last_share() {
    let host = Host::new().await;
    let giver = host.visitor().await;
    let gives = host.session(&giver).await;
    host.call(&gives, put("counters", "chat", 0, b"hi")).await.unwrap();
    for round in 0..10 {
        let number = format!("P{round}");
        let mut wanted = order(&number, 100);
        wanted.options = Fields::new()
            .with("mode", "packet")
            .with("shares", 1_i64)
            .with("record", "counters/chat");
        if round > 0 {
            host.call(&gives, put("counters", &format!("chat{round}"), 0, b"hi")).await.unwrap();
            wanted.options.set("record", format!("counters/chat{round}"));
        }
        ticket(host.call(&gives, Call::PaymentPay(wanted)).await);
        host.answer(&gives, &host.last_sheet(&gives), yes()).await.unwrap();
        let (one, other) = (host.visitor().await, host.visitor().await);
        let (first, second) = (host.session(&one).await, host.session(&other).await);
        let claim = |options: Fields| Call::PaymentAct {
            order_no: number.clone(),
            action: "claim".to_owned(),
            options,
        };
        let (left, right) = tokio::join!(host.call(&first, claim(Fields::new())), host.call(&second, claim(Fields::new())));
        let outcome = |caller, asked| host.outcome(caller, asked).expect("an outcome").fields;
        let (left, right) = (outcome(&first, ticket(left)), outcome(&second, ticket(right)));
        let mut both = [
            (left.text("outcome").to_owned(), left.text("code").to_owned()),
            (right.text("outcome").to_owned(), right.text("code").to_owned()),
        ];
        both.sort();
        assert_eq!(both[0], ("done".to_owned(), String::new()), "round {round}: {both:?}");
        assert_eq!(both[1].1, "empty", "round {round}: {both:?}");
        let mut balances = [host.balance(&one), host.balance(&other)];
        balances.sort_unstable();
        assert_eq!(balances, [20_000, 20_100], "round {round}");
    }
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_sheet_moves_nothing() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let asks = |number: &'static str| host.call(&caller, Call::PaymentPay(order(number, 500)));
    // Shown anew: the one before is dead.
    ticket(asks("S1").await);
    let old = host.last_sheet(&caller);
    ticket(asks("S1").await);
    let new = host.last_sheet(&caller);
    assert_eq!(host.answer(&caller, &old, yes()).await.unwrap_err().code, "not-found");
    host.answer(&caller, &new, yes()).await.unwrap();
    // Answered before.
    assert_eq!(host.answer(&caller, &new, yes()).await.unwrap_err().code, "not-found");
    // Its time is over.
    ticket(asks("S2").await);
    let late = host.last_sheet(&caller);
    host.pass(Duration::from_secs(3_600));
    assert_eq!(host.answer(&caller, &late, yes()).await.unwrap_err().code, "not-found");
    // Its session is over, and another session of the same person has it not.
    ticket(asks("S3").await);
    let gone = host.last_sheet(&caller);
    host.services.ended(&caller, None).await;
    let again = host.session(&guest).await;
    for session in [&caller, &again] {
        assert_eq!(host.answer(session, &gone, yes()).await.unwrap_err().code, "not-found");
    }
    assert_eq!((host.balance(&guest), host.earned()), (19_500, 500));
    host.check().await;
}

/// A thumb that taps twice, and a page that sends again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_confirmation_pays_once() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    for round in 0..5 {
        let number = format!("D{round}");
        let asked = ticket(host.call(&caller, Call::PaymentPay(order(&number, 100))).await);
        let sheet = host.last_sheet(&caller);
        let taps = futures_util::future::join_all((0..8).map(|_| host.answer(&caller, &sheet, yes()))).await;
        assert_eq!(taps.iter().filter(|tap| tap.is_ok()).count(), 1, "round {round}: {taps:?}");
        let outcomes = host.events(&caller, "completed");
        assert_eq!(outcomes.iter().filter(|event| event.ticket == asked.0).count(), 1, "round {round}");
        // The program asks for it again: the same, told once more.
        let asked = ticket(host.call(&caller, Call::PaymentPay(order(&number, 100))).await);
        assert_eq!(host.outcome(&caller, asked).unwrap().fields.text("state"), "succeeded");
    }
    let merchant = MerchantId::new("pub", "");
    let intent = host.services.make_intent(&merchant, bill("D9", 700), &again("d9")).await.unwrap();
    let agreed = Agreed {
        amount: "7.00".to_owned(),
        currency: "CNY".to_owned(),
    };
    let taps = (0..8).map(|_| host.services.pay_intent(&guest.id, &intent.id, &agreed, ""));
    let taps = futures_util::future::join_all(taps).await;
    let receipts: std::collections::BTreeSet<String> = taps.iter().map(|tap| tap.as_ref().unwrap().receipt.clone()).collect();
    assert_eq!(
        (taps.iter().filter(|tap| !tap.as_ref().unwrap().before).count(), receipts.len()),
        (1, 1)
    );
    assert_eq!((host.balance(&guest), host.earned()), (20_000 - 500 - 700, 1_200));
    assert_eq!(host.services.receipts(&guest.id).await.len(), 6);
    host.check().await;
}

/// Its session ends at any moment of the confirmation: paid and said so at the next launch, or not paid and said so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unloading_in_mid_payment_has_one_outcome() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let mut paid = 0;
    for round in 0..40_u64 {
        let caller = host.session(&guest).await;
        let number = format!("U{round}");
        let asked = ticket(host.call(&caller, Call::PaymentPay(order(&number, 100))).await);
        let sheet = host.last_sheet(&caller);
        let (services, session) = (host.services.clone(), caller.session);
        let answering = tokio::spawn(async move { services.answer(session, sheet.id, yes()).await });
        // Some rounds end it at once, some once the answer is under way.
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        host.services.ended(&caller, None).await;
        let answered = answering.await.unwrap();
        let next = host.caller(&guest);
        let (_, outcomes) = host.services.started(&next).await;
        let mine: Vec<_> = outcomes.iter().filter(|event| event.ticket == asked.0).collect();
        assert_eq!(mine.len(), 1, "round {round}: {outcomes:?}");
        let done = mine[0].fields.text("state") == "succeeded";
        assert_eq!(done, answered.is_ok(), "round {round}: {answered:?} {mine:?}");
        paid += u64::from(done);
        assert_eq!(
            (host.balance(&guest), host.earned()),
            (20_000 - 100 * paid, 100 * paid),
            "round {round}"
        );
        assert_eq!(host.services.receipts(&guest.id).await.len() as u64, paid, "round {round}");
        host.services.taken(&next, asked).await;
        host.services.ended(&next, None).await;
    }
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

fn again(key: &str) -> Idempotency {
    Idempotency::new(key, &[key.as_bytes()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_amount_moves_nothing() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let merchant = MerchantId::new("pub", "");
    // A program asks for another amount under the same number while the sheet is open.
    let caller = host.session(&guest).await;
    ticket(host.call(&caller, Call::PaymentPay(order("T1", 500))).await);
    assert_eq!(host.code(&caller, Call::PaymentPay(order("T1", 50_000))).await, "taken");
    // A merchant's server does.
    let intent = host.services.make_intent(&merchant, bill("T2", 500), &again("a")).await.unwrap();
    let altered = host.services.make_intent(&merchant, bill("T2", 5), &again("b")).await;
    assert_eq!(altered.unwrap_err().code, "taken");
    // Somebody between the page and the host does.
    for (amount, currency) in [("5000.00", "CNY"), ("0.05", "CNY"), ("5.00", "EUR"), ("5", "CNY"), ("", "CNY")] {
        let agreed = Agreed {
            amount: amount.to_owned(),
            currency: currency.to_owned(),
        };
        let refused = host.services.pay_intent(&guest.id, &intent.id, &agreed, "").await;
        assert_eq!(refused.unwrap_err().code, "conflict", "{amount} {currency}");
    }
    assert_eq!((host.balance(&guest), host.earned()), (20_000, 0));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_customer_code_moves_nothing() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let merchant = MerchantId::new("pub", "");
    let digits = host.services.present(&guest.id, "").await.unwrap().digits;
    let first = host
        .services
        .collect(&merchant, &digits, bill("U1", 700), &again("u1"))
        .await
        .unwrap();
    assert!(matches!(first, Collected::Paid { .. }), "{first:?}");
    // By whoever photographed it, many at once, and later.
    let tries: Vec<(String, Idempotency)> = (2..10).map(|n| (format!("U{n}"), again(&format!("u{n}")))).collect();
    let all = tries
        .iter()
        .map(|(order, again)| host.services.collect(&merchant, &digits, bill(order, 700), again));
    for replayed in futures_util::future::join_all(all).await {
        assert_eq!(replayed.unwrap_err().code, "code-used");
    }
    host.pass(Duration::from_secs(59));
    let late = host.services.collect(&merchant, &digits, bill("U10", 700), &again("u10")).await;
    assert_eq!(late.unwrap_err().code, "code-used");
    assert_eq!((host.balance(&guest), host.earned()), (19_300, 700));
    host.check().await;
}
