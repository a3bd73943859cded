//! The text inside a QR code: `HTTPS://HOST[:PORT]/M/<base32>`.

use crate::classify::CodeKind;
use crate::keys::{ScanKey, ScanKeys};
use std::fmt;
use std::str::FromStr;
use youji_api::ProgramId;

/// Longest text of a code, in characters: QR version 4 at level M, alphanumeric.
pub const MAX_CHARACTERS: usize = 90;
/// Longest scene, in bytes.
pub const MAX_SCENE: usize = 12;

/// A program in a scan code: 40 bits of SHA-256 of its `app_id`. The registry refuses two programs with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortId(pub [u8; 5]);

impl ShortId {
    /// Of a program.
    pub fn of(program: &ProgramId) -> ShortId {
        let _ = program;
        todo!()
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// A kiosk device in a scan code: 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KioskId(pub u32);

/// Where a host is reached: `HTTPS://HOST[:PORT]` or `HTTP://HOST[:PORT]`, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// In upper case, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = ScanError;
    /// From an address such as `http://localhost:8080` or `https://youji.example/`.
    fn from_str(text: &str) -> Result<Origin, ScanError> {
        let _ = text;
        todo!()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a scan code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanCode {
    /// Which program.
    pub program: ShortId,
    /// Place of the page in the manifest's `pages`.
    pub page: u8,
    /// Free for the program, such as a table's number; at most 12 bytes of UTF-8.
    pub scene: String,
    /// Seconds since 1970 from which on it is refused; none: never.
    pub expires: Option<u32>,
    /// The only kiosk that opens it; none: every one.
    pub kiosk: Option<KioskId>,
}

impl ScanCode {
    /// Opens home, never expires, bound to no kiosk.
    pub fn home(program: &ProgramId) -> ScanCode {
        ScanCode {
            program: ShortId::of(program),
            page: 0,
            scene: String::new(),
            expires: None,
            kiosk: None,
        }
    }
}

/// Why a code does not open anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not a mini-program code at all.
    #[error("this is {0}, not a mini-program code; scan the code of a mini-program")]
    NotOurs(CodeKind),
    /// A mini-program code of another host.
    #[error("this code belongs to {found}, this host is {expected}; open it there")]
    ForeignHost {
        /// Ours.
        expected: String,
        /// Theirs.
        found: String,
    },
    /// Ours, but not whole.
    #[error("the code is damaged: {0}; scan it again, or print it again")]
    Malformed(&'static str),
    /// Of a later host.
    #[error("the code has format {0}, this host reads format 1; update the host")]
    UnknownFormat(u8),
    /// Tagged with a key that this host does not have.
    #[error("the code was issued with key {0}, which this host does not have (any more); print a new one")]
    UnknownKey(u8),
    /// The tag does not fit.
    #[error("the code was altered or was not issued by this host; do not use it, ask the staff")]
    Altered,
    /// Its time is over.
    #[error("the code expired {ago} seconds ago; ask for a new one")]
    Expired {
        /// Seconds.
        ago: u64,
    },
    /// Another kiosk's.
    #[error("the code opens at another kiosk only; scan the code that is shown at this one")]
    OtherKiosk,
    /// Longer than any of ours.
    #[error("the code has {found} characters, expected at most {limit}; scan the code of a mini-program")]
    Oversized {
        /// Characters found.
        found: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Can't be issued so.
    #[error("no code can be made: {0}")]
    CannotIssue(String),
}

impl ScanError {
    /// Stable, for programs: "not-ours", "foreign-host", "malformed", "unknown-format", "unknown-key", "altered", "expired",
    /// "other-kiosk", "oversized", "cannot-issue".
    pub fn code(&self) -> &'static str {
        match self {
            ScanError::NotOurs(_) => "not-ours",
            ScanError::ForeignHost { .. } => "foreign-host",
            ScanError::Malformed(_) => "malformed",
            ScanError::UnknownFormat(_) => "unknown-format",
            ScanError::UnknownKey(_) => "unknown-key",
            ScanError::Altered => "altered",
            ScanError::Expired { .. } => "expired",
            ScanError::OtherKiosk => "other-kiosk",
            ScanError::Oversized { .. } => "oversized",
            ScanError::CannotIssue(_) => "cannot-issue",
        }
    }
}

/// Makes codes.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Where phones reach this host.
    pub origin: Origin,
    /// Tags them.
    pub key: ScanKey,
}

impl Issuer {
    /// The text of a code; every character is in QR's alphanumeric set.
    ///
    /// # Errors
    /// [`ScanError::CannotIssue`]: the scene or the whole text is too long.
    pub fn issue(&self, code: &ScanCode) -> Result<String, ScanError> {
        let _ = code;
        todo!()
    }
}

/// Verifies codes, offline.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Under which this host is reached; the first is named in errors.
    pub origins: Vec<Origin>,
    /// Keys, current and former.
    pub keys: ScanKeys,
    /// Which kiosk asks; none: one that has no id, for which bound codes do not open.
    pub kiosk: Option<KioskId>,
}

impl Verifier {
    /// What the text of a code says, if this host issued it. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Exactly why not.
    pub fn verify(&self, text: &str, now: u64) -> Result<ScanCode, ScanError> {
        let _ = (text, now);
        todo!()
    }

    /// As [`verify`](Self::verify), for what stands after `/M/` in an address that reached this host.
    ///
    /// # Errors
    /// Exactly why not.
    pub fn verify_path(&self, payload: &str, now: u64) -> Result<ScanCode, ScanError> {
        let _ = (payload, now);
        todo!()
    }
}
