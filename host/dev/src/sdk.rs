//! The SDK that this library carries, unpacked for projects: no registry needs to know it, and no network is needed.

use crate::BuildError;
use std::path::{Path, PathBuf};
use youji_package::Digest;

mod carried {
    include!(concat!(env!("OUT_DIR"), "/carried.rs"));
}

pub(crate) use carried::{SCRIPT_TEMPLATES, TEMPLATES};

const MANIFEST: &str = include_str!("../carried/Cargo.toml.in");
/// Of the SDK; a project's programs run on every host of the same major version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where a project finds the SDK, below its folder: a link, so that a project can move between machines.
pub const LINK: &str = ".youji/sdk";

/// Where an SDK of this version and content is kept below `home`.
pub fn folder(home: &Path) -> PathBuf {
    let mut all = Vec::new();
    for (name, text) in files() {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.extend_from_slice(&Digest::of(text.as_bytes()).0);
    }
    let digest = Digest::of(&all).to_string();
    // Two builds of one version may carry different sources while it is being worked on.
    home.join("sdk").join(format!("{VERSION}-{}", digest.get(..8).unwrap_or_default()))
}

/// Unpacks the SDK below `home` unless it is there, and gives its folder.
///
/// # Errors
/// The disk refuses.
pub fn unpack(home: &Path) -> Result<PathBuf, BuildError> {
    let folder = folder(home);
    if folder.is_dir() {
        return Ok(folder);
    }
    let wrong = |error: std::io::Error| BuildError::file(&folder, error);
    let parent = folder.parent().unwrap_or(home);
    std::fs::create_dir_all(parent).map_err(wrong)?;
    // Whole or not at all, whoever else unpacks at this moment.
    let partial = parent.join(format!(".{VERSION}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&partial);
    let put = |name: &str, bytes: &[u8]| {
        let path = partial.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&partial)).and_then(|()| std::fs::write(&path, bytes))
    };
    for (name, text) in files() {
        put(name, text.as_bytes()).map_err(wrong)?;
    }
    for (name, bytes) in carried::MODULES {
        put(name, bytes).map_err(wrong)?;
    }
    match std::fs::rename(&partial, &folder) {
        Ok(()) => Ok(folder),
        Err(_) if folder.is_dir() => {
            let _ = std::fs::remove_dir_all(&partial);
            Ok(folder)
        }
        Err(error) => Err(wrong(error)),
    }
}

/// Makes the link to the SDK in a project, unless it leads to one. Gives the folder that it leads to.
///
/// # Errors
/// The disk refuses, or something else has the link's name.
pub fn link(project: &Path, home: &Path) -> Result<PathBuf, BuildError> {
    let link = project.join(LINK);
    if let Ok(there) = link.canonicalize() {
        return Ok(there);
    }
    let sdk = unpack(home)?;
    let wrong = |error: std::io::Error| BuildError::file(&link, format!("can't become a link to the SDK: {error}"));
    if let Some(parent) = link.parent() {
        std::fs::create_dir_all(parent).map_err(wrong)?;
    }
    if link.is_symlink() {
        std::fs::remove_file(&link).map_err(wrong)?;
    }
    std::os::unix::fs::symlink(&sdk, &link).map_err(wrong)?;
    Ok(sdk)
}

/// Version of the SDK in a folder, from its manifest; none if it holds no SDK.
pub fn version_in(folder: &Path) -> Option<String> {
    let manifest = std::fs::read_to_string(folder.join("rust/Cargo.toml")).ok()?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""))?;
    Some(line.trim_end_matches('"').to_owned())
}

/// The texts; one of them holds the digests of the modules.
fn files() -> impl Iterator<Item = (&'static str, String)> {
    let manifest = MANIFEST
        .replace("{{version}}", VERSION)
        .replace("{{edition}}", "2024")
        .replace("{{rust-version}}", env!("CARGO_PKG_RUST_VERSION"));
    let sources = carried::SDK.iter().map(|(name, text)| (*name, (*text).to_owned()));
    std::iter::once(("rust/Cargo.toml", manifest)).chain(sources)
}
