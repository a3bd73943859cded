//! What a seat knows of payments to merchants: the sheets that it was shown.

use super::App;
use super::seats::Seat;
use crate::problem::Problem;
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

/// Whether that sheet was shown at the seat for exactly this, for long enough to be read: an answer that comes sooner was not meant for it.
pub(crate) fn seen(app: &App, seat: &Seat, sheet: SheetId, what: &str) -> Result<(), Problem> {
    let shown = seat.pays.lock().at(sheet, what).ok_or_else(|| {
        Problem::new(
            409,
            "no-sheet",
            "Look at the sheet first",
            "This was not shown at this seat, or its sheet was answered; nothing was moved.",
            "Get the sheet, show it to the person, and name it in \"sheet\".",
        )
    })?;
    let guard = app.host.config.limits.sheet_guard;
    if shown.elapsed() < guard {
        return Err(Problem::new(
            409,
            "too-soon",
            "Too soon",
            format!(
                "An answer that comes within {} ms of its sheet confirms nothing; nothing was moved.",
                guard.as_millis()
            ),
            "Let the person read the sheet, then send it again.",
        ));
    }
    Ok(())
}
