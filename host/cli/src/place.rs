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

/// The language of the person at this machine, BCP 47, as POSIX tells it; English where it tells none.
pub(crate) fn language() -> String {
    let mut set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok());
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default();
    tag_of(&locale).unwrap_or_else(|| "en".to_owned())
}

/// "zh_CN.UTF-8" as "zh-CN"; none for "C", "POSIX" and what is no locale.
fn tag_of(locale: &str) -> Option<String> {
    let name = locale.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
    let well_formed = name
        .split('-')
        .all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (well_formed && !name.eq_ignore_ascii_case("posix")).then_some(name)
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

#[cfg(test)]
mod tests {
    use super::tag_of;

    #[test]
    fn a_locale_is_a_language() {
        for (locale, tag) in [
            ("zh_CN.UTF-8", Some("zh-CN")),
            ("de_DE@euro", Some("de-DE")),
            ("en", Some("en")),
            ("C", None),
            ("C.UTF-8", None),
            ("POSIX", None),
            ("", None),
            ("../../etc", None),
        ] {
            assert_eq!(tag_of(locale).as_deref(), tag, "{locale}");
        }
    }
}
