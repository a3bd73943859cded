//! How many messages a yes is for, and how many come within a time.

use crate::change::Change;
use crate::services::{Services, limit};
use crate::state::PersonInProgram;
use std::collections::{HashMap, VecDeque};
use youji_api::caller::{Caller, TemplateKind, TemplateRule};
use youji_api::{Failure, PersonId, ProgramId, codes};

/// Yeses to one template that a person may have given ahead.
const AHEAD_MOST: u32 = 16;
/// Pairs of program and person whose rates are remembered; those with the oldest messages go first.
const PAIRS_MOST: usize = 20_000;

/// When the newest messages of a program to a person were sent, in milliseconds since 1970.
#[derive(Default)]
pub(crate) struct Rates(HashMap<(ProgramId, PersonId), VecDeque<u64>>);

impl Rates {
    /// Takes a place for one more message; false when there is none.
    pub(crate) fn take(&mut self, program: &ProgramId, to: &PersonId, now: u64, most: usize, within: u64) -> bool {
        let since = now.saturating_sub(within);
        if self.0.len() >= PAIRS_MOST {
            self.0.retain(|_, sent| sent.back().is_some_and(|at| *at > since));
        }
        if self.0.len() >= PAIRS_MOST {
            return false;
        }
        let sent = self.0.entry((program.clone(), to.clone())).or_default();
        while sent.front().is_some_and(|at| *at <= since) {
            sent.pop_front();
        }
        let free = sent.len() < most;
        if free {
            sent.push_back(now);
        }
        free
    }

    /// Gives the place back: nothing was sent.
    pub(crate) fn give_back(&mut self, program: &ProgramId, to: &PersonId) {
        if let Some(sent) = self.0.get_mut(&(program.clone(), to.clone())) {
            sent.pop_back();
        }
    }
}

/// Whether the person is to be asked for a template: not after a no; after a yes only for the next message, or where the yes was for less.
pub(crate) fn is_open(mine: Option<&PersonInProgram>, scope: &str, rule: &TemplateRule) -> bool {
    let Some(mine) = mine else { return true };
    match mine.consents.get(scope) {
        None => true,
        Some((false, _)) => false,
        Some((true, _)) => rule.kind == TemplateKind::OneTime || mine.left.contains_key(&rule.name),
    }
}

/// What one more message of that template needs: the change that goes with it.
///
/// # Errors
/// "denied": the person has not allowed it, or every yes was used.
pub(crate) fn spend(
    to: &PersonId,
    program: &ProgramId,
    theirs: Option<&PersonInProgram>,
    scope: &str,
    rule: &TemplateRule,
) -> Result<Option<Change>, Failure> {
    let denied = |why: &str| Failure::new(codes::DENIED, why);
    let allowed = theirs.filter(|theirs| theirs.consents.get(scope).is_some_and(|(granted, _)| *granted));
    let theirs = allowed.ok_or_else(|| denied("the recipient has not allowed this template"))?;
    match (rule.kind, theirs.left.get(&rule.name).copied()) {
        (TemplateKind::LongTerm, None) => Ok(None),
        (TemplateKind::LongTerm, Some(_)) => Err(denied(
            "the recipient allowed single messages of this template; subscribe again, since it is long-term now",
        )),
        (TemplateKind::OneTime, None | Some(0)) => Err(denied(
            "one yes is for one message of this template, and it was sent; subscribe again at the next tap or payment",
        )),
        (TemplateKind::OneTime, Some(left)) => Ok(Some(Change::Left {
            person: to.clone(),
            program: program.clone(),
            template: rule.name.clone(),
            left: Some(left - 1),
        })),
    }
}

impl Services {
    /// Takes note of the templates that the caller's person said yes to just now.
    pub(crate) async fn allow_more(&self, caller: &Caller, chosen: &[String]) -> Result<(), Failure> {
        let rules = caller.requested.templates.iter().filter(|rule| chosen.contains(&rule.name));
        let rules: Vec<(String, TemplateKind)> = rules.map(|rule| (rule.name.clone(), rule.kind)).collect();
        let (person, program) = (caller.person.clone(), caller.program.clone());
        self.commit(move |state, _| {
            let mine = state.in_program(&person, &program);
            let left = |name: &str| mine.and_then(|mine| mine.left.get(name)).copied();
            let change = |(name, kind): (String, TemplateKind)| {
                let before = left(&name);
                let after = match kind {
                    TemplateKind::OneTime => Some(before.unwrap_or(0).saturating_add(1).min(AHEAD_MOST)),
                    TemplateKind::LongTerm => None,
                };
                (before != after).then(|| Change::Left {
                    person: person.clone(),
                    program: program.clone(),
                    template: name,
                    left: after,
                })
            };
            Ok((rules.into_iter().filter_map(change).collect(), ()))
        })
        .await
    }

    /// Takes a place for one more message of the caller's program to that person.
    ///
    /// # Errors
    /// "limit".
    pub(crate) fn take_rate(&self, program: &ProgramId, to: &PersonId) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let within = u64::try_from(limits.messages_in.as_millis()).unwrap_or(u64::MAX);
        let taken = self.rates.lock().take(program, to, self.now(), limits.messages, within);
        taken.then_some(()).ok_or_else(|| {
            limit(format!(
                "a program sends at most {} messages in {} minutes to one person; send it later, or say more in one",
                limits.messages,
                limits.messages_in.as_secs() / 60
            ))
        })
    }

    pub(crate) fn give_back_rate(&self, program: &ProgramId, to: &PersonId) {
        self.rates.lock().give_back(program, to);
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;

    #[test]
    fn a_rate_is_for_a_pair_and_frees_itself() {
        let mut rates = Rates::default();
        let (one, other) = (("a".into(), "p".into()), ("a".into(), "q".into()));
        let mut take = |pair: &(youji_api::ProgramId, youji_api::PersonId), now| rates.take(&pair.0, &pair.1, now, 2, 100);
        assert!(take(&one, 1_000) && take(&one, 1_050));
        assert!(!take(&one, 1_099));
        assert!(take(&other, 1_099));
        assert!(take(&one, 1_100));
        assert!(!take(&one, 1_120));
        rates.give_back(&one.0, &one.1);
        assert!(rates.take(&one.0, &one.1, 1_120, 2, 100));
    }
}
