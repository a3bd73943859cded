//! A request that a publisher makes of a host over HTTP: who, when, for which host, and over which body, in one header.

use crate::digest::Digest;
use crate::keys::{PublicKey, PublisherKey};
use data_encoding::HEXLOWER;

/// Scheme of the header `Authorization`.
const SCHEME: &str = "Youji-Publisher ";
const DOMAIN: &str = "youji request v1";
/// How far the clocks of publisher and host may be apart, in seconds.
pub const CLOCKS_APART: u64 = 300;

/// What the header says; whether it is true shows [`verify`](Self::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherRequest {
    /// Who asks.
    pub publisher: PublicKey,
    /// Digest of the body.
    pub body: Digest,
    /// Seconds since 1970.
    time: u64,
    signature: [u8; 64],
}

/// Why a request counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no header of that form.
    #[error("the header Authorization is not one that a publisher signs; send the request with `youji publish --to`")]
    Malformed,
    /// Signed for another host, route, time or body, or by another key.
    #[error("the signature does not fit the request; send it again with `youji publish --to`, to the address that this host answers to")]
    Altered,
    /// The clocks differ.
    #[error("the request was signed {apart} seconds from this host's time; set the clocks, and send it again")]
    Clock {
        /// How far they are apart.
        apart: u64,
    },
}

impl PublisherRequest {
    /// The value of the header, for the host of that authority, such as "kiosk.example:8443".
    pub fn sign(key: &PublisherKey, method: &str, authority: &str, path: &str, body: &[u8], now_s: u64) -> String {
        let body = Digest::of(body);
        let signature = key.sign(message(method, authority, path, &body, now_s).as_bytes());
        format!(
            "{SCHEME}key={},time={now_s},body={body},signature={}",
            key.public().to_hex(),
            HEXLOWER.encode(&signature)
        )
    }

    /// Reads the value of the header.
    ///
    /// # Errors
    /// Another form.
    pub fn parse(header: &str) -> Result<PublisherRequest, RequestError> {
        let read = || {
            let mut parts = header.strip_prefix(SCHEME)?.split(',');
            let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
            let publisher = PublicKey::from_hex(part("key")?).ok()?;
            let time = part("time")?.parse().ok()?;
            let body = part("body")?.parse().ok()?;
            let signature = HEXLOWER.decode(part("signature")?.as_bytes()).ok()?.try_into().ok()?;
            parts.next().is_none().then_some(PublisherRequest {
                publisher,
                body,
                time,
                signature,
            })
        };
        read().ok_or(RequestError::Malformed)
    }

    /// Checks signature and time; whoever reads the body compares it with [`body`](Self::body).
    ///
    /// # Errors
    /// Signed for something else, or long ago.
    pub fn verify(&self, method: &str, authority: &str, path: &str, now_s: u64) -> Result<(), RequestError> {
        let message = message(method, authority, path, &self.body, self.time);
        if !self.publisher.verify(message.as_bytes(), &self.signature) {
            return Err(RequestError::Altered);
        }
        match self.time.abs_diff(now_s) {
            apart if apart > CLOCKS_APART => Err(RequestError::Clock { apart }),
            _ => Ok(()),
        }
    }
}

fn message(method: &str, authority: &str, path: &str, body: &Digest, time: u64) -> String {
    format!("{DOMAIN}\n{method}\n{}\n{path}\n{time}\n{body}", authority.to_ascii_lowercase())
}
