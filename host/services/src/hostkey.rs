//! The host's own secrets: pairwise ids, accounts, and the signature on receipts.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use youji_api::{OpenId, PersonId, ProgramId, PublisherId};
use zeroize::{Zeroize, Zeroizing};

/// 32 bytes for keyed hashes, 32 for signatures.
const BYTES: usize = 64;

/// Made once per host, in a file that only its owner reads.
pub(crate) struct HostKey {
    /// With the secret in it already: half of what a keyed hash of something short costs is putting it there.
    keyed: Hmac<Sha256>,
    signing: SigningKey,
    verifying: VerifyingKey,
}

impl HostKey {
    /// Reads the file, or makes it.
    pub(crate) fn open(path: &Path) -> io::Result<HostKey> {
        let mut bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(error),
        };
        if bytes.len() != BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a host key has {BYTES} bytes, this one {}; restore it from a backup", bytes.len()),
            ));
        }
        #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let keyed = <Hmac<Sha256>>::new_from_slice(&bytes[..32]).expect("any length");
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&bytes[32..]);
        bytes.zeroize();
        let signing = SigningKey::from_bytes(&seed);
        let verifying = signing.verifying_key();
        Ok(HostKey { keyed, signing, verifying })
    }

    /// A keyed hash of the parts, each with its length, so that no two lists give the same bytes.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The hash as text of 26 letters and digits (128 bits).
    pub(crate) fn short(&self, parts: &[&[u8]]) -> String {
        BASE32_NOPAD.encode(&self.hash(parts)[..16]).to_lowercase()
    }

    /// The hash as a ledger id: never 0 and never the largest.
    pub(crate) fn number(&self, parts: &[&[u8]]) -> u128 {
        let hash = self.hash(parts);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        u128::from_be_bytes(bytes).clamp(1 << 64, u128::MAX - 1)
    }

    /// `generation`: how often the program forgot the person.
    pub(crate) fn open_id(&self, person: &PersonId, program: &ProgramId, generation: u32) -> OpenId {
        let (program, person, generation) = (program.as_str().as_bytes(), person.as_str().as_bytes(), generation.to_be_bytes());
        let mut parts: Vec<&[u8]> = vec![b"open-id", program, person];
        if generation != [0; 4] {
            parts.push(&generation);
        }
        let id = self.short(&parts);
        OpenId::from(format!("o-{id}").as_str())
    }

    /// The same for all programs of a publisher, but for one that forgot the person: its own from then on, so that nothing joins who comes
    /// back with who was there.
    pub(crate) fn union_id(&self, person: &PersonId, publisher: &PublisherId, program: &ProgramId, generation: u32) -> OpenId {
        let (publisher, person, generation) = (publisher.as_str().as_bytes(), person.as_str().as_bytes(), generation.to_be_bytes());
        let mut parts: Vec<&[u8]> = vec![b"union-id", publisher, person];
        if generation != [0; 4] {
            parts.extend([program.as_str().as_bytes(), generation.as_slice()]);
        }
        let id = self.short(&parts);
        OpenId::from(format!("u-{id}").as_str())
    }

    /// A signed document: compact JWS with EdDSA, which any JWT library verifies.
    pub(crate) fn sign<T: Serialize>(&self, kind: &str, payload: &T) -> String {
        compact(&self.signing, kind, payload)
    }

    /// Ed25519 over the bytes. They must not begin as a signed document does.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }

    /// The key that verifies what this host signs, as a JWK.
    pub(crate) fn public(&self) -> serde_json::Value {
        jwk(&self.verifying)
    }

    /// The payload of a document that this host signed as `kind`.
    pub(crate) fn verify(&self, kind: &str, document: &str) -> Option<serde_json::Value> {
        let (signed, signature) = document.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let signature = Signature::from_slice(&signature).ok()?;
        self.verifying.verify_strict(signed.as_bytes(), &signature).ok()?;
        let (header, payload) = signed.split_once('.')?;
        let json =
            |part: &str| -> Option<serde_json::Value> { serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok() };
        (json(header)?.get("typ")?.as_str()? == kind).then(|| json(payload))?
    }
}

/// Names a key: the first 96 bits of its SHA-256.
pub(crate) fn key_id(key: &VerifyingKey) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(key.as_bytes())[..12])
}

/// A public key as RFC 8037 writes it.
pub(crate) fn jwk(key: &VerifyingKey) -> serde_json::Value {
    let x = BASE64URL_NOPAD.encode(key.as_bytes());
    serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key_id(key), "x": x})
}

/// Compact JWS (RFC 7515) with EdDSA.
pub(crate) fn compact<T: Serialize>(key: &SigningKey, kind: &str, payload: &T) -> String {
    let header = serde_json::json!({"alg": "EdDSA", "typ": kind, "kid": key_id(&key.verifying_key())}).to_string();
    let payload = serde_json::to_vec(payload).unwrap_or_default();
    let mut document = BASE64URL_NOPAD.encode(header.as_bytes());
    document.push('.');
    BASE64URL_NOPAD.encode_append(&payload, &mut document);
    let signature = key.sign(document.as_bytes());
    document.push('.');
    BASE64URL_NOPAD.encode_append(&signature.to_bytes(), &mut document);
    document
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}
