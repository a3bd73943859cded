//! Which files of a program's folder go into its package.

use crate::BuildError;
use std::path::{Path, PathBuf};

/// Folders of a package, as in W3C MiniApp Packaging.
const FOLDERS: [&str; 3] = ["common", "i18n", "pages"];

/// Every file below `dir`, sorted; hidden ones and `target` left out.
pub(crate) fn all(dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| BuildError::file(&folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| BuildError::file(&folder, error))?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || name == "target" {
                continue;
            }
            let kind = entry.file_type().map_err(|error| BuildError::file(entry.path(), error))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Name in the package and content of each file that goes into it, beside the component.
pub(crate) fn packaged(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| BuildError::file(path, error));
    let mut files = vec![("manifest.json".to_owned(), read(&dir.join("manifest.json"))?)];
    for folder in FOLDERS.map(|folder| dir.join(folder)).into_iter().filter(|folder| folder.is_dir()) {
        for path in all(&folder)? {
            let name = path.strip_prefix(dir).map_err(|error| BuildError::file(&path, error))?;
            let parts: Option<Vec<&str>> = name.iter().map(|part| part.to_str()).collect();
            let name = parts
                .ok_or_else(|| BuildError::file(&path, "the name is not UTF-8; rename the file"))?
                .join("/");
            files.push((name, read(&path)?));
        }
    }
    Ok(files)
}
