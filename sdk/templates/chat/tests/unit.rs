//! Without WebAssembly: `cargo test`.

use {{crate}}::App;
use youji_sdk::testing::{FakeHost, Stage, launch};

fn host() -> FakeHost {
    FakeHost::with_manifest(include_str!("../manifest.json"))
}

fn enters(host: &FakeHost, person: &str, scene: &str) -> Stage<App> {
    host.open::<App>(person, launch("pages/room").text("scene", scene))
}

#[test]
fn what_is_said_in_a_room_is_seen_there_and_nowhere_else() {
    let host = host();
    let mut ann = enters(&host, "ann", "T1");
    let mut ben = enters(&host, "ben", "T1");
    let mut eve = enters(&host, "eve", "T2");
    ann.expect("Room t1");
    ann.expect("Nobody has said anything yet");
    ann.enter("Say something", "  is the soup good?  ");
    ann.tap("Send");
    ann.expect("Guest (me)");
    ben.settle();
    ben.expect("is the soup good?");
    ben.expect_not("(me)");
    eve.settle();
    eve.expect_not("soup");
}

#[test]
fn who_said_it_can_take_it_back_and_nobody_else() {
    let host = host();
    let mut ann = enters(&host, "ann", "");
    let mut ben = enters(&host, "ben", "");
    ann.expect("Lobby");
    ann.enter("Say something", "wrong room");
    ann.tap("Send");
    ben.settle();
    ben.expect("wrong room");
    ben.expect_not("Take back");
    ann.tap("Take back “wrong room”");
    ben.settle();
    ben.expect("Nobody has said anything yet");
}

#[test]
fn a_name_is_asked_for_and_kept() {
    let host = host();
    let mut ann = enters(&host, "ann", "");
    ann.tap("Show my name");
    ann.decline();
    ann.enter("Say something", "one");
    ann.tap("Send");
    ann.expect("Guest (me)");
    ann.tap("Show my name");
    ann.approve();
    ann.enter("Say something", "two");
    ann.tap("Send");
    ann.expect("nickname of ann (me)");
    ann.expect_not("Show my name");
    ann.unload();
    enters(&host, "ann", "").expect_not("Show my name");
}

#[test]
fn what_was_not_sent_stays_in_the_field() {
    let host = host();
    let mut ann = enters(&host, "ann", "");
    ann.enter("Say something", "hello");
    host.refuse_next("records.put", "limit");
    ann.tap("Send");
    ann.expect("Not sent; try again");
    ann.expect("hello");
    ann.tap("Send");
    ann.expect("Guest (me)");
}
