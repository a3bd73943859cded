//! A script engine as it is after it loaded itself. That takes it tens of milliseconds, too long for each opening: it is done when the
//! engine is built, and the memory that it leaves becomes the module's own.
//!
//! `wasmtime-wizer` does this for any module; here it is two functions, no start function, and one memory.

use crate::engine;
use crate::tool::{Running, now};
use std::ops::Range;
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{DataKind, Parser, Payload};

/// Zeros between two parts of memory that are worth beginning a new segment.
const GAP: usize = 256;
const PAGE: u64 = 65_536;

/// Gives the engine `module` the text of its SDK, and gives back a module whose memory is as that left it.
///
/// # Errors
/// The module is no script engine, or what it says about the text.
pub fn prepared(module: &[u8], text: &str) -> Result<Vec<u8>, String> {
    check(module)?;
    let memory = run(module, text)?;
    rewritten(module, &memory)
}

/// What is written down is the memory: whatever else a module can change must come back to what it was.
fn check(module: &[u8]) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("this module can't be prepared: {what}"));
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| error.to_string())? {
            Payload::StartSection { .. } => return wrong("it has a start function"),
            Payload::GlobalSection(globals) => {
                let mutable = globals
                    .into_iter()
                    .filter(|global| global.as_ref().is_ok_and(|global| global.ty.mutable));
                // The stack pointer, which is what it was when a call returns.
                if mutable.count() > 1 {
                    return wrong("it has more mutable globals than the stack pointer");
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    if matches!(segment.map_err(|error| error.to_string())?.kind, DataKind::Passive) {
                        return wrong("it has passive data segments");
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn run(module: &[u8], text: &str) -> Result<Vec<u8>, String> {
    let said = |error: wasmtime::Error| format!("{error:#}");
    let engine = engine::quick().map_err(said)?;
    let module = wasmtime::Module::new(&engine, module).map_err(said)?;
    now(async {
        let mut running = Running::new(&engine, &module).await?;
        let at = running.put(text.as_bytes()).await?;
        match running.call::<u32>("youji_prepare").await? as usize {
            0 => Ok(running.memory().to_vec()),
            length => {
                let message = running.memory().get(at..at + length).unwrap_or_default();
                Err(String::from_utf8_lossy(message).into_owned())
            }
        }
    })
}

fn rewritten(module: &[u8], memory: &[u8]) -> Result<Vec<u8>, String> {
    let parts = parts(memory);
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| error.to_string())?;
        match &payload {
            Payload::MemorySection(_) => {
                let mut section = MemorySection::new();
                section.memory(MemoryType {
                    minimum: memory.len() as u64 / PAGE,
                    maximum: None,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
                out.section(&section);
            }
            Payload::DataCountSection { .. } => {
                out.section(&DataCountSection {
                    count: u32::try_from(parts.len()).unwrap_or(u32::MAX),
                });
            }
            Payload::DataSection(_) => {
                let mut section = DataSection::new();
                for part in &parts {
                    let at = i32::try_from(part.start).map_err(|_| "its memory is too large")?;
                    section.active(0, &ConstExpr::i32_const(at), memory[part.clone()].iter().copied());
                }
                out.section(&section);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    out.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    Ok(out.finish())
}

/// What of a memory is not zero, with short gaps between.
fn parts(memory: &[u8]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (at, word) in memory.chunks(8).enumerate() {
        if word.iter().all(|byte| *byte == 0) {
            continue;
        }
        let (start, end) = (at * 8, at * 8 + word.len());
        match parts.last_mut() {
            Some(last) if start - last.end < GAP => last.end = end,
            _ => parts.push(start..end),
        }
    }
    parts
}
