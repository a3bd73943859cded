//! A verified, compiled mini-program, ready to instantiate.

use std::collections::BTreeSet;
use thiserror::Error;
use youji_api::Capability;
use youji_api::caller::Requested;

/// A compiled mini-program. Dropping the last handle unmaps its code.
pub struct Program {
    _private: (),
}

impl Program {
    /// Microseconds of each step that made it ready: "wasm", "compile" and "load", or nothing when it was in memory.
    pub fn steps(&self) -> &[(&'static str, u64)] {
        todo!()
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
    #[error("does not export \"youji:miniapp/program@1\"; implement the world `mini-program`")]
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
}

/// Reads a component's imports and checks them against what its manifest requests. Compiles nothing.
///
/// # Errors
/// The first import that is unknown or not requested.
pub fn check_imports(_wasm: &[u8], _requested: &Requested) -> Result<BTreeSet<Capability>, ImportError> {
    todo!()
}
