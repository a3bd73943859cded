//! Staff who collect with a customer's code in a program of theirs: whoever showed it pays, once, and is given back what they paid.

mod common;

use common::{Host, order, ticket};
use std::time::Duration;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Call, Event, Failure, Fields, Reply};
use youji_services::trade::{Agreed, MerchantId, PresentedState};
use youji_services::{Merchant, Names, Person};

fn by_code(number: &str, amount: u64, digits: &str) -> Order {
    let mut order = order(number, amount);
    order.options.set("code", digits);
    order
}

async fn collect(host: &Host, caller: &Caller, wanted: Order) -> Result<Event, Failure> {
    let reply = host.call(caller, Call::PaymentPay(wanted)).await?;
    Ok(host.outcome(caller, ticket(Ok(reply))).expect("an outcome"))
}

async fn code_of(host: &Host, caller: &Caller, wanted: Order) -> String {
    collect(host, caller, wanted)
        .await
        .map_or_else(|failure| failure.code, |event| event.fields.text("state").to_owned())
}

async fn lookup(host: &Host, caller: &Caller, number: &str) -> Result<Fields, Failure> {
    let call = Call::PaymentLookup {
        order_no: number.to_owned(),
        options: Fields::new(),
    };
    match host.call(caller, call).await? {
        Reply::Fields(fields) => Ok(fields),
        other => panic!("fields expected, {other:?} came"),
    }
}

fn refund(number: &str, amount: i64, reference: &str) -> Call {
    Call::PaymentAct {
        order_no: number.to_owned(),
        action: "refund".to_owned(),
        options: Fields::new().with("amount", amount).with("reference", reference),
    }
}

/// A customer with 200.00, and staff in the program "noodles".
async fn shop() -> (Host, Person, Person, Caller) {
    let host = Host::new().await;
    let (customer, cook) = (host.visitor().await, host.visitor().await);
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    (host, customer, cook, staff)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_collect_in_a_program_with_a_customers_code() {
    let (host, customer, cook, staff) = shop().await;
    let digits = host.services.present(&customer.id, "").await.unwrap().digits;
    let paid = collect(&host, &staff, by_code("A0", 1_200, &digits)).await.unwrap();
    assert_eq!(paid.fields.text("state"), "succeeded");
    let receipt = paid.fields.text("receipt").to_owned();
    assert!(!receipt.is_empty());
    assert_eq!(
        (host.balance(&customer), host.balance(&cook), host.earned()),
        (18_800, 20_000, 1_200)
    );
    let theirs = host.services.receipts(&customer.id).await;
    assert_eq!((theirs[0].receipt.as_str(), theirs[0].amount), (receipt.as_str(), 1_200));
    assert!(host.services.receipts(&cook.id).await.is_empty(), "staff paid nothing");
    // The same again is the same; with other content it is refused, with another number the code is used.
    assert_eq!(code_of(&host, &staff, by_code("A0", 1_200, &digits)).await, "succeeded");
    assert_eq!(code_of(&host, &staff, by_code("A0", 1_300, &digits)).await, "taken");
    assert_eq!(code_of(&host, &staff, by_code("A1", 1_200, &digits)).await, "code-used");
    // Another try with a fresh code of somebody else's pays no second time.
    let other = host.visitor().await;
    let fresh = host.services.present(&other.id, "").await.unwrap().digits;
    assert_eq!(code_of(&host, &staff, by_code("A0", 1_200, &fresh)).await, "conflict");
    assert_eq!((host.balance(&other), host.earned()), (20_000, 1_200));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_collected_is_looked_up_and_given_back_in_parts() {
    let (host, customer, _, staff) = shop().await;
    let digits = host.services.present(&customer.id, "").await.unwrap().digits;
    assert_eq!(code_of(&host, &staff, by_code("B0", 1_000, &digits)).await, "succeeded");
    let part = host.call(&staff, refund("B0", 300, "spilled")).await;
    let told = host.outcome(&staff, ticket(part)).unwrap();
    assert_eq!(
        (
            told.fields.text("action"),
            told.fields.integer("moved"),
            told.fields.integer("refunded")
        ),
        ("refund", Some(300), Some(300))
    );
    // The same reference once more moves nothing; more than is left is refused.
    let again = host.call(&staff, refund("B0", 300, "spilled")).await;
    assert_eq!(host.outcome(&staff, ticket(again)).unwrap().fields.integer("moved"), Some(0));
    assert_eq!(host.code(&staff, refund("B0", 701, "rest")).await, "limit");
    ticket(host.call(&staff, refund("B0", 700, "rest")).await);
    let now = lookup(&host, &staff, "B0").await.unwrap();
    assert_eq!(
        (now.text("state"), now.integer("amount"), now.integer("refunded")),
        ("succeeded", Some(1_000), Some(1_000))
    );
    assert_eq!((host.balance(&customer), host.earned()), (20_000, 0));
    // Who is no staff, or staff in another program, sees nothing of it.
    let guest = host.session(&customer).await;
    assert_eq!(lookup(&host, &guest, "B0").await.unwrap_err().code, "not-found");
    assert_eq!(host.code(&guest, refund("B0", 1, "mine")).await, "not-found");
    let elsewhere = host.session_as(&customer, "tea", &["till"]).await;
    assert_eq!(lookup(&host, &elsewhere, "B0").await.unwrap_err().code, "not-found");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_is_given_at_once_asks_the_customer_and_says_so() {
    let (host, customer, _, staff) = shop().await;
    host.services.top_up(&customer.id, 100_000, "more").await.unwrap();
    let digits = host.services.present(&customer.id, "").await.unwrap().digits;
    assert_eq!(code_of(&host, &staff, by_code("C0", 50_000, &digits)).await, "pending");
    assert_eq!(lookup(&host, &staff, "C0").await.unwrap().text("state"), "pending");
    assert_eq!(host.balance(&customer), 120_000, "nobody has said yes");
    let Some(PresentedState::Asks(intent)) = host.services.presented(&customer.id) else {
        panic!("the customer is asked");
    };
    let agreed = Agreed {
        amount: "500.00".to_owned(),
        currency: "CNY".to_owned(),
    };
    host.services.pay_intent(&customer.id, &intent, &agreed, "").await.unwrap();
    assert_eq!(lookup(&host, &staff, "C0").await.unwrap().text("state"), "succeeded");
    assert_eq!(host.balance(&customer), 70_000);
    // One that staff take back before the customer said yes can't be paid any more.
    let digits = host.services.present(&customer.id, "").await.unwrap().digits;
    assert_eq!(code_of(&host, &staff, by_code("C1", 40_000, &digits)).await, "pending");
    let cancel = Call::PaymentAct {
        order_no: "C1".to_owned(),
        action: "cancel".to_owned(),
        options: Fields::new(),
    };
    ticket(host.call(&staff, cancel).await);
    assert_eq!(lookup(&host, &staff, "C1").await.unwrap().text("state"), "canceled");
    let Some(PresentedState::Asks(intent)) = host.services.presented(&customer.id) else {
        panic!("the customer was asked");
    };
    let late = host.services.pay_intent(&customer.id, &intent, &agreed, "").await.unwrap_err();
    assert!(["expired", "conflict"].contains(&late.code.as_str()), "{late:?}");
    assert_eq!(host.balance(&customer), 70_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_collected_moves_nothing_and_says_why() {
    let (host, customer, cook, staff) = shop().await;
    let stall = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("摊", "Stall"),
    };
    host.services.enrol_merchant(stall).await.unwrap();
    let shown = host.services.present(&customer.id, "").await.unwrap();
    let guest = host.session(&cook).await;
    assert_eq!(
        code_of(&host, &guest, by_code("D0", 100, &shown.digits)).await,
        "forbidden",
        "no staff"
    );
    for (name, value) in [("mode", "escrow"), ("to", "somebody"), ("record", "orders/1")] {
        let mut wanted = by_code("D1", 100, &shown.digits);
        wanted.options.set(name, value);
        assert_eq!(code_of(&host, &staff, wanted).await, "invalid", "{name}");
    }
    assert_eq!(code_of(&host, &staff, by_code("D2", 100, "88123")).await, "invalid");
    let mut nobody = by_code("D3", 100, &shown.digits);
    nobody.merchant = "nobody".to_owned();
    assert_eq!(code_of(&host, &staff, nobody).await, "not-found");
    assert_eq!(
        code_of(&host, &staff, by_code("D4", 20_000 - 1, &shown.digits)).await,
        "succeeded",
        "the code is still good"
    );
    let shown = host.services.present(&customer.id, "").await.unwrap();
    assert_eq!(code_of(&host, &staff, by_code("D5", 2, &shown.digits)).await, "insufficient-funds");
    let shown = host.services.present(&customer.id, "").await.unwrap();
    host.pass(Duration::from_millis(60_000));
    assert_eq!(code_of(&host, &staff, by_code("D6", 1, &shown.digits)).await, "expired");
    // For a merchant under the publisher.
    let shown = host.services.present(&customer.id, "").await.unwrap();
    let mut stalls = by_code("D7", 1, &shown.digits);
    stalls.merchant = "stall".to_owned();
    assert_eq!(code_of(&host, &staff, stalls).await, "succeeded");
    assert_eq!(host.services.merchant_holds(&MerchantId::new("pub", "stall")), 1);
    assert_eq!(host.balance(&customer), 0);
    host.check().await;
}
