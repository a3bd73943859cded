//! Memory of one session: all linear memories and tables of its store together.

use crate::engine::TABLE_ELEMENTS;
use crate::receipt::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wasmtime::ResourceLimiter;

/// An element of a table is a pointer.
const ELEMENT_BYTES: usize = 8;

/// Counts what a store holds. wasmtime's own limits count each memory alone.
pub(crate) struct Limiter {
    limit: usize,
    memory: usize,
    elements: usize,
    all: Arc<AtomicU64>,
    refused: Option<usize>,
}

impl Limiter {
    /// `all` is the sum over every session of the runtime.
    pub(crate) fn new(limit: usize, all: Arc<AtomicU64>) -> Self {
        Limiter {
            limit,
            memory: 0,
            elements: 0,
            all,
            refused: None,
        }
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory as u64
    }

    pub(crate) fn elements(&self) -> u64 {
        self.elements as u64
    }

    /// What was refused before has been lived with.
    pub(crate) fn begin_call(&mut self) {
        self.refused = None;
    }

    /// The fault to name if a refusal made the guest give up.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let wanted = self.refused?;
        Some(Fault::new(
            "memory",
            format!(
                "wanted {} KiB of memory and tables; the limit is {} KiB, and {TABLE_ELEMENTS} elements a table",
                wanted >> 10,
                self.limit >> 10
            ),
        ))
    }

    fn fits(&mut self, memory: usize, elements: usize) -> bool {
        let wanted = elements
            .checked_mul(ELEMENT_BYTES)
            .and_then(|tables| tables.checked_add(memory))
            .unwrap_or(usize::MAX);
        if wanted > self.limit {
            self.refused = Some(wanted);
            return false;
        }
        self.all.fetch_add((memory - self.memory.min(memory)) as u64, Relaxed);
        (self.memory, self.elements) = (memory, elements);
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.fits(self.memory.saturating_add(desired.saturating_sub(current)), self.elements))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        if desired > TABLE_ELEMENTS {
            // The slot of the pool is no larger; noted here, so that the fault can say so.
            self.refused = Some(self.memory.saturating_add(elements.saturating_mul(ELEMENT_BYTES)));
            return Ok(false);
        }
        Ok(self.fits(self.memory, elements))
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.all.fetch_sub(self.memory as u64, Relaxed);
    }
}
