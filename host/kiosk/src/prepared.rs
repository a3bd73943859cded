//! What opening a program needs beside its code, made once for each package and language.

use crate::codes::Codes;
use crate::open::ProgramCard;
use crate::problem::Problem;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;
use youji_api::caller::Requested;
use youji_package::{Channel, Digest};
use youji_registry::{Installed, Registry};
use youji_runtime::Code;
use youji_services::Names;

/// Packages and languages that are kept; then all of it is made anew.
const KEPT: usize = 512;

/// One package in one language.
pub(crate) struct Prepared {
    pub(crate) installed: Arc<Installed>,
    /// Of the texts in `requested`.
    pub(crate) language: String,
    pub(crate) requested: Arc<Requested>,
    pub(crate) card: ProgramCard,
    code: OnceCell<Code>,
}

impl Prepared {
    /// Which code it is; a script's text is read once.
    pub(crate) async fn code(&self) -> Result<&Code, Problem> {
        self.code.get_or_try_init(|| code_of(&self.installed)).await
    }
}

/// Which code a package holds. Programs on the same script engine share what is compiled of it.
pub(crate) async fn code_of(installed: &Arc<Installed>) -> Result<Code, Problem> {
    let digest = installed.digest.to_string();
    let Some(script) = installed.script().await? else {
        return Ok(Code::from(digest.as_str()));
    };
    let engine = installed.entries().iter().find(|entry| entry.name == "app.wasm");
    Ok(Code {
        component: engine.map_or_else(|| digest.clone(), |engine| engine.sha256.to_string()),
        digest,
        script,
    })
}

/// All that were opened.
#[derive(Default)]
pub(crate) struct Preparations {
    kept: RwLock<HashMap<(Digest, String), Arc<Prepared>>>,
}

impl Preparations {
    /// Names may have changed.
    pub(crate) fn clear(&self) {
        self.kept.write().clear();
    }

    pub(crate) fn get(
        &self,
        installed: &Arc<Installed>,
        language: &str,
        registry: &Registry,
        codes: &Codes,
    ) -> Result<Arc<Prepared>, Problem> {
        let key = (installed.digest, language.to_owned());
        if let Some(prepared) = self.kept.read().get(&key) {
            return Ok(Arc::clone(prepared));
        }
        let publisher = registry
            .publishers()
            .into_iter()
            .find(|known| known.id == installed.publisher)
            .map_or_else(|| installed.publisher.to_string(), |known| known.name);
        let prepared = Arc::new(Prepared {
            installed: Arc::clone(installed),
            language: language.to_owned(),
            requested: Arc::new(installed.requested(language)),
            card: card(installed, publisher, codes)?,
            code: OnceCell::new(),
        });
        let mut kept = self.kept.write();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// As lists show it.
pub(crate) fn card(installed: &Installed, publisher: String, codes: &Codes) -> Result<ProgramCard, Problem> {
    let manifest = &installed.manifest;
    Ok(ProgramCard {
        id: manifest.app_id.clone(),
        name: Names::new(installed.name("zh-CN"), installed.name("en")),
        description: Names::new(installed.description("zh-CN"), installed.description("en")),
        publisher,
        version: manifest.version.name.clone(),
        digest: installed.digest.to_string(),
        icon: manifest.icons.first().map(|icon| icon.src.clone()).unwrap_or_default(),
        accent: manifest.accent.clone().unwrap_or_default(),
        code: codes.issue(manifest, "", "", Channel::Release)?,
    })
}

/// A language tag that may go anywhere: letters, digits and "-", at most 35 (BCP 47's own bound); else `otherwise`.
pub(crate) fn language_or<'a>(language: &'a str, otherwise: &'a str) -> &'a str {
    let fine = (2..=35).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fine { language } else { otherwise }
}

/// Writing direction of a language.
pub(crate) fn direction(language: &str) -> &'static str {
    match language.split('-').next().unwrap_or("") {
        "ar" | "he" | "fa" | "ur" | "ug" | "yi" | "ps" | "dv" => "rtl",
        _ => "ltr",
    }
}
