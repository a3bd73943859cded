//! Mini-program packages, manifests, signatures and scan codes: bytes in, values out, no I/O.
//!
//! | module | holds |
//! |---|---|
//! | [`manifest`] | `manifest.json`: its members, and every error in one with line and remedy |
//! | [`i18n`] | `i18n/<bcp47>.json`: translated names, descriptions and reasons |
//! | [`package`] | a verified package, and how one is built and signed |
//! | [`digest`] | the content digest that identifies a package |
//! | [`keys`] | publisher keys (Ed25519) and scan-code keys (HMAC) |
//! | [`statement`] | what a publisher says of a program's versions, signed |
//! | [`request`] | what a publisher's request to a host is signed with |
//! | [`scancode`] | the text inside a QR code: issued, verified, refused by name |
//! | [`classify`] | what a foreign code is |
//! | [`emv`] | merchant-presented payment codes after EMVCo: read strictly, and written |
//! | [`address`] | W3C MiniApp addresses |
//! | [`image`] | which pictures a package may hold |

pub mod address;
pub mod classify;
mod container;
pub mod digest;
pub mod emv;
mod grammar;
pub mod i18n;
pub mod image;
mod json;
pub mod keys;
mod layout;
pub mod manifest;
pub mod package;
pub mod request;
pub mod scancode;
pub mod statement;
mod svg;

pub use address::{Address, AddressError};
pub use classify::{CodeKind, classify};
pub use digest::{Digest, EntryDigest};
pub use emv::{EmvCode, EmvError};
pub use grammar::{is_asked, is_program_id};
pub use i18n::{I18n, Translation};
pub use image::ImageKind;
pub use keys::{KeyError, PublicKey, PublisherKey, ScanKey, ScanKeys, Seal};
pub use manifest::{Callers, ColorScheme, Direction, Icon, Manifest, ManifestError, ManifestErrors, Permission, Version};
pub use package::{Draft, Entry, Package, PackageError, PackageLimits};
pub use request::{PublisherRequest, RequestError};
pub use scancode::{Issuer, KioskId, Origin, ScanCode, ScanError, ShortId, Verifier};
pub use statement::{Channel, SignedStatement, StatedVersion, Statement, StatementError};

/// The version of the platform that packages ask for in `platform_version.min_code`.
pub const PLATFORM_CODE: u32 = 1;
