//! What generated bindings call: memory that crosses the component boundary. After `wit_bindgen::rt` of wit-bindgen (Apache-2.0 OR MIT),
//! of which a program without resources, streams and threads needs this much.

#![allow(unsafe_code, missing_docs, unreachable_pub, reason = "crossing the component boundary is raw memory")]

#[cfg(target_arch = "wasm32")]
use std::alloc::realloc;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Keeps `cabi_realloc` from being dropped by the linker.
pub fn maybe_link_cabi_realloc() {
    #[cfg(target_arch = "wasm32")]
    {
        #[used]
        static KEPT: unsafe extern "C" fn(*mut u8, usize, usize, usize) -> *mut u8 = cabi_realloc;
    }
}

/// Memory that the host fills with what it hands over.
///
/// # Safety
/// Called by the canonical ABI only, with what it got from here.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, len: usize) -> *mut u8 {
    if old_len == 0 && len == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: sizes and alignment are those of the canonical ABI; `old` came from here with `old_len` and `align`.
    let (layout, memory) = unsafe {
        match old_len {
            0 => {
                let layout = Layout::from_size_align_unchecked(len, align);
                (layout, alloc(layout))
            }
            _ => {
                let layout = Layout::from_size_align_unchecked(old_len, align);
                (layout, realloc(old, layout, len))
            }
        }
    };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

/// Runs static constructors, once; every export begins with it.
#[cfg(target_arch = "wasm32")]
pub fn run_ctors_once() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    static RUN: AtomicBool = AtomicBool::new(false);
    if !RUN.swap(true, Relaxed) {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: made by the linker; runs once.
        unsafe { __wasm_call_ctors() };
    }
}

/// A block of lowered values; freed when dropped.
pub struct Cleanup {
    memory: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// Null and none for an empty layout.
    pub fn new(layout: Layout) -> (*mut u8, Option<Cleanup>) {
        if layout.size() == 0 {
            return (std::ptr::null_mut(), None);
        }
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc(layout) };
        match NonNull::new(memory) {
            Some(memory) => (memory.as_ptr(), Some(Cleanup { memory, layout })),
            None => handle_alloc_error(layout),
        }
    }

    /// Leaves the block to somebody else.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: allocated above with this layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}
