//! What the fake host remembers.

use super::stage::Stage;
use crate::bindings::youji::miniapp::payment::Order;
use crate::bindings::youji::miniapp::records::Row;
use crate::bindings::youji::miniapp::types::{Event, Failure, SavedState};
use crate::fields::{Fields, Scalar};
use crate::json::Json;
use crate::program::Program;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// A host in memory. Clones are the same host.
#[derive(Clone)]
pub struct FakeHost(pub(super) Rc<RefCell<World>>);

/// A message that a program sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Open id of who gets it.
    pub to: String,
    /// Which template.
    pub template: String,
    /// What goes into it.
    pub fields: Fields,
}

pub(super) struct Stored {
    pub(super) value: Vec<u8>,
    pub(super) version: u64,
    pub(super) owner: String,
    pub(super) writer: String,
    pub(super) created: u64,
    pub(super) written: u64,
    pub(super) paid: Fields,
    pub(super) parties: Vec<String>,
}

#[derive(Default)]
pub(super) struct Rule {
    pub(super) readers: Vec<String>,
    pub(super) writers: Vec<String>,
}

pub(super) struct Sheet {
    pub(super) person: String,
    pub(super) ticket: u64,
    pub(super) call: &'static str,
    pub(super) order_no: String,
    /// Templates, or fields of the profile.
    pub(super) names: Vec<String>,
}

pub(super) struct Watch {
    pub(super) ticket: u64,
    pub(super) collection: String,
    pub(super) key: String,
    pub(super) prefix: String,
}

#[derive(Default)]
pub(super) struct Session {
    pub(super) person: String,
    pub(super) roles: Vec<String>,
    pub(super) queue: VecDeque<Event>,
    pub(super) watches: Vec<Watch>,
    pub(super) timers: Vec<(u64, u64)>,
    pub(super) pages: Vec<(String, Fields)>,
    pub(super) log: Vec<String>,
    /// Whether a call may put something in front of the person.
    pub(super) may_prompt: bool,
    pub(super) in_view: bool,
    pub(super) closed: bool,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) random: u64,
    pub(super) tickets: u64,
    pub(super) permissions: Option<BTreeSet<String>>,
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) rows: BTreeMap<(String, String), Stored>,
    pub(super) orders: BTreeMap<String, (String, Order, String)>,
    pub(super) sheets: Vec<Sheet>,
    pub(super) outcomes: Vec<(String, Event)>,
    pub(super) allowed: BTreeSet<(String, String)>,
    pub(super) sent: Vec<(String, Sent)>,
    pub(super) storage: BTreeMap<(String, String), Vec<u8>>,
    pub(super) saved: BTreeMap<String, SavedState>,
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) refusals: Vec<(String, String)>,
}

/// Fields of a launch at that page, in English; add to them with [`Fields::text`]: "scene", "roles", "language", "query.NAME".
pub fn launch(page: &str) -> Fields {
    Fields::new()
        .text("page", page)
        .text("cause", "scan")
        .text("language", "en")
        .text("contract", "1.0")
}

pub(super) fn refusal(code: &str, message: &str) -> Failure {
    Failure {
        code: code.to_owned(),
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

pub(super) fn event(code: &str, ticket: u64, fields: Fields) -> Event {
    Event {
        code: code.to_owned(),
        handler: 0,
        ticket,
        fields: fields.0,
        body: Vec::new(),
    }
}

impl FakeHost {
    /// Where everything is allowed. It is 8 in the morning of 2026-01-01 in China.
    pub fn new() -> Self {
        let world = World {
            now: 1_767_225_600_000,
            random: 0x9e37_79b9_7f4a_7c15,
            ..World::default()
        };
        FakeHost(Rc::new(RefCell::new(world)))
    }

    /// With the permissions and collections of a manifest; what it does not request is refused.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn with_manifest(manifest: &str) -> Self {
        let host = FakeHost::new();
        let manifest = Json::read(manifest.as_bytes()).expect("the manifest is JSON");
        let names = |value: &Json| value.as_list().iter().map(|name| name.as_text().to_owned()).collect::<Vec<_>>();
        {
            let mut world = host.0.borrow_mut();
            let permissions = manifest.get("req_permissions").as_list().iter();
            world.permissions = Some(permissions.map(|permission| permission.get("name").as_text().to_owned()).collect());
            for collection in manifest.get("collections").as_list() {
                let rule = Rule {
                    readers: names(collection.get("readers")),
                    writers: names(collection.get("writers")),
                };
                world.rules.insert(collection.get("name").as_text().to_owned(), rule);
            }
        }
        host
    }

    /// A person opens a program. What they saved is handed to it, what happened meanwhile is offered to it.
    pub fn open<P: Program>(&self, person: &str, launch: Fields) -> Stage<P> {
        Stage::open(self.clone(), person, launch)
    }

    /// The next call of that name, such as "records.put", is refused with that code.
    pub fn refuse_next(&self, call: &str, code: &str) {
        self.0.borrow_mut().refusals.push((call.to_owned(), code.to_owned()));
    }

    /// Lets time pass; timers that are due fire.
    pub fn pass(&self, milliseconds: u64) {
        let world = &mut *self.0.borrow_mut();
        world.now += milliseconds;
        let now = world.now;
        for session in world.sessions.values_mut() {
            let due: Vec<u64> = session
                .timers
                .iter()
                .filter(|(_, at)| *at <= now)
                .map(|(ticket, _)| *ticket)
                .collect();
            session.timers.retain(|(_, at)| *at > now);
            for ticket in due {
                let fields = Fields::new().text("call", "timer.wake-after").text("outcome", "done");
                session.queue.push_back(event("completed", ticket, fields));
            }
        }
    }

    /// Messages sent so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.0.borrow().sent.iter().map(|(_, sent)| sent.clone()).collect()
    }

    /// Amount of each order that was paid, by order number.
    pub fn paid(&self) -> BTreeMap<String, u64> {
        let world = self.0.borrow();
        let paid = world.orders.iter().filter(|(_, (_, _, state))| state == "succeeded");
        paid.map(|(number, (_, order, _))| (number.clone(), order.amount)).collect()
    }

    /// Keys and values of a collection.
    pub fn rows(&self, collection: &str) -> Vec<(String, Vec<u8>)> {
        let world = self.0.borrow();
        let rows = world.rows.iter().filter(|((name, _), _)| name == collection);
        rows.map(|((_, key), row)| (key.clone(), row.value.clone())).collect()
    }

    /// The person answers the oldest sheet in front of them with yes. Their session need not be alive. A field of their profile is then
    /// such as "nickname of ann".
    ///
    /// # Panics
    /// When no sheet is open.
    pub fn approve(&self, person: &str) {
        let sheet = self.0.borrow_mut().take_sheet(person);
        let world = &mut *self.0.borrow_mut();
        let done = |call: &str| Fields::new().text("call", call).text("outcome", "done");
        let fields = match sheet.call {
            "payment.pay" => world.settle(&sheet),
            "messaging.subscribe" => {
                let mut fields = done(sheet.call);
                for template in &sheet.names {
                    world.allowed.insert((sheet.person.clone(), template.clone()));
                    fields = fields.text(&["template.", template].concat(), "accepted");
                }
                fields
            }
            "identity.profile" => {
                let given = sheet
                    .names
                    .iter()
                    .map(|name| (["profile.", name].concat(), [name, " of ", &sheet.person].concat()));
                given.fold(done(sheet.call), |fields, (name, value)| fields.text(&name, value))
            }
            call => done(call),
        };
        world.outcomes.push((sheet.person, event("completed", sheet.ticket, fields)));
    }

    /// The person answers the oldest sheet in front of them with no.
    ///
    /// # Panics
    /// When no sheet is open.
    pub fn decline(&self, person: &str) {
        self.end_sheet(person, "declined", "");
    }

    /// What the oldest sheet asks for fails with that code.
    ///
    /// # Panics
    /// When no sheet is open.
    pub fn fail(&self, person: &str, code: &str) {
        self.end_sheet(person, "failed", code);
    }

    /// What an earlier version of the program may have saved for that person.
    pub fn set_saved(&self, person: &str, schema: u32, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.0.borrow_mut().saved.insert(person.to_owned(), SavedState { schema, bytes });
    }

    /// An event as a later host may send it, to every session of that person.
    pub fn happen(&self, person: &str, code: &str, fields: Fields) {
        let world = &mut *self.0.borrow_mut();
        for session in world.sessions.values_mut().filter(|session| session.person == person) {
            session.queue.push_back(event(code, 0, fields.clone()));
        }
    }

    fn end_sheet(&self, person: &str, outcome: &str, code: &str) {
        let sheet = self.0.borrow_mut().take_sheet(person);
        let mut fields = Fields::new().text("call", sheet.call).text("outcome", outcome);
        if !code.is_empty() {
            fields = fields.text("code", code);
        }
        if sheet.call == "payment.pay" {
            fields = fields.text("order-no", sheet.order_no.as_str()).text("state", "canceled");
        }
        let world = &mut *self.0.borrow_mut();
        if let Some(order) = world.orders.get_mut(&sheet.order_no) {
            order.2 = "canceled".to_owned();
        }
        world.outcomes.push((sheet.person, event("completed", sheet.ticket, fields)));
    }
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub(super) fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn take_sheet(&mut self, person: &str) -> Sheet {
        let at = self.sheets.iter().position(|sheet| sheet.person == person);
        let at = at.unwrap_or_else(|| panic!("no sheet is open in front of {person}"));
        self.sheets.remove(at)
    }

    /// Pays an order and stamps its row, in one act.
    fn settle(&mut self, sheet: &Sheet) -> Fields {
        let fields = Fields::new().text("call", sheet.call).text("order-no", sheet.order_no.as_str());
        let Some((_, order, state)) = self.orders.get_mut(&sheet.order_no) else {
            return fields.text("outcome", "failed").text("code", "not-found");
        };
        let options = Fields(order.options.clone());
        let row = options
            .get_text("record")
            .split_once('/')
            .map(|(c, k)| (c.to_owned(), k.to_owned()));
        let expected = options.get_count("record-version");
        if let Some(at) = &row {
            let version = self.rows.get(at).map(|row| row.version);
            if version.is_none() || expected.is_some() && version != expected {
                *state = "canceled".to_owned();
                return fields.text("outcome", "failed").text("code", "conflict").text("state", "canceled");
            }
        }
        *state = "succeeded".to_owned();
        let receipt = ["receipt-", &sheet.order_no].concat();
        let amount = i64::try_from(order.amount).unwrap_or(i64::MAX);
        let currency = order.currency.clone();
        if let Some(at) = row
            && let Some(stored) = self.rows.get_mut(&at)
        {
            stored.version += 1;
            stored.paid = Fields::new()
                .text("paid-state", "succeeded")
                .text("paid-receipt", receipt.as_str())
                .integer("paid-amount", amount)
                .text("paid-currency", currency);
            self.notify(&at, false);
        }
        fields.text("outcome", "done").text("state", "succeeded").text("receipt", receipt)
    }

    pub(super) fn may(&self, person: &str, roles: &[String], at: &(String, String), write: bool) -> bool {
        let Some(rule) = self.rules.get(&at.0) else {
            return self.permissions.is_none();
        };
        let row = self.rows.get(at);
        let audience = if write { &rule.writers } else { &rule.readers };
        audience.iter().any(|who| match who.as_str() {
            "everyone" => true,
            "staff" => !roles.is_empty(),
            "owner" => row.is_none_or(|row| row.owner == person),
            "party" => row.is_none_or(|row| row.owner == person || row.parties.iter().any(|party| party == person)),
            _ => false,
        })
    }

    pub(super) fn row(&self, at: &(String, String)) -> Option<Row> {
        let stored = self.rows.get(at)?;
        Some(Row {
            key: at.1.clone(),
            value: stored.value.clone(),
            version: stored.version,
            stamps: stamps(stored).0,
        })
    }

    /// Tells everybody who watches and may read.
    pub(super) fn notify(&mut self, at: &(String, String), removed: bool) {
        let fields = self.rows.get(at).map(stamps).unwrap_or_default();
        let stored = self.rows.get(at);
        let version = stored.map_or(0, |row| row.version);
        let mut fields = fields
            .text("collection", at.0.as_str())
            .text("key", at.1.as_str())
            .with("version", Scalar::Integer(i64::try_from(version).unwrap_or(i64::MAX)));
        if removed {
            fields = fields.flag("removed", true);
        }
        let body = stored.map(|row| row.value.clone()).unwrap_or_default();
        let readers: Vec<u64> = self
            .sessions
            .iter()
            .filter(|(_, session)| self.may(&session.person, &session.roles, at, false))
            .map(|(id, _)| *id)
            .collect();
        for id in readers {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let matching =
                |watch: &&Watch| watch.collection == at.0 && (watch.key.is_empty() || watch.key == at.1) && at.1.starts_with(&watch.prefix);
            let tickets: Vec<u64> = session.watches.iter().filter(matching).map(|watch| watch.ticket).collect();
            for ticket in tickets {
                let mut change = event("changed", ticket, fields.clone());
                change.body = body.clone();
                session.queue.push_back(change);
            }
        }
    }
}

fn stamps(stored: &Stored) -> Fields {
    let moment = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let stamps = Fields::new()
        .text("owner", stored.owner.as_str())
        .text("writer", stored.writer.as_str())
        .integer("created-at", moment(stored.created))
        .integer("written-at", moment(stored.written));
    stored
        .paid
        .iter()
        .fold(stamps, |stamps, (name, value)| stamps.with(name, value.clone()))
}
