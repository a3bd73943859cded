//! One version of a program, ready to be opened.

use crate::error::RegistryError;
use std::sync::Arc;
use youji_api::PublisherId;
use youji_api::caller::Requested;
use youji_package::{Digest, I18n, Manifest, Seal, ShortId};

/// A file of a package as it is served.
#[derive(Clone, Debug)]
pub struct Asset {
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// Checked against its SHA-256 when it was read from disk.
    pub bytes: Arc<[u8]>,
}

/// One version of a program. Stays readable while somebody holds it, even after newer versions took its place.
#[derive(Debug)]
pub struct Installed {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its translations.
    pub i18n: I18n,
    /// Identifies content and publisher.
    pub digest: Digest,
    /// In scan codes.
    pub short_id: ShortId,
    /// Key id of who signed it.
    pub publisher: PublisherId,
    /// The signature.
    pub seal: Seal,
}

impl Installed {
    /// The component, checked against its SHA-256.
    ///
    /// # Errors
    /// Altered or unreadable on disk.
    pub async fn wasm(&self) -> Result<Arc<[u8]>, RegistryError> {
        todo!()
    }

    /// A picture or another file of `common/` or `pages/`, checked against its SHA-256; kept in a bounded cache.
    ///
    /// # Errors
    /// No such file (the manifest, the component and translations are not served), altered, or unreadable.
    pub async fn asset(&self, path: &str) -> Result<Asset, RegistryError> {
        let _ = path;
        todo!()
    }

    /// What the manifest requests, with reasons in that language.
    pub fn requested(&self, language: &str) -> Requested {
        self.manifest.requested(&self.i18n, language)
    }

    /// The program's name in that language.
    pub fn name(&self, language: &str) -> &str {
        self.i18n.name(&self.manifest, language)
    }

    /// The program's description in that language.
    pub fn description(&self, language: &str) -> &str {
        self.i18n.description(&self.manifest, language)
    }
}
