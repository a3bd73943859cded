//! Frames of the session socket that are not the runtime's own.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use youji_api::{Scalar, Sheet, SheetId};
use youji_runtime::Ack;

/// Page → host.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum FromPage {
    Hello {
        #[serde(default)]
        last_seq: u64,
        #[serde(default)]
        language: String,
        /// Number of the message that the page saw last, if it wants them on this socket.
        #[serde(default)]
        messages_after: Option<u64>,
    },
    Event {
        id: u32,
        kind: String,
        #[serde(default)]
        value: Option<Scalar>,
        event_id: String,
    },
    Back {
        event_id: String,
    },
    Answer {
        id: SheetId,
        accepted: bool,
        #[serde(default)]
        chosen: Vec<String>,
        #[serde(default)]
        values: BTreeMap<String, String>,
        #[serde(default)]
        pin: String,
        #[serde(default)]
        spending: String,
        #[serde(default)]
        after_ms: Option<f64>,
    },
    Scanned {
        ticket: TicketText,
        #[serde(default)]
        text: Option<String>,
    },
    /// What was allowed without a PIN ends.
    EndSpending {
        id: SheetId,
    },
    Visible {
        shown: bool,
    },
    Stay,
    Close,
    /// A later page's; an older host ignores it.
    #[serde(other)]
    Unknown,
}

/// A ticket has more digits than a page's numbers keep, so it travels as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum TicketText {
    Text(String),
    Number(u64),
}

impl TicketText {
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            TicketText::Text(text) => text.parse().ok(),
            TicketText::Number(number) => Some(*number),
        }
    }
}

/// Host → page, beside the runtime's updates.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum ToPage<'a> {
    Ack(&'a Ack),
    Sheet {
        sheet: &'a Sheet,
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<&'a Problem>,
    },
    SheetGone {
        id: SheetId,
        /// Why an answer that was taken could not be carried out.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<&'a Problem>,
    },
    Inbox {
        sequence: u64,
        unread: u64,
    },
    Message {
        message: serde_json::Value,
    },
    /// Something came of a conversation.
    Chat {
        chat: serde_json::Value,
    },
    /// Messages that are gone, both ends included.
    MessagesGone {
        first: u64,
        last: u64,
    },
    Scan {
        ticket: String,
    },
    /// What the person may pay here with a tap only; whole each time.
    Spending {
        spending: serde_json::Value,
    },
    /// Another program was opened for this one.
    Opened {
        opened: serde_json::Value,
    },
    /// It could not be opened.
    NotOpened {
        problem: &'a Problem,
    },
    Idle {
        in_ms: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is: fn(&FromPage) -> bool) {
        let frame: FromPage = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(is(&frame), "{text}: {frame:?}");
    }

    #[test]
    fn frames_as_the_protocol_says() {
        check(r#"{"t":"hello","lastSeq":3,"language":"en"}"#, |frame| {
            matches!(frame, FromPage::Hello { last_seq: 3, .. })
        });
        check(r#"{"t":"event","id":7,"kind":"tap","value":null,"eventId":"a"}"#, |frame| {
            matches!(frame, FromPage::Event { id: 7, value: None, .. })
        });
        check(r#"{"t":"event","id":7,"kind":"input","value":"x","eventId":"a"}"#, |frame| {
            matches!(
                frame,
                FromPage::Event {
                    value: Some(Scalar::Text(_)),
                    ..
                }
            )
        });
        check(
            r#"{"t":"answer","id":"00000000000000ff","accepted":true,"afterMs":812.5}"#,
            |frame| {
                matches!(
                    frame,
                    FromPage::Answer {
                        id: SheetId(255),
                        accepted: true,
                        ..
                    }
                )
            },
        );
        check(
            r#"{"t":"scanned","ticket":"18446744073709551615","text":null}"#,
            |frame| matches!(frame, FromPage::Scanned { ticket, text: None } if ticket.number() == Some(u64::MAX)),
        );
        check(r#"{"t":"endSpending","id":"00000000000000ff"}"#, |frame| {
            matches!(frame, FromPage::EndSpending { id: SheetId(255) })
        });
        check(r#"{"t":"stay"}"#, |frame| matches!(frame, FromPage::Stay));
        check(r#"{"t":"of-a-later-page","x":1}"#, |frame| matches!(frame, FromPage::Unknown));
        assert!(serde_json::from_str::<FromPage>(r#"{"t":"event"}"#).is_err());
    }
}
