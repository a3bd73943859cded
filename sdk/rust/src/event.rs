//! Launches, outcomes, changes and everything else that happens.

use crate::bindings::youji::miniapp::types::{Event, SavedState};
use crate::codes::{Cause, Ended, FailureCode};
use crate::fields::Fields;
use crate::host::Ticket;

/// A page of the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its path, as in the manifest.
    pub path: String,
    /// Its parameters, by name.
    pub query: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn from_fields(fields: &Fields) -> Self {
        let query = fields.under("query.").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Page {
            path: fields.get_text("page").to_owned(),
            query: query.collect(),
        }
    }

    /// The parameter of that name; empty when absent.
    pub fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The page to show.
    pub page: Page,
    /// From the scan code, such as "T7"; empty when none.
    pub scene: String,
    /// Why.
    pub cause: Cause,
    /// BCP 47, such as "zh-CN".
    pub language: String,
    /// Whether text runs from right to left.
    pub right_to_left: bool,
    /// Roles that the publisher gave to the person.
    pub roles: Vec<String>,
    /// Open id of who shared it; empty when nobody.
    pub referrer: String,
    /// Program that opened this one; empty when none.
    pub from_program: String,
    /// What wallets here hold, ISO 4217, such as "CNY": orders are in this. Empty on a host that doesn't say.
    pub currency: String,
    /// All of it, for fields of later hosts.
    pub fields: Fields,
}

impl Launch {
    pub(crate) fn from_fields(fields: Fields) -> Self {
        let text = |name: &str| fields.get_text(name).to_owned();
        Launch {
            page: Page::from_fields(&fields),
            scene: text("scene"),
            cause: Cause::from_code(fields.get_text("cause")),
            language: text("language"),
            right_to_left: fields.get_text("direction") == "rtl",
            roles: fields.get_text("roles").split_whitespace().map(str::to_owned).collect(),
            referrer: text("referrer"),
            from_program: text("from-program"),
            currency: text("currency"),
            fields,
        }
    }

    /// Whether the person has that role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }
}

/// Bytes that outlive an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The program's own number for their shape. Another than the program knows: start fresh.
    pub schema: u32,
    /// Opaque to the host.
    pub bytes: Vec<u8>,
}

impl From<SavedState> for Saved {
    fn from(saved: SavedState) -> Self {
        Saved {
            schema: saved.schema,
            bytes: saved.bytes,
        }
    }
}

impl From<Saved> for SavedState {
    fn from(saved: Saved) -> Self {
        SavedState {
            schema: saved.schema,
            bytes: saved.bytes,
        }
    }
}

/// How something ended that was asked for.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which; 0 when the call was refused at once.
    pub ticket: Ticket,
    /// What was called, such as "payment.pay".
    pub call: String,
    /// How it ended.
    pub ended: Ended,
    /// Why, where it did not end well.
    pub failure: Option<FailureCode>,
    /// The order, for calls about one.
    pub order_no: String,
    /// Everything that came with it.
    pub fields: Fields,
}

impl Outcome {
    pub(crate) fn from_event(event: Event) -> Self {
        let fields = Fields(event.fields);
        let code = fields.get_text("code");
        Outcome {
            ticket: event.ticket,
            call: fields.get_text("call").to_owned(),
            ended: Ended::from_code(fields.get_text("outcome")),
            failure: (!code.is_empty()).then(|| FailureCode::from_code(code)),
            order_no: fields.get_text("order-no").to_owned(),
            fields,
        }
    }

    /// Whether it ended as wished.
    pub fn is_done(&self) -> bool {
        self.ended == Ended::Done
    }
}

/// A watched row changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The collection.
    pub collection: String,
    /// The row.
    pub key: String,
    /// Its version now.
    pub version: u64,
    /// Whether it is gone.
    pub removed: bool,
    /// Its value now.
    pub value: Vec<u8>,
    /// The stamps, beside the rest.
    pub fields: Fields,
}

impl Change {
    pub(crate) fn from_event(event: Event) -> Self {
        let fields = Fields(event.fields);
        Change {
            collection: fields.get_text("collection").to_owned(),
            key: fields.get_text("key").to_owned(),
            version: fields.get_count("version").unwrap_or(0),
            removed: fields.get_flag("removed"),
            value: event.body,
            fields,
        }
    }
}

/// What happens without having been asked for.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A page is on top now: after a push, a replace or a way back. The first page comes with [`Launch`], without this.
    PageShown(Page),
    /// A page is below another one now.
    PageHidden(Page),
    /// A page is gone.
    PageUnloaded(Page),
    /// The person went back; the page that is on top now.
    NavigatedBack(Page),
    /// An order of this person, or paid to them, moved by somebody else or by time.
    OrderChanged(Fields),
    /// A card of this or another program was opened.
    Card(Fields),
    /// Events of a watch were lost: list again. 0: of all.
    Gap(Ticket),
    /// Language or consent changed.
    Settings(Fields),
    /// Something of a later host. Ignore it.
    Other {
        /// Its code.
        code: String,
        /// What came with it.
        fields: Fields,
    },
}

impl Happening {
    pub(crate) fn from_event(event: Event) -> Self {
        let fields = Fields(event.fields);
        match event.code.as_str() {
            "page-shown" => Happening::PageShown(Page::from_fields(&fields)),
            "page-hidden" => Happening::PageHidden(Page::from_fields(&fields)),
            "page-unloaded" => Happening::PageUnloaded(Page::from_fields(&fields)),
            "navigated-back" => Happening::NavigatedBack(Page::from_fields(&fields)),
            "order-changed" => Happening::OrderChanged(fields),
            "card" => Happening::Card(fields),
            "gap" => Happening::Gap(event.ticket),
            "settings" => Happening::Settings(fields),
            _ => Happening::Other { code: event.code, fields },
        }
    }
}
