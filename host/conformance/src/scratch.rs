//! Which folders may be emptied.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Marks a folder that was empty when it was first taken.
const MARK: &str = "scratch-ledger";
/// Holds log, checkpoints and projection.
const LEDGER: &str = "ledger";

/// The part of `folder` that may be emptied; made if nothing is there.
///
/// # Errors
/// `None` in the error if the folder holds anything else; otherwise what the system says.
pub(crate) fn take(folder: &Path) -> Result<PathBuf, (PathBuf, Option<io::Error>)> {
    let failed = |error: io::Error| (folder.to_owned(), Some(error));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut names = Vec::new();
    for found in fs::read_dir(folder).map_err(failed)? {
        names.push(found.map_err(failed)?.file_name());
    }
    let stranger = names.iter().find(|name| *name != MARK && *name != LEDGER);
    if let Some(stranger) = stranger {
        return Err((folder.join(stranger), None));
    }
    if !names.is_empty() && !names.iter().any(|name| name == MARK) {
        return Err((folder.join(LEDGER), None));
    }
    fs::write(folder.join(MARK), "A scratch ledger: whoever tests it empties it.\n").map_err(failed)?;
    Ok(folder.join(LEDGER))
}
