//! Why a build ended.

use std::path::PathBuf;
use youji_package::{KeyError, PackageError};

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A folder or file could not be read or written.
    #[error("{path}: {problem}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said, or what is missing and what to do.
        problem: String,
    },
    /// cargo or rustup is not there or could not be started.
    #[error("{program} can't be started: {problem}. Install Rust with rustup (https://rustup.rs)")]
    Tool {
        /// What was started.
        program: String,
        /// What the system said.
        problem: String,
    },
    /// The target is missing and could not be added.
    #[error(
        "Rust's target wasm32-unknown-unknown is missing and could not be added: {problem}. With a network, run: rustup target add wasm32-unknown-unknown"
    )]
    Target {
        /// What rustup said.
        problem: String,
    },
    /// The program does not compile.
    #[error("{program} does not compile:\n{output}")]
    Compile {
        /// Names of the packages that were being built.
        program: String,
        /// The compiler's own words, at most 64 KiB from the end.
        output: String,
    },
    /// A dependency is not on this machine, and cargo could not fetch it.
    #[error(
        "{program} needs a network: cargo could not fetch one of its dependencies, and the SDK itself is carried by youji. Connect and build \
         again, or take the dependency out of Cargo.toml:\n{output}"
    )]
    Network {
        /// Names of the packages that were being built.
        program: String,
        /// Cargo's own words, at most 64 KiB from the end.
        output: String,
    },
    /// The script engine does not load the SDK.
    #[error(
        "the SDK is not whole: {output}\nRemove the project's .youji/sdk and the folder that it leads to; the next build unpacks it again"
    )]
    Sdk {
        /// What it said.
        output: String,
    },
    /// The module can't become a component.
    #[error("the compiled module is no mini-program: {0}. Export it with youji_sdk::export! and import nothing beside the SDK")]
    Component(String),
    /// The package is not one that hosts accept.
    #[error("{dir}: {error}")]
    Package {
        /// The program's folder.
        dir: PathBuf,
        /// What would be refused.
        error: PackageError,
    },
    /// The publisher's key can't be used.
    #[error("{path}: {error}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
}

impl BuildError {
    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        BuildError::File {
            path: path.into(),
            problem: problem.to_string(),
        }
    }
}
