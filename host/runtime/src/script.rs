//! What a script engine is given beside the contract: the text that it runs. No capability, since it says nothing about anybody.

use crate::host::State;
use crate::receipt::{Fault, Frame, SCRIPT};
use wasmtime::component::Linker;

/// As `sdk/js/wit/script.wit` names it.
const SOURCE: &str = "youji:script/source@1.0.0";
/// Places of an exception that are kept.
const PLACES: usize = 32;
/// Bytes of an exception's message that are kept.
const MESSAGE: usize = 1_000;

/// Whether an import is the script engine's.
pub(crate) fn is_source(name: &str) -> bool {
    name.strip_prefix("youji:script/source@")
        .is_some_and(|version| version.starts_with("1."))
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut source = linker.instance(SOURCE)?;
    source.func_wrap("text", |store, (): ()| Ok((store.data().shared.script.to_string(),)))?;
    source.func_wrap("fail", |mut store, (message,): (String,)| {
        Err::<(), _>(store.data_mut().trap(exception(&message)))
    })
}

/// An exception that the script did not catch: what it says, then a line for each place, innermost first.
fn exception(message: &str) -> Fault {
    let mut said = message.lines();
    let first: String = said.next().unwrap_or_default().chars().take(MESSAGE).collect();
    let places = said.filter_map(|line| line.trim_start().strip_prefix("at ")).take(PLACES);
    Fault {
        trace: places
            .map(|place| Frame {
                function: Some(place.to_owned()),
                index: SCRIPT,
                offset: 0,
            })
            .collect(),
        ..Fault::new("trap", format!("threw an exception: {first}"))
    }
}
