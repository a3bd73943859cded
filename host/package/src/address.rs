//! W3C MiniApp addresses: `(SCHEME:// | https://HOST/) miniapp/ID [;version=V] PATH [?QUERY] [#FRAGMENT]`.

use crate::grammar;
use std::str::FromStr;
use youji_api::ProgramId;

/// Longest address, in bytes.
pub(crate) const MAX_BYTES: usize = 2_048;
const PARAMETERS: usize = 64;

/// A MiniApp address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `platform` in `platform://miniapp/…`; "https" or "http" for one with a host.
    pub scheme: String,
    /// Host and port of one over HTTP(S).
    pub host: Option<String>,
    /// Which program.
    pub program: ProgramId,
    /// Which version, by name; none: the newest.
    pub version: Option<String>,
    /// Page, without a leading "/"; empty: home.
    pub path: String,
    /// Decoded parameters, in order.
    pub query: Vec<(String, String)>,
    /// Without "#".
    pub fragment: Option<String>,
}

/// Why a text is not a MiniApp address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}; write it as https://HOST/miniapp/ID/PAGE?NAME=VALUE")]
pub struct AddressError {
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Address, AddressError> {
        let refuse = |expected: &'static str, found: &str| AddressError {
            expected,
            found: found.chars().take(80).collect(),
        };
        if text.len() > MAX_BYTES {
            return Err(refuse("at most 2048 bytes", &format!("{} bytes", text.len())));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refuse("a scheme and \"://\"", text))?;
        let scheme = scheme.to_ascii_lowercase();
        let named = scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !named || !scheme.starts_with(|char: char| char.is_ascii_alphabetic()) {
            return Err(refuse("a scheme of letters, digits, \"+\", \"-\" and \".\"", &scheme));
        }
        let (host, rest) = if matches!(scheme.as_str(), "https" | "http") {
            let (host, rest) = rest.split_once('/').ok_or_else(|| refuse("\"/miniapp/\" after the host", rest))?;
            let plain = !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'));
            if !plain {
                return Err(refuse("a host", host));
            }
            (Some(host.to_ascii_lowercase()), rest)
        } else {
            (None, rest)
        };
        let rest = rest
            .strip_prefix("miniapp/")
            .ok_or_else(|| refuse("\"miniapp/\" and an id", rest))?;
        let (rest, fragment) = match rest.split_once('#') {
            Some((rest, fragment)) => (
                rest,
                Some(decode(fragment, false).ok_or_else(|| refuse("a percent-encoded fragment", fragment))?),
            ),
            None => (rest, None),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (id, version) = match id.split_once(";version=") {
            Some((id, version)) => (id, Some(version)),
            None => (id, None),
        };
        if !grammar::is_program_id(id) {
            return Err(refuse("an id of a-z, 0-9, \".\" and \"-\"", id));
        }
        let version_fits = |text: &str| {
            !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
        };
        if let Some(version) = version.filter(|version| !version_fits(version)) {
            return Err(refuse(
                "a version of at most 32 letters, digits, \".\", \"-\", \"+\" and \"_\"",
                version,
            ));
        }
        if !path.is_empty() && !grammar::is_page(path) {
            return Err(refuse("a page's path", path));
        }
        let query: Option<Vec<(String, String)>> = query.split('&').filter(|pair| !pair.is_empty()).map(parameter).collect();
        let query = query
            .filter(|query| query.len() <= PARAMETERS)
            .ok_or_else(|| refuse("at most 64 percent-encoded parameters", rest))?;
        Ok(Address {
            scheme,
            host,
            program: ProgramId::from(id),
            version: version.map(str::to_owned),
            path: path.to_owned(),
            query,
            fragment,
        })
    }
}

fn parameter(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some((decode(name, true)?, decode(value, true)?))
}

/// None for a "%" that two hexadecimal digits do not follow, and for what is not UTF-8.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next())? << 4 | digit(rest.next())?
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => write!(f, "{}", char::from(byte))?,
            byte => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "miniapp/{}", self.program)?;
        if let Some(version) = &self.version {
            write!(f, ";version={version}")?;
        }
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        for (at, (name, value)) in self.query.iter().enumerate() {
            f.write_str(if at == 0 { "?" } else { "&" })?;
            encode(name, f)?;
            f.write_str("=")?;
            encode(value, f)?;
        }
        if let Some(fragment) = &self.fragment {
            f.write_str("#")?;
            encode(fragment, f)?;
        }
        Ok(())
    }
}
