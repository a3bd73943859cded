//! The plain types of the contract between host and mini-program, and the gate.
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | scalars, fields, tickets, failures: what travels in both directions |
//! | [`tree`] | nodes and trees, and what is refused in one |
//! | [`widgets`] | the one table of widgets, attributes and events |
//! | [`event`] | what happens to a program |
//! | [`caller`] | who calls: person, program and session, stamped by the host |
//! | [`call`] | every host call as a value, its capability and scope, and its reply |
//! | [`capabilities`] | the trait that services, replayers and fakes implement |
//! | [`gate`] | the one function that decides whether a call may happen |
//! | [`sheet`] | what the host draws when a person must decide |
//! | [`limits`] | every limit of a session |

pub mod call;
pub mod caller;
pub mod capabilities;
pub mod event;
pub mod gate;
pub mod limits;
pub mod sheet;
pub mod tree;
pub mod value;
pub mod widgets;

pub use call::{Call, Capability, Reply, Row};
pub use caller::{Caller, OpenId, PersonId, ProgramId, PublisherId, SessionId};
pub use capabilities::{Capabilities, Deliver, Left, Recipient};
pub use event::{Event, Launch, Phase, SavedState};
pub use gate::{Consent, Consents, Decision, Gate, Moment};
pub use limits::Limits;
pub use sheet::{Answer, ChatChoice, OpenTarget, Sheet, SheetId, SheetKind, SheetTerms};
pub use tree::{Tree, TreeError, View};
pub use value::{Failure, Fields, Scalar, Ticket, codes};
