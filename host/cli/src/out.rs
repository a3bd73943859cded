//! What people and scripts read: results on stdout, everything else on stderr.

use std::fmt::Display;
use std::io::Write;

/// A line on stdout. A reader that went away (`youji … | head`) is no error.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on stderr.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error with its causes, on stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "youji: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(stderr, "  because: {cause}");
    }
}
