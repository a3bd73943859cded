//! The script engine, made once for all tests that write programs in TypeScript.

use crate::kiosk::{workspace, youji};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Name of the variable that says where engines are kept.
pub const FOLDER: &str = "YOUJI_SCRIPT_ENGINE";

/// Where tests keep engines.
pub fn folder() -> PathBuf {
    workspace().join("target/script-engine")
}

/// Folder of the engine, below `target/`, which is kept between runs. The first time takes minutes, and a network if cargo has not fetched
/// what it is built from.
///
/// # Panics
/// It does not build.
pub fn engine() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = folder();
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let here = scratch.path();
        for (dir, arguments) in [
            (here.to_owned(), &["new", "first", "--lang", "ts"][..]),
            (here.join("first"), &["build"][..]),
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
