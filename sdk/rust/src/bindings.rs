//! The contract as `wit-bindgen` writes it down.

wit_bindgen::generate!({
    path: "../wit",
    world: "mini-program",
    pub_export_macro: true,
    default_bindings_module: "youji_sdk::bindings",
    export_macro_name: "export_program",
    // Written by hand: see `wire`.
    skip: ["view"],
});
