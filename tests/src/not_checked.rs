//! What this machine does not let a test check: said aloud, and collected, so that nothing is skipped silently.

use std::io::Write;

/// File that `tests/run` names and reads at its end: a line for each thing that was not checked.
const FILE: &str = "YOUJI_NOT_CHECKED";

/// Says that something was not checked, and why. A test that gives up without calling this hides a gap.
///
/// # Panics
/// The file that was named can't be written.
pub fn not_checked(what: &str) {
    // Not by `eprintln!`: what that prints in a test that passes is thrown away.
    let _ = writeln!(std::io::stderr().lock(), "!! NOT CHECKED: {what}");
    if let Some(path) = std::env::var_os(FILE) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(format!("{what}\n").as_bytes()));
        written.unwrap_or_else(|error| panic!("{FILE}={}: {error}", path.display()));
    }
}
