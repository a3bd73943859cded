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
//! It is a WebAssembly module that imports nothing: files come in, text goes out. `youji-dev` writes one JSON object into a buffer and
//! calls `youji_answer`: `{"files": {"src/main.ts": "…"}}` is a program, which begins in that file; with `"sdk": true` the files are the
//! SDK's. A file that is no text is `null`. The answer is `{"app": "…", "imports": ["payment"]}`, or `{"error": "…"}`.

#![allow(unsafe_code, reason = "two functions that are called by name, with memory of this module as their argument")]

mod graph;
mod strip;

use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Path below the program's folder and text of each file.
pub(crate) type Files = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
struct Asked {
    files: Files,
    #[serde(default)]
    sdk: bool,
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where so many bytes can be written.
#[unsafe(no_mangle)]
extern "C" fn youji_buffer(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = vec![0; length];
        buffer.as_mut_ptr()
    })
}

/// Answers what is in the buffer. Above 32 bits where the answer stands, below them how long it is.
#[unsafe(no_mangle)]
extern "C" fn youji_answer() -> u64 {
    let answer = answer(&BUFFER.take());
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = answer;
        ((buffer.as_ptr() as u64) << 32) | buffer.len() as u64
    })
}

fn answer(asked: &[u8]) -> Vec<u8> {
    let done = match serde_json::from_slice::<Asked>(asked) {
        Ok(asked) if asked.sdk => graph::sdk(&asked.files),
        Ok(asked) => graph::program(&asked.files),
        Err(error) => Err(error.to_string()),
    };
    let answer = match done {
        Ok(program) => serde_json::json!({"app": program.text(), "imports": program.capabilities}),
        Err(error) => serde_json::json!({"error": error}),
    };
    answer.to_string().into_bytes()
}
