//! `youji compile-child`: compiling hostile code happens in a process that can be killed.

use std::process::ExitCode;

/// Whether this process is to be the compile child.
pub(crate) fn is_asked_for() -> bool {
    std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == youji_runtime::COMPILE_CHILD)
}

/// Reads a component, writes compiled code.
pub(crate) fn run() -> ExitCode {
    youji_runtime::compile_child_main()
}
