//! The services as the gate calls them.

use crate::services::Services;
use async_trait::async_trait;
use youji_api::{Call, Capabilities, Consent, Consents, Event, Failure, PersonId, ProgramId, Reply, SavedState, Ticket, caller::Caller};

#[allow(clippy::todo, unused_variables, reason = "bodies follow")]
#[async_trait]
impl Capabilities for Services {
    async fn call(&self, caller: &Caller, call: Call) -> Result<Reply, Failure> {
        todo!()
    }

    async fn ask(&self, caller: &Caller, scopes: Vec<String>, call: Call) -> Result<Reply, Failure> {
        todo!()
    }

    async fn started(&self, caller: &Caller) -> (Option<SavedState>, Vec<Event>) {
        todo!()
    }

    async fn taken(&self, caller: &Caller, ticket: Ticket) {
        todo!()
    }

    async fn ended(&self, caller: &Caller, saved: Option<SavedState>) -> Vec<(&'static str, u64)> {
        todo!()
    }
}

#[allow(clippy::todo, unused_variables, reason = "bodies follow")]
impl Consents for Services {
    fn consent(&self, person: &PersonId, program: &ProgramId, scope: &str) -> Consent {
        todo!()
    }
}
