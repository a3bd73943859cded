//! What a Youji mini-program author imports.
//!
//! A program is a model, the messages that change it, and a view of it: implement [`Program`] and write
//! `youji_sdk::export!(MyProgram);`. Nothing waits: what needs a person or time answers later, as a message.
//!
//! | module | holds |
//! |---|---|
//! | [`program`] | the trait that a program implements, and what drives it |
//! | [`ctx`] | what a program may ask of the host, while it handles something |
//! | [`widgets`] | a builder for each widget |
//! | [`element`] | what builders make: a node, its handlers, its children |
//! | [`event`] | launches, outcomes, changes and everything else that happens |
//! | [`codes`] | the contract's open codes as types, each with an arm for those of later hosts |
//! | [`payment`] | orders, and what became of them |
//! | [`records`] | rows of shared collections |
//! | [`fields`] | named values |
//! | [`json`] | a small JSON for rows and saved state |
//! | [`text`] | words in several languages; amounts |
//! | [`host`] | the host as a trait: real inside a component, a fake in tests |
//! | [`testing`] | tests without WebAssembly: tap, type, approve, expect |

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
pub mod codes;
pub mod ctx;
mod draft;
pub mod element;
pub mod event;
mod export;
pub mod fields;
mod handlers;
#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod heap;
pub mod host;
pub mod json;
pub mod payment;
pub mod program;
pub mod records;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod text;
pub mod widgets;
#[doc(hidden)]
pub mod wire;

pub use codes::{Cause, Ended, FailureCode, PayState, Phase};
pub use ctx::Ctx;
pub use element::Element;
pub use event::{Change, Happening, Launch, Outcome, Page, Saved};
pub use fields::{Fields, Scalar};
pub use host::{Failure, Ticket};
pub use json::Json;
pub use payment::{Line, Order, Paid};
pub use program::Program;
pub use records::{ListOptions, PutOptions, Row};
