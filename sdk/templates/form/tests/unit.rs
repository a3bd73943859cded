//! Without WebAssembly: `cargo test`.

use {{crate}}::App;
use youji_sdk::testing::{FakeHost, launch};

#[test]
fn an_answer_is_checked_kept_and_can_be_changed() {
    let host = FakeHost::with_manifest(include_str!("../manifest.json"));
    let mut ann = host.open::<App>("ann", launch("pages/form"));
    ann.tap("Hand in");
    ann.expect("Fill in a name");
    ann.enter("Name", "Ann");
    ann.choose("Which day", "sun");
    ann.tap("Hand in");
    ann.expect("Handed in");
    ann.unload();
    let mut ann = host.open::<App>("ann", launch("pages/form"));
    ann.expect("Sunday");
    ann.tap("Change it");
    ann.expect_not("Handed in");
}

#[test]
fn what_could_not_be_kept_is_said() {
    let host = FakeHost::with_manifest(include_str!("../manifest.json"));
    let mut ann = host.open::<App>("ann", launch("pages/form"));
    ann.enter("Name", "Ann");
    host.refuse_next("storage.set", "failed");
    ann.tap("Hand in");
    ann.expect("It was not kept");
}
