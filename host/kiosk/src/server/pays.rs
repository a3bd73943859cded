//! What a seat knows of payments to merchants: the sheets that it was shown.

use std::collections::VecDeque;
use std::time::Instant;
use youji_api::SheetId;

/// Sheets of one seat that can be answered; then the oldest goes.
const SHEETS: usize = 16;

/// In memory only: it ends with the seat, and with the process.
#[derive(Default)]
pub(crate) struct Pays {
    shown: VecDeque<(SheetId, String, Instant)>,
}

impl Pays {
    pub(crate) fn shown(&mut self, sheet: SheetId, intent: String) {
        if self.shown.len() >= SHEETS {
            self.shown.pop_front();
        }
        self.shown.push_back((sheet, intent, Instant::now()));
    }

    /// When the sheet of that intent was shown here, if nobody answered it.
    pub(crate) fn at(&self, sheet: SheetId, intent: &str) -> Option<Instant> {
        let found = self.shown.iter().find(|(id, of, _)| *id == sheet && of == intent);
        found.map(|(_, _, at)| *at)
    }

    pub(crate) fn answered(&mut self, sheet: SheetId) {
        self.shown.retain(|(id, _, _)| *id != sheet);
    }
}
