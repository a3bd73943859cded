//! Which format a data folder is written in, so that a version that reads another one says so instead of finding values that don't open.

use crate::services::OpenError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What this version reads and writes.
///
/// 1 (never in a release, and without a file that says so): what a person has in a program sealed with the person's key. 2: sealed with a
/// key for the two.
pub(crate) const FORMAT: u32 = 2;

const FILE: &str = "format";

/// Reads the folder's format, and writes it into a folder that is new.
pub(crate) fn check(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(FILE);
    let refused = |error: &io::Error| OpenError::Folder {
        path: path.display().to_string(),
        reason: format!("{error}; name a folder that this user may write to"),
    };
    let found = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| OpenError::Folder {
            path: path.display().to_string(),
            reason: format!("a number such as {FORMAT} is expected in it; restore the folder from a backup"),
        })?,
        // The host's key is the first thing that any version makes.
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.join("host.key").exists() => 1,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return write(dir, &path).map_err(|error| refused(&error)),
        Err(error) => return Err(refused(&error)),
    };
    match found {
        FORMAT => Ok(()),
        found => Err(OpenError::Format {
            path: dir.display().to_string(),
            found,
        }),
    }
}

fn write(dir: &Path, path: &Path) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(dir)?.sync_all()
}
