//! What `youji bench` runs. Every bench goes through the doors that people and programs use, and prints one JSON object.
//!
//! | module | holds |
//! |---|---|
//! | [`open`] | from the code's text to the first view |
//! | [`unload`] | what is left after thousands of sessions |
//! | [`density`] | what a session costs |
//! | [`events`] | from a tap to the patch, over real sockets |
//! | [`runaway`] | what a program that never returns does to its neighbours |
//! | [`messages`] | from a durable send to the line of its recipient |
//! | [`gate`] | what the gate and the audit add to a host call |
//! | [`decode`] | pictures of codes that are read, and how fast |
//! | [`ledger`], [`bank`] | transfers a second that are durable, and the start after a kill; the machine that does them |
//! | [`payments`] | merchants' servers that ask, people who say yes, over HTTP |
//! | [`packets`] | claims of one red packet's shares by many |
//! | [`guests`] | programs' payments, from the call at the gate to the outcome |
//! | [`prepare`] | the sample programs and fresh hosts that benches run on |
//! | [`length`] | whether figures are wanted, or only that a bench works |
//! | [`client`] | a seat of a kiosk over HTTP and a socket, as a page would be |
//! | [`mail`] | a line of a person's messages |
//! | [`view`] | what a screen would show |
//! | [`figures`] | quantiles, the machine, its disk |

pub mod bank;
pub mod client;
pub mod decode;
pub mod density;
pub mod events;
pub mod figures;
pub mod gate;
pub mod guests;
pub mod ledger;
pub mod length;
pub mod mail;
pub mod messages;
pub mod open;
pub mod packets;
pub mod payments;
pub mod prepare;
pub mod runaway;
pub mod unload;
pub mod view;
