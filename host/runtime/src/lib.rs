//! Compile, instantiate, drive, limit and unload mini-programs: the only crate that names wasmtime.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what a runtime is made with |
//! | [`runtime`] | the door: programs in, sessions out, pressure, shutdown |
//! | [`prepare`] | a script engine as it is after it loaded itself |
//! | [`program`] | a verified, compiled mini-program, ready to instantiate |
//! | [`session`] | the handle of one running instance |
//! | [`update`] | what a session tells its screens, in the JSON of the session protocol |
//! | [`observe`] | what tools are told about sessions as it happens |
//! | [`tool`] | a module that answers bytes with bytes |
//! | [`receipt`] | what was freed when a session ended, and faults |
//!
//! The rest is private: engine, compile child, cache, limiter, lanes, retained tree and its differences.

mod bindings;
mod cache;
mod compile;
pub mod config;
mod engine;
mod feed;
mod guest;
mod host;
mod lanes;
mod limiter;
mod mailbox;
pub mod observe;
mod outside;
mod pages;
pub mod prepare;
pub mod program;
mod programs;
pub mod receipt;
pub mod runtime;
mod script;
pub mod session;
mod shared;
mod task;
pub mod tool;
mod unload;
pub mod update;
mod view;

pub use config::{CompileLimits, Compiler, RuntimeConfig};
pub use observe::{Observer, Seen};
pub use prepare::prepared;
pub use program::{Code, ImportError, Program, ProgramError, check_imports};
pub use receipt::{EndReason, Ended, Fault, Frame, Kept, Receipt, ReceiptAfter, ReceiptBefore, SCRIPT};
pub use runtime::{LaunchError, LaunchRequest, OnEnd, Opened, Runtime, RuntimeMetrics};
pub use session::{Ack, Feed, Session, SessionInfo, SessionState, UiEvent};
pub use tool::Tool;
pub use update::{CallUpdate, FullUpdate, Op, PatchUpdate, Update, UsageUpdate, WireNode};

/// The argument after which an executable calls [`compile_child_main`] and exits with what it returns.
pub const COMPILE_CHILD: &str = "compile-child";

/// Body of the compile child: a component on stdin, compiled code on stdout, a reason on stderr. Limits come as arguments
/// after [`COMPILE_CHILD`]. Sets its own memory and CPU limits before it reads.
pub fn compile_child_main() -> std::process::ExitCode {
    compile::child_main()
}
