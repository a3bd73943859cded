//! A tool that is a WebAssembly module: bytes in, bytes out, and nothing else within its reach.

use crate::cache::Cache;
use crate::engine::{self, Ticker};
use crate::program::ProgramError;
use std::path::Path;
use std::sync::Arc;
use wasmtime::{Engine, Instance, Linker, Memory, Module, Store, TypedFunc, WasmResults};

/// Milliseconds after which one that does not come to an end is given up.
const LONGEST_MS: u64 = 60_000;

/// A compiled tool.
pub struct Tool {
    engine: Engine,
    module: Module,
}

impl Tool {
    /// Compiles the module, or takes what was compiled of it before from `folder`, which is private to the user. Of another module with
    /// this name, the code of the first one is found: the name holds a digest.
    ///
    /// # Errors
    /// It is no module, or the folder can't be used.
    pub fn load(wasm: &[u8], name: &str, folder: &Path) -> Result<Tool, ProgramError> {
        let failed = |error: wasmtime::Error| ProgramError::Compile(format!("{error:#}"));
        let engine = engine::quick().map_err(failed)?;
        let cache = Cache::open(folder, &engine)?;
        if let Some(module) = cache.load_module(name, &engine) {
            return Ok(Tool { engine, module });
        }
        let module = Module::new(&engine, wasm).map_err(failed)?;
        let draft = cache.draft(name)?;
        let code = module.serialize().map_err(failed)?;
        std::fs::write(&draft, code).map_err(|error| crate::compile::cache_error(&error, &draft))?;
        cache.keep(name, &draft)?;
        Ok(Tool { engine, module })
    }

    /// Gives it those bytes, and gives back what it answers. It begins anew each time.
    ///
    /// # Errors
    /// It lacks `youji_buffer` or `youji_answer`, traps, or takes longer than a minute.
    pub fn answer(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        now(async {
            let mut running = Running::new(&self.engine, &self.module).await?;
            running.put(input).await?;
            let answer: u64 = running.call("youji_answer").await?;
            let (at, length) = ((answer >> 32) as usize, answer as u32 as usize);
            let found = running.memory().get(at..at + length);
            found
                .map(<[u8]>::to_vec)
                .ok_or_else(|| "its answer lies outside of its memory".to_owned())
        })
    }
}

/// One instance, until it answered.
pub(crate) struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    _running: engine::Running,
}

impl Running {
    pub(crate) async fn new(engine: &Engine, module: &Module) -> Result<Running, String> {
        let ticker = Arc::new(Ticker::new(engine).map_err(|error| error.to_string())?);
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(module).map_err(said)?;
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(LONGEST_MS);
        let instance = linker.instantiate_async(&mut store, module).await.map_err(said)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("it exports no memory")?;
        Ok(Running {
            store,
            instance,
            memory,
            _running: ticker.running(),
        })
    }

    /// Writes those bytes where the module wants them.
    pub(crate) async fn put(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let buffer: TypedFunc<u32, u32> = self.instance.get_typed_func(&mut self.store, "youji_buffer").map_err(said)?;
        let length = u32::try_from(bytes.len()).map_err(|_| "what it is given is too large")?;
        let at = buffer.call_async(&mut self.store, length).await.map_err(said)? as usize;
        self.memory.write(&mut self.store, at, bytes).map_err(|error| error.to_string())?;
        Ok(at)
    }

    pub(crate) async fn call<R: WasmResults + Sync>(&mut self, name: &str) -> Result<R, String> {
        let function: TypedFunc<(), R> = self.instance.get_typed_func(&mut self.store, name).map_err(said)?;
        function.call_async(&mut self.store, ()).await.map_err(said)
    }

    pub(crate) fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }
}

fn said(error: wasmtime::Error) -> String {
    format!("{error:#}")
}

/// The engine's settings are for sessions, whose host calls wait; nothing here does.
pub(crate) fn now<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    futures_util::FutureExt::now_or_never(work).unwrap_or_else(|| Err("it waits for something".to_owned()))
}
