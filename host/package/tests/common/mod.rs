//! Packages to begin tests with.
#![allow(dead_code, reason = "each test file uses some of it")]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_package::{Draft, PackageLimits, PublisherKey};

pub(crate) const MANIFEST: &str = include_str!("../manifests/good.json");
pub(crate) const ICON: &str =
    r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3" fill="#c8102e"/></svg>"##;
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 not a whole component, which is the runtime's to find";

pub(crate) fn key() -> PublisherKey {
    PublisherKey::from_seed(&[7; 32])
}

pub(crate) fn limits() -> PackageLimits {
    PackageLimits::default()
}

pub(crate) fn draft() -> Draft {
    Draft::new()
        .with("manifest.json", MANIFEST)
        .with("app.wasm", COMPONENT)
        .with("common/icon.svg", ICON)
        .with("i18n/zh.json", r#"{"name": "面馆", "reason.payment": "支付订单"}"#)
}

/// Random values whose seed is printed, so that a failure can be repeated: YOUJI_SEED=… cargo test.
pub(crate) fn seeded() -> ChaCha8Rng {
    let seed = std::env::var("YOUJI_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    eprintln!("YOUJI_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Puts a signature block that fits nothing into a ZIP.
pub(crate) fn with_block(plain: Vec<u8>) -> Vec<u8> {
    let end = plain.len() - 22;
    let central = u32::from_le_bytes(plain[end + 16..end + 20].try_into().unwrap()) as usize;
    let mut bytes = plain[..central].to_vec();
    bytes.extend_from_slice(b"YJSIGN01");
    bytes.extend_from_slice(&[1; 96]);
    bytes.extend_from_slice(&plain[central..]);
    let at = bytes.len() - 6;
    bytes[at..at + 4].copy_from_slice(&(central as u32 + 104).to_le_bytes());
    bytes
}
