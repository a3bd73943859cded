//! What crosses crates: end to end, browser, hostile guests, faults, load.
//!
//! | module | holds |
//! |---|---|
//! | [`kiosk`] | the real `youji` as a process, on a data folder that is thrown away |
//! | [`memory`] | what a process still holds |
//! | [`not_checked`] | how a test says what the machine did not let it check |
//! | [`order`] | a person who orders at the restaurant |
//! | [`script`] | the script engine, made once for all tests |

pub mod kiosk;
pub mod memory;
pub mod not_checked;
pub mod order;
pub mod script;
