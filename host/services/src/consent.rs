//! Consent: asked for on a sheet, remembered, withdrawn in one act.

use crate::audit::AuditRecord;
use crate::change::Change;
use crate::model::{ConsentRow, InProgram};
use crate::outcomes::coded;
use crate::profile::{check_field, given_purpose, purpose_of};
use crate::services::{Services, not_found};
use crate::sessions::{Asked, What};
use crate::state::Notice;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::sheet::ScopeLine;
use youji_api::{
    Answer, Call, Consent, Consents, Event, Failure, PersonId, ProgramId, Recipient, Reply, Sheet, SheetId, SheetKind, Ticket, codes,
};

/// Rows of a program that are looked at to say how many of them are somebody's.
const ROWS_COUNTED: usize = 10_000;

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
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Consent {
                scopes: self.scope_lines(caller, &scopes),
                required: false,
            },
        };
        let call = Arc::new(call);
        self.show(caller, sheet, self.asked(ticket, What::Consent { scopes, call }))?;
        Ok(Reply::Ticket(ticket))
    }

    /// As a sheet names them: why, and what of the person's own would be given.
    pub(crate) fn scope_lines(&self, caller: &Caller, scopes: &[String]) -> Vec<ScopeLine> {
        let values = self.profile(&caller.person);
        let line = |scope: &String| ScopeLine {
            scope: scope.clone(),
            reason: caller.requested.reason(scope).unwrap_or_default().to_owned(),
            value: match (scope.strip_prefix("identity."), &values) {
                (Some(field), Some(profile)) => profile.field(field).unwrap_or_default().to_owned(),
                _ => String::new(),
            },
        };
        scopes.iter().map(line).collect()
    }

    pub(crate) fn asked(&self, ticket: Ticket, what: What) -> Asked {
        let age = u64::try_from(self.config.limits.sheet_age.as_millis()).unwrap_or(u64::MAX);
        Asked {
            ticket,
            until: self.now().saturating_add(age),
            what,
            caller: None,
        }
    }

    /// Remembers what was chosen of the scopes, and carries the held call out as far as that allows.
    pub(crate) async fn decide_consent(
        &self,
        caller: &Arc<Caller>,
        ticket: Ticket,
        scopes: &[String],
        answer: &Answer,
        call: &Call,
    ) -> Result<(), Failure> {
        let none = Vec::new();
        let chosen = if answer.accepted { &answer.chosen } else { &none };
        let mut changes = self.consent_changes(caller, scopes, |scope| chosen.contains(scope));
        let values = self.other_values(caller, scopes, chosen, &answer.values, &mut changes).await?;
        let granted = scopes.iter().any(|scope| chosen.contains(scope));
        match call {
            // Fields that were allowed before are given even if the new ones are not.
            Call::IdentityProfile { names, options } => {
                let now = |name: &str| scopes.iter().any(|scope| scope.strip_prefix("identity.") == Some(name));
                let given = names.iter().filter(|name| match now(name) {
                    true => chosen.iter().any(|scope| scope.strip_prefix("identity.") == Some(name)),
                    false => true,
                });
                let given: Vec<String> = given.cloned().collect();
                self.give_profile(caller, ticket, &given, purpose_of(options), &values, changes)
                    .await
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
        let reason = |scope: &str| match scope.strip_prefix("message.") {
            Some(template) => format!("message: {template}"),
            None => caller.requested.reason(scope).unwrap_or_default().to_owned(),
        };
        let consent = |scope: &String| Change::Consent {
            person: caller.person.clone(),
            program: caller.program.clone(),
            scope: scope.clone(),
            granted: granted(scope),
            at,
            notice: Some(Notice {
                publisher: caller.publisher.to_string(),
                reason: reason(scope),
                language: caller.language.to_string(),
                at,
            }),
            given: None,
        };
        scopes.iter().map(consent).collect()
    }

    /// Values that the person gives instead of their own: kept with the consent, so that the program gets the same one again. An empty
    /// one stands for none.
    pub(crate) async fn other_values(
        &self,
        caller: &Caller,
        scopes: &[String],
        chosen: &[String],
        values: &BTreeMap<String, String>,
        changes: &mut [Change],
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut others = BTreeMap::new();
        let profile = self.profile(&caller.person).ok_or_else(crate::people::nobody)?;
        for (scope, value) in values {
            let Some(name) = scope.strip_prefix("identity.") else { continue };
            let own = profile.field(name).unwrap_or_default();
            if !scopes.contains(scope) || !chosen.contains(scope) || own == value {
                continue;
            }
            check_field(name, value)?;
            let sealed = self.seal(
                &self.own_key(&caller.person, &caller.program).await?,
                &given_purpose(scope),
                value.as_bytes(),
            )?;
            for change in changes.iter_mut() {
                if let Change::Consent { scope: of, given, .. } = change
                    && of == scope
                {
                    *given = Some(sealed.clone());
                }
            }
            others.insert(scope.clone(), value.clone());
        }
        Ok(others)
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
                reason: mine.notices.get(scope).map_or_else(String::new, |notice| notice.reason.clone()),
                other: mine.given.contains_key(scope),
                left: scope.strip_prefix("message.").and_then(|template| mine.left.get(template)).copied(),
            }));
        }
        rows
    }

    /// The programs that know a person.
    pub fn programs_of(&self, person: &PersonId) -> Vec<InProgram> {
        let state = self.state.read();
        let rows = state.rows_of(person);
        let programs = state.people.get(person).map(|person| &person.programs);
        let known = programs.into_iter().flatten().filter(|(_, mine)| mine.open_id.is_some());
        known
            .map(|(program, mine)| InProgram {
                program: program.clone(),
                storage: mine.storage.len() as u64,
                records: rows.iter().filter(|(of, _, _)| of == program).count() as u64,
                saved: mine.saved.is_some(),
                orders: mine.orders.len() as u64,
            })
            .collect()
    }

    /// What a program keeps for a person, without what is none: for the unload receipt.
    pub(crate) fn kept_of(&self, person: &PersonId, program: &ProgramId) -> Vec<(&'static str, u64)> {
        let state = self.state.read();
        let Some(mine) = state.in_program(person, program) else {
            return Vec::new();
        };
        let kept = [
            ("ledger", mine.orders.len() as u64),
            ("storage", mine.storage.len() as u64),
            ("records", state.rows_in(person, program, ROWS_COUNTED)),
            ("consents", mine.consents.len() as u64),
        ];
        kept.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// A person's consents as records shaped after ISO/IEC TS 27560:2023; the events are taken from their audit.
    pub(crate) fn consent_records(&self, person: &PersonId, audit: &[AuditRecord]) -> Result<Vec<Value>, Failure> {
        let state = self.state.read();
        let mine = state.people.get(person).ok_or_else(crate::people::nobody)?;
        let mut records = Vec::new();
        for (program, here) in &mine.programs {
            for (scope, (granted, at)) in &here.consents {
                let notice = here.notices.get(scope).cloned().unwrap_or_default();
                let events = audit.iter().filter(|record| record.program.as_ref() == Some(program));
                let events = events.filter(|record| record.act.starts_with("consent.") && record.about.first() == Some(scope));
                let events: Vec<Value> = events
                    .map(|record| {
                        let given = record.act == "consent.granted";
                        json!({
                            "event_type": if given { "explicit consent given" } else { "consent refused or withdrawn" },
                            "event_time": record.at,
                            "audit_record": record.number,
                        })
                    })
                    .collect();
                records.push(json!({
                    "schema_version": "ISO/IEC TS 27560:2023",
                    "record_id": self.host.short(&[b"consent", person.as_str().as_bytes(), program.as_str().as_bytes(), scope.as_bytes()]),
                    "pii_principal_id": here.open_id.as_ref().map(ToString::to_string),
                    "pii_processing": {
                        "privacy_notice": {"language": notice.language, "shown_at": notice.at},
                        "purposes": [{
                            "purpose": notice.reason,
                            "lawful_basis": "consent",
                            "pii_information": [{"pii_type": scope}],
                            "pii_controllers": [notice.publisher],
                            "processing_location": "this host and the program",
                            "retention": if mine.visitor { "until the visitor leaves" } else { "until it is withdrawn" },
                        }],
                    },
                    "party_identification": [
                        {"party_id": notice.publisher, "party_type": "PII controller"},
                        {"party_id": program, "party_type": "mini-program"},
                    ],
                    "state": {"consent": if *granted { "given" } else { "not given" }, "since": at},
                    "events": events,
                }));
            }
        }
        Ok(records)
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
                // A yes to a template that is for single messages is for one here too.
                let template = scope.strip_prefix("message.").unwrap_or_default().to_owned();
                let mine = state.in_program(&own, &of);
                let single = mine.is_some_and(|mine| mine.left.contains_key(&template));
                let left = single.then(|| Change::Left {
                    person: own.clone(),
                    program: of.clone(),
                    template,
                    left: Some(u32::from(granted)),
                });
                let change = Change::Consent {
                    person: own,
                    program: of,
                    scope,
                    granted,
                    at: stamp.millis(),
                    notice: None,
                    given: None,
                };
                Ok(([Some(change), left].into_iter().flatten().collect(), true))
            })
            .await?;
        if changed && let Some(deliver) = self.deliver() {
            deliver.event(&Recipient::PersonIn(person.clone(), program.clone()), Event::new("settings"));
        }
        Ok(())
    }
}
