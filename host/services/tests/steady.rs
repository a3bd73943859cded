//! What a program asks for, and who leaves in that moment, shakes neither the host nor anybody else.

mod common;

use common::{Host, order, put, ticket, yes};
use youji_api::{Call, Fields};

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
