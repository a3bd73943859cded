//! Publisher keys (Ed25519) and scan-code keys (HMAC-SHA-256).

use crate::digest::Digest;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use youji_api::PublisherId;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SECRET_KIND: &str = "youji publisher key";
const PUBLIC_KIND: &str = "youji public key";
const SCAN_KIND: &str = "youji scan keys";
/// Longest key file that is read, in bytes.
const FILE_BYTES: usize = 64 << 10;

/// Why a key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not in the format.
    #[error("expected a {expected} in JSON, found {found}; use the file that `youji keygen` or the first `youji build` wrote, unchanged")]
    Malformed {
        /// Which key was expected.
        expected: &'static str,
        /// What is wrong.
        found: String,
    },
    /// The bytes are not a usable key.
    #[error("the {0} is not a usable Ed25519 key; make a new one")]
    Unusable(&'static str),
    /// Id, public and secret part do not belong together.
    #[error("{member} does not belong to the rest of the key: expected {expected}, found {found}; restore the file from a copy")]
    Mismatch {
        /// The member that is wrong.
        member: &'static str,
        /// What the rest of the key gives.
        expected: String,
        /// What stands in the file.
        found: String,
    },
    /// No such key id, or twice the same.
    #[error("scan key id {0} {1}")]
    ScanKeyId(u8, &'static str),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}; nothing was made, try again")]
    NoRandomness(String),
}

/// A publisher's public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From its 32 bytes.
    ///
    /// # Errors
    /// Not a point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Unusable("public key"))?;
        if key.is_weak() {
            return Err(KeyError::Unusable("public key"));
        }
        Ok(PublicKey(key))
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key id: the first 80 bits of SHA-256 of the key, in lower-case base32.
    pub fn id(&self) -> PublisherId {
        let hash = Sha256::digest(self.0.as_bytes());
        let text = BASE32_NOPAD.encode(&hash[..10]).to_ascii_lowercase();
        PublisherId(Arc::from(text))
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(self.0.as_bytes())
    }

    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// Not hexadecimal, not 32 bytes, or not a usable key.
    pub fn from_hex(text: &str) -> Result<PublicKey, KeyError> {
        Self::from_bytes(&hex32(text, PUBLIC_KIND, "public")?)
    }

    /// As a small JSON file that can be given away.
    pub fn save(&self) -> String {
        let file = KeyFile {
            kind: PUBLIC_KIND.to_owned(),
            version: 1,
            id: self.id().to_string(),
            public: self.to_hex(),
            secret: None,
        };
        pretty(&file)
    }

    /// From what [`save`](Self::save) wrote, or from 64 hexadecimal digits.
    ///
    /// # Errors
    /// Another format, an unusable key, or an id of another key.
    pub fn load(text: &str) -> Result<PublicKey, KeyError> {
        if text.trim().len() == 64 {
            return Self::from_hex(text.trim());
        }
        let file = read_file(text, PUBLIC_KIND)?;
        let key = Self::from_hex(&file.public)?;
        same("id", key.id().as_str(), &file.id)?;
        Ok(key)
    }

    /// Whether a signature is this key's over that message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }

    /// Whether a seal is this key's over that content.
    pub fn verifies(&self, content: &Digest, seal: &Seal) -> bool {
        seal.public_key == self.to_bytes() && seal.verify(content).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A publisher's secret key. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct PublisherKey(SigningKey);

impl PublisherKey {
    /// A new one.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate() -> Result<PublisherKey, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| KeyError::NoRandomness(error.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// The one that belongs to a seed: the same seed gives the same key.
    pub fn from_seed(seed: &[u8; 32]) -> PublisherKey {
        PublisherKey(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The key id.
    pub fn id(&self) -> PublisherId {
        self.public().id()
    }

    /// As a small JSON file, to be kept from others (mode 0600).
    pub fn save(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(self.0.to_bytes());
        let mut file = KeyFile {
            kind: SECRET_KIND.to_owned(),
            version: 1,
            id: self.id().to_string(),
            public: self.public().to_hex(),
            secret: Some(HEXLOWER.encode(secret.as_slice())),
        };
        let text = Zeroizing::new(pretty(&file));
        file.secret.zeroize();
        text
    }

    /// From what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// Another format, or parts that do not belong together.
    pub fn load(text: &str) -> Result<PublisherKey, KeyError> {
        let mut file = read_file(text, SECRET_KIND)?;
        let secret = Zeroizing::new(file.secret.take().ok_or_else(|| malformed(SECRET_KIND, "no member `secret`"))?);
        let seed = Zeroizing::new(hex32(&secret, SECRET_KIND, "secret")?);
        let key = Self::from_seed(&seed);
        same("public", &key.public().to_hex(), &file.public)?;
        same("id", key.id().as_str(), &file.id)?;
        Ok(key)
    }

    /// Signs a message, which begins with what it is for.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Signs a package's content and the exact bytes that carry it.
    pub(crate) fn seal(&self, content: &Digest, container: &Digest) -> Seal {
        let signature = self.sign(&Seal::message(content, container));
        Seal {
            public_key: self.public().to_bytes(),
            container: *container,
            signature,
        }
    }
}

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublisherKey({}, secret)", self.id())
    }
}

/// A signature over a package: by whom, over which container bytes, and the 64 bytes. Enough to check it again without the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Ed25519 public key of the signer.
    pub public_key: [u8; 32],
    /// SHA-256 over the container around the signature block.
    pub container: Digest,
    /// The signature.
    pub signature: [u8; 64],
}

impl Seal {
    /// Checks the signature over a package digest; about 40 µs.
    ///
    /// # Errors
    /// An unusable key or a signature that is not of this key over this content.
    pub fn verify(&self, content: &Digest) -> Result<PublicKey, KeyError> {
        let key = PublicKey::from_bytes(&self.public_key)?;
        match key.verify(&Self::message(content, &self.container), &self.signature) {
            true => Ok(key),
            false => Err(KeyError::Unusable("signature")),
        }
    }

    fn message(content: &Digest, container: &Digest) -> Vec<u8> {
        [b"youji package signature v1\0".as_slice(), &content.0, &container.0].concat()
    }
}

/// A secret that tags scan codes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ScanKey {
    /// Stands in each code, so that keys can be changed while old codes hang on walls.
    pub id: u8,
    secret: [u8; 32],
}

impl ScanKey {
    /// A new one.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn generate(id: u8) -> Result<ScanKey, KeyError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| KeyError::NoRandomness(error.to_string()))?;
        Ok(ScanKey { id, secret })
    }

    /// From a secret that was made elsewhere.
    pub fn from_secret(id: u8, secret: [u8; 32]) -> ScanKey {
        ScanKey { id, secret }
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for ScanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanKey({}, secret)", self.id)
    }
}

/// The scan keys of a host: the last tags new codes, all verify. At most 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanKeys(Vec<ScanKey>);

impl ScanKeys {
    /// With one key.
    pub fn new(key: ScanKey) -> ScanKeys {
        ScanKeys(vec![key])
    }

    /// The key that tags new codes.
    pub fn newest(&self) -> &ScanKey {
        &self.0[self.0.len() - 1]
    }

    /// The key of that id.
    pub fn get(&self, id: u8) -> Option<&ScanKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Adds a key, which tags codes from now on.
    ///
    /// # Errors
    /// There is one of that id.
    pub fn add(&mut self, key: ScanKey) -> Result<(), KeyError> {
        if self.get(key.id).is_some() {
            return Err(KeyError::ScanKeyId(key.id, "is in use; take another id"));
        }
        self.0.push(key);
        Ok(())
    }

    /// Removes a key: its codes become unknown.
    ///
    /// # Errors
    /// There is no such key, or it is the last one.
    pub fn remove(&mut self, id: u8) -> Result<(), KeyError> {
        if self.get(id).is_none() {
            return Err(KeyError::ScanKeyId(id, "is unknown; nothing was removed"));
        }
        if self.0.len() == 1 {
            return Err(KeyError::ScanKeyId(id, "is the only one; add another first"));
        }
        self.0.retain(|key| key.id != id);
        Ok(())
    }

    /// As a small JSON file, to be kept from others (mode 0600).
    pub fn save(&self) -> Zeroizing<String> {
        let mut file = ScanFile {
            kind: SCAN_KIND.to_owned(),
            version: 1,
            keys: self
                .0
                .iter()
                .map(|key| ScanFileKey {
                    id: key.id,
                    secret: HEXLOWER.encode(&key.secret),
                })
                .collect(),
        };
        let text = Zeroizing::new(pretty(&file));
        file.keys.iter_mut().for_each(|key| key.secret.zeroize());
        text
    }

    /// From what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// Another format, no key, or the same id twice.
    pub fn load(text: &str) -> Result<ScanKeys, KeyError> {
        bounded(text, SCAN_KIND)?;
        let mut file: ScanFile = serde_json::from_str(text).map_err(|error| malformed(SCAN_KIND, &error.to_string()))?;
        kind_is(&file.kind, file.version, SCAN_KIND)?;
        let mut keys: Option<ScanKeys> = None;
        for entry in &mut file.keys {
            let secret = Zeroizing::new(std::mem::take(&mut entry.secret));
            let key = ScanKey::from_secret(entry.id, hex32(&secret, SCAN_KIND, "secret")?);
            match &mut keys {
                None => keys = Some(ScanKeys::new(key)),
                Some(keys) => keys.add(key)?,
            }
        }
        keys.ok_or_else(|| malformed(SCAN_KIND, "no key in `keys`"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    kind: String,
    version: u32,
    id: String,
    public: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanFile {
    kind: String,
    version: u32,
    keys: Vec<ScanFileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanFileKey {
    id: u8,
    secret: String,
}

fn pretty(file: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(file).unwrap_or_default();
    text.push('\n');
    text
}

fn read_file(text: &str, expected: &'static str) -> Result<KeyFile, KeyError> {
    bounded(text, expected)?;
    let file: KeyFile = serde_json::from_str(text).map_err(|error| malformed(expected, &error.to_string()))?;
    kind_is(&file.kind, file.version, expected)?;
    Ok(file)
}

fn bounded(text: &str, expected: &'static str) -> Result<(), KeyError> {
    if text.len() > FILE_BYTES {
        Err(malformed(expected, &format!("{} bytes", text.len())))
    } else {
        Ok(())
    }
}

fn kind_is(kind: &str, version: u32, expected: &'static str) -> Result<(), KeyError> {
    if kind != expected || version != 1 {
        let kind: String = kind.chars().take(64).collect();
        return Err(malformed(expected, &format!("a \"{kind}\" of version {version}")));
    }
    Ok(())
}

fn same(member: &'static str, expected: &str, found: &str) -> Result<(), KeyError> {
    if expected == found {
        return Ok(());
    }
    Err(KeyError::Mismatch {
        member,
        expected: expected.to_owned(),
        found: found.chars().take(80).collect(),
    })
}

fn malformed(expected: &'static str, found: &str) -> KeyError {
    KeyError::Malformed {
        expected,
        found: found.to_owned(),
    }
}

fn hex32(text: &str, expected: &'static str, member: &str) -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    if HEXLOWER.decode_len(text.len()) != Ok(32) || HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).is_err() {
        return Err(malformed(
            expected,
            &format!("`{member}` that is not 64 lower-case hexadecimal digits"),
        ));
    }
    Ok(bytes)
}
