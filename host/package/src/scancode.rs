//! The text inside a QR code: `HTTPS://HOST[:PORT]/M/<base32>`.

//!
//! The payload is, in this order: format (4 bits) and flags (4 bits: expiry, kiosk, trial), key id (1 byte), short id (5), page (1), expiry
//! (4, if flagged), kiosk (4, if flagged), scene (0 to 12, UTF-8), and HMAC-SHA-256 over all of that cut to 80 bits. Numbers are big-endian.
//! The host's name is not under the tag: a host that moves to another address keeps its printed codes valid where it
//! still answers to the old one.

use crate::classify::{CodeKind, classify};
use crate::keys::{ScanKey, ScanKeys};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use youji_api::ProgramId;

/// Longest text of a code, in characters: QR version 4 at level M, alphanumeric.
pub const MAX_CHARACTERS: usize = 90;
/// Longest scene, in bytes.
pub const MAX_SCENE: usize = 12;

/// The format that is written and read.
const FORMAT: u8 = 1;
/// Bytes of the tag.
const TAG: usize = 10;

/// A program in a scan code: 40 bits of SHA-256 of its `app_id`. The registry refuses two programs with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortId(pub [u8; 5]);

impl ShortId {
    /// Of a program.
    pub fn of(program: &ProgramId) -> ShortId {
        let mut hash = Sha256::new();
        hash.update(b"youji short id v1\0");
        hash.update(program.as_str().as_bytes());
        let mut short = [0; 5];
        short.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        ShortId(short)
    }
}

impl FromStr for ShortId {
    type Err = ScanError;
    /// From its 8 letters and digits.
    fn from_str(text: &str) -> Result<ShortId, ScanError> {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 5]>::try_from(bytes).ok());
        bytes
            .map(ShortId)
            .ok_or(ScanError::Malformed("a short id has 8 letters a-z and digits 2-7"))
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
        let refuse = |why: &str| ScanError::CannotIssue(format!("{why}; write the host's address like https://youji.example:8443"));
        if text.len() > MAX_CHARACTERS {
            return Err(refuse("the host's address is too long"));
        }
        let upper = text.to_ascii_uppercase();
        let (scheme, rest) = upper
            .split_once("://")
            .ok_or_else(|| refuse("the host's address has no http:// or https://"))?;
        let usual = match scheme {
            "HTTP" => "80",
            "HTTPS" => "443",
            _ => return Err(refuse("the host's address has another scheme than http or https")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.split_once(':').unwrap_or((authority, usual));
        let label = |label: &str| {
            let inner = !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            inner && !label.starts_with('-') && !label.ends_with('-')
        };
        if !host.split('.').all(label) {
            return Err(refuse(
                "the host's name has other characters than letters, digits, \"-\" and \".\", or a path",
            ));
        }
        let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse::<u16>().ok().filter(|number| digits && *number != 0);
        let number = number.ok_or_else(|| refuse("the port is not a number from 1 to 65535"))?;
        let port = if number.to_string() == usual {
            String::new()
        } else {
            format!(":{number}")
        };
        Ok(Origin(format!("{scheme}://{host}{port}")))
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
    /// Opens the trial version, for whom that is.
    pub trial: bool,
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
            trial: false,
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
        if code.scene.len() > MAX_SCENE {
            return Err(ScanError::CannotIssue(format!(
                "the scene has {} bytes, at most {MAX_SCENE} fit; shorten it",
                code.scene.len()
            )));
        }
        let mut payload = vec![
            FORMAT << 4 | u8::from(code.expires.is_some()) | u8::from(code.kiosk.is_some()) << 1 | u8::from(code.trial) << 2,
            self.key.id,
        ];
        payload.extend_from_slice(&code.program.0);
        payload.push(code.page);
        if let Some(expires) = code.expires {
            payload.extend_from_slice(&expires.to_be_bytes());
        }
        if let Some(kiosk) = code.kiosk {
            payload.extend_from_slice(&kiosk.0.to_be_bytes());
        }
        payload.extend_from_slice(code.scene.as_bytes());
        let tag = tag(&self.key, &payload);
        payload.extend_from_slice(&tag);
        let text = format!("{}/M/{}", self.origin, BASE32_NOPAD.encode(&payload));
        if text.len() > MAX_CHARACTERS {
            let over = text.len() - MAX_CHARACTERS;
            return Err(ScanError::CannotIssue(format!(
                "its text has {} characters, at most {MAX_CHARACTERS} fit; shorten the scene or the host's address ({}) by {over}, or leave out expiry or kiosk",
                text.len(),
                self.origin
            )));
        }
        Ok(text)
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
        let text = text.trim();
        let Some((origin, payload)) = split(text) else {
            return Err(ScanError::NotOurs(classify(text)));
        };
        if !self.origins.contains(&origin) {
            let expected = self
                .origins
                .first()
                .map_or_else(|| "a host without an address".to_owned(), Origin::to_string);
            return Err(ScanError::ForeignHost {
                expected,
                found: origin.to_string(),
            });
        }
        let found = text.chars().count();
        if found > MAX_CHARACTERS {
            return Err(ScanError::Oversized {
                found,
                limit: MAX_CHARACTERS,
            });
        }
        self.verify_path(payload, now)
    }

    /// As [`verify`](Self::verify), for what stands after `/M/` in an address that reached this host.
    ///
    /// # Errors
    /// Exactly why not.
    pub fn verify_path(&self, payload: &str, now: u64) -> Result<ScanCode, ScanError> {
        if payload.len() > MAX_CHARACTERS {
            return Err(ScanError::Oversized {
                found: payload.chars().count(),
                limit: MAX_CHARACTERS,
            });
        }
        let bytes = BASE32_NOPAD.decode(payload.to_ascii_uppercase().as_bytes());
        let bytes = bytes.map_err(|_| ScanError::Malformed("what follows /M/ is not whole base32"))?;
        let first = *bytes.first().ok_or(ScanError::Malformed("nothing follows /M/"))?;
        if first >> 4 != FORMAT {
            return Err(ScanError::UnknownFormat(first >> 4));
        }
        let cut = || ScanError::Malformed("a part of it is missing");
        let (signed, found) = bytes
            .split_at_checked(bytes.len().saturating_sub(TAG))
            .filter(|(signed, _)| signed.len() >= 8)
            .ok_or_else(cut)?;
        let id = *signed.get(1).ok_or_else(cut)?;
        let key = self.keys.get(id).ok_or(ScanError::UnknownKey(id))?;
        // In constant time: how long it takes must not tell how much of a guess is right.
        if !bool::from(tag(key, signed).as_slice().ct_eq(found)) {
            return Err(ScanError::Altered);
        }
        let code = read(signed).ok_or(ScanError::Malformed("its parts do not fit each other"))?;
        if let Some(over) = code.expires.and_then(|expires| now.checked_sub(expires.into())) {
            return Err(ScanError::Expired { ago: over });
        }
        if code.kiosk.is_some() && code.kiosk != self.kiosk {
            return Err(ScanError::OtherKiosk);
        }
        Ok(code)
    }
}

/// Host and payload of a text that has the form of a code.
pub(crate) fn split(text: &str) -> Option<(Origin, &str)> {
    let scheme = text.find("://")?;
    let slash = text.get(scheme + 3..)?.find('/')? + scheme + 3;
    let (origin, path) = text.split_at_checked(slash)?;
    let payload = path.strip_prefix("/M/").or_else(|| path.strip_prefix("/m/"))?;
    let base32 = payload
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7'));
    if payload.is_empty() || !base32 {
        return None;
    }
    Some((origin.parse().ok()?, payload))
}

fn tag(key: &ScanKey, signed: &[u8]) -> [u8; TAG] {
    let mut cut = [0; TAG];
    // A key of any length is taken, so this never fails; were it to, no code would verify.
    if let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key.secret()) {
        mac.update(b"youji scan code v1\0");
        mac.update(signed);
        cut.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    }
    cut
}

fn read(signed: &[u8]) -> Option<ScanCode> {
    let flags = signed.first()? & 0x0f;
    let (program, rest) = signed.get(2..)?.split_first_chunk::<5>()?;
    let (page, mut rest) = rest.split_first()?;
    let mut number = |present: bool| -> Option<Option<u32>> {
        if !present {
            return Some(None);
        }
        let (bytes, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        Some(Some(u32::from_be_bytes(*bytes)))
    };
    let expires = number(flags & 1 != 0)?;
    let kiosk = number(flags & 2 != 0)?.map(KioskId);
    if flags & !7 != 0 || rest.len() > MAX_SCENE {
        return None;
    }
    let scene = std::str::from_utf8(rest).ok()?.to_owned();
    Some(ScanCode {
        program: ShortId(*program),
        page: *page,
        scene,
        expires,
        kiosk,
        trial: flags & 4 != 0,
    })
}
