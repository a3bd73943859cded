//! A Youji mini-program.
#![allow(missing_docs)]
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "generated")]
mod component {
use youji_sdk::bindings::exports::youji::miniapp::program::*;
struct C;
impl Guest for C {
    fn launched(_: Vec<Field>, _: Option<SavedState>) {}
    fn lifecycle(_: String, _: Vec<Field>) {}
    fn event(_: Happening) {}
    fn view() -> Vec<Node> {
        let _ = youji_sdk::bindings::youji::miniapp::clock::now();
        vec![Node { kind: "page".into(), key: String::new(), attributes: vec![], handlers: vec![], children: 0 }]
    }
    fn save_state() -> Option<SavedState> { None }
}
youji_sdk::bindings::export_program!(C with_types_in youji_sdk::bindings);
}
