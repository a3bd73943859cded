//! What a program can't do without: asked for before its first run, and again only for what a wider version adds.

use crate::services::Services;
use std::collections::BTreeMap;
use youji_api::caller::Caller;
use youji_api::{Consent, Consents, Failure, Sheet, SheetId, SheetKind};

use crate::profile::check_field;

/// Whether a program may run for a person.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstRun {
    /// Nothing stands in the way.
    Runs,
    /// Not before the person has accepted this.
    Asks(Box<Sheet>),
    /// Not: these scopes, which it can't do without, the person refused or took back. No sheet asks for them again; their page changes it.
    Refused(Vec<String>),
}

impl Services {
    /// Whether the program that `caller` is about to run may, as far as it can't do without what its manifest requires. The caller's session
    /// need not be there yet; nothing is written.
    pub fn first_run(&self, caller: &Caller) -> FirstRun {
        let consent = |scope: &&String| self.consent(&caller.person, &caller.program, scope);
        let of = |wanted: Consent| -> Vec<String> {
            let required = caller.requested.required.iter();
            required.filter(|scope| consent(scope) == wanted).cloned().collect()
        };
        let refused = of(Consent::Denied);
        if !refused.is_empty() {
            return FirstRun::Refused(refused);
        }
        let asks = of(Consent::NotAsked);
        if asks.is_empty() {
            return FirstRun::Runs;
        }
        FirstRun::Asks(Box::new(Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Consent {
                scopes: self.scope_lines(caller, &asks),
                required: true,
            },
        }))
    }

    /// The person accepted these on the sheet that came before the first run, with values to give instead of their own (an empty one gives
    /// none). What is not required, or was decided meanwhile, is left alone.
    ///
    /// # Errors
    /// "invalid" or "limit" for a value that can't be given; "not-found" when the person is gone. Nothing is written then.
    pub async fn accept_first(&self, caller: &Caller, scopes: &[String], values: &BTreeMap<String, String>) -> Result<(), Failure> {
        let open = |scope: &&String| {
            caller.requested.required.contains(scope) && self.consent(&caller.person, &caller.program, scope) == Consent::NotAsked
        };
        let scopes: Vec<String> = scopes.iter().filter(open).cloned().collect();
        let mut changes = self.consent_changes(caller, &scopes, |_| true);
        self.other_values(caller, &scopes, &scopes, values, &mut changes).await?;
        if changes.is_empty() {
            return Ok(());
        }
        self.write(changes).await
    }
}

/// Whether a person may give that value for a profile scope.
///
/// # Errors
/// "invalid", "limit".
pub fn check_given(scope: &str, value: &str) -> Result<(), Failure> {
    scope.strip_prefix("identity.").map_or(Ok(()), |name| check_field(name, value))
}
