//! What a program may ask of the host, while it handles something.

use crate::bindings::youji::miniapp::types::Event;
use crate::codes::Ended;
use crate::event::{Change, Outcome};
use crate::fields::Fields;
use crate::host::{Failure, Handle, Ticket};
use crate::payment::{Order, Paid};
use crate::records::{ListOptions, PutOptions, Row};

type Answer<M> = Box<dyn FnOnce(Outcome) -> M>;
type Watcher<M> = Box<dyn Fn(Change) -> M>;

/// The host, as long as something is handled. What needs a person or time takes a function that makes a message of the outcome; a call
/// that is refused at once makes the same message, as one that failed.
pub struct Ctx<M> {
    pub(crate) host: Handle,
    pub(crate) waiting: Vec<(Ticket, Answer<M>)>,
    watches: Vec<(Ticket, Watcher<M>)>,
    pub(crate) messages: Vec<M>,
}

impl<M> Ctx<M> {
    pub(crate) fn new(host: Handle) -> Self {
        Ctx {
            host,
            waiting: Vec::new(),
            watches: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn wait(&mut self, call: &str, order_no: &str, asked: Result<Ticket, Failure>, answer: Answer<M>) -> Ticket {
        match asked {
            Ok(ticket) => {
                self.waiting.push((ticket, answer));
                ticket
            }
            Err(failure) => {
                self.messages.push(answer(Outcome {
                    ticket: 0,
                    call: call.to_owned(),
                    ended: Ended::Failed,
                    failure: Some(failure.code),
                    order_no: order_no.to_owned(),
                    fields: failure.fields,
                }));
                0
            }
        }
    }

    /// The message of an outcome, or the outcome if this instance never asked for it.
    pub(crate) fn answer(&mut self, event: Event) -> Result<M, Box<Outcome>> {
        let found = self.waiting.iter().position(|(ticket, _)| *ticket == event.ticket);
        let outcome = Outcome::from_event(event);
        match found {
            Some(at) => Ok((self.waiting.swap_remove(at).1)(outcome)),
            None => Err(Box::new(outcome)),
        }
    }

    pub(crate) fn changed(&self, event: Event) -> Option<M> {
        let (_, watcher) = self.watches.iter().find(|(ticket, _)| *ticket == event.ticket)?;
        Some(watcher(Change::from_event(event)))
    }

    /// Another message, handled right after this one.
    pub fn send(&mut self, message: M) {
        self.messages.push(message);
    }

    /// The pairwise id of this person for this program.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn open_id(&mut self) -> Result<String, Failure> {
        Ok(self.host.identity_open_id()?)
    }

    /// The pairwise id of this person for all programs of this publisher.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn union_id(&mut self) -> Result<String, Failure> {
        Ok(self.host.identity_union_id()?)
    }

    /// Asks the person for profile fields; those that they gave come as "profile.NAME".
    pub fn profile(&mut self, names: &[&str], purpose: &str, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let asked = self.host.identity_profile(&names, &Fields::new().text("purpose", purpose).0);
        self.wait("identity.profile", "", asked.map_err(Failure::from), Box::new(answer))
    }

    /// A single-use code that the publisher's server exchanges for the open id within 5 minutes.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn login_code(&mut self) -> Result<String, Failure> {
        Ok(self.host.identity_login_code(&[])?)
    }

    /// The same; the token that the server gets for it repeats the `nonce`, at most 128 visible ASCII characters that the server drew.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn login_code_with(&mut self, nonce: &str) -> Result<String, Failure> {
        Ok(self.host.identity_login_code(&Fields::new().text("nonce", nonce).0)?)
    }

    /// Asks to be paid.
    pub fn pay(&mut self, order: Order, answer: impl FnOnce(Paid) -> M + 'static) -> Ticket {
        let order = order.into_wire();
        let asked = self.host.payment_pay(&order).map_err(Failure::from);
        self.wait(
            "payment.pay",
            &order.order_no,
            asked,
            Box::new(|outcome| answer(Paid::from(outcome))),
        )
    }

    /// What became of an order: "state", "amount", "captured", "refunded", "receipt", "expires-at".
    ///
    /// # Errors
    /// The host's refusal; `NotFound` when nobody ever asked to be paid under that number.
    pub fn lookup(&mut self, order_no: &str) -> Result<Fields, Failure> {
        Ok(Fields(self.host.payment_lookup(order_no, &[])?))
    }

    /// Acts on an order: "capture", "cancel", "refund", "ship", "dispute", "claim".
    pub fn act(&mut self, order_no: &str, action: &str, options: Fields, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let asked = self.host.payment_act(order_no, action, &options.0).map_err(Failure::from);
        self.wait("payment.act", order_no, asked, Box::new(answer))
    }

    /// Asks the person to allow message templates, at most 5. Each comes as "template.NAME": "accepted" or "rejected".
    pub fn subscribe(&mut self, templates: &[&str], answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let templates: Vec<String> = templates.iter().map(|name| (*name).to_owned()).collect();
        let asked = self.host.messaging_subscribe(&templates, &[]).map_err(Failure::from);
        self.wait("messaging.subscribe", "", asked, Box::new(answer))
    }

    /// Sends a message to a person, by open id, who allowed the template; once for each `client_id`.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn send_message(&mut self, to: &str, template: &str, fields: Fields, client_id: &str) -> Result<u64, Failure> {
        Ok(self.host.messaging_send(to, template, &fields.0, client_id, &[])?)
    }

    /// Asks the person to choose a chat and sends a card that opens a page.
    pub fn share(
        &mut self,
        title: &str,
        page: &str,
        query: Fields,
        options: Fields,
        answer: impl FnOnce(Outcome) -> M + 'static,
    ) -> Ticket {
        let asked = self.host.messaging_share(title, page, &query.0, &options.0).map_err(Failure::from);
        self.wait("messaging.share", "", asked, Box::new(answer))
    }

    /// What this person has stored in this program.
    pub fn storage(&mut self) -> Storage<'_> {
        Storage(&mut self.host)
    }

    /// The program's shared collections.
    pub fn records(&mut self) -> Records<'_> {
        Records(&mut self.host)
    }

    /// Changes of rows that this person may read become messages. Watch first, then list: what changes in between is known by its version.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn watch(&mut self, collection: &str, options: ListOptions, changed: impl Fn(Change) -> M + 'static) -> Result<Ticket, Failure> {
        let ticket = self.host.records_watch(collection, &options.0.0)?;
        self.watches.push((ticket, Box::new(changed)));
        Ok(ticket)
    }

    /// No more changes of that watch.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn unwatch(&mut self, watch: Ticket) -> Result<(), Failure> {
        self.watches.retain(|(ticket, _)| *ticket != watch);
        Ok(self.host.records_unwatch(watch)?)
    }

    /// A message after at least this long, at most an hour.
    pub fn wake_after(&mut self, milliseconds: u64, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let asked = self.host.timer_wake_after(milliseconds).map_err(Failure::from);
        self.wait("timer.wake-after", "", asked, Box::new(answer))
    }

    /// Forgets a timer; its message does not come.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn cancel_timer(&mut self, timer: Ticket) -> Result<(), Failure> {
        self.waiting.retain(|(ticket, _)| *ticket != timer);
        Ok(self.host.timer_cancel(timer)?)
    }

    /// A page on top of this one.
    ///
    /// # Errors
    /// No such page, or a full stack.
    pub fn push(&mut self, path: &str, query: Fields) -> Result<(), Failure> {
        Ok(self.host.navigation_push(path, &query.0)?)
    }

    /// Another page instead of this one.
    ///
    /// # Errors
    /// No such page.
    pub fn replace(&mut self, path: &str, query: Fields) -> Result<(), Failure> {
        Ok(self.host.navigation_replace(path, &query.0)?)
    }

    /// The page below.
    ///
    /// # Errors
    /// There is none.
    pub fn back(&mut self) -> Result<(), Failure> {
        Ok(self.host.navigation_back()?)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn close(&mut self) -> Result<(), Failure> {
        Ok(self.host.navigation_close()?)
    }

    /// Asks to open a page of another program; the person confirms.
    pub fn open(&mut self, program: &str, path: &str, query: Fields, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let asked = self.host.navigation_open(program, path, &query.0).map_err(Failure::from);
        self.wait("navigation.open", "", asked, Box::new(answer))
    }

    /// Asks the person to scan a code: "text", and "page" and "scene" if it is one of this program.
    pub fn scan(&mut self, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let asked = self.host.scanner_scan(&[]).map_err(Failure::from);
        self.wait("scanner.scan", "", asked, Box::new(answer))
    }

    /// Asks where this is: "latitude", "longitude", "accuracy-m", "place".
    pub fn locate(&mut self, answer: impl FnOnce(Outcome) -> M + 'static) -> Ticket {
        let asked = self.host.location_locate(&[]).map_err(Failure::from);
        self.wait("location.locate", "", asked, Box::new(answer))
    }

    /// Milliseconds since 1970-01-01 UTC, coarse.
    pub fn now(&mut self) -> u64 {
        self.host.clock_now()
    }

    /// Random bytes, at most 4,096.
    pub fn random(&mut self, length: u32) -> Vec<u8> {
        self.host.random_bytes(length)
    }

    /// A random id of 26 letters and digits (130 bits): order numbers, keys, client ids.
    pub fn random_id(&mut self) -> String {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let bytes = self.random(26);
        bytes.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
    }

    /// Writes to the program's log. `level`: "debug", "info", "warn", "error".
    pub fn log(&mut self, level: &str, message: &str) {
        self.host.log_write(level, message);
    }

    /// Logs a refusal that the program can do nothing about, with where it happened.
    pub fn log_failure(&mut self, place: &str, failure: &Failure) {
        let message = [place, ": ", failure.code.code(), ": ", &failure.message].concat();
        self.host.log_write("warn", &message);
    }
}

/// Private to one person in one program.
pub struct Storage<'a>(&'a mut Handle);

impl Storage<'_> {
    /// The value of that key.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.storage_get(key)?)
    }

    /// Keeps a value.
    ///
    /// # Errors
    /// The host's refusal, such as `Limit`.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), Failure> {
        Ok(self.0.storage_set(key, value)?)
    }

    /// Forgets a key.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn remove(&mut self, key: &str) -> Result<(), Failure> {
        Ok(self.0.storage_remove(key)?)
    }

    /// All keys.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn keys(&mut self) -> Result<Vec<String>, Failure> {
        Ok(self.0.storage_keys()?)
    }
}

/// The program's shared collections.
pub struct Records<'a>(&'a mut Handle);

impl Records<'_> {
    /// A row, if there is one that this person may read.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn get(&mut self, collection: &str, key: &str) -> Result<Option<Row>, Failure> {
        Ok(self.0.records_get(collection, key)?.map(Row::from))
    }

    /// Writes a row over version `expected`, 0 for a new one; returns its version now.
    ///
    /// # Errors
    /// `Conflict` when somebody else was first; the host's refusal.
    pub fn put(&mut self, collection: &str, key: &str, expected: u64, value: &[u8], options: PutOptions) -> Result<u64, Failure> {
        Ok(self.0.records_put(collection, key, expected, value, &options.0.0)?)
    }

    /// Removes a row at version `expected`.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn remove(&mut self, collection: &str, key: &str, expected: u64) -> Result<(), Failure> {
        Ok(self.0.records_remove(collection, key, expected)?)
    }

    /// Rows that this person may read, in key order.
    ///
    /// # Errors
    /// The host's refusal.
    pub fn list(&mut self, collection: &str, options: ListOptions) -> Result<Vec<Row>, Failure> {
        Ok(self.0.records_list(collection, &options.0.0)?.into_iter().map(Row::from).collect())
    }
}
