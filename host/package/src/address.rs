//! W3C MiniApp addresses: `(SCHEME:// | https://HOST/) miniapp/ID [;version=V] PATH [?QUERY] [#FRAGMENT]`.

use std::str::FromStr;
use youji_api::ProgramId;

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
        let _ = text;
        todo!()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = f;
        todo!()
    }
}
