//! Calls that end with the session: timers, scanner, place, randomness, log.

use crate::model::LogLine;
use crate::outcomes::{coded, fields};
use crate::profile::{check_field, purpose_of};
use crate::services::{Services, invalid, limit, not_found};
use std::collections::BTreeMap;
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Event, Failure, Reply, SessionId, Ticket, codes};

/// Bytes that one call draws at most, and that one log line has at most.
const RANDOM_MOST: u32 = 4_096;
const LINE_MOST: usize = 4_096;
/// Characters of what a scanned code says that are passed on.
const SCAN_MOST: usize = 2_048;

impl Services {
    pub(crate) fn wake_after(&self, caller: &Caller, milliseconds: u64) -> Result<Reply, Failure> {
        let after = Duration::from_millis(milliseconds);
        if after > self.config.limits.timer_ahead {
            return Err(limit(format!("at most {} s ahead", self.config.limits.timer_ahead.as_secs())));
        }
        let ticket = self.ticket();
        let mut live = self.live.lock();
        let live = live.get_mut(&caller.session).ok_or_else(|| not_found("the session has ended"))?;
        if live.timers.len() >= self.config.limits.timers {
            return Err(limit(format!("at most {} timers at once", self.config.limits.timers)));
        }
        let (me, session) = (self.me.clone(), caller.session);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let Some(me) = me.upgrade() else { return };
            let due = me.live.lock().get_mut(&session).and_then(|live| live.timers.remove(&ticket));
            if due.is_some() {
                me.tell(session, Event::completed(ticket, fields("timer.wake-after", "done")));
            }
        });
        live.timers.insert(ticket, timer.abort_handle());
        Ok(Reply::Ticket(ticket))
    }

    pub(crate) fn cancel_timer(&self, caller: &Caller, ticket: Ticket) -> Result<Reply, Failure> {
        let removed = self
            .live
            .lock()
            .get_mut(&caller.session)
            .and_then(|live| live.timers.remove(&ticket));
        let timer = removed.ok_or_else(|| not_found("no timer with that ticket; it may have gone off"))?;
        timer.abort();
        Ok(Reply::Done)
    }

    /// What a held call needs beyond the consent, checked before anybody is asked.
    pub(crate) fn check_held(&self, caller: &Caller, call: &Call) -> Result<(), Failure> {
        match call {
            Call::IdentityProfile { names, .. } if names.is_empty() || names.len() > 8 => Err(limit("1 to 8 profile fields expected")),
            Call::IdentityProfile { names, .. } => names.iter().try_for_each(|name| check_field(name, "")),
            Call::LocationLocate { .. } if self.config.place.is_none() => {
                Err(Failure::new(codes::UNSUPPORTED, "this host does not know where it stands"))
            }
            Call::ScannerScan { .. } if self.scanning(caller) => Err(limit("a scan is under way in this session")),
            _ => Ok(()),
        }
    }

    fn scanning(&self, caller: &Caller) -> bool {
        self.live.lock().get(&caller.session).is_some_and(|live| !live.scans.is_empty())
    }

    /// Carries out a call that needs a consent which is there.
    pub(crate) async fn held(&self, caller: &Caller, ticket: Ticket, call: &Call) -> Result<(), Failure> {
        match call {
            Call::IdentityProfile { names, options } => {
                self.give_profile(caller, ticket, names, purpose_of(options), &BTreeMap::new(), Vec::new())
                    .await
            }
            Call::ScannerScan { .. } => {
                {
                    let mut live = self.live.lock();
                    let live = live.get_mut(&caller.session).ok_or_else(|| not_found("the session has ended"))?;
                    live.scans.insert(ticket);
                }
                if let Some(deliver) = self.deliver() {
                    deliver.scan(caller.session, ticket);
                }
                Ok(())
            }
            Call::LocationLocate { .. } => self.locate(caller, ticket).await,
            other => {
                let (capability, function) = other.name();
                Err(invalid(format!("{}.{function} needs no consent", capability.name())))
            }
        }
    }

    async fn locate(&self, caller: &Caller, ticket: Ticket) -> Result<(), Failure> {
        let Some(place) = &self.config.place else {
            self.tell(
                caller.session,
                Event::completed(ticket, coded("location.locate", "failed", codes::UNSUPPORTED)),
            );
            return Ok(());
        };
        let reason = caller.requested.reason("location").unwrap_or_default();
        let used = self.audit(&caller.person, &caller.program, "location.locate", vec![place.name.clone()], reason)?;
        self.write(vec![used]).await?;
        let outcome = fields("location.locate", "done")
            .with("latitude", place.latitude)
            .with("longitude", place.longitude)
            .with("accuracy-m", place.accuracy_m)
            .with("place", place.name.as_str());
        self.tell(caller.session, Event::completed(ticket, outcome));
        Ok(())
    }

    /// What the screen scanned for a program, or `None` when the person closed the scanner. `own` is page and scene if it is a code
    /// of the same program.
    ///
    /// # Errors
    /// "not-found" when no scan with that ticket is open in the session.
    pub async fn scanned(&self, session: SessionId, ticket: Ticket, text: Option<&str>, own: Option<(&str, &str)>) -> Result<(), Failure> {
        let open = self.live.lock().get_mut(&session).is_some_and(|live| live.scans.remove(&ticket));
        if !open {
            return Err(not_found("no scan with that ticket is open in this session"));
        }
        let outcome = match text {
            None => fields("scanner.scan", "declined"),
            Some(text) => {
                let text: String = text.chars().take(SCAN_MOST).collect();
                let mut outcome = fields("scanner.scan", "done").with("text", text);
                if let Some((page, scene)) = own {
                    outcome.set("page", page);
                    outcome.set("scene", scene);
                }
                outcome
            }
        };
        self.tell(session, Event::completed(ticket, outcome));
        Ok(())
    }

    pub(crate) fn random(&self, length: u32) -> Result<Reply, Failure> {
        if length > RANDOM_MOST {
            return Err(limit(format!("at most {RANDOM_MOST} bytes at once, {length} were asked for")));
        }
        let mut bytes = vec![0; length as usize];
        self.config.random.fill(&mut bytes);
        Ok(Reply::Bytes(Some(bytes)))
    }

    pub(crate) fn log_line(&self, caller: &Caller, level: &str, message: &str) -> Reply {
        let mut end = message.len().min(LINE_MOST);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let (message, level) = (&message[..end], level_of(level));
        tracing::debug!(target: "youji::program", program = %caller.program, session = %caller.session, level, "{message}");
        let line = LogLine {
            at: self.now(),
            level: level.to_owned(),
            message: message.to_owned(),
        };
        if let Some(live) = self.live.lock().get_mut(&caller.session) {
            if live.log.len() >= self.config.limits.log_lines {
                live.log.pop_front();
            }
            live.log.push_back(line);
        }
        Reply::Done
    }

    /// The last lines that a live session logged.
    pub fn log_lines(&self, session: SessionId) -> Vec<LogLine> {
        let live = self.live.lock();
        live.get(&session).map_or_else(Vec::new, |live| live.log.iter().cloned().collect())
    }
}

fn level_of(level: &str) -> &'static str {
    match level {
        "debug" => "debug",
        "warn" => "warn",
        "error" => "error",
        _ => "info",
    }
}
