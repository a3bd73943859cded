//! Tokens for publishers' own servers: JWTs signed with EdDSA (RFC 7519, RFC 8037) and the key set that verifies them (RFC 7517).
//!
//! There is always a key in use and the next one, which is published before it signs anything, so that a verifier that caches the set
//! for a while never meets a key that it does not know. A key that was replaced stays published until its last token has expired.

use crate::hostkey::{compact, jwk};
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How long a token is good for, in seconds.
pub(crate) const TOKEN_SECONDS: u64 = 5 * 60;
/// A key signs for so long, in milliseconds.
const KEY_AGE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// A replaced key stays published for so long: well over the life of its last token, for clocks that differ.
const KEY_GRACE_MS: u64 = 12 * TOKEN_SECONDS * 1_000;
/// Keys in the file at most: somebody who rotates without end loses the oldest.
const KEYS_MOST: usize = 16;

/// One signing key as it stands in the file.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Stored {
    /// Base64url of the 32 bytes.
    seed: String,
    /// Milliseconds since 1970; none: it has not signed yet.
    since: Option<u64>,
    /// Milliseconds since 1970; none: it signs, or will.
    until: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
struct KeyFile {
    keys: Vec<Stored>,
}

struct Key {
    signing: SigningKey,
    stored: Stored,
}

/// The keys of one host, in a file that only its owner reads.
pub(crate) struct TokenKeys {
    path: PathBuf,
    keys: Mutex<Vec<Key>>,
}

impl TokenKeys {
    /// Reads the file, or makes it.
    pub(crate) fn open(path: &Path, now_ms: u64) -> io::Result<TokenKeys> {
        let file = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&Zeroizing::new(bytes)).map_err(damaged)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => KeyFile::default(),
            Err(error) => return Err(error),
        };
        let mut keys = file.keys.into_iter().map(Key::from_stored).collect::<io::Result<Vec<Key>>>()?;
        let had = keys.len();
        complete(&mut keys, now_ms)?;
        let all = TokenKeys {
            path: path.to_owned(),
            keys: Mutex::new(keys),
        };
        if all.keys.lock().len() != had {
            all.save(&all.keys.lock())?;
        }
        Ok(all)
    }

    /// Signs claims as a JWT.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let keys = self.keys.lock();
        let current = keys.iter().find(|key| key.signs());
        current.map_or_else(String::new, |key| compact(&key.signing, "JWT", claims))
    }

    /// The public keys, newest last.
    pub(crate) fn public(&self) -> Vec<Value> {
        self.keys.lock().iter().map(|key| jwk(&key.signing.verifying_key())).collect()
    }

    /// Whether the key in use has signed for long enough, or one is published that no token needs any more.
    pub(crate) fn due(&self, now_ms: u64) -> bool {
        let old = |key: &Key| key.signs() && key.stored.since.is_some_and(|since| now_ms >= since.saturating_add(KEY_AGE_MS));
        self.keys.lock().iter().any(|key| old(key) || key.over(now_ms))
    }

    /// Puts the next key into use and makes another one; drops those whose last token has expired. `always`: even if the one in use is
    /// young.
    pub(crate) fn rotate(&self, now_ms: u64, always: bool) -> io::Result<()> {
        let mut keys = self.keys.lock();
        let mut changed: Vec<Key> = keys.iter().filter(|key| !key.over(now_ms)).map(Key::copy).collect();
        for key in &mut changed {
            let old = key.stored.since.is_some_and(|since| now_ms >= since.saturating_add(KEY_AGE_MS));
            if key.signs() && (always || old) {
                key.stored.until = Some(now_ms);
            }
        }
        complete(&mut changed, now_ms)?;
        while changed.len() > KEYS_MOST {
            changed.remove(0);
        }
        // Nothing is signed with a key that might not be there after a crash.
        self.save(&changed)?;
        *keys = changed;
        Ok(())
    }

    fn save(&self, keys: &[Key]) -> io::Result<()> {
        let file = KeyFile {
            keys: keys.iter().map(|key| key.stored.clone()).collect(),
        };
        let bytes = Zeroizing::new(serde_json::to_vec(&file).map_err(damaged)?);
        let beside = self.path.with_extension("new");
        let mut new = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        new.write_all(&bytes)?;
        new.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// Sees to it that one key is in use and one is next.
fn complete(keys: &mut Vec<Key>, now_ms: u64) -> io::Result<()> {
    if !keys.iter().any(Key::signs) {
        if !keys.iter().any(Key::waits) {
            keys.push(Key::make()?);
        }
        if let Some(next) = keys.iter_mut().find(|key| key.waits()) {
            next.stored.since = Some(now_ms);
        }
    }
    if !keys.iter().any(Key::waits) {
        keys.push(Key::make()?);
    }
    Ok(())
}

impl Key {
    fn make() -> io::Result<Key> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| io::Error::other(error.to_string()))?;
        Key::from_stored(Stored {
            seed: BASE64URL_NOPAD.encode(seed.as_slice()),
            since: None,
            until: None,
        })
    }

    fn from_stored(stored: Stored) -> io::Result<Key> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(stored.seed.as_bytes()).map_err(damaged)?);
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().map_err(damaged)?);
        Ok(Key {
            signing: SigningKey::from_bytes(&seed),
            stored,
        })
    }

    fn copy(&self) -> Key {
        Key {
            signing: self.signing.clone(),
            stored: self.stored.clone(),
        }
    }

    fn waits(&self) -> bool {
        self.stored.since.is_none()
    }

    fn signs(&self) -> bool {
        self.stored.since.is_some() && self.stored.until.is_none()
    }

    fn over(&self, now_ms: u64) -> bool {
        self.stored.until.is_some_and(|until| now_ms >= until.saturating_add(KEY_GRACE_MS))
    }
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    let message = format!("{error}; restore the file from a backup, or remove it: tokens that were given out are refused then");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A key set of these keys (RFC 7517).
pub(crate) fn key_set(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

#[cfg(test)]
mod tests {
    use super::{KEY_AGE_MS, KEY_GRACE_MS, TokenKeys};

    #[test]
    fn the_next_key_is_published_before_it_signs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.keys");
        let kid = |keys: &TokenKeys| {
            let token = keys.sign(&serde_json::json!({}));
            let header = data_encoding::BASE64URL_NOPAD
                .decode(token.split('.').next().unwrap().as_bytes())
                .unwrap();
            let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
            header["kid"].as_str().unwrap().to_owned()
        };
        let published =
            |keys: &TokenKeys| -> Vec<String> { keys.public().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect() };
        let keys = TokenKeys::open(&path, 1).unwrap();
        let (first, before) = (kid(&keys), published(&keys));
        assert_eq!(before.len(), 2);
        assert!(!keys.due(KEY_AGE_MS));
        assert!(keys.due(1 + KEY_AGE_MS));
        keys.rotate(1 + KEY_AGE_MS, false).unwrap();
        let second = kid(&keys);
        assert!(before.contains(&second) && second != first);
        assert_eq!(published(&keys).len(), 3);
        assert!(published(&keys).contains(&first));
        // Another start goes on with the same ones.
        let keys = TokenKeys::open(&path, 2 + KEY_AGE_MS).unwrap();
        assert_eq!((kid(&keys), published(&keys).len()), (second.clone(), 3));
        let late = 1 + KEY_AGE_MS + KEY_GRACE_MS;
        assert!(keys.due(late));
        keys.rotate(late, false).unwrap();
        assert_eq!((kid(&keys), published(&keys).len()), (second, 2));
        assert!(!published(&keys).contains(&first));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
