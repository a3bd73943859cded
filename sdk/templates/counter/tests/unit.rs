//! Without WebAssembly: `cargo test`.

use {{crate}}::App;
use youji_sdk::testing::{FakeHost, launch};

#[test]
fn counts_and_comes_back() {
    let host = FakeHost::with_manifest(include_str!("../manifest.json"));
    let mut ann = host.open::<App>("ann", launch("pages/count"));
    ann.tap("One more");
    ann.tap("One more");
    ann.expect("2");
    ann.unload();
    host.open::<App>("ann", launch("pages/count").text("language", "zh-CN")).expect("2");
}
