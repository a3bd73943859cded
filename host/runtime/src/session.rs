//! The handle of one running instance.

use crate::receipt::{EndReason, Ended, Receipt};
use crate::update::{Update, UsageUpdate};
use std::sync::Arc;
use youji_api::{Caller, Event, Scalar, SessionId};

/// A live session. Cheap to clone; the instance lives until it is closed, not until handles are dropped.
#[derive(Clone)]
pub struct Session {
    _private: (),
}

/// What a person did on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct UiEvent {
    /// Number of the node.
    pub node: u32,
    /// "tap", "input", "change", "submit", "window", "dismiss".
    pub kind: String,
    /// What was entered or chosen.
    pub value: Option<Scalar>,
    /// Unique to the page; at most 64 bytes. Applied once.
    pub event_id: String,
}

/// What became of a UI event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    /// Which.
    pub event_id: String,
    /// False when it had been applied before, its node is gone, or the session is over.
    pub applied: bool,
}

/// What a session does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// On the stage.
    Shown,
    /// Not on the stage, still called.
    Hidden,
    /// Not called; events queue.
    Suspended,
    /// Over.
    Ended,
}

/// A line of the operator's list.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// The session.
    pub session: SessionId,
    /// Who uses what.
    pub caller: Arc<Caller>,
    /// What it does now.
    pub state: SessionState,
    /// What it uses.
    pub usage: UsageUpdate,
}

impl Session {
    /// Its number.
    pub fn id(&self) -> SessionId {
        todo!()
    }

    /// Who uses what.
    pub fn caller(&self) -> &Arc<Caller> {
        todo!()
    }

    /// What it does now.
    pub fn state(&self) -> SessionState {
        todo!()
    }

    /// What it uses now.
    pub fn usage(&self) -> UsageUpdate {
        todo!()
    }

    /// What the person did. Resolves when the program has handled it and the patch is published: do not wait for it in a loop
    /// that must go on reading.
    pub async fn ui_event(&self, _event: UiEvent) -> Ack {
        todo!()
    }

    /// The host's Back: leaves the top page; on the last page, nothing happens and `applied` is false.
    pub async fn back(&self, _event_id: String) -> Ack {
        todo!()
    }

    /// Queues an event of a service; false when the session is over. Never blocks.
    pub fn deliver(&self, _event: Event) -> bool {
        todo!()
    }

    /// It is on the stage.
    pub fn show(&self) {
        todo!()
    }

    /// It is not on the stage: suspended soon, unloaded later.
    pub fn hide(&self) {
        todo!()
    }

    /// The person reads another language (BCP 47, "ltr" or "rtl"): the program gets a "settings" event.
    pub fn language(&self, _language: &str, _direction: &str) {
        todo!()
    }

    /// Ends it: hidden, unloaded, saved state, dropped. Resolves when nothing is left; when it is over already, with that
    /// receipt.
    pub async fn close(&self, _reason: EndReason) -> Receipt {
        todo!()
    }

    /// Resolves when it is over.
    pub async fn ended(&self) -> Arc<Ended> {
        todo!()
    }

    /// How it ended, if it has.
    pub fn try_ended(&self) -> Option<Arc<Ended>> {
        todo!()
    }

    /// Its updates after the view of that number (0: nothing painted yet): first the missing patches or the whole view.
    pub fn subscribe(&self, _last_seq: u64) -> Feed {
        todo!()
    }
}

/// A screen's updates. One that is too slow loses patches and gets the whole view instead.
pub struct Feed {
    _private: (),
}

impl Feed {
    /// The next update; none after [`Update::Ended`]. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Update> {
        todo!()
    }
}
