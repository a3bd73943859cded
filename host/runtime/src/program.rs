//! A verified, compiled mini-program, ready to instantiate.

use crate::bindings::{self as b, MiniProgramPre};
use crate::host::State;
use crate::lanes::Record;
use std::collections::BTreeSet;
use std::sync::Arc;
use thiserror::Error;
use wasmparser::{ComponentExternalKind, Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};
use youji_api::Capability;
use youji_api::caller::Requested;

/// Which code a program is.
#[derive(Clone, Debug)]
pub struct Code {
    /// Digest of the package.
    pub digest: String,
    /// Names what is compiled: programs that hold the same component share its compiled code. The package's digest, where nothing is shared.
    pub component: String,
    /// Text of the program, for a component that is a script engine; empty otherwise.
    pub script: Arc<str>,
}

impl From<&str> for Code {
    fn from(digest: &str) -> Self {
        Code {
            digest: digest.to_owned(),
            component: digest.to_owned(),
            script: Arc::from(""),
        }
    }
}

/// A compiled mini-program. Dropping the last handle unmaps its code.
pub struct Program {
    pub(crate) digest: String,
    /// See [`Code::component`].
    pub(crate) component: String,
    /// What its script engine runs; empty for compiled programs.
    pub(crate) script: Arc<str>,
    pub(crate) pre: MiniProgramPre<State>,
    pub(crate) steps: Vec<(&'static str, u64)>,
    pub(crate) record: Arc<Record>,
}

impl Program {
    /// Digest of the package that it comes from.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Microseconds of each step that made it ready, at that time: "wasm", "check" and "compile" if it was not in the cache on
    /// disk, then "load".
    pub fn steps(&self) -> &[(&'static str, u64)] {
        &self.steps
    }

    /// Links what the manifest requests, and nothing else: what is not linked can't be called.
    pub(crate) fn link(engine: &Engine, code: &Code, component: &Component, requested: &Requested) -> Result<Self, ProgramError> {
        let mut linker = Linker::<State>::new(engine);
        let compile_error = |error: wasmtime::Error| ProgramError::Compile(format!("{error:#}"));
        b::types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state).map_err(compile_error)?;
        crate::script::link(&mut linker).map_err(compile_error)?;
        for capability in Capability::ALL {
            if requested.has_capability(capability.name()) {
                link_capability(&mut linker, capability).map_err(compile_error)?;
            }
        }
        let pre = linker
            .instantiate_pre(component)
            .and_then(MiniProgramPre::new)
            .map_err(compile_error)?;
        Ok(Program {
            digest: code.digest.clone(),
            component: code.component.clone(),
            script: Arc::clone(&code.script),
            pre,
            steps: Vec::new(),
            record: Arc::default(),
        })
    }
}

fn link_capability(linker: &mut Linker<State>, capability: Capability) -> wasmtime::Result<()> {
    macro_rules! add {
        ($interface:ident) => {
            b::$interface::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
        };
    }
    match capability {
        Capability::Identity => add!(identity),
        Capability::Payment => add!(payment),
        Capability::Messaging => add!(messaging),
        Capability::Storage => add!(storage),
        Capability::Records => add!(records),
        Capability::Timer => add!(timer),
        Capability::Navigation => add!(navigation),
        Capability::Scanner => add!(scanner),
        Capability::Location => add!(location),
        Capability::Clock => add!(clock),
        Capability::Random => add!(random),
        Capability::Log => add!(log),
    }
}

/// Why a component can't be installed: it imports what its manifest does not request, or what no host offers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportError {
    /// Not a component at all.
    #[error("not a WebAssembly component: {0}. Build it with `youji build`")]
    NotAComponent(String),
    /// No host offers it.
    #[error("imports \"{import}\", which no host offers. Mini-programs import interfaces of youji:miniapp@1 only")]
    Unknown {
        /// As the component names it.
        import: String,
    },
    /// The manifest does not request it.
    #[error("imports \"{capability}\" without requesting it. Add to req_permissions in manifest.json: {line}")]
    NotRequested {
        /// Which.
        capability: String,
        /// The line to add to the manifest.
        line: String,
    },
    /// It lacks what every mini-program exports.
    #[error("does not export \"youji:miniapp/program@1.0.0\"; implement the world `mini-program`")]
    NoProgram,
}

/// Why a program is not ready.
#[derive(Clone, Debug, Error)]
pub enum ProgramError {
    /// Its imports.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Over [`CompileLimits::wasm_bytes`](crate::CompileLimits::wasm_bytes).
    #[error("the component has {found} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes that came.
        found: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The package could not be read.
    #[error("the component could not be read: {0}")]
    Read(String),
    /// The compiler refused it or was ended at a limit.
    #[error("compiling failed: {0}")]
    Compile(String),
    /// The cache folder.
    #[error("the cache of compiled code can't be used: {0}. Check that {1} is writable and private")]
    Cache(String, String),
    /// The engine can't be made on this machine.
    #[error("the WebAssembly engine can't be made: {0}. Lower max_sessions, or allow more address space (ulimit -v)")]
    Engine(String),
}

/// Reads a component's imports and checks them against what its manifest requests. Compiles nothing.
///
/// # Errors
/// The first import that is unknown or not requested; then what it fails to export.
pub fn check_imports(wasm: &[u8], requested: &Requested) -> Result<BTreeSet<Capability>, ImportError> {
    let malformed = |error: wasmparser::BinaryReaderError| ImportError::NotAComponent(error.to_string());
    if !Parser::is_component(wasm) {
        return Err(ImportError::NotAComponent("it starts like something else".into()));
    }
    let mut found = BTreeSet::new();
    let mut exports_program = false;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(malformed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    found.extend(check_import(import.map_err(malformed)?.name.name, requested)?);
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.map_err(malformed)?;
                    let is_instance = export.kind == ComponentExternalKind::Instance;
                    exports_program |= is_instance && interface(export.name.name) == Some("program");
                }
            }
            _ => {}
        }
    }
    if exports_program { Ok(found) } else { Err(ImportError::NoProgram) }
}

/// The interface of our contract, whatever its minor version.
fn interface(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix("youji:miniapp/")?.split_once('@')?;
    version.starts_with("1.").then_some(interface)
}

fn check_import(name: &str, requested: &Requested) -> Result<Option<Capability>, ImportError> {
    let unknown = || ImportError::Unknown { import: name.to_owned() };
    // Nothing comes back from it: how a script engine says which exception ends it.
    if crate::script::is_failure(name) {
        return Ok(None);
    }
    let interface = interface(name).ok_or_else(unknown)?;
    if interface == "types" {
        return Ok(None);
    }
    let capability = Capability::from_name(interface).ok_or_else(unknown)?;
    if !requested.has_capability(interface) {
        return Err(ImportError::NotRequested {
            capability: interface.to_owned(),
            line: format!("{{\"name\": \"{interface}\", \"reason\": \"…\"}}"),
        });
    }
    Ok(Some(capability))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that imports every function of the contract.
    fn importing_everything() -> Vec<u8> {
        let mut resolve = wit_parser::Resolve::default();
        let contract = include_str!("../../../sdk/wit/miniapp.wit");
        let package = resolve.push_str("miniapp.wit", contract).expect("the contract parses");
        let world = resolve.select_world(&[package], Some("mini-program")).expect("its world");
        let mut module = wit_component::dummy_module(&resolve, world, wit_parser::ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
        wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).expect("it embeds");
        let encoder = wit_component::ComponentEncoder::default().module(&module).expect("a module");
        encoder.validate(true).encode().expect("a component")
    }

    /// Installing refuses such a program already; were that to be forgotten, it still could not be linked.
    #[test]
    fn what_is_not_requested_is_not_linked() {
        let engine = crate::engine::compiling().expect("an engine");
        let component = Component::new(&engine, importing_everything()).expect("it compiles");
        let link = |without: Option<Capability>| {
            let asked = Capability::ALL.into_iter().filter(|one| Some(*one) != without);
            let permissions = asked.map(|one| (one.name().to_owned(), "a reason".to_owned())).collect();
            let requested = Requested {
                permissions,
                ..Requested::default()
            };
            Program::link(&engine, &Code::from("digest"), &component, &requested)
        };
        assert!(link(None).is_ok(), "the control: everything is requested");
        for capability in Capability::ALL {
            let Err(ProgramError::Compile(said)) = link(Some(capability)) else {
                panic!("{} was linked", capability.name());
            };
            assert!(
                said.contains(&format!("youji:miniapp/{}@", capability.name())),
                "{}: {said}",
                capability.name()
            );
        }
    }
}
