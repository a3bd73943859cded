//! Spending authorisations: whoever confirms a payment with their PIN may allow that further ones to the same payee need a tap only, up to
//! a limit, for a few minutes, in the session in which they said so; for payments that no program asks for, at the seat.
//!
//! They stand in memory and nowhere else: a restart ends them all, and so does whatever ends the session or the seat. What is durable is
//! the audit, which says when one was opened, for whom and up to how much, and what was spent when it ended.

use crate::change::Change;
use crate::model::Names;
use crate::money;
use crate::order::Mode;
use crate::payment::OpenOrder;
use crate::people::nobody;
use crate::services::{Services, invalid, not_found};
use crate::sessions::{Asked, What};
use crate::sheets::gone;
use crate::state::OrderPhase;
use crate::trade::view::no_intent;
use crate::trade::{Agreed, MerchantId, PaidIntent};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Answer, Failure, PersonId, PublisherId, SessionId, SheetId, SheetTerms, codes};

/// Authorisations of one session or seat at once; the oldest goes first.
const MOST: usize = 4;

/// Who is paid: publisher, and merchant under it.
pub(crate) type Payee = (PublisherId, String);

/// A screen in front of one person, from when they sit down until they leave. Whoever gives them out never gives one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeatId(pub u128);

/// Where an authorisation stands, and what it ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpendsAt {
    /// For what one program asks for.
    Session(SessionId),
    /// For what no program asks for: pay links, merchants' codes.
    Seat(SeatId),
}

/// What may be spent somewhere without a PIN. Amounts in minor units.
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
struct Allowed {
    spending: Spending,
    under_way: u32,
}

/// What a payment took of an authorisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    at: SpendsAt,
    id: SheetId,
    amount: u64,
}

/// Authorisations that are over, to be written down.
struct Over {
    at: SpendsAt,
    person: PersonId,
    allowed: Vec<Allowed>,
}

/// Whatever stands on this host.
#[derive(Default)]
pub(crate) struct Book(HashMap<SpendsAt, (PersonId, Vec<Allowed>)>);

impl Book {
    /// What covers such a payment of that person.
    fn covering(&self, at: SpendsAt, person: &PersonId, payee: &Payee, amount: u64, now: u64) -> Option<&Spending> {
        let (whose, allowed) = self.0.get(&at)?;
        let mut standing = allowed.iter().map(|allowed| &allowed.spending);
        let covers = |spending: &&Spending| spending.merchant == *payee && spending.left >= amount && now < spending.until;
        standing.find(covers).filter(|_| whose == person)
    }

    /// Takes that much in one step, so that no two payments count on the same money.
    fn take(&mut self, at: SpendsAt, person: &PersonId, payee: &Payee, amount: u64, now: u64) -> Option<Taken> {
        let id = self.covering(at, person, payee, amount, now)?.id;
        let allowed = self.allowed(at, id)?;
        allowed.spending.left -= amount;
        allowed.under_way += 1;
        Some(Taken { at, id, amount })
    }

    fn allowed(&mut self, at: SpendsAt, id: SheetId) -> Option<&mut Allowed> {
        self.0.get_mut(&at)?.1.iter_mut().find(|allowed| allowed.spending.id == id)
    }

    /// A payment is over; what it did not spend is there again, unless that authorisation ended meanwhile.
    fn settle(&mut self, taken: Taken, spent: bool) -> Option<Over> {
        let allowed = self.allowed(taken.at, taken.id)?;
        allowed.under_way -= 1;
        if !spent {
            allowed.spending.left += taken.amount;
        }
        let used_up = allowed.spending.left == 0 && allowed.under_way == 0;
        if used_up { self.end(taken.at, taken.id) } else { None }
    }

    /// What stood for the same payee there ends.
    fn open(&mut self, at: SpendsAt, person: &PersonId, fresh: Spending) -> Over {
        let (whose, standing) = self.0.entry(at).or_insert_with(|| (person.clone(), Vec::new()));
        let same = |allowed: &Allowed| whose != person || allowed.spending.merchant == fresh.merchant;
        let (mut ended, kept): (Vec<_>, Vec<_>) = std::mem::take(standing).into_iter().partition(same);
        *standing = kept;
        while standing.len() >= MOST {
            ended.push(standing.remove(0));
        }
        standing.push(Allowed {
            spending: fresh,
            under_way: 0,
        });
        let person = std::mem::replace(whose, person.clone());
        Over {
            at,
            person,
            allowed: ended,
        }
    }

    fn end(&mut self, at: SpendsAt, id: SheetId) -> Option<Over> {
        self.end_where(|place, _, allowed| place == at && allowed.spending.id == id).pop()
    }

    fn end_where(&mut self, ends: impl Fn(SpendsAt, &PersonId, &Allowed) -> bool) -> Vec<Over> {
        let mut over = Vec::new();
        self.0.retain(|at, (person, standing)| {
            let (ended, kept): (Vec<_>, Vec<_>) = std::mem::take(standing).into_iter().partition(|allowed| ends(*at, person, allowed));
            *standing = kept;
            if !ended.is_empty() {
                over.push(Over {
                    at: *at,
                    person: person.clone(),
                    allowed: ended,
                });
            }
            !standing.is_empty()
        });
        over
    }
}

/// The payee that an order may have an authorisation for: a merchant that is simply paid. What is held, shared out, paid out or sent to
/// a person is asked for with the PIN each time.
fn payee(caller: &Caller, open: &OpenOrder) -> Option<Payee> {
    let simply = open.terms.mode == Mode::Pay && open.terms.to.is_none();
    simply.then(|| (caller.publisher.clone(), open.order.merchant.clone()))
}

fn pin_required() -> Failure {
    Failure::new(
        codes::PIN_REQUIRED,
        "this payment needs the PIN: what was allowed without it is over, used up, or does not cover it; nothing was charged",
    )
}

impl Services {
    /// What a payment sheet of a program says of authorisations.
    pub(crate) fn spending_terms(&self, caller: &Caller, open: &OpenOrder, terms: &mut SheetTerms) {
        if let Some(payee) = payee(caller, open) {
            self.spending_terms_at(SpendsAt::Session(caller.session), &caller.person, &payee, open.order.amount, terms);
        }
    }

    /// What a sheet says of authorisations: the one that covers it, or what the person may open with it.
    pub(crate) fn spending_terms_at(&self, at: SpendsAt, person: &PersonId, payee: &Payee, amount: u64, terms: &mut SheetTerms) {
        let decimal = |amount: u64| money::decimal(amount, &self.config.currency);
        match self.spends.lock().covering(at, person, payee, amount, self.now()) {
            Some(spending) => {
                terms.spending_left = decimal(spending.left);
                terms.spending_until = spending.until;
            }
            None => {
                terms.spending_limits = self.spending_limits().into_iter().map(decimal).collect();
                terms.spending_ms = self.spending_age_ms();
            }
        }
    }

    fn spending_age_ms(&self) -> u64 {
        u64::try_from(self.config.limits.spending_age.as_millis()).unwrap_or(u64::MAX)
    }

    /// The limits that a person may choose from: a tenth, two fifths and all of what this host allows.
    fn spending_limits(&self) -> Vec<u64> {
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
        self.limit_among(&answer.spending, payee(caller, open).is_some()).map(Some)
    }

    fn limit_among(&self, said: &str, simply: bool) -> Result<u64, Failure> {
        if !simply {
            return Err(invalid("a spending authorisation is for payments to a merchant"));
        }
        let offered = self.spending_limits();
        let decimal = |limit: &u64| money::decimal(*limit, &self.config.currency);
        let chosen = offered.iter().find(|limit| decimal(limit) == said);
        chosen.copied().ok_or_else(|| {
            let known: Vec<String> = offered.iter().map(decimal).collect();
            invalid(format!(
                "a limit of the sheet was expected ({}), \"{}\" came; nothing was charged",
                known.join(", "),
                said.chars().take(24).collect::<String>()
            ))
        })
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
            let at = SpendsAt::Session(session);
            let taken = payee(&caller, &open).and_then(|payee| {
                let mut spends = self.spends.lock();
                spends.take(at, &caller.person, &payee, open.order.amount, self.now())
            });
            if let Some(taken) = taken {
                return Ok((live.sheets.remove(&sheet).ok_or_else(gone)?, taken));
            }
            (caller, open)
        };
        self.show_again(&caller, &open, sheet);
        Err(pin_required())
    }

    /// A payment within an authorisation is over. Whether it was made may be unknown; then it counts as spent.
    pub(crate) async fn settle_taken(&self, caller: &Caller, asked: &Asked, taken: Taken, in_doubt: bool) {
        self.settle(taken, in_doubt || self.was_paid(caller, asked)).await;
    }

    async fn settle(&self, taken: Taken, spent: bool) {
        let over = self.spends.lock().settle(taken, spent);
        self.note_over(over).await;
        self.announce_spending(taken.at);
    }

    fn was_paid(&self, caller: &Caller, asked: &Asked) -> bool {
        let What::Payment(open) = &asked.what else { return false };
        let order = self.snapshot(&caller.program, &open.order.order_no);
        order.is_some_and(|order| matches!(order.phase, OrderPhase::Succeeded | OrderPhase::RequiresCapture))
    }

    /// Opens an authorisation for the payee of a program's payment that was just made with the PIN.
    pub(crate) async fn open_spending(&self, caller: &Caller, asked: &Asked, limit: u64) {
        let What::Payment(open) = &asked.what else { return };
        let Some(payee) = payee(caller, open) else { return };
        if self.was_paid(caller, asked) {
            let at = SpendsAt::Session(caller.session);
            self.open_spending_at(at, &caller.person, payee, open.payee.clone(), limit).await;
        }
    }

    /// It counts once the audit says so, durably. What stood for the same payee there ends.
    async fn open_spending_at(&self, at: SpendsAt, person: &PersonId, merchant: Payee, payee: Names, limit: u64) {
        let spending = Spending {
            id: SheetId(self.draw()),
            payee,
            merchant,
            limit,
            left: limit,
            currency: self.config.currency.clone(),
            until: 0,
        };
        let opened = note(person, &spending, "spending.opened", limit);
        let whose = person.clone();
        let written = self.commit(move |state, _| match state.people.contains_key(&whose) {
            true => Ok((vec![opened], ())),
            false => Err(nobody()),
        });
        if let Err(failure) = written.await {
            tracing::warn!(%failure, "no spending authorisation was opened: it could not be written down");
            return;
        }
        let fresh = Spending {
            until: self.now().saturating_add(self.spending_age_ms()),
            ..spending
        };
        let over = {
            let live = self.live.lock();
            match at {
                // The session ended meanwhile, and with it what was allowed there.
                SpendsAt::Session(session) if !live.contains_key(&session) => Over {
                    at,
                    person: person.clone(),
                    allowed: vec![Allowed {
                        spending: fresh,
                        under_way: 0,
                    }],
                },
                _ => self.spends.lock().open(at, person, fresh),
            }
        };
        self.note_over([over]).await;
        self.announce_spending(at);
    }

    /// Who is paid by an intent, the stored name, and whether an authorisation may cover it: what is held is asked for with the PIN each
    /// time.
    pub(crate) fn payee_of_intent(&self, id: &str) -> Result<(Payee, Names, bool), Failure> {
        let state = self.state.read();
        let intent = state.trade.intents.get(id).ok_or_else(no_intent)?;
        let merchant = MerchantId::of_program(&intent.program).ok_or_else(no_intent)?;
        let name = state.merchant(&merchant.publisher, &merchant.merchant).ok_or_else(no_intent)?;
        Ok(((merchant.publisher, merchant.merchant), name.clone(), intent.mode == Mode::Pay))
    }

    /// A person's tap on an intent, without a PIN: paid if an authorisation at that seat covers it, else none, and nothing moved.
    ///
    /// # Errors
    /// As [`Services::pay_intent_authorised`].
    pub async fn pay_intent_by_tap(
        &self,
        person: &PersonId,
        id: &str,
        agreed: &Agreed,
        seat: SeatId,
    ) -> Result<Option<PaidIntent>, Failure> {
        let (payee, _, simply) = self.payee_of_intent(id)?;
        let amount = self.amount_of_intent(id)?;
        let taken = match simply {
            true => self.spends.lock().take(SpendsAt::Seat(seat), person, &payee, amount, self.now()),
            false => None,
        };
        let Some(taken) = taken else { return Ok(None) };
        let done = self.pay_intent_authorised(person, id, agreed).await;
        // What may have moved counts as spent.
        let spent = match &done {
            Ok(paid) => !paid.before,
            Err(failure) => failure.code == codes::IN_DOUBT,
        };
        self.settle(taken, spent).await;
        done.map(Some)
    }

    /// A person's yes to an intent on its sheet, with their PIN where they have one. `spending` is one of the sheet's limits, up to which
    /// further payments to that merchant at that seat need a tap only; or empty.
    ///
    /// # Errors
    /// "pin-required" for no PIN at all, which counts as no guess; "invalid" for another limit; as [`Services::pay_intent`].
    pub async fn pay_intent_at(
        &self,
        person: &PersonId,
        id: &str,
        agreed: &Agreed,
        pin: &str,
        seat: SeatId,
        spending: &str,
    ) -> Result<PaidIntent, Failure> {
        let (payee, name, simply) = self.payee_of_intent(id)?;
        let limit = match spending {
            "" => None,
            said => Some(self.limit_among(said, simply)?),
        };
        let has_pin = self.asks_for_pin(person);
        if has_pin && pin.is_empty() {
            return Err(pin_required());
        }
        let paid = self.pay_intent(person, id, agreed, pin).await?;
        if let Some(limit) = limit.filter(|_| has_pin && !paid.before) {
            self.open_spending_at(SpendsAt::Seat(seat), person, payee, name, limit).await;
        }
        Ok(paid)
    }

    /// What stands somewhere, oldest first.
    pub fn spendings(&self, at: SpendsAt) -> Vec<Spending> {
        let now = self.now();
        let spends = self.spends.lock();
        let standing = spends.0.get(&at).into_iter().flat_map(|(_, standing)| standing);
        let standing = standing.map(|allowed| &allowed.spending).filter(|spending| now < spending.until);
        standing.cloned().collect()
    }

    /// Ends an authorisation. A payment within it that is under way is still made.
    ///
    /// # Errors
    /// "not-found" when none with that id stands there.
    pub async fn end_spending(&self, at: SpendsAt, id: SheetId) -> Result<(), Failure> {
        let over = self.spends.lock().end(at, id);
        let over = over.ok_or_else(|| not_found("no such spending authorisation stands here; it is over"))?;
        self.note_over([over]).await;
        self.announce_spending(at);
        Ok(())
    }

    /// Ends all that stand somewhere: the session is over, or nobody sits at the seat any more.
    pub async fn end_spendings_at(&self, at: SpendsAt) {
        let over = self.spends.lock().end_where(|place, _, _| place == at);
        self.note_over(over).await;
    }

    /// Ends all of a person's: their PIN is locked.
    pub(crate) async fn end_spendings_of(&self, person: &PersonId) {
        let over = self.spends.lock().end_where(|_, whose, _| whose == person);
        self.tell_over(over).await;
    }

    /// Ends those whose time is over.
    pub(crate) async fn lapse_spendings(&self) {
        let now = self.now();
        let over = self.spends.lock().end_where(|_, _, allowed| now >= allowed.spending.until);
        self.tell_over(over).await;
    }

    async fn tell_over(&self, over: Vec<Over>) {
        let places: Vec<SpendsAt> = over.iter().map(|over| over.at).collect();
        self.note_over(over).await;
        places.into_iter().for_each(|at| self.announce_spending(at));
    }

    /// The audit says what was spent.
    async fn note_over(&self, over: impl IntoIterator<Item = Over>) {
        let note = |person: &PersonId, allowed: Allowed| {
            let spending = allowed.spending;
            note(person, &spending, "spending.ended", spending.limit - spending.left)
        };
        for Over { person, allowed, .. } in over {
            let changes: Vec<Change> = allowed.into_iter().map(|allowed| note(&person, allowed)).collect();
            if !changes.is_empty()
                && let Err(failure) = self.write(changes).await
            {
                tracing::warn!(%failure, "that a spending authorisation ended is not written down");
            }
        }
    }

    fn announce_spending(&self, at: SpendsAt) {
        if let (SpendsAt::Session(session), Some(deliver)) = (at, self.deliver()) {
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
