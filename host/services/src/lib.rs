//! Identity, consent, payment, messaging, records and timers: the capabilities for real.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what a host decides about its services: folder, clock, randomness, limits |
//! | [`model`] | plain values that services hand to a kiosk: people, messages, receipts, consents |
//! | [`services`] | [`Services`]: opening, sessions, what a kiosk asks for |

mod caps;
pub mod config;
pub mod model;
pub mod services;

pub use config::{Clock, Directory, Place, Random, SeededRandom, ServiceLimits, ServicesConfig, SystemClock, SystemRandom};
pub use model::{ConsentRow, Counter, DayCounts, Erased, LogLine, Merchant, Message, Names, NewPerson, Person, Receipt, Sign};
pub use services::{OpenError, Services};
