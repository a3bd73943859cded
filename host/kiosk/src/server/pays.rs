//! What a seat knows of payments to merchants: the sheets that it was shown, and what it may spend without a PIN.

use std::collections::VecDeque;
use std::time::Instant;
use youji_api::SheetId;
use youji_services::trade::MerchantId;

/// Sheets of one seat that can be answered; then the oldest goes.
const SHEETS: usize = 16;
/// Spending authorisations of one seat at once; then the oldest goes.
const ALLOWED: usize = 4;

/// In memory only: it ends with the seat, and with the process.
#[derive(Default)]
pub(crate) struct Pays {
    shown: VecDeque<(SheetId, String, Instant)>,
    allowed: VecDeque<Allowed>,
    last: u64,
}

/// What a payment took, of which authorisation.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    number: u64,
    amount: u64,
}

struct Allowed {
    number: u64,
    merchant: MerchantId,
    left: u64,
    until: Instant,
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

    /// What stood for the same merchant ends.
    pub(crate) fn allow(&mut self, merchant: MerchantId, left: u64, until: Instant) {
        self.allowed.retain(|allowed| allowed.merchant != merchant);
        if self.allowed.len() >= ALLOWED {
            self.allowed.pop_front();
        }
        self.last += 1;
        let number = self.last;
        self.allowed.push_back(Allowed {
            number,
            merchant,
            left,
            until,
        });
    }

    /// Takes that much of what may be spent with that merchant, in one step, so that no two payments count on the same money.
    pub(crate) fn take(&mut self, merchant: &MerchantId, amount: u64, now: Instant) -> Option<Taken> {
        self.allowed.retain(|allowed| now < allowed.until);
        let covering = self
            .allowed
            .iter_mut()
            .find(|allowed| allowed.merchant == *merchant && allowed.left >= amount)?;
        covering.left -= amount;
        Some(Taken {
            number: covering.number,
            amount,
        })
    }

    /// What is left of what covers that much with that merchant, and until when.
    pub(crate) fn covering(&self, merchant: &MerchantId, amount: u64, now: Instant) -> Option<(u64, Instant)> {
        let mut standing = self.allowed.iter().filter(|allowed| now < allowed.until);
        let covering = standing.find(|allowed| allowed.merchant == *merchant && allowed.left >= amount);
        covering.map(|allowed| (allowed.left, allowed.until))
    }

    /// A payment was not made: what it took is there again, unless that authorisation ended meanwhile.
    pub(crate) fn give_back(&mut self, taken: Taken) {
        if let Some(allowed) = self.allowed.iter_mut().find(|allowed| allowed.number == taken.number) {
            allowed.left += taken.amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pays;
    use std::time::{Duration, Instant};
    use youji_services::trade::MerchantId;

    #[test]
    fn what_is_allowed_is_spent_once_for_its_merchant_in_time() {
        let (now, mut pays) = (Instant::now(), Pays::default());
        let (one, other) = (MerchantId::new("p", "one"), MerchantId::new("p", "other"));
        pays.allow(one.clone(), 100, now + Duration::from_secs(60));
        assert!(pays.take(&other, 1, now).is_none());
        let taken = pays.take(&one, 70, now);
        assert!(pays.take(&one, 31, now).is_none());
        pays.give_back(taken.unwrap());
        let all = pays.take(&one, 100, now).unwrap();
        assert!(pays.take(&one, 1, now).is_none());
        // Another authorisation does not grow by what an earlier one gave out.
        pays.allow(one.clone(), 100, now + Duration::from_secs(60));
        pays.give_back(all);
        assert!(pays.take(&one, 101, now).is_none());
        assert!(pays.take(&one, 1, now + Duration::from_secs(60)).is_none());
    }
}
