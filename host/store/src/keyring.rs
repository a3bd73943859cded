//! One key per person. What is sealed with it is gone for good once the key is destroyed.

use std::path::Path;

/// Why a key or a sealed value cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The person was forgotten: the key is destroyed, and with it everything sealed with it.
    #[error("this person was forgotten; the value cannot be read any more")]
    Forgotten,
    /// No key was ever made for the person.
    #[error("there is no key for this person; make one with `Keyring::create` first")]
    Missing,
    /// The value was altered, or sealed for another person or purpose.
    #[error("the sealed value was altered, or belongs to another person or purpose")]
    Altered,
    /// The system refused.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

/// The keys of all persons of one host. Clones share one ring.
#[derive(Clone)]
pub struct Keyring {}

impl Keyring {
    /// Opens the ring in the folder `dir`, made if it is missing. Destructions that a crash interrupted are finished.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(dir: &Path) -> crate::Result<Self> {
        let _ = dir;
        todo!()
    }

    /// Makes the person's key if there is none, durably. Blocks for a sync when it makes one.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`] if the person was forgotten; otherwise if the system refuses.
    pub fn create(&self, person: &str) -> Result<(), KeyError> {
        let _ = person;
        todo!()
    }

    /// Whether the person has a key.
    #[must_use]
    pub fn has(&self, person: &str) -> bool {
        let _ = person;
        todo!()
    }

    /// Seals `plaintext` so that only the same person and the same `purpose` open it. The purpose is not kept in the result: name what
    /// the value is and where it stands, for instance `message/<id>`, so that values cannot be swapped. Adds 41 bytes.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`], [`KeyError::Missing`], or if the system refuses.
    pub fn seal(&self, person: &str, purpose: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let _ = (person, purpose, plaintext);
        todo!()
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Forgotten`], [`KeyError::Missing`], [`KeyError::Altered`], or if the system refuses.
    pub fn open_sealed(&self, person: &str, purpose: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let _ = (person, purpose, sealed);
        todo!()
    }

    /// Destroys the person's key: after `Ok` everything sealed with it is gone, also from backups of log and map. Repeating it is
    /// harmless. Blocks for a few syncs.
    ///
    /// # Errors
    /// If the system refuses; then repeat it.
    pub fn destroy(&self, person: &str) -> Result<(), KeyError> {
        let _ = person;
        todo!()
    }
}
