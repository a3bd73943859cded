//! Live sessions: what ends with them.

use crate::acts::OpenAct;
use crate::model::LogLine;
use crate::payment::OpenOrder;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::task::AbortHandle;
use youji_api::caller::Caller;
use youji_api::{Call, OpenTarget, SheetId, Ticket};

/// What a live session holds.
pub(crate) struct Live {
    pub(crate) caller: Arc<Caller>,
    pub(crate) watches: HashMap<Ticket, Watch>,
    pub(crate) timers: HashMap<Ticket, AbortHandle>,
    pub(crate) scans: HashSet<Ticket>,
    /// Openings of other programs that the person agreed to and that are under way.
    pub(crate) opening: HashSet<Ticket>,
    pub(crate) sheets: HashMap<SheetId, Asked>,
    pub(crate) log: VecDeque<LogLine>,
}

impl Live {
    pub(crate) fn new(caller: &Caller) -> Live {
        Live {
            caller: Arc::new(caller.clone()),
            watches: HashMap::new(),
            timers: HashMap::new(),
            scans: HashSet::new(),
            opening: HashSet::new(),
            sheets: HashMap::new(),
            log: VecDeque::new(),
        }
    }
}

/// What a session watches.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) collection: String,
    pub(crate) key: Option<String>,
    pub(crate) prefix: String,
}

impl Watch {
    pub(crate) fn covers(&self, collection: &str, key: &str) -> bool {
        self.collection == collection && self.key.as_ref().is_none_or(|own| own == key) && key.starts_with(&self.prefix)
    }
}

/// What an open sheet is about.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) ticket: Ticket,
    /// Milliseconds since 1970.
    pub(crate) until: u64,
    pub(crate) what: What,
    /// For whom it was asked, where that is not the session's own caller.
    pub(crate) caller: Option<Arc<Caller>>,
}

impl Asked {
    /// For whom it was asked.
    pub(crate) fn by(&self, live: &Live) -> Arc<Caller> {
        Arc::clone(self.caller.as_ref().unwrap_or(&live.caller))
    }
}

/// The act that an answer carries out.
#[derive(Clone)]
pub(crate) enum What {
    Payment(Arc<OpenOrder>),
    Act(Arc<OpenAct>),
    Consent { scopes: Vec<String>, call: Arc<Call> },
    Subscribe { all: Vec<String>, ask: Vec<String> },
    Open(OpenTarget),
    Share(Arc<crate::chat::Card>),
}
