//! What a seat knows of payments to merchants: the sheets that it was shown.

use super::App;
use super::seats::Seat;
use crate::problem::Problem;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use youji_api::SheetId;

/// Sheets of one seat that can be answered; then the oldest goes.
const SHEETS: usize = 16;

/// In memory only: it ends with the seat, and with the process.
#[derive(Default)]
pub(crate) struct Pays {
    shown: VecDeque<(SheetId, String, Instant)>,
    /// Answers that are being carried out: of which sheet, and under which key.
    held: Vec<(SheetId, String)>,
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

/// A sheet whose answer is being carried out. Dropped, it can be answered again, unless the answer was [`done`](Held::done).
pub(crate) struct Held {
    seat: Arc<Seat>,
    sheet: SheetId,
    key: String,
}

impl Held {
    /// The money has moved: the sheet is good for nothing more.
    pub(crate) fn done(self) {
        self.seat.pays.lock().answered(self.sheet);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut pays = self.seat.pays.lock();
        let mine = pays.held.iter().position(|(sheet, key)| *sheet == self.sheet && *key == self.key);
        mine.map(|at| pays.held.swap_remove(at));
    }
}

fn no_sheet() -> Problem {
    Problem::new(
        409,
        "no-sheet",
        "Look at the sheet first",
        "This was not shown at this seat, or its sheet was answered; nothing was moved.",
        "Get the sheet, show it to the person, and name it in \"sheet\".",
    )
}

/// Holds a sheet that was shown at the seat for exactly this, for long enough to be read: an answer that comes sooner was not meant for it.
/// Requests of one key hold it together, for they move money once; one of another key has come too late.
pub(crate) fn hold(app: &App, seat: &Arc<Seat>, sheet: SheetId, what: &str, key: &str) -> Result<Held, Problem> {
    let mut pays = seat.pays.lock();
    let shown = pays.at(sheet, what).ok_or_else(no_sheet)?;
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
    if pays.held.iter().any(|(held, by)| *held == sheet && by != key) {
        return Err(no_sheet());
    }
    pays.held.push((sheet, key.to_owned()));
    Ok(Held {
        seat: Arc::clone(seat),
        sheet,
        key: key.to_owned(),
    })
}
