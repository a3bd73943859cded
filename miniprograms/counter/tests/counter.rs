//! Counting, and what is left of it.

use counter::Counter;
use youji_sdk::testing::{FakeHost, launch};

#[test]
fn counts_and_comes_back() {
    let host = FakeHost::with_manifest(include_str!("../manifest.json"));
    let mut ann = host.open::<Counter>("ann", launch("pages/count"));
    assert_eq!(ann.nodes().len(), 21);
    ann.tap("More");
    ann.choose("Each time", "10");
    ann.tap("More");
    ann.expect("11");
    ann.choose("Each time", "a later host's value");
    for _ in 0..3 {
        ann.tap("Less");
    }
    ann.expect("\u{2212}19");
    ann.turn("Not below zero", true);
    ann.expect("0");
    ann.tap("More");
    ann.tap("Back to zero");
    ann.tap("Take that back");
    ann.expect("10");
    ann.unload();
    let mut ann = host.open::<Counter>("ann", launch("pages/count").text("language", "zh-CN"));
    ann.expect("11");
    ann.tap("加");
    ann.expect("20");
    ann.unload();
    host.set_saved("ann", 1, &[7]);
    host.open::<Counter>("ann", launch("pages/count")).tap("More");
    host.set_saved("ann", 1, &[255; 32]);
    host.open::<Counter>("ann", launch("pages/count")).expect("\u{2212}1");
    assert!(host.sent().is_empty());
}
