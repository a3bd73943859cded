//! `manifest.json`.

mod check;
mod read;

pub(crate) use check::Check;
pub(crate) use read::shown;

use serde::Serialize;
use std::fmt;
use youji_api::ProgramId;
use youji_api::caller::{CollectionRule, Requested, TemplateRule};

use crate::i18n::I18n;

/// A validated manifest. Members as in W3C MiniApp Manifest, and our own: `accent`, `entries`, `callers`,
/// `collections`, `templates`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// Who the program is: `[a-z0-9.-]`, compared by code point.
    pub app_id: ProgramId,
    /// Shown to people, in the language of `lang`.
    pub name: String,
    /// For small places; the name where the manifest has none.
    pub short_name: String,
    /// One or two sentences; may be empty.
    pub description: String,
    /// At least one; each is an image of the package.
    pub icons: Vec<Icon>,
    /// Version of the program.
    pub version: Version,
    /// The lowest platform that it runs on; compare with [`PLATFORM_CODE`](crate::PLATFORM_CODE).
    pub platform_min_code: u32,
    /// Paths of all pages, without a leading "/"; the first is home.
    pub pages: Vec<String>,
    /// Paths that can be opened from outside: home first, then those that the manifest lists.
    pub entries: Vec<String>,
    /// Which other programs may open its entries.
    pub callers: Callers,
    /// Language of the manifest's own texts, BCP 47.
    pub lang: String,
    /// Writing direction.
    pub dir: Direction,
    /// Preferred colours.
    pub color_scheme: ColorScheme,
    /// "#rrggbb" in lower case, if the manifest has one.
    pub accent: Option<String>,
    /// What it asks for, with a reason for the person.
    pub permissions: Vec<Permission>,
    /// Shared collections.
    pub collections: Vec<CollectionRule>,
    /// Message templates.
    pub templates: Vec<TemplateRule>,
}

impl Manifest {
    /// Reads and validates.
    ///
    /// # Errors
    /// Every error that is in it, not only the first.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestErrors> {
        read::parse(bytes)
    }

    /// In the form in which the gate and the services need it; reasons in `language` where there is a translation.
    pub fn requested(&self, i18n: &I18n, language: &str) -> Requested {
        let reason = |permission: &Permission| {
            let translated = i18n
                .for_person(self, language)
                .and_then(|translation| translation.reasons.get(&permission.name));
            translated.unwrap_or(&permission.reason).clone()
        };
        Requested {
            permissions: self
                .permissions
                .iter()
                .map(|permission| (permission.name.clone(), reason(permission)))
                .collect(),
            required: self
                .permissions
                .iter()
                .filter(|permission| permission.required)
                .map(|permission| permission.name.clone())
                .collect(),
            collections: self.collections.clone(),
            templates: self.templates.clone(),
            pages: self.pages.clone(),
        }
    }

    /// The page's place in [`pages`](Self::pages), as scan codes carry it.
    pub fn page_index(&self, path: &str) -> Option<u8> {
        self.pages.iter().position(|page| page == path).and_then(|at| u8::try_from(at).ok())
    }

    /// Whether that page can be opened from outside.
    pub fn is_entry(&self, path: &str) -> bool {
        self.entries.iter().any(|page| page == path)
    }

    /// Home: the first page.
    pub fn home(&self) -> &str {
        self.pages.first().map_or("", String::as_str)
    }
}

/// Which programs may open the entries of a program through `navigation.open`; those of its own publisher always may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Callers {
    /// No others.
    #[default]
    Publisher,
    /// These others.
    Programs(Vec<ProgramId>),
    /// Every program.
    Everyone,
}

impl Callers {
    /// Whether a program of another publisher may.
    pub fn allow(&self, program: &ProgramId) -> bool {
        match self {
            Callers::Publisher => false,
            Callers::Programs(programs) => programs.contains(program),
            Callers::Everyone => true,
        }
    }
}

/// A picture that stands for the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Icon {
    /// Path in the package.
    pub src: String,
    /// Sizes such as "48x48", as the manifest has them; may be empty.
    pub sizes: String,
    /// What it shows; may be empty.
    pub label: String,
}

/// Version of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Rises with each release; at least 1.
    pub code: u32,
    /// Shown to people.
    pub name: String,
}

/// A capability or scope that is requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// "payment", "identity.nickname" and so on.
    pub name: String,
    /// Why, for the person.
    pub reason: String,
    /// The program can't do without it: the person is asked before the first run, and accepts it or leaves. Only of what a person is asked
    /// for; not, unless told.
    pub required: bool,
}

/// Writing direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "named as in HTML")]
pub enum Direction {
    #[default]
    Auto,
    Ltr,
    Rtl,
}

/// Preferred colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorScheme {
    /// As the host has it.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// One error in a manifest or a translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {}expected {expected}, found {found}; {remedy}", if .member.is_empty() { String::new() } else { format!("{member}: ") })]
pub struct ManifestError {
    /// "manifest.json" or "i18n/zh.json".
    pub file: String,
    /// Counted from 1; of the parent where the member is missing.
    pub line: u32,
    /// Path of the member, such as `req_permissions[1].name`; empty for the whole file.
    pub member: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// What to do now.
    pub remedy: String,
}

/// All errors, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors(pub Vec<ManifestError>);

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}
