//! What a Youji mini-program author imports.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated: crossing the component boundary is raw memory, and nothing here is written by hand"
)]
#[doc(hidden)]
pub mod bindings;
