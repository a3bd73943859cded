//! Programs in memory, on disk, or still to be compiled.

use crate::cache::Cache;
use crate::compile;
use crate::program::{Code, Program, ProgramError, check_imports};
use crate::runtime::Inner;
use crate::task::Steps;
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Semaphore;
use wasmtime::component::Component;
use youji_api::caller::Requested;

/// Every program that is ready, least recently used first to go.
pub(crate) struct Programs {
    inner: Arc<Inner>,
    ready: Mutex<LruCache<String, Arc<Program>>>,
    /// One at a time makes a program ready; the others wait for it.
    under_way: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    cache: Arc<Cache>,
    children: Semaphore,
    compiled: AtomicU64,
}

impl Programs {
    pub(crate) fn new(inner: &Arc<Inner>) -> Result<Self, ProgramError> {
        let config = &inner.config;
        Ok(Programs {
            ready: Mutex::new(LruCache::new(NonZeroUsize::new(config.programs_kept).unwrap_or(NonZeroUsize::MIN))),
            under_way: Mutex::default(),
            cache: Arc::new(Cache::open(&config.cache_dir, &inner.engine)?),
            children: Semaphore::new(config.compile.children.max(1)),
            compiled: AtomicU64::new(0),
            inner: inner.clone(),
        })
    }

    pub(crate) fn kept(&self) -> usize {
        self.ready.lock().len()
    }

    pub(crate) fn compiled(&self) -> u64 {
        self.compiled.load(Relaxed)
    }

    /// See [`crate::Runtime::program`].
    pub(crate) async fn get<F>(&self, code: &Code, requested: &Requested, wasm: F) -> Result<Arc<Program>, ProgramError>
    where
        F: FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    {
        let digest = code.digest.as_str();
        if let Some(program) = self.ready.lock().get(digest) {
            return Ok(program.clone());
        }
        let turn = self.under_way.lock().entry(code.component.clone()).or_default().clone();
        let _turn = turn.lock().await;
        if let Some(program) = self.ready.lock().get(digest) {
            return Ok(program.clone());
        }
        let made = self.make(code, requested, wasm).await;
        self.under_way.lock().remove(&code.component);
        let program = Arc::new(made?);
        self.ready.lock().put(digest.to_owned(), program.clone());
        Ok(program)
    }

    /// The compiled code of another program that holds the same component.
    fn shared(&self, component: &str) -> Option<Component> {
        let ready = self.ready.lock();
        let mut all = ready.iter().map(|(_, program)| program);
        let one = all.find(|program| program.component == component)?;
        Some(one.pre.instance_pre().component().clone())
    }

    async fn make<F>(&self, code: &Code, requested: &Requested, wasm: F) -> Result<Program, ProgramError>
    where
        F: FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    {
        let mut steps = Steps::empty();
        let digest = code.component.as_str();
        let mut component = match self.shared(digest) {
            Some(shared) => Some(shared),
            None => self.load(digest).await,
        };
        if component.is_none() {
            let limits = &self.inner.config.compile;
            let wasm = tokio::task::spawn_blocking(wasm)
                .await
                .map_err(|error| ProgramError::Read(error.to_string()))?
                .map_err(ProgramError::Read)?;
            if wasm.len() > limits.wasm_bytes {
                return Err(ProgramError::TooLarge {
                    found: wasm.len(),
                    limit: limits.wasm_bytes,
                });
            }
            steps.done("wasm");
            check_imports(&wasm, requested)?;
            steps.done("check");
            self.compile(digest, wasm).await?;
            steps.done("compile");
            component = self.load(digest).await;
        }
        let component = component.ok_or_else(|| ProgramError::Compile("the compiled code can't be loaded again".into()))?;
        let mut program = Program::link(&self.inner.engine, code, &component, requested)?;
        steps.done("load");
        tracing::debug!(digest, steps = ?steps.list, "program ready");
        program.steps = steps.list;
        Ok(program)
    }

    async fn load(&self, digest: &str) -> Option<Component> {
        let (cache, engine, digest) = (self.cache.clone(), self.inner.engine.clone(), digest.to_owned());
        tokio::task::spawn_blocking(move || cache.load(&digest, &engine)).await.ok()?
    }

    async fn compile(&self, digest: &str, wasm: Vec<u8>) -> Result<(), ProgramError> {
        let _child = self
            .children
            .acquire()
            .await
            .map_err(|error| ProgramError::Compile(error.to_string()))?;
        let config = &self.inner.config;
        let draft = Draft(self.cache.draft(digest)?);
        compile::compile(wasm, &draft.0, &config.compiler, &config.compile).await?;
        self.compiled.fetch_add(1, Relaxed);
        self.cache.keep(digest, &draft.0)
    }
}

/// Gone when it was not kept.
struct Draft(std::path::PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
