//! Without WebAssembly: `cargo test`.

use {{crate}}::App;
use youji_sdk::testing::{FakeHost, Stage, launch};

fn host() -> FakeHost {
    FakeHost::with_manifest(include_str!("../manifest.json"))
}

fn filled(host: &FakeHost) -> Stage<App> {
    let mut ann = host.open::<App>("ann", launch("pages/shop"));
    ann.tap("Put one Stoneware mug into the basket");
    ann.tap("Put one Green tea into the basket");
    ann.tap("Basket · 2 · ¥124.00");
    ann
}

#[test]
fn a_basket_is_paid_once() {
    let host = host();
    let mut ann = filled(&host);
    ann.set("How many: Stoneware mug", 2);
    ann.tap("Pay ¥192.00");
    ann.approve();
    ann.expect("Paid. Thank you");
    assert_eq!(host.paid().values().copied().collect::<Vec<_>>(), [19_200]);
    ann.tap("Look around");
    ann.expect_not("Basket ·");
}

#[test]
fn who_declines_keeps_the_basket_and_may_try_again() {
    let host = host();
    let mut ann = filled(&host);
    ann.tap("Pay ¥124.00");
    ann.decline();
    ann.expect("Not paid; the basket is as it was");
    ann.tap("Pay ¥124.00");
    ann.fail("insufficient-funds");
    ann.expect("not enough in the wallet");
    ann.tap("Pay ¥124.00");
    ann.approve();
    ann.expect("Paid. Thank you");
    assert_eq!(host.paid().len(), 1);
}

#[test]
fn the_basket_is_there_at_the_next_visit_in_another_language_too() {
    let host = host();
    filled(&host).unload();
    let mut ann = host.open::<App>("ann", launch("pages/shop").text("language", "zh-CN"));
    ann.tap("篮子 · 2 件 · ¥124.00");
    ann.set("绿茶几件", 0);
    ann.set("陶杯几件", 0);
    ann.expect("篮子是空的");
}

#[test]
fn a_payment_that_was_answered_while_nobody_was_here_is_known_at_the_next_visit() {
    let host = host();
    let mut ann = filled(&host);
    ann.tap("Pay ¥124.00");
    ann.unload();
    host.approve("ann");
    let mut ann = host.open::<App>("ann", launch("pages/shop"));
    ann.expect_not("Basket ·");
    assert_eq!(host.paid().len(), 1);
}
