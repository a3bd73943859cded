//! The host as a trait: the contract's imports inside a component, a fake in tests.
//!
//! Inside a component calls are resolved when it is compiled, not through a table: a function that the program never calls is then
//! not in it, and the capability not among its imports.

use crate::bindings::youji::miniapp as wit;
use crate::bindings::youji::miniapp::types::Field;
use crate::codes::FailureCode;
use crate::fields::Fields;

/// Something that was asked for and is answered later; never 0.
pub type Ticket = u64;

/// Why a call was refused.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind.
    pub code: FailureCode,
    /// For the author, not for the person.
    pub message: String,
    /// More of it.
    pub fields: Fields,
}

impl From<wit::types::Failure> for Failure {
    fn from(failure: wit::types::Failure) -> Self {
        Failure {
            code: FailureCode::from_code(&failure.code),
            message: failure.message,
            fields: Fields(failure.fields),
        }
    }
}

type Wire<T> = Result<T, wit::types::Failure>;

macro_rules! host {
    ($($interface:ident :: $function:ident as $name:ident ($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        /// Every import of the contract, named INTERFACE_FUNCTION.
        #[allow(missing_docs, reason = "each is described in the contract")]
        pub trait Host {
            $(fn $name(&mut self, $($argument: $kind),*) -> $result;)*
        }

        /// The host around the component.
        #[cfg(target_arch = "wasm32")]
        #[derive(Debug, Default)]
        pub struct Handle;

        #[cfg(target_arch = "wasm32")]
        impl Handle {
            $(#[inline] pub(crate) fn $name(&mut self, $($argument: $kind),*) -> $result {
                wit::$interface::$function($($argument),*)
            })*
        }

        /// Whatever stands in for the host.
        #[cfg(not(target_arch = "wasm32"))]
        pub struct Handle(pub Box<dyn Host>);

        #[cfg(not(target_arch = "wasm32"))]
        impl Handle {
            $(pub(crate) fn $name(&mut self, $($argument: $kind),*) -> $result {
                self.0.$name($($argument),*)
            })*
        }
    };
}

host! {
    identity::open_id as identity_open_id() -> Wire<String>;
    identity::union_id as identity_union_id() -> Wire<String>;
    identity::profile as identity_profile(names: &[String], options: &[Field]) -> Wire<Ticket>;
    identity::login_code as identity_login_code(options: &[Field]) -> Wire<String>;
    payment::pay as payment_pay(order: &wit::payment::Order) -> Wire<Ticket>;
    payment::lookup as payment_lookup(order_no: &str, options: &[Field]) -> Wire<Vec<Field>>;
    payment::act as payment_act(order_no: &str, action: &str, options: &[Field]) -> Wire<Ticket>;
    messaging::subscribe as messaging_subscribe(templates: &[String], options: &[Field]) -> Wire<Ticket>;
    messaging::send as messaging_send(to: &str, template: &str, fields: &[Field], client_id: &str, options: &[Field]) -> Wire<u64>;
    messaging::share as messaging_share(title: &str, page: &str, query: &[Field], options: &[Field]) -> Wire<Ticket>;
    storage::get as storage_get(key: &str) -> Wire<Option<Vec<u8>>>;
    storage::set as storage_set(key: &str, value: &[u8]) -> Wire<()>;
    storage::remove as storage_remove(key: &str) -> Wire<()>;
    storage::keys as storage_keys() -> Wire<Vec<String>>;
    records::get as records_get(collection: &str, key: &str) -> Wire<Option<wit::records::Row>>;
    records::put as records_put(collection: &str, key: &str, expected: u64, value: &[u8], options: &[Field]) -> Wire<u64>;
    records::remove as records_remove(collection: &str, key: &str, expected: u64) -> Wire<()>;
    records::list as records_list(collection: &str, options: &[Field]) -> Wire<Vec<wit::records::Row>>;
    records::watch as records_watch(collection: &str, options: &[Field]) -> Wire<Ticket>;
    records::unwatch as records_unwatch(ticket: Ticket) -> Wire<()>;
    timer::wake_after as timer_wake_after(milliseconds: u64) -> Wire<Ticket>;
    timer::cancel as timer_cancel(ticket: Ticket) -> Wire<()>;
    navigation::push as navigation_push(path: &str, query: &[Field]) -> Wire<()>;
    navigation::replace as navigation_replace(path: &str, query: &[Field]) -> Wire<()>;
    navigation::back as navigation_back() -> Wire<()>;
    navigation::close as navigation_close() -> Wire<()>;
    navigation::open as navigation_open(program: &str, path: &str, query: &[Field]) -> Wire<Ticket>;
    scanner::scan as scanner_scan(options: &[Field]) -> Wire<Ticket>;
    location::locate as location_locate(options: &[Field]) -> Wire<Ticket>;
    clock::now as clock_now() -> u64;
    random::bytes as random_bytes(length: u32) -> Vec<u8>;
    log::write as log_write(level: &str, message: &str) -> ();
}
