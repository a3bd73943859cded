//! The engine's settings, and the thread that advances its epoch.

use crate::config::RuntimeConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, RegallocAlgorithm};

/// Length of an epoch. Short, so that a long call is seen early and moved out of its neighbours' way.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without a call after which the ticker sleeps. It lingers because waking it costs more than a tick.
const LINGER: u32 = 25;
/// A component made from one core module has three: the module, the shim of its imports and the fix-up.
const CORE_INSTANCES: u32 = 8;
const TABLES: u32 = 4;
/// Of one table.
pub(crate) const TABLE_ELEMENTS: usize = 65_536;
const STACK: usize = 512 << 10;

/// Settings that the compiled code depends on: the same in the compile child and here.
pub(crate) fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .native_unwind_info(false)
        .max_wasm_stack(STACK)
        .async_stack_size(2 * STACK)
        // Without it, what a guest left on its stack stays in memory after it is gone, and resident.
        .async_stack_zeroing(true);
    config
}

/// The engine that runs sessions: pooled slots, of which nothing stays resident when they are free.
pub(crate) fn pooled(settings: &RuntimeConfig) -> wasmtime::Result<Engine> {
    // Slots are held by sessions; a few more, since one that ends is freed after its successor was admitted.
    let slots = u32::try_from(settings.max_sessions).unwrap_or(u32::MAX).saturating_add(16);
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .async_stack_keep_resident(0)
        .max_unused_warm_slots(0)
        .total_component_instances(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES / 2))
        .max_memories_per_component(1)
        .total_memories(slots)
        .max_memory_size(settings.limits.memory_bytes)
        .max_tables_per_component(TABLES)
        .total_tables(slots.saturating_mul(TABLES / 2))
        .table_elements(TABLE_ELEMENTS)
        .total_stacks(slots);
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// The engine that only compiles.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config)
}

/// The engine that compiles what runs once, and in this process: the compiler's time counts, not that of the code.
pub(crate) fn quick() -> wasmtime::Result<Engine> {
    let mut config = base_config();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .cranelift_opt_level(OptLevel::None)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    Engine::new(&config)
}

/// Advances the epoch while calls are under way.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    active: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    pub(crate) fn new(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, inside) = (engine.weak(), shared.clone());
        let handle = std::thread::Builder::new().name("youji-epoch".into()).spawn(move || {
            let mut idle = 0;
            while !inside.stop.load(SeqCst) {
                if inside.active.load(SeqCst) == 0 {
                    idle += 1;
                    if idle > LINGER {
                        inside.asleep.store(true, SeqCst);
                        if inside.active.load(SeqCst) == 0 && !inside.stop.load(SeqCst) {
                            std::thread::park();
                        }
                        inside.asleep.store(false, SeqCst);
                    }
                } else {
                    idle = 0;
                }
                std::thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        })?;
        Ok(Ticker {
            shared,
            thread: handle.thread().clone(),
            handle: Some(handle),
        })
    }

    /// A call is under way until the guard is dropped.
    pub(crate) fn running(self: &Arc<Self>) -> Running {
        self.shared.active.fetch_add(1, SeqCst);
        if self.shared.asleep.swap(false, SeqCst) {
            self.thread.unpark();
        }
        Running(self.clone())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

/// Keeps the ticker going.
pub(crate) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.shared.active.fetch_sub(1, SeqCst);
    }
}
