//! The whole evening: guests order and pay, things go wrong, the kitchen cooks.

use restaurant::App;
use youji_sdk::Fields;
use youji_sdk::testing::{Event, FakeHost, Stage, launch};

fn host() -> FakeHost {
    FakeHost::with_manifest(include_str!("../manifest.json"))
}

fn guest(host: &FakeHost, name: &str) -> Stage<App> {
    host.open(name, launch("pages/menu").text("scene", "T7"))
}

fn staff(host: &FakeHost) -> Stage<App> {
    host.open("chef", launch("pages/kitchen").text("roles", "staff"))
}

/// Beef noodles, large, with an egg, twice; and tofu.
fn fill(guest: &mut Stage<App>) {
    guest.tap("Braised beef noodles");
    guest.choose("Size", "large");
    guest.choose("Extras", "egg");
    guest.set("How many", 2);
    guest.expect("Add to basket · ¥94.00");
    guest.tap("Add to basket · ¥94.00");
    guest.tap("Add Mapo tofu");
    guest.tap("Basket · 3 · ¥122.00");
}

fn paid(guest: &mut Stage<App>) {
    fill(guest);
    guest.tap("Pay ¥122.00");
    guest.approve();
    guest.approve();
}

#[test]
fn the_menu_is_rich_and_within_limits() {
    let host = host();
    for language in ["zh-CN", "en", "fr"] {
        let mut ann: Stage<App> = host.open("ann", launch("pages/menu").text("language", language));
        let nodes = ann.nodes().len();
        assert!((100..400).contains(&nodes), "{nodes} nodes in {language}");
        ann.unload();
    }
    let mut ann = guest(&host, "ann");
    ann.expect("Table 7");
    ann.choose("Categories", "5");
    ann.expect("Egg tarts");
    ann.expect_not("Mapo tofu");
}

#[test]
fn an_order_is_paid_cooked_and_told() {
    let host = host();
    let mut chef = staff(&host);
    chef.expect("No orders are waiting");
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    ann.enter("Note for the kitchen", "no coriander");
    ann.tap("Pay ¥122.00");
    ann.expect("Waiting for you to confirm…");
    chef.expect("No orders are waiting");
    ann.approve();
    assert_eq!(ann.page(), "pages/order");
    ann.expect("The kitchen has it.");
    ann.approve();
    ann.expect("You will get a message when it is ready.");
    assert_eq!(host.paid().values().copied().collect::<Vec<_>>(), [12_200]);

    chef.expect("2 × Braised beef noodles · Large, Mild, Soft egg");
    chef.expect("Note: no coriander");
    chef.expect_not("Dishes and amount paid do not match");
    let no = host.rows("orders")[0].0.clone();
    let no = no[no.len() - 4..].to_ascii_uppercase();
    chef.tap(&format!("Start {no}"));
    ann.expect("It is on the stove.");
    chef.tap(&format!("Ready {no}"));
    ann.expect("Eat while it is hot!");
    chef.expect("No orders are waiting");
    let sent = host.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.as_str(), sent[0].template.as_str()), ("ann", "order-ready"));
    assert_eq!(
        (sent[0].fields.get_text("no"), sent[0].fields.get_text("place")),
        (no.as_str(), "Table 7")
    );

    ann.tap("Order something more");
    ann.expect(&format!("Order {no} · Ready"));
    ann.expect_not("Basket ·");
    ann.tap("My bills");
    ann.expect("¥122.00");
    ann.expect("2026-01-01 08:00 · Table 7");
}

#[test]
fn what_is_not_paid_is_not_cooked_and_stays_in_the_basket() {
    let host = host();
    let mut chef = staff(&host);
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    for (code, said) in [
        ("", "Not paid. Your dishes are still in the basket."),
        ("insufficient-funds", "The balance is too small; nothing was charged."),
        ("conflict", "The order changed before it was paid"),
        ("a-code-of-a-later-host", "The payment did not work; nothing was charged."),
    ] {
        ann.tap("Pay ¥122.00");
        if code.is_empty() {
            ann.decline()
        } else {
            ann.fail(code)
        }
        ann.expect(said);
        ann.expect("Pay ¥122.00");
        chef.expect("No orders are waiting");
        assert_eq!(host.rows("orders").len(), 0, "an order that was not paid leaves no row");
    }
    host.refuse_next("records.put", "limit");
    ann.tap("Pay ¥122.00");
    ann.expect("The order could not be sent");
    host.refuse_next("payment.pay", "failed");
    ann.tap("Pay ¥122.00");
    ann.expect("The payment did not work; nothing was charged.");
    ann.tap("Pay ¥122.00");
    ann.approve();
    ann.expect("The kitchen has it.");
    assert_eq!(host.paid().len(), 1);
}

#[test]
fn an_outcome_that_nobody_took_is_understood_after_a_crash() {
    let host = host();
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    ann.tap("Pay ¥122.00");
    ann.crash();
    host.approve("ann");
    let mut ann = guest(&host, "ann");
    assert_eq!(ann.page(), "pages/order");
    ann.expect("The kitchen has it.");
    ann.expect("2 × Braised beef noodles");

    let mut bo = guest(&host, "bo");
    fill(&mut bo);
    bo.tap("Pay ¥122.00");
    bo.crash();
    host.decline("bo");
    let mut bo = guest(&host, "bo");
    bo.expect("Not paid. Your dishes are still in the basket.");
    bo.tap("Basket · 3 · ¥122.00");
    assert_eq!(host.paid().len(), 1);
    assert_eq!(host.rows("orders").len(), 1);
}

#[test]
fn the_basket_outlives_an_idle_unload_but_not_another_schema() {
    let host = host();
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    ann.enter("Note for the kitchen", "no coriander");
    ann.unload();
    let mut ann: Stage<App> = host.open("ann", launch("pages/menu").text("cause", "resume"));
    assert_eq!(ann.page(), "pages/cart");
    ann.expect("no coriander");
    ann.expect("Table 7");
    ann.back();
    ann.expect("Basket · 3 · ¥122.00");
    ann.unload();
    host.set_saved("ann", 99, b"whatever a later version wrote");
    guest(&host, "ann").expect_not("Basket ·");
    host.set_saved("ann", 1, b"{\"cart\":[{\"dish\":\"gone\",\"quantity\":1}],\"page\":7,");
    guest(&host, "ann").expect_not("Basket ·");
}

#[test]
fn removing_can_be_taken_back() {
    let host = host();
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    ann.set("How many Braised beef noodles", 0);
    ann.expect("Braised beef noodles removed");
    ann.expect("Pay ¥28.00");
    ann.tap("Undo");
    ann.expect("Pay ¥122.00");
    ann.set("How many Braised beef noodles", 0);
    ann.set("How many Mapo tofu", 0);
    ann.expect("Nothing here yet");
    ann.tap("Undo");
    ann.expect("Pay ¥28.00");
    ann.set("How many Mapo tofu", 5_000);
    ann.expect("How many Mapo tofu");
    ann.expect("Pay ¥1400.00");
}

#[test]
fn sold_out_is_seen_at_once() {
    let host = host();
    let mut chef = staff(&host);
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    chef.set("Kitchen", 1);
    chef.turn("Mapo tofu", true);
    ann.expect("Mapo tofu has just sold out.");
    let disabled = ann
        .nodes()
        .iter()
        .any(|node| node.kind == "button" && node.attributes.iter().any(|field| field.name == "disabled"));
    assert!(disabled, "nobody pays for what is not there");
    ann.set("How many Mapo tofu", 0);
    ann.tap("Pay ¥94.00");
    ann.decline();
    let mut bo = guest(&host, "bo");
    bo.expect("Sold out");
    chef.turn("Mapo tofu", false);
    bo.expect_not("Sold out");
}

#[test]
fn the_kitchen_is_for_staff_and_each_sees_their_own() {
    let host = host();
    let mut ann = guest(&host, "ann");
    paid(&mut ann);
    let mut bo: Stage<App> = host.open("bo", launch("pages/kitchen"));
    bo.expect("This page is for staff");
    bo.expect_not("beef");
    let key = host.rows("orders")[0].0.clone();
    let mut bo: Stage<App> = host.open("bo", launch("pages/order").text("query.order", key));
    bo.expect("There is no such order");
    let mut bo: Stage<App> = host.open("bo", launch("pages/bills"));
    bo.expect("No bills yet");
}

#[test]
fn two_cooks_do_not_take_one_order() {
    let host = host();
    let mut ann = guest(&host, "ann");
    paid(&mut ann);
    let no = host.rows("orders")[0].0.clone();
    let no = no[no.len() - 4..].to_ascii_uppercase();
    let mut chef = staff(&host);
    host.refuse_next("records.put", "conflict");
    chef.tap(&format!("Start {no}"));
    chef.expect("A colleague was first with that order");
    chef.tap(&format!("Start {no}"));
    chef.expect_not("A colleague was first");
    host.refuse_next("messaging.send", "denied");
    chef.tap(&format!("Ready {no}"));
    chef.expect("No orders are waiting");
}

#[test]
fn what_this_program_does_not_know_changes_nothing() {
    let host = host();
    let mut ann = guest(&host, "ann");
    fill(&mut ann);
    let before = ann.outline();
    host.happen("ann", "teleported", Fields::new().text("to", "the moon"));
    ann.deliver(Event {
        code: "swipe".to_owned(),
        handler: 4_000,
        ticket: 0,
        fields: Vec::new(),
        body: vec![255],
    });
    for (code, ticket) in [("completed", 4_000), ("changed", 4_000), ("gap", 0)] {
        let fields = Fields::new()
            .text("call", "weather.forecast")
            .text("outcome", "postponed")
            .flag("new", true);
        ann.deliver(Event {
            code: code.to_owned(),
            handler: 0,
            ticket,
            fields: fields
                .iter()
                .map(|(name, value)| youji_sdk::testing::Field {
                    name: name.to_owned(),
                    value: value.clone(),
                })
                .collect(),
            body: Vec::new(),
        });
    }
    assert_eq!(ann.outline(), before);
    host.happen("ann", "settings", Fields::new().text("language", "zh-CN"));
    ann.expect("备注");
}
