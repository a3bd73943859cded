//! What a session's screen should show beside the view. State rather than messages, so that a screen that comes back
//! sees what is open now, and a slow one needs no queue.

use std::time::Instant;
use tokio::sync::watch;
use youji_api::{Sheet, Ticket};

/// What should be on the screen of a session.
#[derive(Clone, Debug, Default)]
pub struct ScreenState {
    /// Open sheets, oldest first.
    pub sheets: Vec<Sheet>,
    /// Scanner requests of the program, oldest first.
    pub scans: Vec<Ticket>,
    /// Highest sequence number of the person's inbox that was announced; 0 for none.
    pub inbox: u64,
    /// When the session is unloaded unless the person does something; none while there is no warning.
    pub idle_at: Option<Instant>,
}

/// The screen of one live session.
pub struct Screen {
    state: watch::Sender<ScreenState>,
}

impl Screen {
    /// Follows it; begins with what is there now.
    pub fn follow(&self) -> watch::Receiver<ScreenState> {
        self.state.subscribe()
    }

    /// What is there now.
    pub fn now(&self) -> ScreenState {
        self.state.borrow().clone()
    }
}
