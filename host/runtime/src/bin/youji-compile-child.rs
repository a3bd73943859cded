//! The compile child alone, for hosts and tests whose own executable can't be it.

fn main() -> std::process::ExitCode {
    youji_runtime::compile_child_main()
}
