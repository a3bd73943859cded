//! Tests without WebAssembly: a host in memory, and people in front of it who tap, type, approve and look.
//!
//! ```
//! use youji_sdk::testing::{FakeHost, launch};
//! # use youji_sdk::{Ctx, Element, Launch, Program, Saved, widgets::{page, button, text, Parent}};
//! # struct Bell(bool);
//! # impl Program for Bell {
//! #     type Msg = ();
//! #     fn launched(_: Launch, _: Option<Saved>, _: &mut Ctx<()>) -> Self { Bell(false) }
//! #     fn update(&mut self, (): (), _: &mut Ctx<()>) { self.0 = true; }
//! #     fn view(&self) -> Element<()> {
//! #         page().child(button().label("Ring").on_tap(())).maybe(self.0.then(|| text().text("Ding"))).into()
//! #     }
//! # }
//! let host = FakeHost::new();
//! let mut ann = host.open::<Bell>("ann", launch("pages/bell"));
//! ann.tap("Ring");
//! ann.expect("Ding");
//! ```
//!
//! The fake keeps the contract's rules that a program can run into: who may read and write a row, compare and set, what may follow only a
//! tap, outcomes that are offered until they are taken. It moves no money and is no reference for a host.

mod node;
mod seat;
mod stage;
mod world;

pub use node::Node;
pub use stage::Stage;
pub use world::{FakeHost, Sent, launch};

#[doc(hidden)]
pub use crate::bindings::youji::miniapp::types::{Event, Field};
