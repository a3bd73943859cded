//! From a core module to a component.

use crate::BuildError;
use wit_component::{ComponentEncoder, DecodedWasm};

/// Wraps a core module that `wit-bindgen` built into a component. It imports what the module calls and nothing else.
///
/// # Errors
/// The module was not built against the contract, or imports something that is not in it (such as WASI).
pub fn encode(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error| BuildError::Component(format!("{error:#}")))
}

/// What a component imports, such as "youji:miniapp/payment@1.0.0", sorted. Interfaces that hold only types are left out: they
/// call nothing.
///
/// # Errors
/// The bytes are not a component.
pub fn imports(component: &[u8]) -> Result<Vec<String>, BuildError> {
    let decoded = wit_component::decode(component).map_err(|error| BuildError::Component(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(BuildError::Component("expected a component, found a WIT package".to_owned()));
    };
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
    names.retain(|name| !types_only(name));
    names.sort();
    Ok(names)
}
