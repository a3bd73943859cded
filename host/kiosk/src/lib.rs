//! The kiosk: HTTP API, session sockets, the page and its assets; and [`Host`], which composes everything behind them.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what a host is made with |
//! | [`host`] | [`Host`]: registry, services, runtime and gate of one data folder, without any HTTP |
//! | [`open`] | the way of one scan, from the code's text to the first view, each step measured |
//! | [`first`] | what a program can't do without, before its first run |
//! | [`screen`] | what a session's screen should show beside the view: sheets, scanner, inbox, idle warning |
//! | [`remote`] | other hosts as registries |
//! | [`operator`] | the operator's PIN |
//! | [`server`] | [`Server`]: HTTP and sockets in front of a host |
//! | [`problem`] | what people and scripts read when something can't be done |
//! | `outgoing`, `hooks` | requests to other machines, within bounds; notifications to merchants' servers |
//! | [`money`] | decimal strings and minor units |
//! | [`folder`] | private files |
//! | [`decode`] | pictures in, texts of codes out |
//! | [`qr`], [`posters`] | codes as pictures and as printable pages |

mod codes;
pub mod config;
pub mod decode;
pub mod first;
pub mod folder;
mod hooks;
pub mod host;
mod journal;
mod metrics;
pub mod money;
pub mod open;
pub mod operator;
mod outgoing;
mod post;
pub mod posters;
mod prepared;
pub mod problem;
pub mod qr;
pub mod remote;
pub mod screen;
pub mod server;

pub use codes::lan_address;
pub use config::{HostConfig, HostLimits, PosterPlace};
pub use first::{Accepted, FirstSheet};
pub use host::{Host, HostError};
pub use open::{OpenRequest, Opened, Permission, ProgramCard, Target};
pub use operator::Operator;
pub use problem::Problem;
pub use screen::{Screen, ScreenState};
pub use server::Server;
