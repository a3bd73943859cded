//! The file of a scenario.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Most steps of a scenario.
const MAX_STEPS: usize = 10_000;
/// Most persons of a scenario.
const MAX_PERSONS: usize = 200;

/// What is played. Names and members are described in `examples/scenarios/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Scenario {
    /// Shown when it is played.
    pub(crate) name: String,
    /// Seeds every random choice of the host; the same seed, the same run.
    #[serde(default)]
    pub(crate) seed: u64,
    /// The clock when it begins, in milliseconds since 1970.
    #[serde(default = "default_start")]
    pub(crate) start_ms: u64,
    /// Who takes part, by name.
    pub(crate) persons: BTreeMap<String, Person>,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

fn default_start() -> u64 {
    // 2026-01-01T12:00:00Z
    1_767_268_800_000
}

/// A person; a visitor unless they have a role or a balance.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Person {
    /// BCP 47; English unless told.
    pub(crate) language: Option<String>,
    /// What they have, in minor units; what a visitor starts with unless told.
    pub(crate) balance: Option<u64>,
    /// Roles that publishers gave them.
    pub(crate) roles: Vec<Role>,
}

/// A role at the publisher of a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    /// One of the publisher's programs.
    pub(crate) program: String,
    /// Such as "staff".
    pub(crate) role: String,
}

/// One thing that a person does or sees.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Map<String, serde_json::Value>")]
pub(crate) struct Step {
    /// Which person; empty for `waitMs`.
    pub(crate) who: String,
    /// What.
    pub(crate) action: Action,
}

impl TryFrom<serde_json::Map<String, serde_json::Value>> for Step {
    type Error = String;
    fn try_from(mut members: serde_json::Map<String, serde_json::Value>) -> Result<Step, String> {
        let who = match members.shift_remove("who") {
            None => String::new(),
            Some(serde_json::Value::String(who)) => who,
            Some(other) => return Err(format!("\"who\" is {other}; expected a person's name")),
        };
        if members.len() != 1 {
            let found: Vec<&String> = members.keys().collect();
            return Err(format!("a step has \"who\" and exactly one thing to do; found {found:?}"));
        }
        let action = serde_json::from_value(members.into()).map_err(|error| error.to_string())?;
        Ok(Step { who, action })
    }
}

/// What a person does or sees.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Action {
    /// Opens a page of a program by its scan code.
    Open {
        /// Its id; the project's own unless told.
        #[serde(default)]
        program: String,
        /// Path of the page; home unless told.
        #[serde(default)]
        page: String,
        /// Such as "T7".
        #[serde(default)]
        scene: String,
    },
    /// Taps what says this.
    Tap {
        /// Whole, or else a part.
        label: String,
        /// What stands around it.
        #[serde(default)]
        within: String,
    },
    /// Types into the field of that label.
    Type {
        /// Of the field.
        label: String,
        /// What is typed.
        text: String,
    },
    /// Chooses in a radio group, a select, a stepper or a switch of that label.
    Choose {
        /// Of the widget.
        label: String,
        /// The value on the wire: text, number or flag.
        value: youji_api::Scalar,
    },
    /// Goes back a page.
    Back {},
    /// Answers the open sheet.
    Answer {
        /// "payment", "consent", "subscribe", "open", "share"; "consent" also before a first run.
        sheet: String,
        /// Yes or no.
        accept: bool,
        /// Scopes or templates; all of the sheet unless told.
        #[serde(default)]
        chosen: Option<Vec<String>>,
    },
    /// Sees this on the page, within five seconds.
    Expect {
        /// A part of what the page says.
        text: String,
    },
    /// Does not see this on the page.
    ExpectNot {
        /// A part of what the page would say.
        text: String,
    },
    /// Has this message, within five seconds.
    ExpectMessage {
        /// A part of its title or text.
        text: String,
    },
    /// Has so much money, in minor units.
    ExpectBalance {
        /// Exactly.
        is: u64,
    },
    /// Sees exactly the view that was kept under this name; kept now if there is none.
    Snapshot {
        /// Letters, digits, "-" and "_".
        name: String,
    },
    /// Begins a conversation; each of the others comes in by an invitation, and it is the one that all of them speak in from now on.
    Meet {
        /// Who comes in.
        with: Vec<String>,
        /// Of a group; without one it is a conversation of two.
        #[serde(default)]
        title: Option<String>,
    },
    /// Says something in the conversation.
    Say {
        /// Words.
        text: String,
    },
    /// Sends a page of a program as a card.
    SendCard {
        /// Its id; the project's own unless told.
        #[serde(default)]
        program: String,
        /// Path of the page; home unless told.
        #[serde(default)]
        page: String,
        /// Such as "T7".
        #[serde(default)]
        scene: String,
    },
    /// Opens the newest card.
    OpenCard {},
    /// Gives somebody in the conversation money, in minor units.
    Give {
        /// Which person.
        to: String,
        /// More than nothing.
        amount: u64,
        /// May be empty.
        #[serde(default)]
        note: String,
    },
    /// Sends a red packet, in minor units.
    SendPacket {
        /// All shares together.
        amount: u64,
        /// How many.
        shares: u32,
        /// May be empty.
        #[serde(default)]
        note: String,
    },
    /// Takes a share of the newest red packet.
    Claim {},
    /// Reads this in the conversation, within five seconds.
    ExpectLine {
        /// A part of a line.
        text: String,
    },
    /// Leaves the program.
    Close {},
    /// Nothing happens for so long on the scenario's clock.
    WaitMs(u64),
}

impl Scenario {
    /// From a JSON file.
    ///
    /// # Errors
    /// It can't be read, is no scenario, or names a person who takes no part.
    pub(crate) fn read(path: &Path) -> Result<Scenario> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
        Scenario::parse(&text).with_context(|| format!("{} is no scenario; see examples/scenarios/README.md", path.display()))
    }

    fn parse(text: &str) -> Result<Scenario> {
        let scenario: Scenario = serde_json::from_str(text)?;
        ensure!(
            scenario.steps.len() <= MAX_STEPS,
            "{} steps; the limit is {MAX_STEPS}",
            scenario.steps.len()
        );
        ensure!(
            scenario.persons.len() <= MAX_PERSONS,
            "{} persons; the limit is {MAX_PERSONS}",
            scenario.persons.len()
        );
        for (index, step) in scenario.steps.iter().enumerate() {
            let nobody = matches!(step.action, Action::WaitMs(_)) && step.who.is_empty();
            let known: Vec<&str> = scenario.persons.keys().map(String::as_str).collect();
            ensure!(
                nobody || scenario.persons.contains_key(&step.who),
                "step {}: \"who\" is \"{}\"; expected one of the persons: {}",
                index + 1,
                step.who,
                known.join(", ")
            );
            if let Action::Snapshot { name } = &step.action {
                let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                ensure!(
                    (1..=64).contains(&name.len()) && name.bytes().all(fine),
                    "step {}: a snapshot's name is \"{name}\"; expected 1 to 64 letters, digits, \"-\" or \"_\"",
                    index + 1
                );
            }
        }
        Ok(scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wrong: Option<&str>) {
        match (Scenario::parse(text), wrong) {
            (Ok(_), None) => {}
            (Err(error), Some(wrong)) => assert!(format!("{error:#}").contains(wrong), "{error:#}"),
            (outcome, _) => panic!("{text}: {outcome:?}"),
        }
    }

    #[test]
    fn scenarios_are_read_and_their_mistakes_named() {
        check(
            r#"{"name":"n","persons":{"ana":{}},"steps":[{"who":"ana","open":{"program":"p","scene":"T7"}},{"waitMs":5}]}"#,
            None,
        );
        check(
            r#"{"name":"n","persons":{"ana":{}},"steps":[{"who":"bo","close":{}}]}"#,
            Some("expected one of the persons: ana"),
        );
        check(
            r#"{"name":"n","persons":{"ana":{"nick":1}},"steps":[]}"#,
            Some("unknown field `nick`"),
        );
        check(
            r#"{"name":"n","persons":{"ana":{}},"steps":[{"who":"ana","open":{}},{"who":"ana","snapshot":{"name":"../x"}}]}"#,
            Some("step 2: a snapshot's name"),
        );
        check(
            r#"{"name":"n","persons":{"ana":{}},"steps":[{"who":"ana","jump":{}}]}"#,
            Some("jump"),
        );
    }
}
