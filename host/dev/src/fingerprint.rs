//! Whether anything changed since the last build.
//!
//! cargo knows too, but asking it takes half a second a program, and a start should take milliseconds. What is hashed: the
//! program's folder, every source that the compiler says it read, the lock file and the toolchain. When in doubt, cargo is asked.

use crate::{BuildError, Sizes, files};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use youji_package::Digest;

/// Raised when this crate starts to build differently from the same sources.
const FORMAT: u32 = 1;

/// What is written beside a package.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) fingerprint: String,
    /// Sources outside the program's folder, as the compiler named them.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) app_id: String,
    /// SHA-256 of the package file.
    pub(crate) bytes: String,
    pub(crate) digest: String,
    pub(crate) sizes: Sizes,
    pub(crate) imports: Vec<String>,
}

/// Over everything that the package's bytes depend on.
pub(crate) fn fingerprint(root: &Path, dir: &Path, sources: &[PathBuf], publisher: &str) -> Result<String, BuildError> {
    let mut seen = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| {
        seen.extend_from_slice(name.as_bytes());
        seen.push(0);
        seen.extend_from_slice(&Digest::of(bytes).0);
    };
    add("format", &FORMAT.to_le_bytes());
    add("publisher", publisher.as_bytes());
    for path in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain"].map(|name| root.join(name)) {
        add(&path.to_string_lossy(), &std::fs::read(&path).unwrap_or_default());
    }
    for path in files::all(dir)? {
        let bytes = std::fs::read(&path).map_err(|error| BuildError::file(&path, error))?;
        add(&path.to_string_lossy(), &bytes);
    }
    for path in sources {
        add(&path.to_string_lossy(), &std::fs::read(path).unwrap_or_default());
    }
    for (name, value) in toolchain() {
        add(&name, value.as_bytes());
    }
    Ok(Digest::of(&seen).to_string())
}

/// What decides which compiler runs, without running it: a proxy takes longer to start than everything else here. The same
/// whether cargo started this process or a person did.
fn toolchain() -> Vec<(String, String)> {
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    let mut found = vec![("rustc".to_owned(), env("RUSTC")), ("wrapper".to_owned(), env("RUSTC_WRAPPER"))];
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    let Some(home) = home else { return found };
    let settings = std::fs::read_to_string(home.join("settings.toml")).unwrap_or_default();
    let default = settings
        .lines()
        .find_map(|line| line.strip_prefix("default_toolchain"))
        .map(|rest| rest.trim_matches([' ', '=', '"']).to_owned());
    let name = std::env::var("RUSTUP_TOOLCHAIN").ok().or(default).unwrap_or_default();
    let hash = std::fs::read_to_string(home.join("update-hashes").join(&name)).unwrap_or_default();
    found.push((name, hash));
    found
}

/// Whether any input was written since that moment.
pub(crate) fn edited_since(dir: &Path, sources: &[PathBuf], moment: SystemTime) -> Result<bool, BuildError> {
    let own = files::all(dir)?;
    let written = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    Ok(own.iter().chain(sources).any(|path| written(path).is_none_or(|at| at >= moment)))
}

/// The stamp of that file, if there is a readable one.
pub(crate) fn read(path: &Path) -> Option<Stamp> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
