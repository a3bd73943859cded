//! The part that runs when the engine is built: whoever builds it puts the SDK's text into a buffer and calls `youji_prepare`.
//!
//! `youji-runtime` calls these two; they are not among the component's exports.

#![allow(unsafe_code, reason = "two functions that are called by name, with memory of this module as their argument")]

use std::cell::RefCell;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where so many bytes of text can be written.
#[unsafe(no_mangle)]
extern "C" fn youji_buffer(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = vec![0; length];
        buffer.as_mut_ptr()
    })
}

/// Loads the SDK whose text is in the buffer. 0: done; else so many bytes at the beginning of the buffer say why not.
#[unsafe(no_mangle)]
extern "C" fn youji_prepare() -> usize {
    let text = BUFFER.take();
    let loaded = std::str::from_utf8(&text)
        .map_err(|error| error.to_string())
        .and_then(crate::script::prepare);
    match loaded {
        Ok(()) => 0,
        Err(message) => {
            let length = message.len().min(text.len());
            BUFFER.with_borrow_mut(|buffer| {
                *buffer = text;
                buffer[..length].copy_from_slice(&message.as_bytes()[..length]);
            });
            length
        }
    }
}
