//! What a session's screen should show beside the view. State rather than messages, so that a screen that comes back
//! sees what is open now, and a slow one needs no queue.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use youji_api::{OpenTarget, PersonId, Sheet, SheetId, Ticket};

/// Sheets and scanner requests of one session at once; services allow fewer.
const OPEN_MAX: usize = 16;

/// What should be on the screen of a session.
#[derive(Clone, Debug, Default)]
pub struct ScreenState {
    /// Open sheets, oldest first.
    pub sheets: Vec<Sheet>,
    /// Scanner requests of the program, oldest first.
    pub scans: Vec<Ticket>,
    /// Programs that this one asked to open and that the person agreed to, oldest first.
    pub opens: Vec<(Ticket, OpenTarget)>,
    /// Highest sequence number of the person's inbox that was announced; 0 for none.
    pub inbox: u64,
    /// Rises when what may be paid here with a tap only changes.
    pub spending: u64,
    /// When the session is unloaded unless the person does something; none while there is no warning.
    pub idle_at: Option<Instant>,
    /// Which screen has it: rises when another one takes over.
    pub attachment: u64,
}

/// The screen of one live session.
pub struct Screen {
    person: PersonId,
    language: Mutex<String>,
    state: watch::Sender<ScreenState>,
    sent: Mutex<HashMap<SheetId, Instant>>,
}

impl Screen {
    pub(crate) fn new(person: PersonId, language: &str) -> Self {
        Screen {
            person,
            language: Mutex::new(language.to_owned()),
            state: watch::Sender::new(ScreenState::default()),
            sent: Mutex::default(),
        }
    }

    /// Who sits in front of it.
    pub fn person(&self) -> &PersonId {
        &self.person
    }

    /// What the program is spoken to in, BCP 47.
    pub fn language(&self) -> String {
        self.language.lock().clone()
    }

    /// From now on it is that language; whether that is news.
    pub(crate) fn speak(&self, language: &str) -> bool {
        let mut now = self.language.lock();
        let news = *now != language;
        if news {
            language.clone_into(&mut now);
        }
        news
    }

    /// Follows it; begins with what is there now.
    pub fn follow(&self) -> watch::Receiver<ScreenState> {
        self.state.subscribe()
    }

    /// What is there now.
    pub fn now(&self) -> ScreenState {
        self.state.borrow().clone()
    }

    /// A screen takes it over; an earlier one sees the number change and goes.
    pub(crate) fn attach(&self) -> u64 {
        let mut mine = 0;
        self.state.send_modify(|state| {
            state.attachment += 1;
            mine = state.attachment;
        });
        mine
    }

    pub(crate) fn add_sheet(&self, sheet: Sheet) {
        self.state.send_modify(|state| {
            state.sheets.retain(|open| open.id != sheet.id);
            if state.sheets.len() == OPEN_MAX {
                tracing::warn!(sheet = ?sheet.id, "too many open sheets; the oldest goes");
                state.sheets.remove(0);
            }
            state.sheets.push(sheet);
        });
    }

    pub(crate) fn remove_sheet(&self, id: SheetId) {
        self.sent.lock().remove(&id);
        self.state.send_if_modified(|state| {
            let before = state.sheets.len();
            state.sheets.retain(|open| open.id != id);
            state.sheets.len() != before
        });
    }

    pub(crate) fn add_scan(&self, ticket: Ticket) {
        self.state.send_modify(|state| {
            if state.scans.len() < OPEN_MAX && !state.scans.contains(&ticket) {
                state.scans.push(ticket);
            }
        });
    }

    pub(crate) fn remove_scan(&self, ticket: Ticket) {
        self.state.send_modify(|state| state.scans.retain(|open| *open != ticket));
    }

    /// False when too many wait already.
    pub(crate) fn add_open(&self, ticket: Ticket, target: OpenTarget) -> bool {
        self.state.send_if_modified(|state| {
            let room = state.opens.len() < OPEN_MAX;
            if room {
                state.opens.push((ticket, target));
            }
            room
        })
    }

    /// Takes what is to be opened, so that it is opened once.
    pub fn take_opens(&self) -> Vec<(Ticket, OpenTarget)> {
        let mut taken = Vec::new();
        self.state.send_if_modified(|state| {
            taken = std::mem::take(&mut state.opens);
            false
        });
        taken
    }

    pub(crate) fn announce(&self, sequence: u64) {
        self.state.send_if_modified(|state| {
            let newer = sequence > state.inbox;
            state.inbox = state.inbox.max(sequence);
            newer
        });
    }

    pub(crate) fn spending_changed(&self) {
        self.state.send_modify(|state| state.spending += 1);
    }

    pub(crate) fn warn_idle(&self, at: Option<Instant>) {
        self.state.send_if_modified(|state| {
            let changed = state.idle_at != at;
            state.idle_at = at;
            changed
        });
    }

    /// A screen has just been sent that sheet.
    pub(crate) fn sheet_sent(&self, id: SheetId) {
        self.sent.lock().insert(id, Instant::now());
    }

    /// Whether the sheet is open and has been on the screen for at least `guard`, so that an answer may count.
    pub(crate) fn may_answer(&self, id: SheetId, guard: Duration) -> bool {
        let sent = self.sent.lock().get(&id).copied();
        sent.is_some_and(|at| at.elapsed() >= guard) && self.state.borrow().sheets.iter().any(|open| open.id == id)
    }
}
