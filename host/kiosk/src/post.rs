//! How services reach sessions and screens.

use crate::screen::Screen;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use youji_api::caller::Requested;
use youji_api::{
    Caller, Deliver, Event, Failure, OpenTarget, PersonId, ProgramId, PublisherId, Recipient, SessionId, Sheet, SheetId, Ticket, codes,
};
use youji_registry::Registry;
use youji_runtime::Runtime;
use youji_services::{Directory, Openable};

/// Routes what services have to say.
pub(crate) struct Post {
    // Weak: sessions of the runtime hold the gate, which holds the services, which hold this.
    runtime: Weak<Runtime>,
    screens: RwLock<Screens>,
}

#[derive(Default)]
struct Screens {
    all: HashMap<SessionId, Arc<Screen>>,
    /// Each message asks for the screens of one person only.
    of: HashMap<PersonId, Vec<(SessionId, Arc<Screen>)>>,
}

impl Screens {
    fn add(&mut self, session: SessionId, screen: Arc<Screen>) {
        self.remove(session);
        self.of.entry(screen.person().clone()).or_default().push((session, screen.clone()));
        self.all.insert(session, screen);
    }

    fn remove(&mut self, session: SessionId) {
        let Some(screen) = self.all.remove(&session) else { return };
        if let Some(theirs) = self.of.get_mut(screen.person()) {
            theirs.retain(|(other, _)| *other != session);
            if theirs.is_empty() {
                self.of.remove(screen.person());
            }
        }
    }
}

impl Post {
    pub(crate) fn new(runtime: &Arc<Runtime>) -> Self {
        Post {
            runtime: Arc::downgrade(runtime),
            screens: RwLock::default(),
        }
    }

    pub(crate) fn open(&self, session: SessionId, person: &PersonId, language: &str) {
        let screen = Arc::new(Screen::new(person.clone(), language));
        self.screens.write().add(session, screen);
    }

    pub(crate) fn close(&self, session: SessionId) {
        self.screens.write().remove(session);
    }

    pub(crate) fn screen(&self, session: SessionId) -> Option<Arc<Screen>> {
        self.screens.read().all.get(&session).cloned()
    }
}

impl Deliver for Post {
    fn event(&self, to: &Recipient, event: Event) -> bool {
        self.runtime.upgrade().is_some_and(|runtime| runtime.deliver(to, event))
    }

    fn sheet(&self, session: SessionId, sheet: Sheet) {
        match self.screen(session) {
            Some(screen) => screen.add_sheet(sheet),
            None => tracing::warn!(%session, "a sheet for a session that is over"),
        }
    }

    fn withdraw(&self, session: SessionId, sheet: SheetId) {
        if let Some(screen) = self.screen(session) {
            screen.remove_sheet(sheet);
        }
    }

    fn inbox(&self, person: &PersonId, sequence: u64) {
        if let Some(theirs) = self.screens.read().of.get(person) {
            theirs.iter().for_each(|(_, screen)| screen.announce(sequence));
        }
    }

    fn spending(&self, session: SessionId) {
        if let Some(screen) = self.screen(session) {
            screen.spending_changed();
        }
    }

    fn scan(&self, session: SessionId, ticket: Ticket) {
        if let Some(screen) = self.screen(session) {
            screen.add_scan(ticket);
        }
    }

    fn open(&self, session: SessionId, ticket: Ticket, target: &OpenTarget) -> bool {
        let screen = self.screen(session);
        screen.is_some_and(|screen| screen.add_open(ticket, target.clone()))
    }
}

/// Stored names for sheets.
pub(crate) struct StoredNames(pub(crate) Registry);

impl Directory for StoredNames {
    fn program_name(&self, program: &ProgramId, language: &str) -> Option<String> {
        let listed = self
            .0
            .list()
            .into_iter()
            .find(|listed| listed.current.manifest.app_id == *program)?;
        Some(listed.current.name(language).to_owned())
    }

    fn requested(&self, program: &ProgramId, language: &str) -> Option<Requested> {
        let listed = self
            .0
            .list()
            .into_iter()
            .find(|listed| listed.current.manifest.app_id == *program)?;
        Some(listed.current.requested(language))
    }

    fn publisher_name(&self, publisher: &PublisherId) -> Option<String> {
        let known = self.0.publishers().into_iter().find(|known| known.id == *publisher)?;
        Some(known.name)
    }

    fn publisher_key(&self, publisher: &youji_api::PublisherId) -> Option<[u8; 32]> {
        let known = self.0.publishers().into_iter().find(|known| known.id == *publisher)?;
        known.allowed.then(|| known.key.to_bytes())
    }

    fn openable(&self, caller: &Caller, program: &ProgramId, page: &str) -> Result<Openable, Failure> {
        let found = self.0.open_verified(program);
        let found = found.map_err(|_| Failure::new(codes::NOT_FOUND, format!("no program \"{program}\" is here")))?;
        let manifest = &found.manifest;
        if found.publisher != caller.publisher && !manifest.callers.allow(&caller.program) {
            let message = format!(
                "{program} takes no calls from {}: its manifest would name it in `callers`",
                caller.program
            );
            return Err(Failure::new(codes::FORBIDDEN, message));
        }
        let page = if page.is_empty() { manifest.home() } else { page };
        if !manifest.is_entry(page) {
            let message = format!(
                "{program} has no page \"{page}\" that opens from outside; it has {}",
                manifest.entries.join(", ")
            );
            return Err(Failure::new(codes::NOT_FOUND, message));
        }
        Ok(Openable {
            name: found.name(&caller.language).to_owned(),
            publisher: self.publisher_name(&found.publisher).unwrap_or_else(|| found.publisher.to_string()),
            page: page.to_owned(),
        })
    }
}
