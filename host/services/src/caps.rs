//! The services as the gate calls them.

use crate::change::Change;
use crate::keys;
use crate::outcomes::fields_of;
use crate::services::{Services, not_found, store_failure};
use crate::sessions::Live;
use crate::spending::SpendsAt;
use async_trait::async_trait;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Call, Capabilities, Event, Failure, Left, OpenId, PersonId, ProgramId, Reply, SavedState, Ticket};

fn saved_purpose(caller: &Caller) -> String {
    format!("saved/{}", caller.program)
}

#[async_trait]
impl Capabilities for Services {
    async fn call(&self, caller: &Caller, call: Call) -> Result<Reply, Failure> {
        match call {
            Call::IdentityOpenId => Ok(Reply::Text(self.open_id(&caller.person, &caller.program).to_string())),
            Call::IdentityUnionId => Ok(Reply::Text(
                self.union_id(&caller.person, &caller.publisher, &caller.program).to_string(),
            )),
            Call::IdentityLoginCode { options } => self.login_code(caller, &options).await.map(Reply::Text),
            Call::PaymentPay(order) => self.pay(caller, order).await,
            Call::PaymentLookup { order_no, .. } => self.lookup(caller, &order_no).await.map(Reply::Fields),
            Call::PaymentAct { order_no, action, options } => self.act(caller, &order_no, &action, &options).await,
            Call::MessagingSubscribe { templates, .. } => self.subscribe(caller, templates).await,
            Call::MessagingSend {
                to,
                template,
                fields,
                client_id,
                ..
            } => self.send(caller, &to, &template, &fields, client_id).await,
            Call::MessagingShare {
                title,
                page,
                query,
                options,
            } => self.share(caller, &title, &page, &query, &options).await,
            Call::StorageGet { key } => self.storage_get(caller, &key).await,
            Call::StorageSet { key, value } => self.storage_set(caller, &key, &value).await,
            Call::StorageRemove { key } => self.storage_remove(caller, &key).await,
            Call::StorageKeys => self.storage_keys(caller).await,
            Call::RecordsGet { collection, key } => self.records_get(caller, &collection, &key).await,
            Call::RecordsPut {
                collection,
                key,
                expected,
                value,
                options,
            } => self.records_put(caller, &collection, &key, expected, &value, &options).await,
            Call::RecordsRemove { collection, key, expected } => self.records_remove(caller, &collection, &key, expected).await,
            Call::RecordsList { collection, options } => self.records_list(caller, &collection, &options).await,
            Call::RecordsWatch { collection, options } => self.watch(caller, collection, &options),
            Call::RecordsUnwatch { ticket } => self.unwatch(caller, ticket),
            Call::TimerWakeAfter { milliseconds } => self.wake_after(caller, milliseconds),
            Call::TimerCancel { ticket } => self.cancel_timer(caller, ticket),
            // The runtime keeps the page stack and acts once the call has returned.
            Call::NavigationPush { .. } | Call::NavigationReplace { .. } | Call::NavigationBack | Call::NavigationClose => Ok(Reply::Done),
            Call::NavigationOpen { program, path, query } => self.open_program(caller, &program, &path, &query),
            held @ (Call::IdentityProfile { .. } | Call::ScannerScan { .. } | Call::LocationLocate { .. }) => {
                self.check_held(caller, &held)?;
                let ticket = self.ticket();
                self.held(caller, ticket, &held).await?;
                Ok(Reply::Ticket(ticket))
            }
            Call::ClockNow => Ok(Reply::Number(self.now() / 100 * 100)),
            Call::RandomBytes { length } => self.random(length),
            Call::LogWrite { level, message } => Ok(self.log_line(caller, &level, &message)),
        }
    }

    async fn ask(&self, caller: &Caller, scopes: Vec<String>, call: Call) -> Result<Reply, Failure> {
        self.ask_consent(caller, scopes, call)
    }

    /// Orders that were not answered when their session or the host ended are closed as "expired" and offered as such.
    async fn started(&self, caller: &Caller) -> (Option<SavedState>, Vec<Event>) {
        let open_id = self.open_id(&caller.person, &caller.program);
        self.live.lock().insert(caller.session, Live::new(caller));
        self.remember(caller, open_id).await;
        self.make_key_early(caller);
        self.close_abandoned(caller).await;
        (self.saved(caller).await, self.outcomes(caller).await)
    }

    async fn taken(&self, caller: &Caller, ticket: Ticket) {
        self.take_outcome(caller, ticket).await;
    }

    async fn ended(&self, caller: &Caller, saved: Option<SavedState>) -> Left {
        self.watchers.lock().remove(caller);
        let Some(live) = self.live.lock().remove(&caller.session) else {
            return Left::default();
        };
        self.end_spendings_at(SpendsAt::Session(caller.session)).await;
        let counts = [
            ("watches", live.watches.len()),
            ("timers", live.timers.len()),
            ("scans", live.scans.len()),
            ("sheets", live.sheets.len()),
            ("log-lines", live.log.len()),
        ];
        live.timers.values().for_each(tokio::task::AbortHandle::abort);
        for (sheet, asked) in live.sheets {
            if let Some(deliver) = self.deliver() {
                deliver.withdraw(caller.session, sheet);
            }
            let by = asked.caller.clone().unwrap_or_else(|| Arc::clone(&live.caller));
            self.lapse(&by, asked, fields_of("expired")).await;
        }
        if let Err(failure) = self.save(caller, saved).await {
            tracing::warn!(%failure, session = %caller.session, "saved state was not kept");
        }
        Left {
            erased: counts.into_iter().map(|(name, count)| (name, count as u64)).collect(),
            kept: self.kept_of(&caller.person, &caller.program),
        }
    }
}

impl Services {
    /// Remembers who stands behind an open id. Queued before anything that the session does, and not waited for: it is needed only by
    /// what comes later in the log, and a first launch need not wait for the disk.
    async fn remember(&self, caller: &Caller, open_id: OpenId) {
        let (person, program) = (caller.person.clone(), caller.program.clone());
        {
            let state = self.state.read();
            if state.in_program(&person, &program).is_some_and(|mine| mine.open_id.is_some()) {
                return;
            }
        }
        let Some(me) = self.me.upgrade() else { return };
        let mut remembering = Box::pin(async move {
            let known = me.commit(move |state, _| {
                if !state.people.contains_key(&person) {
                    return Err(not_found("this person was forgotten"));
                }
                let change = Change::Known { person, program, open_id };
                Ok((vec![change], ()))
            });
            if let Err(failure) = known.await {
                tracing::warn!(%failure, "a session began for somebody who is not known");
            }
        });
        // The first look queues it; the rest goes on beside the launch.
        tokio::select! {
            biased;
            () = &mut remembering => {}
            () = std::future::ready(()) => drop(tokio::spawn(remembering)),
        }
    }

    /// A first payment need not wait for the disk to keep a key. Nobody waits for it here: who needs it makes it otherwise.
    fn make_key_early(&self, caller: &Caller) {
        if !caller.requested.has_capability("payment") || self.ring.has(self.own_name(&caller.person, &caller.program).as_str()) {
            return;
        }
        let Some(me) = self.me.upgrade() else { return };
        let (person, program) = (caller.person.clone(), caller.program.clone());
        tokio::spawn(async move {
            if let Err(failure) = me.own_key(&person, &program).await {
                tracing::debug!(%failure, "no key was made ahead of its first use");
            }
        });
    }

    /// The person behind an open id, also if they began a moment ago.
    pub(crate) async fn who(&self, program: &ProgramId, open_id: &str) -> Result<PersonId, Failure> {
        if let Some(person) = self.state.read().who(program, open_id) {
            return Ok(person.clone());
        }
        let (program, open_id) = (program.clone(), open_id.to_owned());
        let found = self.log.read(move |core| core.state.read().who(&program, &open_id).cloned()).await;
        let found = found.map_err(|error| store_failure(&error))?;
        found.ok_or_else(|| not_found("no person with that open id uses this program"))
    }

    async fn saved(&self, caller: &Caller) -> Option<SavedState> {
        let (expires, len) = self.state.read().in_program(&caller.person, &caller.program)?.saved?;
        if expires <= self.now() {
            return None;
        }
        let key = keys::saved(&caller.person.0, &caller.program.0);
        let sealed = self.fetch_pieces(&key, len).await.ok()??;
        let name = self.own_name(&caller.person, &caller.program);
        let opened = self.unseal(&name, &saved_purpose(caller), &sealed).ok()?;
        let (schema, bytes) = opened.split_first_chunk::<4>()?;
        Some(SavedState {
            schema: u32::from_be_bytes(*schema),
            bytes: bytes.to_vec(),
        })
    }

    async fn save(&self, caller: &Caller, saved: Option<SavedState>) -> Result<(), Failure> {
        let had = {
            let state = self.state.read();
            let Some(mine) = state.people.get(&caller.person) else {
                return Ok(());
            };
            mine.programs.get(&caller.program).is_some_and(|mine| mine.saved.is_some())
        };
        if saved.is_none() && !had {
            return Ok(());
        }
        let state = match saved {
            None => None,
            Some(saved) => {
                let mut plain = saved.schema.to_be_bytes().to_vec();
                plain.extend_from_slice(&saved.bytes);
                let name = self.own_key(&caller.person, &caller.program).await?;
                Some(self.seal(&name, &saved_purpose(caller), &plain)?)
            }
        };
        let age = u64::try_from(self.config.limits.saved_state_age.as_millis()).unwrap_or(u64::MAX);
        let change = Change::Saved {
            person: caller.person.clone(),
            program: caller.program.clone(),
            expires: self.now().saturating_add(age),
            state,
        };
        self.commit(move |state, _| {
            let known = match &change {
                Change::Saved { person, .. } => state.people.contains_key(person),
                _ => false,
            };
            Ok((if known { vec![change] } else { Vec::new() }, ()))
        })
        .await
    }
}
