//! Identity, consent, payment, messaging, records and timers: the capabilities for real.
//!
//! Every act that changes something is one entry of the log, decided by one writer: a payment with its transfer, order, receipt,
//! outcome, message and stamp happens whole or not at all. What is personal in an entry is sealed with the person's key.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what a host decides about its services: folder, clock, randomness, limits |
//! | [`model`] | plain values that services hand to a kiosk: people, messages, receipts, consents |
//! | [`services`] | [`Services`]: opening, closing, and what every part uses |
//! | [`sign`] | secret signs: pictures and words |
//! | `caps` | `Capabilities`: one line a call |
//! | `state`, `shelf`, `change`, `sound`, `apply`, `keys`, `blob`, `format` | what decisions look at, and how it is pictured; entries, when they are sound, and what they do; where values stand, and what the folder says of itself |
//! | `reduce`, `compaction` | what stays of old entries, and when the log is compacted |
//! | `people`, `pin`, `forget`, `hostkey` | persons, PINs with a lock, erasure, pairwise ids and signatures |
//! | `login`, `tokens` | login codes, and the tokens that publishers' servers get for them |
//! | `merchants`, `order`, `payment`, `confirm`, `money` | who is paid, what an order must be, its sheet, the one act of a payment |
//! | `spending` | what a person allows to be paid with a tap only, after a PIN |
//! | `acts`, `moves`, `settle`, `due` | what is done with orders that are paid or held: by people, and by time |
//! | `flow`, `legs`, `packet`, `receipts`, `say` | what is held; ledger transfers; shares; signed receipts; the host's own words |
//! | [`books`], `statement` | the log replayed and checked from outside, statements and exports |
//! | `profile`, `audit` | what a person says about themselves; every use of it and of money, in a chain |
//! | [`trade`] | merchants' own servers: keys, payment intents, notifications |
//! | `consent`, `sheets`, `sessions`, `outcomes` | what is asked of people, where, and what came of it |
//! | [`between`] | money from one person to another, by the code that they show, or a red packet behind a link |
//! | [`chat`] | conversations between people, cards and red packets in them |
//! | `first` | what a program can't do without, before its first run |
//! | `opening` | one program opens a page of another |
//! | `messaging`, `allowance`, `sent`, `mailbox` | subscriptions, messages, the inbox; how many a yes is for; what was sent last; whoever follows it |
//! | `records`, `rows`, `watch`, `storage` | shared collections with rights and watches; private storage |
//! | `small`, `counts` | timers, scanner, place, randomness, log; the day's counts |

mod acts;
mod allowance;
mod apply;
mod audit;
pub mod between;
mod blob;
pub mod books;
mod caps;
mod change;
pub mod chat;
mod compaction;
pub mod config;
mod confirm;
mod consent;
mod counts;
mod due;
mod first;
mod flow;
mod forget;
mod format;
mod hostkey;
mod keys;
mod legs;
mod login;
mod mailbox;
mod merchants;
mod messaging;
pub mod model;
mod money;
mod moves;
mod opening;
mod order;
mod outcomes;
mod packet;
mod payment;
mod people;
mod pin;
mod profile;
mod receipts;
mod records;
mod reduce;
mod rows;
mod say;
mod sent;
pub mod services;
mod sessions;
mod settle;
mod sheets;
mod shelf;
pub mod sign;
mod small;
mod sound;
mod spending;
mod state;
mod statement;
mod storage;
mod tokens;
pub mod trade;
mod watch;

pub use audit::{AuditRecord, verify_audit};
pub use books::{Books, BooksError, Divergence, Verified};
pub use compaction::{Compacted, CompactionPolicy};
pub use config::{Clock, Directory, Openable, Place, Random, SeededRandom, ServiceLimits, ServicesConfig, SystemClock, SystemRandom};
pub use first::{FirstRun, check_given};
pub use login::Exchanged;
pub use mailbox::{Mail, Mailbox};
pub use model::{ConsentRow, Counter, DayCounts, Erased, InProgram, LogLine, Merchant, Message, Names, NewPerson, Person, Receipt, Sign};
pub use money::CURRENCIES;
pub use profile::PROFILE_FIELDS;
pub use services::{OpenError, Services};
pub use spending::{SeatId, Spending, SpendsAt};
pub use statement::{ExportFormat, Statement, StatementLine};
