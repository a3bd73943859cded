//! The one function that decides whether a host call may happen.

use crate::call::{Call, Reply};
use crate::caller::{Caller, PersonId, ProgramId};
use crate::capabilities::Capabilities;
use crate::value::{Failure, codes};
use std::sync::Arc;

/// What the program is doing when it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Drawing a view: no call succeeds.
    View,
    /// Handling a tap, or the outcome of a payment: calls may prompt.
    Tap,
    /// Anything else.
    Other,
}

/// What a person has decided about one scope of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing yet.
    NotAsked,
    /// No, or a yes that was withdrawn: no new prompt.
    Denied,
    /// Yes.
    Granted,
}

/// Where consents are kept. Read at every call, so that a withdrawal bites at the next one.
pub trait Consents: Send + Sync {
    /// The person's decision about a scope of a program.
    fn consent(&self, person: &PersonId, program: &ProgramId, scope: &str) -> Consent;
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Ask the person for these scopes first.
    Ask(Vec<String>),
    /// Refuse.
    Refuse(Failure),
}

/// Decides from (session, capability, consent) and nothing else.
pub fn decide(caller: &Caller, moment: Moment, call: &Call, consents: &dyn Consents) -> Decision {
    let (capability, function) = call.name();
    let refuse = |code: &str, message: String| Decision::Refuse(Failure::new(code, message));
    if moment == Moment::View {
        return refuse(
            codes::IN_VIEW,
            format!("view is pure: {}.{function} can't be called inside it", capability.name()),
        );
    }
    if !caller.requested.has_capability(capability.name()) {
        return refuse(
            codes::UNDECLARED,
            format!(
                "add {{\"name\": \"{}\", \"reason\": \"…\"}} to req_permissions in manifest.json to call {function}",
                capability.name()
            ),
        );
    }
    if call.prompts() && moment != Moment::Tap {
        return refuse(
            codes::NEEDS_TAP,
            format!(
                "{}.{function} asks the person, so it may only follow a tap or a payment",
                capability.name()
            ),
        );
    }
    let mut ask = Vec::new();
    for scope in call.scopes() {
        if caller.requested.reason(&scope).is_none() {
            return refuse(
                codes::UNDECLARED,
                format!("add {{\"name\": \"{scope}\", \"reason\": \"…\"}} to req_permissions in manifest.json"),
            );
        }
        match consents.consent(&caller.person, &caller.program, &scope) {
            Consent::Granted => {}
            Consent::NotAsked => ask.push(scope),
            Consent::Denied => {
                return refuse(
                    codes::DENIED,
                    format!("the person does not allow \"{scope}\"; they can change that on their own page"),
                );
            }
        }
    }
    if ask.is_empty() { Decision::Allow } else { Decision::Ask(ask) }
}

/// Wraps the capabilities, once. Whatever calls them goes through here.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<dyn Capabilities>,
    consents: Arc<dyn Consents>,
}

impl Gate {
    /// In front of `inner`.
    pub fn new(inner: Arc<dyn Capabilities>, consents: Arc<dyn Consents>) -> Self {
        Gate { inner, consents }
    }

    /// Decides, and carries the call out if it may happen.
    ///
    /// # Errors
    /// The gate's refusal or the service's.
    pub async fn call(&self, caller: &Caller, moment: Moment, call: Call) -> Result<Reply, Failure> {
        match decide(caller, moment, &call, self.consents.as_ref()) {
            Decision::Allow => self.inner.call(caller, call).await,
            Decision::Ask(scopes) => self.inner.ask(caller, scopes, call).await,
            Decision::Refuse(failure) => {
                tracing::debug!(session = %caller.session, code = failure.code, "refused at the gate");
                Err(failure)
            }
        }
    }

    /// What lies behind, for the session's own bookkeeping (start, outcomes taken, end), which is no host call.
    pub fn sessions(&self) -> &dyn Capabilities {
        self.inner.as_ref()
    }
}
