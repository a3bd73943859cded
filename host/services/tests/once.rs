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
