//! What a script engine is given beside the contract. The text that it runs comes with the launch; what it imports is one function, by
//! which it says why it ends. No capability: nothing comes back.

use crate::bindings::types as b;
use crate::host::State;
use crate::receipt::{Fault, Frame, SCRIPT};
use wasmtime::component::Linker;

/// As `sdk/js/wit/script.wit` names it.
const FAILURE: &str = "youji:script/failure@1.0.0";
/// Field of the launch that holds the text of `app.js`.
const FIELD: &str = "script";
/// Places of an exception that are kept.
const PLACES: usize = 32;
/// Bytes of an exception's message that are kept.
const MESSAGE: usize = 1_000;

/// Whether an import is the script engine's.
pub(crate) fn is_failure(name: &str) -> bool {
    name.strip_prefix("youji:script/failure@")
        .is_some_and(|version| version.starts_with("1."))
}

/// The launch of a program that is text, with the text.
pub(crate) fn with_text(mut launch: Vec<b::Field>, text: &str) -> Vec<b::Field> {
    if !text.is_empty() {
        launch.push(b::Field {
            name: FIELD.to_owned(),
            value: b::Scalar::Text(text.to_owned()),
        });
    }
    launch
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut failure = linker.instance(FAILURE)?;
    failure.func_wrap("fail", |mut store, (message,): (String,)| {
        Err::<(), _>(store.data_mut().trap(exception(&message)))
    })
}

/// An exception that the script did not catch: what it says, then a line for each place, innermost first.
fn exception(message: &str) -> Fault {
    let mut said = message.lines();
    let first: String = said.next().unwrap_or_default().chars().take(MESSAGE).collect();
    let places = said.filter_map(|line| line.trim_start().strip_prefix("at ")).take(PLACES);
    Fault {
        said: first,
        trace: places
            .map(|place| Frame {
                function: Some(place.to_owned()),
                index: SCRIPT,
                offset: 0,
            })
            .collect(),
        ..Fault::new("trap", "threw an exception that it did not catch")
    }
}
