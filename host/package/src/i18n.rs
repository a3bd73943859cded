//! `i18n/<bcp47>.json`: translated names, descriptions and reasons.

use crate::grammar;
use crate::manifest::{Check, Manifest, ManifestErrors, shown};
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest translation file, in bytes.
const BYTES: usize = 16 << 10;

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

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
        Check::run(file, bytes, BYTES, |check, root| {
            let permissions: Vec<String> = grammar::permissions().map(|name| format!("reason.{name}")).collect();
            let known: Vec<&str> = ["name", "description"]
                .into_iter()
                .chain(permissions.iter().map(String::as_str))
                .collect();
            check.only(root, &known);
            let name = check.optional_text(
                root,
                "name",
                &shown("a name of 1 to 32 characters", &|text| grammar::is_shown(text, 32)),
            );
            let rule = shown("a text of 1 to 200 characters", &|text| grammar::is_shown(text, 200));
            let description = check.optional_text(root, "description", &rule);
            let mut reasons = BTreeMap::new();
            for member in &permissions {
                let rule = shown("a reason of 1 to 120 characters", &|text| grammar::is_shown(text, 120));
                if let (Some(Some(reason)), Some(permission)) = (check.optional_text(root, member, &rule), member.strip_prefix("reason.")) {
                    reasons.insert(permission.to_owned(), reason);
                }
            }
            Some(Translation {
                name: name?,
                description: description?,
                reasons,
            })
        })
    }

    /// The best translation for a language: the tag itself, then without its last subtags, then a region of the same language.
    pub fn best(&self, language: &str) -> Option<&Translation> {
        let mut tag = language;
        loop {
            if let Some((_, translation)) = self.languages.iter().find(|(have, _)| have.eq_ignore_ascii_case(tag)) {
                return Some(translation);
            }
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None => break,
            }
        }
        self.languages
            .iter()
            .find(|(have, _)| primary(have).eq_ignore_ascii_case(tag))
            .map(|(_, translation)| translation)
    }

    /// As [`best`](Self::best), unless the manifest's own texts fit the language at least as well.
    pub(crate) fn for_person(&self, manifest: &Manifest, language: &str) -> Option<&Translation> {
        let exact = self
            .languages
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(language))
            .map(|(_, translation)| translation);
        if exact.is_none() && primary(&manifest.lang).eq_ignore_ascii_case(primary(language)) {
            return None;
        }
        exact.or_else(|| self.best(language))
    }

    /// The program's name in that language.
    pub fn name<'a>(&'a self, manifest: &'a Manifest, language: &str) -> &'a str {
        self.for_person(manifest, language)
            .and_then(|t| t.name.as_deref())
            .unwrap_or(&manifest.name)
    }

    /// The program's description in that language.
    pub fn description<'a>(&'a self, manifest: &'a Manifest, language: &str) -> &'a str {
        self.for_person(manifest, language)
            .and_then(|t| t.description.as_deref())
            .unwrap_or(&manifest.description)
    }
}
