//! The script engine, made once for all tests that write programs in TypeScript.

use crate::kiosk::{workspace, youji};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Name of the variable that says where engines are kept.
pub const FOLDER: &str = "YOUJI_SCRIPT_ENGINE";

/// Where tests keep engines.
pub fn folder() -> PathBuf {
    workspace().join("target/typescript/script")
}

/// Folder of the engine, below `target/`, which is kept between runs. What a host compiles of it is kept there too, so that tests which
/// run beside each other do not each compile the same.
///
/// # Panics
/// A new program does not pass its own tests.
pub fn engine() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = folder();
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let here = scratch.path();
        // With the capabilities of each template.
        for (dir, arguments) in [
            (here.to_owned(), &["new", "first", "--lang", "ts"][..]),
            (here.join("first"), &["test"][..]),
            (here.to_owned(), &["new", "second", "--lang", "ts", "--template", "shop"][..]),
            (here.join("second"), &["test"][..]),
        ] {
            let output = Command::new(youji())
                .args(arguments)
                .current_dir(dir)
                .env("XDG_DATA_HOME", here.join("home"))
                .env(FOLDER, &folder)
                .env_remove("CARGO_TARGET_DIR")
                .stdin(Stdio::null())
                .output()
                .expect("youji starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        folder
    });
    made.clone()
}
