//! Where a host keeps its data unless told.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The project's workspace that holds the current folder: the one with `miniprograms/` beside its `Cargo.toml`.
pub(crate) fn workspace() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| is_workspace(folder)).map(Path::to_owned)
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("miniprograms").is_dir()
        && std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("[workspace]"))
}

/// `.youji` of the workspace if we are in one, else a folder of the user's.
///
/// # Errors
/// There is neither, nor a home folder.
pub(crate) fn data_folder() -> Result<PathBuf> {
    match workspace() {
        Some(root) => Ok(root.join(".youji")),
        None => user_folder(),
    }
}

/// What belongs to the person at this machine, wherever they stand: SDKs, their key.
///
/// # Errors
/// There is no home folder.
pub(crate) fn user_folder() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = from("XDG_DATA_HOME") {
        return Ok(data.join("youji"));
    }
    let home = from("HOME").context("there is no home folder to keep data in; name a folder with --data DIR")?;
    if cfg!(target_os = "macos") {
        Ok(home.join("Library/Application Support/youji"))
    } else {
        Ok(home.join(".local/share/youji"))
    }
}
