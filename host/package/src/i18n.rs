//! `i18n/<bcp47>.json`: translated names, descriptions and reasons.

use crate::manifest::{Manifest, ManifestErrors};
use serde::Serialize;
use std::collections::BTreeMap;

/// One language. Absent members fall back to the manifest's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Translation {
    /// Instead of the manifest's name.
    pub name: Option<String>,
    /// Instead of the manifest's description.
    pub description: Option<String>,
    /// By permission: instead of the manifest's reason. In the file: members "reason.PERMISSION".
    pub reasons: BTreeMap<String, String>,
}

/// All languages of a package, by BCP 47 tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct I18n {
    /// By tag as in the file's name.
    pub languages: BTreeMap<String, Translation>,
}

impl I18n {
    /// Reads one `i18n/<bcp47>.json`; `file` is its name in the package.
    ///
    /// # Errors
    /// Every error that is in it.
    pub fn parse_one(file: &str, bytes: &[u8]) -> Result<Translation, ManifestErrors> {
        let _ = (file, bytes);
        todo!()
    }

    /// The best translation for a language: the tag itself, then without its last subtags, then a region of the same language.
    pub fn best(&self, language: &str) -> Option<&Translation> {
        let _ = language;
        todo!()
    }

    /// The program's name in that language.
    pub fn name<'a>(&'a self, manifest: &'a Manifest, language: &str) -> &'a str {
        self.best(language).and_then(|t| t.name.as_deref()).unwrap_or(&manifest.name)
    }

    /// The program's description in that language.
    pub fn description<'a>(&'a self, manifest: &'a Manifest, language: &str) -> &'a str {
        self.best(language)
            .and_then(|t| t.description.as_deref())
            .unwrap_or(&manifest.description)
    }
}
