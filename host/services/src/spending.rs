//! Spending authorisations: whoever confirms a payment with their PIN may allow that further ones to the same payee need a tap only, up to
//! a limit, for a few minutes, in the session in which they said so.
//!
//! They stand in memory and nowhere else, beside the sessions that they belong to: a restart ends them all, and so does whatever ends
//! the session. What is durable is the audit, which says when one was opened, for whom and up to how much, and what was spent when it
//! ended.

use crate::change::Change;
use crate::model::Names;
use crate::money;
use crate::order::Mode;
use crate::payment::OpenOrder;
use crate::people::nobody;
use crate::services::{Services, invalid, not_found};
use crate::sessions::{Asked, Live, What};
use crate::sheets::gone;
use crate::state::OrderPhase;
use serde::Serialize;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Answer, Failure, PersonId, PublisherId, SessionId, SheetId, SheetTerms, codes};

/// Authorisations of one session at once; the oldest goes first.
const MOST: usize = 4;

/// Who is paid: publisher, and merchant under it.
pub(crate) type Payee = (PublisherId, String);

/// What stands in a session: what it may spend without a PIN. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spending {
    /// Names it when it is ended.
    pub id: SheetId,
    /// Stored name of who may be paid.
    pub payee: Names,
    /// Publisher, and merchant under it.
    pub merchant: (PublisherId, String),
    /// As it was opened.
    pub limit: u64,
    /// Not spent yet.
    pub left: u64,
    /// ISO 4217.
    pub currency: String,
    /// Milliseconds since 1970 from which on it is over.
    pub until: u64,
}

/// An authorisation, and what payments under way have taken of it.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    spending: Spending,
    under_way: u32,
}

/// What a payment took of an authorisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    id: SheetId,
    amount: u64,
}

/// The payee that an order may have an authorisation for: a merchant that is simply paid. What is held, shared out, paid out or sent to
/// a person is asked for with the PIN each time.
fn payee(caller: &Caller, open: &OpenOrder) -> Option<Payee> {
    let simply = open.terms.mode == Mode::Pay && open.terms.to.is_none();
    simply.then(|| (caller.publisher.clone(), open.order.merchant.clone()))
}

impl Live {
    fn covering(&self, payee: &Payee, amount: u64, now: u64) -> Option<usize> {
        let covers = |allowed: &Allowed| {
            let spending = &allowed.spending;
            spending.merchant == *payee && spending.left >= amount && now < spending.until
        };
        self.spending.iter().position(covers)
    }
}

fn pin_required() -> Failure {
    Failure::new(
        codes::PIN_REQUIRED,
        "this payment needs the PIN: what was allowed without it is over, used up, or does not cover it; nothing was charged",
    )
}

impl Services {
    /// What a payment sheet says of authorisations: the one that covers it, or what the person may open with it.
    pub(crate) fn spending_terms(&self, caller: &Caller, open: &OpenOrder, terms: &mut SheetTerms) {
        let Some(payee) = payee(caller, open) else { return };
        let order = &open.order;
        let decimal = |amount: u64| money::decimal(amount, &order.currency);
        let covering = self.live.lock().get(&caller.session).and_then(|live| {
            let at = live.covering(&payee, order.amount, self.now())?;
            live.spending.get(at).map(|allowed| allowed.spending.clone())
        });
        match covering {
            Some(spending) => {
                terms.spending_left = decimal(spending.left);
                terms.spending_until = spending.until;
            }
            None => {
                terms.spending_limits = self.spending_limits().into_iter().map(decimal).collect();
                terms.spending_ms = u64::try_from(self.config.limits.spending_age.as_millis()).unwrap_or(u64::MAX);
            }
        }
    }

    /// The limits that a person may choose from: a tenth, two fifths and all of what this host allows.
    pub(crate) fn spending_limits(&self) -> Vec<u64> {
        let most = self.config.limits.spending_amount;
        let mut limits = vec![most / 10, most / 5 * 2, most];
        limits.retain(|limit| *limit > 0);
        limits.dedup();
        limits
    }

    /// The limit that an answer chooses, in minor units; none: no authorisation is wanted.
    pub(crate) fn chosen_limit(&self, caller: &Caller, asked: &Asked, answer: &Answer) -> Result<Option<u64>, Failure> {
        if answer.spending.is_empty() || !answer.accepted {
            return Ok(None);
        }
        let What::Payment(open) = &asked.what else {
            return Err(invalid("only a payment can open a spending authorisation"));
        };
        if payee(caller, open).is_none() {
            return Err(invalid("a spending authorisation is for payments to a merchant"));
        }
        let offered = self.spending_limits();
        let chosen = offered
            .iter()
            .find(|limit| money::decimal(**limit, &open.order.currency) == answer.spending);
        let known = || {
            let known: Vec<String> = offered.iter().map(|limit| money::decimal(*limit, &open.order.currency)).collect();
            invalid(format!(
                "a limit of the sheet was expected ({}), \"{}\" came",
                known.join(", "),
                answer.spending.chars().take(24).collect::<String>()
            ))
        };
        chosen.copied().map(Some).ok_or_else(known)
    }

    /// Takes the sheet out with what it costs, in one step, so that no two payments count on the same money. What nothing covers any more
    /// stays open and asks for the PIN.
    pub(crate) fn take_covered(&self, session: SessionId, sheet: SheetId) -> Result<(Asked, Taken), Failure> {
        let (caller, open) = {
            let mut live = self.live.lock();
            let live = live.get_mut(&session).ok_or_else(gone)?;
            let asked = live.sheets.get(&sheet).ok_or_else(gone)?;
            let caller = asked.by(live);
            let What::Payment(open) = asked.what.clone() else {
                return Err(pin_required());
            };
            let amount = open.order.amount;
            let at = payee(&caller, &open).and_then(|payee| live.covering(&payee, amount, self.now()));
            if let Some(allowed) = at.and_then(|at| live.spending.get_mut(at)) {
                allowed.spending.left -= amount;
                allowed.under_way += 1;
                let taken = Taken {
                    id: allowed.spending.id,
                    amount,
                };
                return Ok((live.sheets.remove(&sheet).ok_or_else(gone)?, taken));
            }
            (caller, open)
        };
        self.show_again(&caller, &open, sheet);
        Err(pin_required())
    }

    /// A payment within an authorisation is over: what it did not spend is there again. Whether it was made may be unknown; then it
    /// counts as spent.
    pub(crate) async fn settle_taken(&self, caller: &Caller, asked: &Asked, taken: Taken, in_doubt: bool) {
        let spent = in_doubt || self.was_paid(caller, asked);
        let used_up = {
            let mut live = self.live.lock();
            let Some(live) = live.get_mut(&caller.session) else { return };
            let Some(at) = live.spending.iter().position(|allowed| allowed.spending.id == taken.id) else {
                return;
            };
            let Some(allowed) = live.spending.get_mut(at) else { return };
            allowed.under_way -= 1;
            if !spent {
                allowed.spending.left += taken.amount;
            }
            let used_up = allowed.spending.left == 0 && allowed.under_way == 0;
            used_up.then(|| live.spending.remove(at))
        };
        self.note_ended(&caller.person, used_up).await;
        self.announce_spending(caller.session);
    }

    fn was_paid(&self, caller: &Caller, asked: &Asked) -> bool {
        let What::Payment(open) = &asked.what else { return false };
        let order = self.snapshot(&caller.program, &open.order.order_no);
        order.is_some_and(|order| matches!(order.phase, OrderPhase::Succeeded | OrderPhase::RequiresCapture))
    }

    /// Opens an authorisation for the payee of a payment that was just made with the PIN. It counts once the audit says so, durably. What
    /// stood for the same payee in this session ends.
    pub(crate) async fn open_spending(&self, caller: &Caller, asked: &Asked, limit: u64) {
        let What::Payment(open) = &asked.what else { return };
        let Some(payee) = payee(caller, open) else { return };
        if !self.was_paid(caller, asked) {
            return;
        }
        let spending = Spending {
            id: SheetId(self.draw()),
            payee: open.payee.clone(),
            merchant: payee,
            limit,
            left: limit,
            currency: open.order.currency.clone(),
            until: 0,
        };
        let person = caller.person.clone();
        let opened = note(&person, &spending, "spending.opened", limit);
        let written = self.commit(move |state, _| match state.people.contains_key(&person) {
            true => Ok((vec![opened], ())),
            false => Err(nobody()),
        });
        if let Err(failure) = written.await {
            tracing::warn!(%failure, "no spending authorisation was opened: it could not be written down");
            return;
        }
        let age = u64::try_from(self.config.limits.spending_age.as_millis()).unwrap_or(u64::MAX);
        let fresh = Allowed {
            spending: Spending {
                until: self.now().saturating_add(age),
                ..spending
            },
            under_way: 0,
        };
        let ended = {
            let mut all = self.live.lock();
            match all.get_mut(&caller.session) {
                // The session ended meanwhile, and with it what was allowed there.
                None => vec![fresh],
                Some(live) => {
                    let same = |allowed: &Allowed| allowed.spending.merchant == fresh.spending.merchant;
                    let (mut ended, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut live.spending).into_iter().partition(same);
                    live.spending = kept;
                    while live.spending.len() >= MOST {
                        ended.push(live.spending.remove(0));
                    }
                    live.spending.push(fresh);
                    ended
                }
            }
        };
        self.note_ended(&caller.person, ended).await;
        self.announce_spending(caller.session);
    }

    /// What stands in a session, oldest first.
    pub fn spendings(&self, session: SessionId) -> Vec<Spending> {
        let now = self.now();
        let live = self.live.lock();
        let standing = live.get(&session).into_iter().flat_map(|live| &live.spending);
        let standing = standing.map(|allowed| &allowed.spending).filter(|spending| now < spending.until);
        standing.cloned().collect()
    }

    /// Ends an authorisation of a session. A payment within it that is under way is still made.
    ///
    /// # Errors
    /// "not-found" when none with that id stands there.
    pub async fn end_spending(&self, session: SessionId, id: SheetId) -> Result<(), Failure> {
        let ended = {
            let mut live = self.live.lock();
            let live = live.get_mut(&session);
            live.and_then(|live| {
                let at = live.spending.iter().position(|allowed| allowed.spending.id == id)?;
                Some((live.caller.person.clone(), live.spending.remove(at)))
            })
        };
        let (person, ended) = ended.ok_or_else(|| not_found("no such spending authorisation stands in this session; it is over"))?;
        self.note_ended(&person, Some(ended)).await;
        self.announce_spending(session);
        Ok(())
    }

    /// Ends all of a person's: their PIN is locked.
    pub(crate) async fn end_spendings_of(&self, person: &PersonId) {
        self.end_where(|live, _| live.caller.person == *person).await;
    }

    /// Ends those whose time is over.
    pub(crate) async fn lapse_spendings(&self) {
        let now = self.now();
        self.end_where(|_, allowed| now >= allowed.spending.until).await;
    }

    async fn end_where(&self, ends: impl Fn(&Live, &Allowed) -> bool) {
        let mut ended = Vec::new();
        for (session, live) in self.live.lock().iter_mut() {
            if live.spending.is_empty() {
                continue;
            }
            let all = std::mem::take(&mut live.spending);
            let (over, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|allowed| ends(live, allowed));
            live.spending = kept;
            if !over.is_empty() {
                ended.push((*session, live.caller.person.clone(), over));
            }
        }
        for (session, person, over) in ended {
            self.note_ended(&person, over).await;
            self.announce_spending(session);
        }
    }

    /// The audit says what was spent.
    pub(crate) async fn note_ended(&self, person: &PersonId, ended: impl IntoIterator<Item = Allowed>) {
        let note = |allowed: Allowed| {
            let spending = allowed.spending;
            note(person, &spending, "spending.ended", spending.limit - spending.left)
        };
        let changes: Vec<Change> = ended.into_iter().map(note).collect();
        if changes.is_empty() {
            return;
        }
        if let Err(failure) = self.write(changes).await {
            tracing::warn!(%failure, "that a spending authorisation ended is not written down");
        }
    }

    fn announce_spending(&self, session: SessionId) {
        if let Some(deliver) = self.deliver() {
            deliver.spending(session);
        }
    }

    /// The same sheet as things stand now.
    fn show_again(&self, caller: &Arc<Caller>, open: &OpenOrder, sheet: SheetId) {
        let known = self.snapshot(&caller.program, &open.order.order_no);
        if let (Some(known), Some(deliver)) = (known, self.deliver()) {
            let mut again = self.payment_sheet(caller, open, &known);
            again.id = sheet;
            deliver.sheet(caller.session, again);
        }
    }
}

fn note(person: &PersonId, spending: &Spending, act: &str, amount: u64) -> Change {
    let (publisher, merchant) = &spending.merchant;
    Change::Audit {
        person: person.clone(),
        program: None,
        act: act.to_owned(),
        about: vec![if merchant.is_empty() {
            publisher.to_string()
        } else {
            merchant.clone()
        }],
        purpose: None,
        amount: Some((amount, spending.currency.clone())),
    }
}
