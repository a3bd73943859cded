//! The script engine: a mini-program component that runs what `app.js` of its package says.
//!
//! It is built once. Loading itself and the SDK takes it some ten milliseconds, so that is done ahead: `prepare` is called when it is
//! built, and the memory that it leaves becomes the memory that every program begins with.
//!
//! | module | holds |
//! |---|---|
//! | `app` | the file `app.js`: modules with their names |
//! | `script` | the engine itself: modules, calls into the SDK's runtime, exceptions |
//! | `host` | the contract's imports as functions for scripts |
//! | `value` | values of the contract to values of scripts and back |
//! | `view` | from a script's element to the tree of the contract |
//! | `prepare` | the part that runs when the engine is built |

mod app;
mod host;
mod prepare;
mod script;
mod value;
mod view;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated: crossing the component boundary is raw memory")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "../wit"],
        world: "youji:script/engine",
        generate_all,
    });
}

use bindings::exports::youji::miniapp::program::{Field, Guest, Happening, SavedState, Tree};
use bindings::youji::miniapp::types::Scalar;
use bindings::youji::script::failure;

/// Field of the launch that holds the text of `app.js`.
const SCRIPT: &str = "script";

struct Component;

impl Guest for Component {
    fn launched(launch: Vec<Field>, saved: Option<SavedState>) {
        let (text, launch) = taken(launch);
        done(script::launched(&text, launch, saved));
    }

    fn lifecycle(phase: String, _fields: Vec<Field>) {
        done(script::lifecycle(&phase));
    }

    fn event(event: Happening) {
        done(script::event(event));
    }

    fn view() -> Tree {
        done(script::view())
    }

    fn save_state() -> Option<SavedState> {
        done(script::save())
    }
}

/// The program's text, and what the launch says beside it.
fn taken(mut launch: Vec<Field>) -> (String, Vec<Field>) {
    let at = launch.iter().position(|field| field.name == SCRIPT);
    match at.map(|at| launch.swap_remove(at).value) {
        Some(Scalar::Text(text)) => (text, launch),
        _ => (String::new(), launch),
    }
}

/// An exception ends the session, as a panic of a compiled program does.
fn done<T>(result: Result<T, String>) -> T {
    result.unwrap_or_else(|message| {
        failure::fail(&message);
        unreachable!("the host ends the call")
    })
}

bindings::export!(Component with_types_in bindings);
