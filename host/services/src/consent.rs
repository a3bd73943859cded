//! Consent: asked for on a sheet, remembered, withdrawn in one act.

use crate::change::Change;
use crate::model::ConsentRow;
use crate::outcomes::{coded, fields};
use crate::services::{Services, not_found};
use crate::sessions::{Asked, What};
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::sheet::ScopeLine;
use youji_api::{Call, Consent, Consents, Event, Failure, PersonId, ProgramId, Recipient, Reply, Sheet, SheetId, SheetKind, Ticket, codes};

impl Consents for Services {
    fn consent(&self, person: &PersonId, program: &ProgramId, scope: &str) -> Consent {
        let state = self.state.read();
        match state.in_program(person, program).and_then(|mine| mine.consents.get(scope)) {
            None => Consent::NotAsked,
            Some((true, _)) => Consent::Granted,
            Some((false, _)) => Consent::Denied,
        }
    }
}

fn name(call: &Call) -> String {
    let (capability, function) = call.name();
    format!("{}.{function}", capability.name())
}

impl Services {
    /// Asks for the scopes of a call that the gate held back.
    pub(crate) fn ask_consent(&self, caller: &Caller, scopes: Vec<String>, call: Call) -> Result<Reply, Failure> {
        self.check_held(caller, &call)?;
        let ticket = self.ticket();
        let values = self.profile(&caller.person);
        let line = |scope: &String| ScopeLine {
            scope: scope.clone(),
            reason: caller.requested.reason(scope).unwrap_or_default().to_owned(),
            value: match (scope.strip_prefix("identity."), &values) {
                (Some("nickname"), Some(profile)) => profile.name.clone(),
                (Some(field), Some(profile)) => profile.fields.get(field).cloned().unwrap_or_default(),
                _ => String::new(),
            },
        };
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Consent {
                scopes: scopes.iter().map(line).collect(),
            },
        };
        let call = Arc::new(call);
        self.show(caller, sheet, self.asked(ticket, What::Consent { scopes, call }))?;
        Ok(Reply::Ticket(ticket))
    }

    pub(crate) fn asked(&self, ticket: Ticket, what: What) -> Asked {
        let age = u64::try_from(self.config.limits.sheet_age.as_millis()).unwrap_or(u64::MAX);
        Asked {
            ticket,
            until: self.now().saturating_add(age),
            what,
        }
    }

    /// Remembers what was chosen of the scopes, and carries the held call out as far as that allows.
    pub(crate) async fn decide_consent(
        &self,
        caller: &Arc<Caller>,
        ticket: Ticket,
        scopes: &[String],
        chosen: &[String],
        call: &Call,
    ) -> Result<(), Failure> {
        let changes = self.consent_changes(caller, scopes, |scope| chosen.contains(scope));
        let granted = scopes.iter().any(|scope| chosen.contains(scope));
        match call {
            // Fields that were allowed before are given even if the new ones are not.
            Call::IdentityProfile { names, .. } => {
                let now = |name: &str| scopes.iter().any(|scope| scope.strip_prefix("identity.") == Some(name));
                let given = names.iter().filter(|name| match now(name) {
                    true => chosen.iter().any(|scope| scope.strip_prefix("identity.") == Some(name)),
                    false => true,
                });
                let given: Vec<String> = given.cloned().collect();
                self.give_profile(caller, ticket, &given, changes).await
            }
            call if granted => {
                self.write(changes).await?;
                self.held(caller, ticket, call).await
            }
            call => {
                self.write(changes).await?;
                let fields = coded(&name(call), "declined", codes::DENIED).with("state", "denied");
                self.tell(caller.session, Event::completed(ticket, fields));
                Ok(())
            }
        }
    }

    pub(crate) fn consent_changes(&self, caller: &Caller, scopes: &[String], granted: impl Fn(&String) -> bool) -> Vec<Change> {
        let at = self.now();
        let consent = |scope: &String| Change::Consent {
            person: caller.person.clone(),
            program: caller.program.clone(),
            scope: scope.clone(),
            granted: granted(scope),
            at,
        };
        scopes.iter().map(consent).collect()
    }

    /// Gives profile fields to a program: outcome and audit in one entry.
    pub(crate) async fn give_profile(
        &self,
        caller: &Caller,
        ticket: Ticket,
        names: &[String],
        mut changes: Vec<Change>,
    ) -> Result<(), Failure> {
        let profile = self.profile(&caller.person).ok_or_else(crate::people::nobody)?;
        let mut given = fields("identity.profile", "done");
        let mut told = Vec::new();
        for field in names {
            let value = if field == "nickname" {
                Some(&profile.name)
            } else {
                profile.fields.get(field)
            };
            if let Some(value) = value {
                given.set(format!("profile.{field}"), value.as_str());
                told.push(field.clone());
            }
        }
        if names.is_empty() {
            given = coded("identity.profile", "declined", codes::DENIED).with("state", "denied");
        }
        changes.push(Change::Audit {
            person: caller.person.clone(),
            program: Some(caller.program.clone()),
            act: "identity.profile".to_owned(),
            about: told,
        });
        self.complete(caller, Event::completed(ticket, given), changes).await
    }

    /// What a person decided, by program and scope.
    pub fn consents(&self, person: &PersonId) -> Vec<ConsentRow> {
        let state = self.state.read();
        let programs = state.people.get(person).map(|person| &person.programs);
        let mut rows = Vec::new();
        for (program, mine) in programs.into_iter().flatten() {
            rows.extend(mine.consents.iter().map(|(scope, (granted, at))| ConsentRow {
                program: program.clone(),
                scope: scope.clone(),
                granted: *granted,
                at: *at,
            }));
        }
        rows
    }

    /// Grants or withdraws a scope. A withdrawal bites at the next call; running sessions get a "settings" event.
    ///
    /// # Errors
    /// "not-found" when the person was never asked for it.
    pub async fn set_consent(&self, person: &PersonId, program: &ProgramId, scope: &str, granted: bool) -> Result<(), Failure> {
        let (own, of, scope) = (person.clone(), program.clone(), scope.to_owned());
        let changed = self
            .commit(move |state, stamp| {
                let consents = state.in_program(&own, &of).map(|mine| &mine.consents);
                let known = consents.and_then(|consents| consents.get(&scope));
                let (before, _) = known.ok_or_else(|| not_found(format!("\"{scope}\" was never asked for")))?;
                if *before == granted {
                    return Ok((Vec::new(), false));
                }
                let change = Change::Consent {
                    person: own,
                    program: of,
                    scope,
                    granted,
                    at: stamp.millis(),
                };
                Ok((vec![change], true))
            })
            .await?;
        if changed && let Some(deliver) = self.deliver() {
            deliver.event(&Recipient::PersonIn(person.clone(), program.clone()), Event::new("settings"));
        }
        Ok(())
    }
}
