//! Why something is refused.

use youji_package::{Digest, PackageError};

/// Why the registry refuses something. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The package itself.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Nobody allowed this key.
    #[error("the publisher key {id} is not allowed on this host; the operator can allow it")]
    UnknownPublisher {
        /// Key id.
        id: String,
    },
    /// The operator took the permission back.
    #[error("the operator no longer allows the publisher {name} ({id}); ask the operator")]
    Disallowed {
        /// Key id.
        id: String,
        /// Stored name.
        name: String,
    },
    /// The program is another publisher's.
    #[error(
        "{program} belongs to publisher {expected}, this package is signed by {found}; sign it with the first key or choose another app_id"
    )]
    ChangedKey {
        /// `app_id`.
        program: String,
        /// Key id on record.
        expected: String,
        /// Key id that came.
        found: String,
    },
    /// Not newer than what is here.
    #[error("{program} has version code {installed} here, the package has {offered}; raise version.code above {installed}")]
    Downgrade {
        /// `app_id`.
        program: String,
        /// Highest code ever installed here.
        installed: u32,
        /// Code that came.
        offered: u32,
    },
    /// Two programs would answer to the same scan codes.
    #[error("{program} has the same short id as {other}; choose another app_id")]
    ShortIdTaken {
        /// `app_id` that came.
        program: String,
        /// `app_id` that is here.
        other: String,
    },
    /// The component can't run here, whoever signed it.
    #[error("{program} can't run on this host: {reason}")]
    Component {
        /// `app_id`.
        program: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Made for a newer host.
    #[error("{program} needs platform {needs}, this host is platform {have}; update the host")]
    NewerPlatform {
        /// `app_id`.
        program: String,
        /// `platform_version.min_code`.
        needs: u32,
        /// Ours.
        have: u32,
    },
    /// Neither here nor at any source.
    #[error("no mini-program {0} on this host; publish it first")]
    NotFound(String),
    /// No such file in the package.
    #[error("{program} has no file {name}; check the path in its package")]
    NoAsset {
        /// `app_id`.
        program: String,
        /// Asked for.
        name: String,
    },
    /// There is no earlier version.
    #[error("{0} has no earlier version here; nothing was changed")]
    NothingToRollBack(String),
    /// What lies on disk is not what was installed.
    #[error("package {digest} was altered on disk ({what}); publish it again")]
    Corrupt {
        /// Which package.
        digest: Digest,
        /// What does not fit.
        what: String,
    },
    /// The index can't be read.
    #[error("the registry's index is damaged: {0}; restore the data folder from a copy, or remove it and publish again")]
    DamagedIndex(String),
    /// A bound was passed.
    #[error("{what}: at most {limit}; remove one first")]
    Full {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Another process has the folder.
    #[error("another host uses this data folder ({0}); stop it or choose another folder")]
    InUse(String),
    /// An argument is wrong.
    #[error("{0}")]
    Invalid(String),
    /// A source did not answer as it should.
    #[error("the package source failed: {0}; try again later")]
    Source(String),
    /// The disk.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl RegistryError {
    /// Stable, for programs: "package", "unknown-publisher", "disallowed", "changed-key", "downgrade", "short-id-taken", "component",
    /// "newer-platform", "not-found", "no-asset", "nothing-to-roll-back", "corrupt", "damaged-index", "full", "in-use", "invalid",
    /// "source", "io".
    pub fn code(&self) -> &'static str {
        match self {
            RegistryError::Package(_) => "package",
            RegistryError::UnknownPublisher { .. } => "unknown-publisher",
            RegistryError::Disallowed { .. } => "disallowed",
            RegistryError::ChangedKey { .. } => "changed-key",
            RegistryError::Downgrade { .. } => "downgrade",
            RegistryError::ShortIdTaken { .. } => "short-id-taken",
            RegistryError::Component { .. } => "component",
            RegistryError::NewerPlatform { .. } => "newer-platform",
            RegistryError::NotFound(_) => "not-found",
            RegistryError::NoAsset { .. } => "no-asset",
            RegistryError::NothingToRollBack(_) => "nothing-to-roll-back",
            RegistryError::Corrupt { .. } => "corrupt",
            RegistryError::DamagedIndex(_) => "damaged-index",
            RegistryError::Full { .. } => "full",
            RegistryError::InUse(_) => "in-use",
            RegistryError::Invalid(_) => "invalid",
            RegistryError::Source(_) => "source",
            RegistryError::Io { .. } => "io",
        }
    }

    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> RegistryError {
        move |error| RegistryError::Io {
            doing: doing.into(),
            error,
        }
    }
}
