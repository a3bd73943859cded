//! A script engine as it is after it loaded itself. That takes it tens of milliseconds, too long for each opening: it is done when the
//! engine is built, and the memory that it leaves becomes the module's own.
//!
//! `wasmtime-wizer` does this for any module; here it is two functions, no start function, and one memory.

use crate::engine;
use std::ops::Range;
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{DataKind, Parser, Payload};
use wasmtime::{Instance, Linker, Store, TypedFunc};

/// Zeros between two parts of memory that are worth beginning a new segment.
const GAP: usize = 256;
const PAGE: u64 = 65_536;
/// Milliseconds after which an engine that does not come to an end is given up.
const LONGEST_MS: u64 = 60_000;

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
    let engine = engine::compiling().map_err(said)?;
    let module = wasmtime::Module::new(&engine, module).map_err(said)?;
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).map_err(said)?;
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(LONGEST_MS);
    let weak = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    // The engine's settings are for sessions, whose host calls wait; nothing here does.
    let work = async {
        let instance: Instance = linker.instantiate_async(&mut store, &module).await.map_err(said)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("it exports no memory")?;
        let buffer: TypedFunc<u32, u32> = instance.get_typed_func(&mut store, "youji_buffer").map_err(said)?;
        let prepare: TypedFunc<(), u32> = instance.get_typed_func(&mut store, "youji_prepare").map_err(said)?;
        let length = u32::try_from(text.len()).map_err(|_| "the SDK is too large")?;
        let at = buffer.call_async(&mut store, length).await.map_err(said)? as usize;
        memory.write(&mut store, at, text.as_bytes()).map_err(|error| error.to_string())?;
        match prepare.call_async(&mut store, ()).await.map_err(said)? as usize {
            0 => Ok(memory.data(&store).to_vec()),
            length => {
                let message = memory.data(&store).get(at..at + length).unwrap_or_default();
                Err(String::from_utf8_lossy(message).into_owned())
            }
        }
    };
    futures_util::FutureExt::now_or_never(Box::pin(work)).unwrap_or_else(|| Err("it waits for something".to_owned()))
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
