//! What a data folder says of itself: which format it is written in, so that a version that reads another one says so instead of finding
//! values that don't open; and the currency that it began with.

use crate::money;
use crate::services::{OpenError, folder};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What this version reads and writes.
///
/// 1 (never in a release, and without a file that says so): what a person has in a program sealed with the person's key. 2: sealed with a
/// key for the two.
pub(crate) const FORMAT: u32 = 2;

const FILE: &str = "format";
const CURRENCY: &str = "currency";

/// Reads the folder's format, and writes it into a folder that is new.
pub(crate) fn check(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(FILE);
    let found = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| OpenError::Folder {
            path: path.display().to_string(),
            reason: format!("a number such as {FORMAT} is expected in it; restore the folder from a backup"),
        })?,
        // The host's key is the first thing that any version makes.
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.join("host.key").exists() => 1,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return write(dir, FILE, &FORMAT.to_string()),
        Err(error) => return Err(folder(&path, &error)),
    };
    match found {
        FORMAT => Ok(()),
        found => Err(OpenError::Format {
            path: dir.display().to_string(),
            found,
        }),
    }
}

/// ISO 4217 number of the currency that the folder began with; none in a folder that is new, or whose version did not say so.
pub(crate) fn currency(dir: &Path) -> Result<Option<u32>, OpenError> {
    let path = dir.join(CURRENCY);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder(&path, &error)),
    };
    let known = money::currency(text.trim()).map(|(number, _)| number);
    known.map(Some).ok_or_else(|| OpenError::Folder {
        path: path.display().to_string(),
        reason: format!(
            "one of {} is expected in it; restore the folder from a backup",
            money::CURRENCIES.join(", ")
        ),
    })
}

/// From now on the folder has this currency.
pub(crate) fn keep_currency(dir: &Path, code: &str) -> Result<(), OpenError> {
    write(dir, CURRENCY, code)
}

/// Whole or not at all, and durably.
fn write(dir: &Path, name: &str, line: &str) -> Result<(), OpenError> {
    let path = dir.join(name);
    let written = || {
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(dir)?.sync_all()
    };
    written().map_err(|error| folder(&path, &error))
}
