//! From a core module to a component.

use crate::BuildError;
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId};

/// What every mini-program exports, up to the version within 1.
const PROGRAM: &str = "youji:miniapp/program@1.";

/// Wraps a core module that `wit-bindgen` built into a component. It imports what the module calls and nothing else.
///
/// # Errors
/// The module was not built against the contract, imports something that is not in it (such as WASI), or exports no program.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    let component = encode().map_err(|error| BuildError::Component(format!("{error:#}")))?;
    let (resolve, world) = decode(&component)?;
    let exports = &resolve.worlds[world].exports;
    if !exports.keys().any(|key| resolve.name_world_key(key).starts_with(PROGRAM)) {
        return Err(BuildError::Component(format!("it does not export {PROGRAM}*")));
    }
    Ok(component)
}

/// What a component imports, such as "youji:miniapp/payment@1.0.0", sorted. Interfaces that hold only types are left out: they
/// call nothing.
///
/// # Errors
/// The bytes are not a component.
pub fn imports(component: &[u8]) -> Result<Vec<String>, BuildError> {
    let (resolve, world) = decode(component)?;
    let types_only = |name: &str| {
        resolve
            .interfaces
            .iter()
            .any(|(id, interface)| interface.functions.is_empty() && resolve.id_of(id).as_deref() == Some(name))
    };
    let mut names: Vec<String> = resolve.worlds[world]
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    // By which a script engine says why it ends: no capability.
    names.retain(|name| !types_only(name) && !name.starts_with("youji:script/"));
    names.sort();
    Ok(names)
}

fn decode(component: &[u8]) -> Result<(Resolve, WorldId), BuildError> {
    match wit_component::decode(component) {
        Ok(DecodedWasm::Component(resolve, world)) => Ok((resolve, world)),
        Ok(DecodedWasm::WitPackage(..)) => Err(BuildError::Component("expected a component, found a WIT package".to_owned())),
        Err(error) => Err(BuildError::Component(format!("{error:#}"))),
    }
}
