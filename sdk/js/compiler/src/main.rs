//! From the modules of a TypeScript program to the text that its package carries.
//!
//! Types are replaced by blanks, so that every line and column is where the author wrote it: an exception names the place without a
//! map. What is more than types in TypeScript (enums, namespaces, parameter properties, decorators) is refused with its place.
//!
//! | module | holds |
//! |---|---|
//! | `graph` | which modules a program has, and where each import leads |
//! | `strip` | one module without its types |
//!
//! `youji-script-compiler DIR` compiles the program of a folder, from `src/main.ts`; with `--sdk DIR`, the SDK in that folder. One JSON
//! object on stdout: `{"app": "…", "imports": ["payment"], "sources": ["src/main.ts"]}`, or `{"error": "…"}`.

mod graph;
mod strip;

use std::io::Write;
use std::path::PathBuf;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [dir] => graph::program(&PathBuf::from(dir)),
        [flag, dir] if flag == "--sdk" => graph::sdk(&PathBuf::from(dir)),
        _ => Err("usage: youji-script-compiler [--sdk] DIR".to_owned()),
    };
    let answer = match done {
        Ok(program) => serde_json::json!({"app": program.text(), "imports": program.capabilities, "sources": program.sources()}),
        Err(error) => serde_json::json!({"error": error}),
    };
    let written = writeln!(std::io::stdout(), "{answer}");
    std::process::exit(i32::from(written.is_err()));
}
