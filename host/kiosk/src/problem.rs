//! What people and scripts read when something can't be done (RFC 9457).

use crate::first::FirstSheet;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use youji_api::{Failure, codes};
use youji_package::ScanError;
use youji_registry::RegistryError;
use youji_runtime::{LaunchError, ProgramError};

/// A problem document. `code` is stable; `detail` says what happened, `remedy` the one thing to do now. Pages have their own words for
/// each code, in every language that they speak, and show `title`, `detail` and `remedy` to whoever wants to know more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// "about:blank": the meaning is the status and the code.
    #[serde(rename = "type")]
    pub kind: Blank,
    /// Short and the same for all problems of this code.
    pub title: Box<str>,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// Stable.
    pub code: String,
    /// What to do.
    pub remedy: String,
    /// What the words for a code may name, such as "kind" of a foreign code or "fault" of a program.
    /// [`said`](Self::said) is one of them, and stays here.
    #[serde(skip_serializing_if = "nothing_for_pages", serialize_with = "for_pages")]
    pub fields: Option<Box<BTreeMap<&'static str, String>>>,
    /// Of "consent-first": the sheet that the person is to be shown, and of which program.
    #[serde(flatten)]
    pub first: Option<Box<FirstSheet>>,
}

/// "about:blank".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blank;

impl Serialize for Blank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("about:blank")
    }
}

/// Name of the field that no page gets.
const SAID: &str = "said";

fn nothing_for_pages<M: Deref<Target = BTreeMap<&'static str, String>>>(fields: &Option<M>) -> bool {
    fields.as_ref().is_none_or(|fields| fields.keys().all(|name| *name == SAID))
}

fn for_pages<M, S>(fields: &Option<M>, serializer: S) -> Result<S::Ok, S::Error>
where
    M: Deref<Target = BTreeMap<&'static str, String>>,
    S: Serializer,
{
    let all = fields.iter().flat_map(|fields| fields.iter());
    serializer.collect_map(all.filter(|(name, _)| **name != SAID))
}

impl Problem {
    /// Of that status and code.
    pub fn new(
        status: u16,
        code: impl Into<String>,
        title: impl Into<Box<str>>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Problem {
            kind: Blank,
            title: title.into(),
            status,
            detail: detail.into(),
            code: code.into(),
            remedy: remedy.into(),
            fields: None,
            first: None,
        }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.get_or_insert_default().insert(name, value.into());
        self
    }

    /// What the program itself says of it, with its places: for its author's tools, never for a page.
    pub fn said(&self) -> Option<&str> {
        self.fields.as_ref()?.get(SAID).map(String::as_str)
    }

    /// Errors of the other crates read "what happened; what to do".
    pub(crate) fn from_sentence(status: u16, code: &str, title: &str, sentence: &str) -> Self {
        let (detail, remedy) = sentence.rsplit_once("; ").unwrap_or((sentence, "Try again."));
        Problem::new(status, code, title, capital(detail), capital(remedy))
    }

    /// Nobody sits at this seat.
    pub(crate) fn no_person() -> Self {
        Problem::new(
            401,
            "no-person",
            "Nobody is here yet",
            "No person sits at this seat; nothing was opened",
            "Be a visitor, or sign in.",
        )
    }

    /// The host goes down.
    pub(crate) fn shutting_down() -> Self {
        Problem::new(
            503,
            "shutting-down",
            "The host is closing",
            "The host is shutting down; what was confirmed is safe",
            "Come back in a moment.",
        )
    }
}

/// First letter in upper case, a full stop at the end.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}). {}", self.detail.trim_end_matches('.'), self.code, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl From<ScanError> for Problem {
    fn from(error: ScanError) -> Self {
        let status = match error {
            ScanError::Expired { .. } => 410,
            ScanError::OtherKiosk | ScanError::Altered => 403,
            _ => 400,
        };
        let problem = Problem::from_sentence(status, error.code(), "This code does not open here", &error.to_string());
        match error {
            ScanError::NotOurs(kind) => problem.with("kind", kind.code()),
            ScanError::ForeignHost { found, .. } => problem.with("host", found),
            _ => problem,
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let (status, title) = match error {
            RegistryError::NotFound(_) => (404, "No such program"),
            RegistryError::NoAsset { .. } => (404, "No such file"),
            RegistryError::Disallowed { .. } | RegistryError::UnknownPublisher { .. } => (403, "The publisher is not allowed here"),
            RegistryError::Corrupt { .. } | RegistryError::DamagedIndex(_) => (500, "The program was altered"),
            RegistryError::NoTrial(_) => (404, "No trial version"),
            RegistryError::Yanked { .. } => (410, "The version was withdrawn"),
            RegistryError::Replayed { .. } | RegistryError::Downgrade { .. } => (409, "Older than what is here"),
            RegistryError::Ambiguous { .. } => (409, "Not clear which one"),
            RegistryError::Source { .. } => (502, "The registry failed"),
            RegistryError::Unreachable { .. } => (503, "The registry can't be reached"),
            RegistryError::Io { .. } => (507, "The disk refused"),
            _ => (400, "The program was refused"),
        };
        match &error {
            RegistryError::Io { .. } => Problem::new(
                status,
                error.code(),
                title,
                format!("{error}; nothing was changed"),
                "Check the disk: free space, and that the data folder is writable.",
            ),
            _ => Problem::from_sentence(status, error.code(), title, &error.to_string()),
        }
    }
}

impl From<ProgramError> for Problem {
    fn from(error: ProgramError) -> Self {
        let (code, remedy) = match error {
            ProgramError::Import(_) => ("imports", "Ask its publisher for a corrected version."),
            ProgramError::TooLarge { .. } => ("too-large", "Ask its publisher for a smaller version."),
            ProgramError::Compile(_) => ("compile", "Ask its publisher for a corrected version."),
            ProgramError::Read(_) => ("corrupt", "Publish the program again."),
            ProgramError::Engine(_) => ("engine", "Restart the host; if it stays so, tell the staff."),
            ProgramError::Cache(..) => ("cache", "Check that the data folder is writable and the disk not full."),
        };
        Problem::new(500, code, "The program can't run here", capital(&error.to_string()), remedy)
    }
}

impl From<LaunchError> for Problem {
    fn from(error: LaunchError) -> Self {
        match &error {
            LaunchError::Full(_) => Problem::new(
                503,
                "full",
                "All places are taken",
                capital(&error.to_string()),
                "Try again in a moment.",
            ),
            LaunchError::NoSuchPage(_) => Problem::new(
                404,
                "no-such-page",
                "No such page",
                capital(&error.to_string()),
                "Open the program's first page.",
            ),
            LaunchError::ShuttingDown => Problem::shutting_down(),
            LaunchError::Ended(_) => Problem::new(503, "ended", "It was closed again", capital(&error.to_string()), "Open it again."),
            LaunchError::Exists(_) => Problem::new(409, "exists", "Try again", capital(&error.to_string()), "Open it again."),
            LaunchError::Fault(fault) => {
                let problem = Problem::new(
                    502,
                    "fault",
                    "The program stopped",
                    format!("{} ({}). Orders and messages are safe.", capital(&fault.message), fault.code),
                    "Open it again; if it stops again, tell the staff.",
                )
                .with("fault", fault.code);
                if fault.said.is_empty() {
                    return problem;
                }
                let said: Vec<&str> = std::iter::once(fault.said.as_str()).chain(fault.places()).collect();
                problem.with(SAID, said.join("\n  at "))
            }
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, title, remedy) = match failure.code.as_str() {
            codes::INVALID => (400, "Something in the request is not right", "Correct it and try again."),
            codes::DENIED | codes::FORBIDDEN => (403, "Not allowed", "Check what you entered, or ask the staff."),
            codes::NOT_FOUND => (404, "Not here", "Reload the page and look again."),
            codes::LIMIT => (429, "Too much at once", "Wait a moment, then try again."),
            "idempotency-mismatch" => (
                422,
                "The Idempotency-Key stands for another request",
                "Use a fresh key for each new request.",
            ),
            "expired" => (410, "This can't be paid any more", "Ask for a new code."),
            codes::CONFLICT | codes::TAKEN => (409, "Somebody was first", "Look again and decide anew."),
            codes::INSUFFICIENT => (409, "The balance is too small", "Top up at the desk."),
            codes::NO_RECIPIENT => (409, "Nobody would get it", "Ask them to come back, or to let you speak again."),
            codes::NOTHING_LEFT => (410, "Nothing is left", "There is nothing to do."),
            codes::IN_DOUBT => (
                503,
                "Not confirmed",
                "Don't do it again yet: tell the staff, and look at your receipts once the host was restarted.",
            ),
            codes::PIN_REQUIRED => (403, "The PIN is needed", "Enter your PIN."),
            codes::UNSUPPORTED => (501, "Not offered here", "Do without it, or ask the staff."),
            _ => (
                503,
                "It did not work",
                "Nothing was changed. Try again; if it stays so, tell the staff.",
            ),
        };
        let wait = failure.fields.integer("retry-after-ms");
        let problem = Problem::new(status, failure.code, title, capital(&failure.message), remedy);
        match wait {
            Some(wait) => problem.with("wait", (wait.max(0) as u64).div_ceil(1_000).to_string()),
            None => problem,
        }
    }
}
