//! Sheets: shown to one session, answered once.

use crate::acts::CALL as ACT;
use crate::messaging::{in_language, template};
use crate::outcomes::{coded, fields, fields_of};
use crate::profile::check_field;
use crate::services::{Services, limit, not_found};
use crate::sessions::{Asked, What};
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Answer, Event, Failure, Fields, SessionId, Sheet, SheetId, SheetKind, codes};

pub(crate) fn gone() -> Failure {
    not_found("no such sheet is open in this session; it may have been answered or withdrawn")
}

impl Services {
    /// Sheets that are open in the caller's session, leaving out the one of that order.
    pub(crate) fn open_sheets(&self, caller: &Caller, but: &str) -> usize {
        let live = self.live.lock();
        let sheets = live.get(&caller.session).map(|live| &live.sheets);
        let other = |asked: &&Asked| !matches!(&asked.what, What::Payment(open) if open.order.order_no == but);
        sheets.map_or(0, |sheets| sheets.values().filter(other).count())
    }

    /// Opens a sheet above the caller's session.
    pub(crate) fn show(&self, caller: &Caller, sheet: Sheet, asked: Asked) -> Result<(), Failure> {
        {
            let mut live = self.live.lock();
            let live = live.get_mut(&caller.session).ok_or_else(|| not_found("the session has ended"))?;
            if live.sheets.len() >= self.config.limits.sheets {
                return Err(limit(format!("at most {} sheets at once", self.config.limits.sheets)));
            }
            live.sheets.insert(sheet.id, asked);
        }
        if let Some(deliver) = self.deliver() {
            deliver.sheet(caller.session, sheet);
        }
        Ok(())
    }

    /// An open sheet with its stored names and reasons in another language than the one it was made in. What a program wrote itself
    /// (a purpose, the title of a line) stays as it is.
    pub fn sheet_in(&self, session: SessionId, sheet: &Sheet, language: &str) -> Sheet {
        let mut said = sheet.clone();
        let known = self.live.lock().get(&session).and_then(|live| {
            let asked = live.sheets.get(&sheet.id)?;
            Some((asked.by(live), asked.what.clone()))
        });
        let Some((caller, what)) = known.filter(|(caller, _)| *caller.language != *language) else {
            return said;
        };
        said.program = self.program_name(&caller.program, language);
        said.publisher = self.publisher_name(&caller.publisher, language);
        match (&mut said.kind, &what) {
            (SheetKind::Consent { scopes, .. }, _) => {
                if let Some(requested) = self.requested(&caller.program, language) {
                    for line in scopes {
                        line.reason = requested.reason(&line.scope).unwrap_or_default().to_owned();
                    }
                }
            }
            (SheetKind::Subscribe { templates, .. }, _) => {
                for (name, title) in templates {
                    if let Ok(rule) = template(&caller, name) {
                        in_language(&rule.title, language).clone_into(title);
                    }
                }
            }
            (SheetKind::Payment { payee, .. }, What::Payment(open)) => open.payee.in_language(language).clone_into(payee),
            (SheetKind::Payment { payee, terms, .. }, What::Act(act)) if terms.mode != "refund" => {
                let order = self.state.read().order(&caller.program, &act.order_no).cloned();
                if let Some(order) = order {
                    self.payee_name(&order).in_language(language).clone_into(payee);
                }
            }
            (SheetKind::Open { target, .. }, What::Open(opens)) => *target = self.program_name(&opens.program, language),
            _ => {}
        }
        said
    }

    /// Takes away every sheet of that order of the caller's: it is shown anew.
    pub(crate) fn withdraw_order(&self, caller: &Caller, order_no: &str) {
        let mut gone = Vec::new();
        for (session, live) in self.live.lock().iter_mut() {
            if live.caller.person != caller.person || live.caller.program != caller.program {
                continue;
            }
            live.sheets.retain(|id, asked| {
                let same = matches!(&asked.what, What::Payment(open) if open.order.order_no == order_no);
                if same {
                    gone.push((*session, *id));
                }
                !same
            });
        }
        if let Some(deliver) = self.deliver() {
            gone.into_iter().for_each(|(session, id)| deliver.withdraw(session, id));
        }
    }

    /// Answers a sheet. Only the session that it was shown to may, and only once. Carried out even if the caller stops waiting.
    ///
    /// # Errors
    /// "denied" for a wrong PIN, "limit" while locked out, "invalid" or "limit" for a value that can't be given: the sheet stays open.
    /// "not-found" for a sheet that is not open there, or has expired; anything else for what could not be carried out: the sheet is
    /// withdrawn, and its outcome says "failed" (for "in-doubt" only a restart tells). A payment that could not be made (balance, a
    /// conflicting row) is `Ok`: its outcome says so.
    pub async fn answer(&self, session: SessionId, sheet: SheetId, answer: Answer) -> Result<(), Failure> {
        let closing = || Failure::new(codes::FAILED, "the host is closing");
        let me = self.me.upgrade().ok_or_else(closing)?;
        let answering = tokio::spawn(async move {
            let done = me.answer_now(session, sheet, answer).await;
            let open = || me.live.lock().get(&session).is_some_and(|live| live.sheets.contains_key(&sheet));
            // What nobody can answer any more leaves the screen, also one that was not known here.
            if done.is_err()
                && !open()
                && let Some(deliver) = me.deliver()
            {
                deliver.withdraw(session, sheet);
            }
            done
        });
        answering.await.map_err(|_| closing())?
    }

    async fn answer_now(&self, session: SessionId, sheet: SheetId, answer: Answer) -> Result<(), Failure> {
        let (caller, payment, limit) = {
            let live = self.live.lock();
            let live = live.get(&session).ok_or_else(gone)?;
            let asked = live.sheets.get(&sheet).ok_or_else(gone)?;
            if let What::Consent { scopes, .. } = &asked.what {
                check_values(scopes, &answer)?;
            }
            let caller = asked.by(live);
            let limit = self.chosen_limit(&caller, asked, &answer)?;
            (caller, matches!(asked.what, What::Payment(_) | What::Act(_)), limit)
        };
        let has_pin = || self.state.read().people.get(&caller.person).is_some_and(|person| person.has_pin);
        let guarded = payment && answer.accepted && has_pin();
        if guarded && !answer.pin.is_empty() {
            self.check_pin_of(&caller.person, &answer.pin).await?;
        }
        // Whoever takes the sheet out answers it; a second answer finds none.
        let (asked, covered) = if guarded && answer.pin.is_empty() {
            let (asked, covered) = self.take_covered(session, sheet)?;
            (asked, Some(covered))
        } else {
            let taken = self.live.lock().get_mut(&session).and_then(|live| live.sheets.remove(&sheet));
            (taken.ok_or_else(gone)?, None)
        };
        let expired = asked.until < self.now();
        let done = match expired {
            true => Err(not_found("this sheet has expired; nothing was done")),
            false => self.carry(&caller, &asked, answer).await,
        };
        if let Some(covered) = covered {
            let in_doubt = done.as_ref().is_err_and(|failure| failure.code == codes::IN_DOUBT);
            self.settle_taken(&caller, &asked, covered, in_doubt).await;
        } else if let Some(limit) = limit.filter(|_| guarded && done.is_ok()) {
            self.open_spending(&caller, &asked, limit).await;
        }
        let Err(failure) = done else { return Ok(()) };
        // Its program learns that nothing came of it.
        match failure.code.as_str() {
            _ if expired => self.lapse(&caller, asked, fields_of("expired")).await,
            codes::IN_DOUBT => {}
            code => self.lapse(&caller, asked, |call| coded(call, "failed", code)).await,
        }
        Err(failure)
    }

    /// Carries out what was answered.
    async fn carry(&self, caller: &Arc<Caller>, asked: &Asked, answer: Answer) -> Result<(), Failure> {
        match &asked.what {
            What::Payment(open) if answer.accepted => self.confirm(caller, open).await,
            What::Payment(open) => {
                let declined = fields(crate::payment::CALL, "declined");
                self.close_order(caller, &open.order.order_no, asked.ticket, declined).await
            }
            What::Act(open) if answer.accepted => self.confirm_act(caller, asked.ticket, open).await,
            What::Act(open) => self.close_act(caller, asked.ticket, open, fields(ACT, "declined")).await,
            What::Consent { scopes, call } => self.decide_consent(caller, asked.ticket, scopes, &answer, call).await,
            What::Subscribe { all, ask } => {
                let chosen = if answer.accepted { answer.chosen } else { Vec::new() };
                self.decide_templates(caller, asked.ticket, all, ask, &chosen).await
            }
            What::Share(card) => {
                let chosen = answer.chosen.first().filter(|_| answer.accepted);
                self.decide_share(caller, asked.ticket, card, chosen.map(String::as_str)).await
            }
            What::Open(target) => {
                self.decide_open(caller.session, asked.ticket, target, answer.accepted);
                Ok(())
            }
        }
    }

    /// Ends a sheet without an answer that was carried out. What is not said counts as not decided. `outcome` is made of the call's name.
    pub(crate) async fn lapse(&self, caller: &Arc<Caller>, asked: Asked, outcome: impl FnOnce(&str) -> Fields) {
        let call = match &asked.what {
            What::Payment(open) => {
                let order_no = &open.order.order_no;
                let fields = outcome(crate::payment::CALL);
                if let Err(failure) = self.close_order(caller, order_no, asked.ticket, fields).await {
                    tracing::warn!(%failure, "an order whose sheet lapsed stays open until the next launch");
                }
                return;
            }
            What::Act(open) => {
                if let Err(failure) = self.close_act(caller, asked.ticket, open, outcome(ACT)).await {
                    tracing::warn!(%failure, "nobody was told that a sheet lapsed");
                }
                return;
            }
            What::Consent { call, .. } => {
                let (capability, function) = call.name();
                format!("{}.{function}", capability.name())
            }
            What::Subscribe { .. } => "messaging.subscribe".to_owned(),
            What::Open(_) => "navigation.open".to_owned(),
            What::Share(_) => "messaging.share".to_owned(),
        };
        self.tell(caller.session, Event::completed(asked.ticket, outcome(&call)));
    }

    /// Ends sheets whose time is over.
    pub(crate) async fn lapse_old(&self) {
        let now = self.now();
        let mut old = Vec::new();
        for (session, live) in self.live.lock().iter_mut() {
            let ids: Vec<SheetId> = live
                .sheets
                .iter()
                .filter(|(_, asked)| asked.until < now)
                .map(|(id, _)| *id)
                .collect();
            for id in ids {
                old.extend(live.sheets.remove(&id).map(|asked| (*session, id, asked.by(live), asked)));
            }
        }
        for (session, id, caller, asked) in old {
            if let Some(deliver) = self.deliver() {
                deliver.withdraw(session, id);
            }
            self.lapse(&caller, asked, fields_of("expired")).await;
        }
    }
}

/// Values that would be refused: asked before the sheet is taken away, so that they can be put right on it.
fn check_values(scopes: &[String], answer: &Answer) -> Result<(), Failure> {
    for (scope, value) in &answer.values {
        if let Some(name) = scope.strip_prefix("identity.")
            && scopes.contains(scope)
            && answer.chosen.contains(scope)
        {
            check_field(name, value)?;
        }
    }
    Ok(())
}
