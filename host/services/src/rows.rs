//! Rights on rows, and rows as programs see them.

use crate::state::{RowState, State};
use youji_api::caller::{Audience, Caller, CollectionRule};
use youji_api::{Fields, ProgramId};

impl RowState {
    /// Whether it has not expired.
    pub(crate) fn alive(&self, now: u64) -> bool {
        self.expires_at == 0 || self.expires_at > now
    }

    /// What the host says about it.
    pub(crate) fn stamps(&self) -> Fields {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut fields = Fields::new()
            .with("owner", self.owner_id.as_str())
            .with("writer", self.writer_id.as_str())
            .with("created-at", number(self.created_at))
            .with("written-at", number(self.written_at));
        if let Some(paid) = &self.paid {
            fields.set("paid-receipt", paid.receipt.as_str());
            fields.set("paid-state", paid.state.as_str());
            fields.set("paid-amount", number(paid.amount));
            fields.set("paid-currency", paid.currency.as_str());
            fields.set("paid-refunded", number(paid.refunded));
            fields.set("paid-claims", number(paid.claims));
        }
        fields
    }
}

impl State {
    /// Whether a person is named by a row, or by the row under which it stands.
    pub(crate) fn is_party(&self, program: &ProgramId, row: &RowState, open_id: &str, roles: &[String]) -> bool {
        let named = |row: &RowState| {
            row.owner_id == open_id
                || row.parties.iter().any(|party| match party.strip_prefix("role:") {
                    Some(role) => roles.iter().any(|own| own == role),
                    None => party == open_id,
                })
        };
        let above = || row.under.as_ref().and_then(|(collection, key)| self.row(program, collection, key));
        named(row) || above().is_some_and(named)
    }

    /// Whether the caller, whom the program knows as `open_id`, belongs to one of the audiences of a row.
    pub(crate) fn belongs(&self, caller: &Caller, open_id: &str, audiences: &[Audience], row: &RowState) -> bool {
        audiences.iter().any(|audience| match audience {
            Audience::Everyone => true,
            Audience::Staff => !caller.roles.is_empty(),
            Audience::Owner => row.owner.as_ref() == Some(&caller.person),
            Audience::Party => self.is_party(&caller.program, row, open_id, &caller.roles),
        })
    }
}

pub(crate) fn rule<'a>(caller: &'a Caller, collection: &str) -> Option<&'a CollectionRule> {
    caller.requested.collections.iter().find(|rule| rule.name == collection)
}
