//! The kiosk: HTTP API, session sockets, the page and its assets; and [`Host`], which composes everything behind them.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what a host is made with |
//! | [`decode`] | QR codes in pictures |
//! | [`host`] | [`Host`]: registry, services, runtime and gate of one data folder, without any HTTP |
//! | [`open`] | the way of one scan, from the code's text to the first view, each step measured |
//! | [`qr`] | codes for terminals, screens and paper |
//! | [`screen`] | what a session's screen should show beside the view: sheets, scanner, inbox, idle warning |
//! | [`posters`] | sheets of codes to print |
//! | [`problem`] | what people and scripts read when something can't be done |

pub mod config;
pub mod decode;
pub mod host;
pub mod open;
pub mod posters;
pub mod problem;
pub mod qr;
pub mod screen;

pub use config::{HostConfig, HostLimits};
pub use host::{Host, HostError};
pub use open::{OpenRequest, Opened, Permission, ProgramCard, Target};
pub use problem::Problem;
pub use screen::{Screen, ScreenState};
