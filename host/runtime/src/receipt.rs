//! What was freed when a session ended, and why it ended.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use youji_api::{ProgramId, SessionId};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// The person or the program closed it.
    Closed,
    /// Hidden or untouched for too long.
    Idle,
    /// Memory, sessions or a person's programs were over their limit.
    Pressure,
    /// The program was at fault.
    Fault,
    /// The seat was reset.
    Reset,
    /// The host goes down.
    Shutdown,
}

impl EndReason {
    /// As in the session protocol.
    pub fn code(self) -> &'static str {
        match self {
            EndReason::Closed => "closed",
            EndReason::Idle => "idle",
            EndReason::Pressure => "pressure",
            EndReason::Fault => "fault",
            EndReason::Reset => "reset",
            EndReason::Shutdown => "shutdown",
        }
    }
}

/// What a program did wrong. Codes: "cpu", "memory", "stack", "trap", "view", "in-view", "pages" (turned without end), "host-calls" (too
/// many, or not as agreed), "too-large" (what it hands over at once), "saved-state" (too large), "call-timeout" (its own call takes
/// too long), "host-timeout" (the host's answer does), "host" (an error of the host itself).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// Stable.
    pub code: &'static str,
    /// What was expected, what came, and that orders are safe.
    pub message: String,
    /// What an exception of the program says: its own words, for its author's tools, never for a page. Empty for other faults.
    #[serde(skip)]
    pub said: String,
    /// Where the program was when it was stopped, innermost first: for its author's tools, never for a page.
    #[serde(skip)]
    pub trace: Vec<Frame>,
    /// CPU time that a program had used which failed before its first view, in microseconds; who had one has a receipt that says it.
    #[serde(skip)]
    pub cpu_us: u64,
}

/// [`Frame::index`] of a place in a script: "update (src/main.ts:12:5)".
pub const SCRIPT: u32 = u32::MAX;

/// A place in a program's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From the module's name section, where it has one.
    pub function: Option<String>,
    /// Number of the function in its core module, imports counted; [`SCRIPT`] for a place in a script, which `function` names.
    pub index: u32,
    /// Bytes from the beginning of the function's body.
    pub offset: usize,
}

impl Fault {
    /// With the assurance that people need to read next to any fault.
    pub(crate) fn new(code: &'static str, what: impl std::fmt::Display) -> Self {
        Fault {
            code,
            message: format!("The program {what}. It was stopped. Paid orders are safe, and their outcome is offered at the next launch."),
            said: String::new(),
            trace: Vec::new(),
            cpu_us: 0,
        }
    }

    /// For the program's author: the exception, if it was one, else what anybody reads.
    pub fn for_author(&self) -> &str {
        if self.said.is_empty() { &self.message } else { &self.said }
    }

    /// Places of an exception, innermost first: "update (src/main.ts:12:5)". Of a compiled program they are in its debug information.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        let scripted = self.trace.iter().filter(|frame| frame.index == SCRIPT);
        scripted.filter_map(|frame| frame.function.as_deref())
    }
}

/// The unload receipt: every figure is measured.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The session, 16 hexadecimal digits.
    #[serde(serialize_with = "as_text")]
    pub session: SessionId,
    /// Its program.
    pub program: ProgramId,
    /// Why it ended.
    pub reason: EndReason,
    /// When it ended, milliseconds since 1970.
    pub at_ms: u64,
    /// From launch to end.
    pub lifetime_ms: u64,
    /// Name and microseconds of each step of unloading, in order.
    pub steps: Vec<(&'static str, u64)>,
    /// What the session held.
    pub before: ReceiptBefore,
    /// What the host holds now.
    pub after: ReceiptAfter,
    /// What services dropped for it, by name.
    #[serde(serialize_with = "as_map")]
    pub erased: Vec<(&'static str, u64)>,
    /// What is kept; a page says it, and why, in its own language.
    pub kept: Vec<Kept>,
}

/// Something that outlives a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// "saved-state" (given back at the next launch), "services" (what they hold for the session, since they did not answer in time), or
    /// what the services name: [`Left::kept`](youji_api::Left::kept).
    pub code: &'static str,
    /// How much, where bytes are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many, where things are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// What a session held when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptBefore {
    /// Linear memories.
    pub memory_bytes: u64,
    /// Table elements.
    pub tables: u64,
    /// The retained tree and the patches kept for resuming.
    pub tree_bytes: u64,
    /// Events that it had not taken.
    pub queued_events: u64,
    /// Microseconds of CPU time in its whole life.
    pub cpu_us: u64,
    /// Host calls in its whole life.
    pub calls: u64,
}

/// What the host holds after the session is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptAfter {
    /// Resident memory of the process.
    pub rss_bytes: u64,
    /// Live component instances of all sessions, as the allocator counts them.
    pub instances: u64,
    /// Linear memory of all live sessions.
    pub memory_bytes: u64,
}

/// The end of a session.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// What the program did wrong, if it did.
    pub fault: Option<Fault>,
    /// What was freed.
    pub receipt: Receipt,
}

fn as_text<S: Serializer>(session: &SessionId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(session)
}

fn as_map<S: Serializer>(erased: &[(&'static str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(erased.len()))?;
    for (name, count) in erased {
        map.serialize_entry(name, count)?;
    }
    map.end()
}
