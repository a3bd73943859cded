//! What a store holds, and which host calls a guest may make.

use crate::bindings::{self as b, failure_out, fields_in};
use crate::limiter::Limiter;
use crate::receipt::Fault;
use crate::shared::Shared;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::Error;
use youji_api::{Call, Failure, Moment, Reply, Ticket, codes};

/// Burst of a rate: what it allows in so many seconds.
const BURST_SECONDS: f64 = 10.0;
const LOG_BYTES: usize = 4_096;
const RANDOM_BYTES: u32 = 4_096;
/// Payments of one session whose outcome counts as a tap, at most.
const PAID: usize = 1_024;

/// Data of a session's store.
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limiter: Limiter,
    pub(crate) moment: Moment,
    /// Why the call is about to trap, where the trap itself does not say.
    pub(crate) fault: Option<Fault>,
    /// Host calls since the last event from outside.
    pub(crate) calls: u32,
    /// Tickets of payments whose outcome counted as a tap.
    paid: HashSet<u64>,
    call_rate: Rate,
    log_rate: Rate,
    lines_dropped: u64,
}

impl State {
    pub(crate) fn new(shared: Arc<Shared>, limiter: Limiter) -> Self {
        State {
            call_rate: Rate::new(shared.limits.calls_per_second),
            log_rate: Rate::new(shared.limits.log_lines_per_second),
            shared,
            limiter,
            moment: Moment::Other,
            fault: None,
            calls: 0,
            paid: HashSet::new(),
            lines_dropped: 0,
        }
    }

    /// Whether a payment is told to this instance for the first time. Asked for again, what was paid is told again, and nobody taps
    /// for that.
    pub(crate) fn is_new_payment(&mut self, ticket: u64) -> bool {
        self.paid.len() < PAID && self.paid.insert(ticket)
    }

    pub(crate) fn trap(&mut self, fault: Fault) -> Error {
        let error = Error::msg(fault.code);
        self.fault.get_or_insert(fault);
        error
    }

    /// Counts a call and refuses what is over a limit: its program goes, since it does not behave like one that a person uses.
    fn admit(&mut self, call: &Call) -> Result<(), Error> {
        let limits = self.shared.limits.clone();
        if self.moment == Moment::View {
            let (capability, function) = call.name();
            let name = capability.name();
            return Err(self.trap(Fault::new(
                "in-view",
                format!("called {name}.{function} inside view, which must be pure"),
            )));
        }
        self.calls += 1;
        if self.calls > limits.calls_per_event {
            let limit = limits.calls_per_event;
            return Err(self.trap(Fault::new("host-calls", format!("made more than {limit} host calls for one event"))));
        }
        if !self.call_rate.take() {
            let limit = limits.calls_per_second;
            return Err(self.trap(Fault::new("host-calls", format!("made more than {limit} host calls a second"))));
        }
        Ok(())
    }

    /// One host call: counted, and carried out beside the guest.
    async fn call(&mut self, call: Call) -> Result<Result<Reply, Failure>, Error> {
        self.admit(&call)?;
        let name = call.name();
        let Some(answer) = self.shared.outside.ask(call, self.moment, true).await else {
            let seconds = self.shared.inner.config.host_call_timeout.as_secs();
            let what = format!("waited more than {seconds} s for {}.{}", name.0.name(), name.1);
            return Err(self.trap(Fault::new("host-timeout", what)));
        };
        Ok(answer)
    }

    /// A call whose function in the contract can't fail.
    async fn infallible(&mut self, call: Call) -> Result<Reply, Error> {
        self.call(call)
            .await?
            .map_err(|failure| self.trap(Fault::new("host-calls", format!("was refused: {failure}"))))
    }
}

/// A service answered with another shape than the contract has: its fault, not the program's.
fn misfit<T>() -> Result<T, b::types::Failure> {
    Err(failure_out(Failure::new(
        codes::FAILED,
        "the host's service answered something else",
    )))
}

/// So many a second, averaged over ten.
struct Rate {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Rate {
            per_second,
            left: per_second * BURST_SECONDS,
            at: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        if self.left < 1.0 {
            let now = Instant::now();
            let gained = now.duration_since(self.at).as_secs_f64() * self.per_second;
            self.left = (self.left + gained).min(self.per_second * BURST_SECONDS);
            self.at = now;
        }
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

type Answer<T> = wasmtime::Result<Result<T, b::types::Failure>>;

/// Takes the wanted shape out of a reply.
macro_rules! reply {
    ($self:ident, $call:expr, $pattern:pat => $value:expr) => {
        Ok(match $self.call($call).await? {
            Ok($pattern) => Ok($value),
            Ok(_) => misfit(),
            Err(failure) => Err(failure_out(failure)),
        })
    };
}

impl b::types::Host for State {}

impl b::identity::Host for State {
    async fn open_id(&mut self) -> Answer<String> {
        reply!(self, Call::IdentityOpenId, Reply::Text(id) => id)
    }
    async fn union_id(&mut self) -> Answer<String> {
        reply!(self, Call::IdentityUnionId, Reply::Text(id) => id)
    }
    async fn profile(&mut self, names: Vec<String>, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::IdentityProfile { names, options }, Reply::Ticket(ticket) => ticket.0)
    }
    async fn login_code(&mut self, options: Vec<b::types::Field>) -> Answer<String> {
        let options = fields_in(options);
        reply!(self, Call::IdentityLoginCode { options }, Reply::Text(code) => code)
    }
}

impl b::payment::Host for State {
    async fn pay(&mut self, order: b::payment::Order) -> Answer<u64> {
        reply!(self, Call::PaymentPay(b::order_in(order)), Reply::Ticket(ticket) => ticket.0)
    }
    async fn lookup(&mut self, order_no: String, options: Vec<b::types::Field>) -> Answer<Vec<b::types::Field>> {
        let options = fields_in(options);
        reply!(self, Call::PaymentLookup { order_no, options }, Reply::Fields(fields) => b::fields_out(fields))
    }
    async fn act(&mut self, order_no: String, action: String, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::PaymentAct { order_no, action, options }, Reply::Ticket(ticket) => ticket.0)
    }
}

impl b::messaging::Host for State {
    async fn subscribe(&mut self, templates: Vec<String>, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::MessagingSubscribe { templates, options }, Reply::Ticket(ticket) => ticket.0)
    }
    async fn send(
        &mut self,
        to: String,
        template: String,
        fields: Vec<b::types::Field>,
        client_id: String,
        options: Vec<b::types::Field>,
    ) -> Answer<u64> {
        let call = Call::MessagingSend {
            to,
            template,
            fields: fields_in(fields),
            client_id,
            options: fields_in(options),
        };
        reply!(self, call, Reply::Number(sequence) => sequence)
    }
    async fn share(&mut self, title: String, page: String, query: Vec<b::types::Field>, options: Vec<b::types::Field>) -> Answer<u64> {
        let (query, options) = (fields_in(query), fields_in(options));
        reply!(self, Call::MessagingShare { title, page, query, options }, Reply::Ticket(ticket) => ticket.0)
    }
}

impl b::storage::Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        reply!(self, Call::StorageGet { key }, Reply::Bytes(value) => value)
    }
    async fn set(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        reply!(self, Call::StorageSet { key, value }, Reply::Done => ())
    }
    async fn remove(&mut self, key: String) -> Answer<()> {
        reply!(self, Call::StorageRemove { key }, Reply::Done => ())
    }
    async fn keys(&mut self) -> Answer<Vec<String>> {
        reply!(self, Call::StorageKeys, Reply::Keys(keys) => keys)
    }
}

impl b::records::Host for State {
    async fn get(&mut self, collection: String, key: String) -> Answer<Option<b::records::Row>> {
        reply!(self, Call::RecordsGet { collection, key }, Reply::Row(row) => row.map(b::row_out))
    }
    async fn put(&mut self, collection: String, key: String, expected: u64, value: Vec<u8>, options: Vec<b::types::Field>) -> Answer<u64> {
        let call = Call::RecordsPut {
            collection,
            key,
            expected,
            value,
            options: fields_in(options),
        };
        reply!(self, call, Reply::Number(version) => version)
    }
    async fn remove(&mut self, collection: String, key: String, expected: u64) -> Answer<()> {
        reply!(self, Call::RecordsRemove { collection, key, expected }, Reply::Done => ())
    }
    async fn list(&mut self, collection: String, options: Vec<b::types::Field>) -> Answer<Vec<b::records::Row>> {
        let options = fields_in(options);
        reply!(self, Call::RecordsList { collection, options }, Reply::Rows(rows) => rows.into_iter().map(b::row_out).collect())
    }
    async fn watch(&mut self, collection: String, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::RecordsWatch { collection, options }, Reply::Ticket(ticket) => ticket.0)
    }
    async fn unwatch(&mut self, ticket: u64) -> Answer<()> {
        reply!(self, Call::RecordsUnwatch { ticket: Ticket(ticket) }, Reply::Done => ())
    }
}

impl b::timer::Host for State {
    async fn wake_after(&mut self, milliseconds: u64) -> Answer<u64> {
        reply!(self, Call::TimerWakeAfter { milliseconds }, Reply::Ticket(ticket) => ticket.0)
    }
    async fn cancel(&mut self, ticket: u64) -> Answer<()> {
        reply!(self, Call::TimerCancel { ticket: Ticket(ticket) }, Reply::Done => ())
    }
}

impl b::navigation::Host for State {
    async fn push(&mut self, path: String, query: Vec<b::types::Field>) -> Answer<()> {
        let query = fields_in(query);
        reply!(self, Call::NavigationPush { path, query }, Reply::Done => ())
    }
    async fn replace(&mut self, path: String, query: Vec<b::types::Field>) -> Answer<()> {
        let query = fields_in(query);
        reply!(self, Call::NavigationReplace { path, query }, Reply::Done => ())
    }
    async fn back(&mut self) -> Answer<()> {
        reply!(self, Call::NavigationBack, Reply::Done => ())
    }
    async fn close(&mut self) -> Answer<()> {
        reply!(self, Call::NavigationClose, Reply::Done => ())
    }
    async fn open(&mut self, program: String, path: String, query: Vec<b::types::Field>) -> Answer<u64> {
        let query = fields_in(query);
        reply!(self, Call::NavigationOpen { program, path, query }, Reply::Ticket(ticket) => ticket.0)
    }
}

impl b::scanner::Host for State {
    async fn scan(&mut self, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::ScannerScan { options }, Reply::Ticket(ticket) => ticket.0)
    }
}

impl b::location::Host for State {
    async fn locate(&mut self, options: Vec<b::types::Field>) -> Answer<u64> {
        let options = fields_in(options);
        reply!(self, Call::LocationLocate { options }, Reply::Ticket(ticket) => ticket.0)
    }
}

impl b::clock::Host for State {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(match self.infallible(Call::ClockNow).await? {
            Reply::Number(now) => now - now % 100,
            _ => 0,
        })
    }
}

impl b::random::Host for State {
    async fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        if length > RANDOM_BYTES {
            let what = format!("asked for {length} random bytes; at most {RANDOM_BYTES} are given at once");
            return Err(self.trap(Fault::new("host-calls", what)));
        }
        match self.infallible(Call::RandomBytes { length }).await? {
            Reply::Bytes(Some(bytes)) if bytes.len() == length as usize => Ok(bytes),
            // Zeroes instead of randomness would be worse than an end.
            _ => Err(self.trap(Fault::new("host", "got no random bytes from the host"))),
        }
    }
}

impl b::log::Host for State {
    async fn write(&mut self, level: String, mut message: String) -> wasmtime::Result<()> {
        if self.moment == Moment::View {
            return self.admit(&Call::LogWrite { level, message });
        }
        // Not counted as a call: what is over the rate costs nothing, and a log line must not end a program.
        if !self.log_rate.take() {
            self.lines_dropped += 1;
            return Ok(());
        }
        message.truncate(
            (0..=LOG_BYTES.min(message.len()))
                .rev()
                .find(|at| message.is_char_boundary(*at))
                .unwrap_or(0),
        );
        let dropped = std::mem::take(&mut self.lines_dropped);
        if dropped > 0 {
            message.push_str(&format!(" (and {dropped} lines before it, dropped over the rate)"));
        }
        // A log that is not kept is not the program's fault.
        let _ = self.shared.outside.ask(Call::LogWrite { level, message }, self.moment, false).await;
        Ok(())
    }
}
