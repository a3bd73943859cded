//! What people and scripts read when something can't be done (RFC 9457).

use serde::Serialize;
use std::fmt;

/// A problem document. `code` is stable; `detail` says what happened, `remedy` the one thing to do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// "about:blank": the meaning is the status and the code.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Short and the same for all problems of this code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// Stable.
    pub code: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// Of that status and code.
    pub fn new(
        status: u16,
        code: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Problem {
            kind: "about:blank",
            title: title.into(),
            status,
            detail: detail.into(),
            code: code.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}). {}", self.detail.trim_end_matches('.'), self.code, self.remedy)
    }
}

impl std::error::Error for Problem {}
