//! How services reach sessions and screens.

use crate::screen::Screen;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use youji_api::{Deliver, Event, PersonId, Recipient, SessionId, Sheet, SheetId, Ticket};
use youji_registry::Registry;
use youji_runtime::Runtime;
use youji_services::Directory;

/// Routes what services have to say.
pub(crate) struct Post {
    // Weak: sessions of the runtime hold the gate, which holds the services, which hold this.
    runtime: Weak<Runtime>,
    screens: RwLock<HashMap<SessionId, Arc<Screen>>>,
}

impl Post {
    pub(crate) fn new(runtime: &Arc<Runtime>) -> Self {
        Post {
            runtime: Arc::downgrade(runtime),
            screens: RwLock::default(),
        }
    }

    pub(crate) fn open(&self, session: SessionId, person: &PersonId) {
        self.screens.write().insert(session, Arc::new(Screen::new(person.clone())));
    }

    pub(crate) fn close(&self, session: SessionId) {
        self.screens.write().remove(&session);
    }

    pub(crate) fn screen(&self, session: SessionId) -> Option<Arc<Screen>> {
        self.screens.read().get(&session).cloned()
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
        for screen in self.screens.read().values().filter(|screen| screen.person() == person) {
            screen.announce(sequence);
        }
    }

    fn scan(&self, session: SessionId, ticket: Ticket) {
        if let Some(screen) = self.screen(session) {
            screen.add_scan(ticket);
        }
    }
}

/// Stored names for sheets.
pub(crate) struct StoredNames(pub(crate) Registry);

impl Directory for StoredNames {
    fn program_name(&self, program: &youji_api::ProgramId, language: &str) -> Option<String> {
        let listed = self
            .0
            .list()
            .into_iter()
            .find(|listed| listed.current.manifest.app_id == *program)?;
        Some(listed.current.name(language).to_owned())
    }

    fn publisher_name(&self, publisher: &youji_api::PublisherId) -> Option<String> {
        let known = self.0.publishers().into_iter().find(|known| known.id == *publisher)?;
        Some(known.name)
    }

    fn publisher_key(&self, publisher: &youji_api::PublisherId) -> Option<[u8; 32]> {
        let known = self.0.publishers().into_iter().find(|known| known.id == *publisher)?;
        known.allowed.then(|| known.key.to_bytes())
    }
}
