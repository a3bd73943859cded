//! What people and scripts read: results on stdout, everything else on stderr.

use chrono::{DateTime, SecondsFormat};
use std::fmt::{Display, Write as _};
use std::io::Write;

/// A line on stdout. A reader that went away (`youji … | head`) is no error.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{}", Harmless(text));
}

/// A line on stderr.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", Harmless(text));
}

/// What this program drew itself, escape sequences included, on stdout. Never for text from elsewhere.
pub(crate) fn drawing(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Text that may hold a stranger's words: a code in a picture, a program's view. What a terminal would obey (escape sequences can write
/// its clipboard) or show in another order is spelled out as `\uXXXX`, which in JSON means the same character.
struct Harmless<T>(T);

impl<T: Display> Display for Harmless<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        struct Filter<'a, 'b>(&'a mut std::fmt::Formatter<'b>);
        impl std::fmt::Write for Filter<'_, '_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                let mut rest = text;
                while let Some(at) = rest.find(obeyed) {
                    let (plain, from) = rest.split_at(at);
                    self.0.write_str(plain)?;
                    let mut chars = from.chars();
                    if let Some(found) = chars.next() {
                        write!(self.0, "\\u{:04x}", u32::from(found))?;
                    }
                    rest = chars.as_str();
                }
                self.0.write_str(rest)
            }
        }
        write!(Filter(f), "{}", self.0)
    }
}

fn obeyed(char: char) -> bool {
    let reorders = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reorders || char.is_control() && !matches!(char, '\n' | '\t')
}

/// A time in milliseconds since 1970 as in RFC 3339, to the second, in UTC.
pub(crate) fn utc(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(DateTime::from_timestamp_millis);
    time.map_or_else(|| format!("{millis} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// An error with its causes, on stderr.
pub(crate) fn error(error: &anyhow::Error) {
    note(format_args!("youji: {error}"));
    for cause in error.chain().skip(1) {
        note(format_args!("  because: {cause}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Harmless, utc};

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(u64::MAX), "18446744073709551615 ms");
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        for (text, shown) in [
            ("桌 7\n\tnoodles 12.00", "桌 7\n\tnoodles 12.00"),
            ("\x1b]52;c;bHM=\x07", "\\u001b]52;c;bHM=\\u0007"),
            ("a\rb\u{9b}2Jc\x7f", "a\\u000db\\u009b2Jc\\u007f"),
            ("pay \u{202e}00.1", "pay \\u202e00.1"),
        ] {
            assert_eq!(Harmless(text).to_string(), shown);
        }
        let json = serde_json::json!({"text": "\u{9b}2J\x1b"});
        let read: serde_json::Value = serde_json::from_str(&Harmless(&json).to_string()).expect("still JSON");
        assert_eq!(read, json, "and the same");
    }
}
