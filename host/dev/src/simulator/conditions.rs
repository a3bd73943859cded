//! How the program is launched in the simulator: what a scan, a link or another person would bring.

use serde::{Deserialize, Serialize};
use youji_api::ProgramId;
use youji_kiosk::{Host, OpenRequest, Problem, Target};
use youji_package::Channel;

/// Longest value of a condition, in bytes.
const BYTES: usize = 1_024;

/// Launch conditions. The default is a scan of the home page's code by a visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// Path of the page; empty: home.
    pub page: String,
    /// Its parameters, as in an address: "table=7&guests=2". The launch is a link then.
    pub query: String,
    /// At most 12 bytes, as a printed code carries them.
    pub scene: String,
    /// Who.
    pub person: Who,
    /// BCP 47.
    pub language: String,
    /// What the program is given of its last run.
    pub state: State,
    /// Schema number of a state that is given.
    pub schema: u32,
    /// Bytes of a state that is given, as text.
    pub saved: String,
}

/// Who uses the program in the simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// A visitor with some money.
    #[default]
    Visitor,
    /// Another visitor each time: nothing stored, nothing allowed, nothing paid.
    Stranger,
    /// A person with the role "staff".
    Staff,
    /// A person without money: payments fail.
    Broke,
}

/// What the program is given of its last run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// What it saved.
    #[default]
    Kept,
    /// Nothing.
    Fresh,
    /// What stands in `schema` and `saved`.
    Given,
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions {
            page: String::new(),
            query: String::new(),
            scene: String::new(),
            person: Who::Visitor,
            language: "zh-CN".to_owned(),
            state: State::Kept,
            schema: 1,
            saved: String::new(),
        }
    }
}

impl Conditions {
    /// Refuses what no launch could bring.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("page", &self.page),
            ("query", &self.query),
            ("scene", &self.scene),
            ("language", &self.language),
        ] {
            if value.len() > BYTES {
                return Err(format!("{name} has {} bytes; at most {BYTES} are taken", value.len()));
            }
        }
        if !self.scene.is_empty() && !self.query.is_empty() {
            return Err("a scan brings a scene and a link brings a query: leave one of them empty".to_owned());
        }
        Ok(())
    }

    /// As a device would ask for it.
    pub(crate) fn request(&self, host: &Host, program: &ProgramId) -> Result<OpenRequest, Problem> {
        if self.query.is_empty() {
            let code = host.code_for(program, &self.page, &self.scene)?;
            return Ok(OpenRequest::scan(code, &self.language));
        }
        let pairs = self.query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(OpenRequest {
            target: Target::Page {
                program: program.clone(),
                page: self.page.clone(),
                query,
                channel: Channel::Release,
            },
            cause: "link".to_owned(),
            language: self.language.clone(),
            from_program: None,
            accepted: None,
        })
    }
}
