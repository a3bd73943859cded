//! A session in a file: the package, how it began, everything that went into the program and every view that came out. One JSON object a
//! line, so that a person can read it; enough to run the session again.

use crate::BuildError;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use youji_api::{Call, Caller, Event, Failure, Launch, Reply, SavedState};
use youji_runtime::Seen;

/// Raised when old files can't be read any more.
const FORMAT: u32 = 1;
/// Bytes of one session that are kept; what comes later is left out, and the recording says so.
const BYTES: usize = 64 << 20;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Of this file; this library reads format 1.
    pub youji_recording: u32,
    /// Which program.
    pub program: String,
    /// Of its package, hexadecimal.
    pub digest: String,
    /// The package, base64; empty when it was not at hand.
    #[serde(default)]
    pub package: String,
    /// Roles that the person had.
    pub roles: Vec<String>,
}

/// Every further line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum Line {
    /// How it began.
    Launched {
        /// Page, scene, language and the rest.
        launch: Launch,
        /// What it had saved the last time.
        saved: Option<SavedState>,
    },
    /// It got an event.
    Event {
        /// Which.
        event: Event,
    },
    /// The person went back a page.
    Back,
    /// On the stage, or no longer.
    Shown {
        /// Which of the two.
        shown: bool,
    },
    /// Another language.
    Language {
        /// BCP 47.
        language: String,
        /// "ltr" or "rtl".
        direction: String,
    },
    /// It called the host.
    Call {
        /// Which function, with what.
        call: Call,
        /// What it was answered.
        answer: Result<Reply, Failure>,
    },
    /// It drew; none when its screens had nothing to change.
    View {
        /// The frame of the session protocol.
        update: Option<Value>,
    },
    /// What it wanted to be kept.
    Saved {
        /// None: nothing.
        saved: Option<SavedState>,
    },
    /// It is over.
    Ended {
        /// "closed" and its kin.
        reason: String,
        /// Code of what it did wrong; empty when nothing.
        fault: String,
    },
    /// The recording was full: what came later is missing.
    Full,
}

impl Line {
    /// What was seen; none for what can't be written down.
    pub(crate) fn new(seen: &Seen<'_>) -> Option<Line> {
        Some(match seen {
            Seen::Launched { launch, saved, .. } => Line::Launched {
                launch: (*launch).clone(),
                saved: saved.cloned(),
            },
            Seen::Event(event) => Line::Event { event: (*event).clone() },
            Seen::Back => Line::Back,
            Seen::Shown(shown) => Line::Shown { shown: *shown },
            Seen::Language { language, direction } => Line::Language {
                language: (*language).to_owned(),
                direction: (*direction).to_owned(),
            },
            Seen::Call { call, answer, .. } => Line::Call {
                call: (*call).clone(),
                answer: (*answer).clone(),
            },
            Seen::View { update, .. } => Line::View {
                update: match update {
                    Some(update) => Some(serde_json::to_value(update).ok()?),
                    None => None,
                },
            },
            Seen::Saved(saved) => Line::Saved { saved: saved.cloned() },
            Seen::Ended(ended) => Line::Ended {
                reason: ended.reason.code().to_owned(),
                fault: ended.fault.as_ref().map_or_else(String::new, |fault| fault.code.to_owned()),
            },
        })
    }

    /// Whether it goes into the program rather than following from that.
    pub(crate) fn is_cause(&self) -> bool {
        matches!(
            self,
            Line::Launched { .. } | Line::Event { .. } | Line::Back | Line::Shown { .. } | Line::Language { .. }
        )
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A session that is being recorded, or was.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is of.
    pub head: Head,
    /// What happened, each line as it stands in the file.
    pub lines: Vec<String>,
    bytes: usize,
}

impl Recording {
    /// Of a session that begins now.
    pub fn new(caller: &Caller, digest: &str, package: &[u8]) -> Recording {
        Recording {
            head: Head {
                youji_recording: FORMAT,
                program: caller.program.to_string(),
                digest: digest.to_owned(),
                package: BASE64.encode(package),
                roles: caller.roles.to_vec(),
            },
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// Writes down what was seen.
    pub fn add(&mut self, seen: &Seen<'_>) {
        if self.bytes >= BYTES {
            return;
        }
        let Some(line) = Line::new(seen).map(|line| line.text()) else {
            return;
        };
        self.bytes += line.len();
        self.lines.push(line);
        if self.bytes >= BYTES {
            self.lines.push(Line::Full.text());
        }
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(&self.head).unwrap_or_default();
        for line in &self.lines {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text
    }

    /// From a file.
    ///
    /// # Errors
    /// It can't be read or is none; the line is named.
    pub fn read(path: &Path) -> Result<Recording, BuildError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| BuildError::file(path, format!("{error}; save a recording from the page of `youji dev`, tab Events")))?;
        Recording::parse(&text).map_err(|problem| BuildError::file(path, problem))
    }

    fn parse(text: &str) -> Result<Recording, String> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let head: Head = serde_json::from_str(first)
            .map_err(|error| format!("line 1 is no head of a recording ({error}); save one from the simulator of `youji dev`"))?;
        if head.youji_recording != FORMAT {
            return Err(format!(
                "line 1: this youji replays recordings of format {FORMAT}, this one has {}; use the youji that made it",
                head.youji_recording
            ));
        }
        let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        for (at, line) in lines.iter().enumerate() {
            serde_json::from_str::<Line>(line).map_err(|error| format!("line {}: {error}", at + 2))?;
        }
        Ok(Recording {
            head,
            bytes: lines.iter().map(String::len).sum(),
            lines,
        })
    }

    /// The package that it is of.
    ///
    /// # Errors
    /// It is not in the file.
    pub fn package(&self) -> Result<Vec<u8>, String> {
        match BASE64.decode(self.head.package.as_bytes()) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err("the recording does not hold its package; record it again".to_owned()),
        }
    }
}
