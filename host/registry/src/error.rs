//! Why something is refused.

use youji_package::{Digest, PackageError, StatementError};

/// Why the registry refuses something. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The package itself.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// What a publisher says of versions.
    #[error(transparent)]
    Statement(#[from] StatementError),
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
    /// Neither here nor at any registry.
    #[error("no mini-program {0} on this host; publish it first")]
    NotFound(String),
    /// There is no trial version of it.
    #[error("{0} has no trial version here; open the one for everybody")]
    NoTrial(String),
    /// Its publisher took it back.
    #[error("version {version} of {program} was withdrawn by its publisher{}; ask the operator: another version can be put in its place", because(.reason))]
    Yanked {
        /// `app_id`.
        program: String,
        /// `version.name`, or the code where there is none.
        version: String,
        /// The publisher's; may be empty.
        reason: String,
    },
    /// An older statement than the one that is known.
    #[error("what {source_name} says of {program} is older than what is known here (serial {offered}, known {known}); get the newest")]
    Replayed {
        /// Who offers it.
        source_name: String,
        /// `app_id`.
        program: String,
        /// Serial that is known.
        known: u64,
        /// Serial that came.
        offered: u64,
    },
    /// A package that the statement beside it does not name.
    #[error("the package of {program} is not the one that its publisher stated ({what}); publish both together")]
    NotStated {
        /// `app_id`.
        program: String,
        /// What differs.
        what: String,
    },
    /// Registries do not agree whose it is.
    #[error(
        "the registries name more than one publisher or program for {program}; the operator can install the right one with `youji install`"
    )]
    Ambiguous {
        /// As asked for.
        program: String,
    },
    /// It would have to be fetched, and its registry does not answer.
    #[error(
        "the registry {registry} can't be reached: {reason}; what is here already opens without it. Look at the network, then try again"
    )]
    Unreachable {
        /// Its address.
        registry: String,
        /// Why, in a few words.
        reason: String,
    },
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
    /// A registry did not answer as it should.
    #[error("the registry {registry} {what}; tell its operator, and try again later")]
    Source {
        /// Its address.
        registry: String,
        /// What it did.
        what: String,
    },
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
    /// "newer-platform", "not-found", "no-trial", "yanked", "replayed", "not-stated", "ambiguous", "registry-unreachable", "no-asset",
    /// "nothing-to-roll-back", "corrupt", "damaged-index", "full", "in-use", "invalid", "source", "io", and "statement".
    pub fn code(&self) -> &'static str {
        match self {
            RegistryError::Package(_) => "package",
            RegistryError::Statement(_) => "statement",
            RegistryError::UnknownPublisher { .. } => "unknown-publisher",
            RegistryError::Disallowed { .. } => "disallowed",
            RegistryError::ChangedKey { .. } => "changed-key",
            RegistryError::Downgrade { .. } => "downgrade",
            RegistryError::ShortIdTaken { .. } => "short-id-taken",
            RegistryError::Component { .. } => "component",
            RegistryError::NewerPlatform { .. } => "newer-platform",
            RegistryError::NotFound(_) => "not-found",
            RegistryError::NoTrial(_) => "no-trial",
            RegistryError::Yanked { .. } => "yanked",
            RegistryError::Replayed { .. } => "replayed",
            RegistryError::NotStated { .. } => "not-stated",
            RegistryError::Ambiguous { .. } => "ambiguous",
            RegistryError::Unreachable { .. } => "registry-unreachable",
            RegistryError::NoAsset { .. } => "no-asset",
            RegistryError::NothingToRollBack(_) => "nothing-to-roll-back",
            RegistryError::Corrupt { .. } => "corrupt",
            RegistryError::DamagedIndex(_) => "damaged-index",
            RegistryError::Full { .. } => "full",
            RegistryError::InUse(_) => "in-use",
            RegistryError::Invalid(_) => "invalid",
            RegistryError::Source { .. } => "source",
            RegistryError::Io { .. } => "io",
        }
    }

    /// A registry that did not answer as it should.
    pub fn source(registry: &str, what: impl Into<String>) -> RegistryError {
        RegistryError::Source {
            registry: registry.to_owned(),
            what: what.into(),
        }
    }

    /// A registry that did not answer.
    pub fn unreachable(registry: &str, reason: impl Into<String>) -> RegistryError {
        RegistryError::Unreachable {
            registry: registry.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> RegistryError {
        move |error| RegistryError::Io {
            doing: doing.into(),
            error,
        }
    }
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(" (\"{reason}\")"),
    }
}
