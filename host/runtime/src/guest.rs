//! One instance and the calls into it. Every call is metered, bounded, and ends the instance if it goes wrong.

use crate::bindings::{self as b, MiniProgram};
use crate::host::State;
use crate::limiter::Limiter;
use crate::outside;
use crate::program::Program;
use crate::receipt::{Fault, Frame};
use crate::shared::Shared;
use crate::view::Retained;
use std::sync::Arc;
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};
use youji_api::{Event, Fields, Moment, Phase, SavedState, Tree};

/// A live instance with its store. Dropped at the first trap.
pub(crate) struct Guest {
    store: Store<State>,
    exports: MiniProgram,
}

/// A call into a guest.
#[derive(Debug)]
pub(crate) enum Input {
    Launched(Fields, Option<SavedState>),
    Lifecycle(Phase),
    Event(Event),
    View,
    SaveState,
}

impl Input {
    fn name(&self) -> &'static str {
        match self {
            Input::Launched(..) => "launched",
            Input::Lifecycle(_) => "lifecycle",
            Input::Event(_) => "event",
            Input::View => "view",
            Input::SaveState => "save-state",
        }
    }
}

/// What a call returned.
#[derive(Debug)]
pub(crate) enum Output {
    Done,
    View(Retained<'static>),
    Saved(Option<SavedState>),
}

impl Guest {
    /// Makes the store and the instance.
    pub(crate) async fn new(shared: Arc<Shared>, program: Arc<Program>) -> Result<Box<Guest>, Fault> {
        let limits = shared.limits.clone();
        let limiter = Limiter::new(limits.memory_bytes, shared.inner.memory.clone());
        let meter = shared.meter.clone();
        meter.begin_call();
        let engine = &shared.inner.engine;
        let mut store = Store::new(engine, State::new(shared.clone(), limiter));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.host_call_bytes);
        store.set_max_component_handles(limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            // The epoch is wall time; what counts is the CPU time of this call alone.
            if meter.call_so_far() > limits.call_cpu {
                let what = format!("used more than {} ms of CPU time in one call", limits.call_cpu.as_millis());
                store.data_mut().fault.get_or_insert(Fault::new("cpu", what));
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(if meter.is_slow() {
                UpdateDeadline::Yield(1)
            } else {
                UpdateDeadline::Continue(1)
            })
        });
        match program.pre.instantiate_async(&mut store).await {
            Ok(exports) => {
                let mut guest = Box::new(Guest { store, exports });
                guest.measure();
                Ok(guest)
            }
            Err(error) => Err(fault(&mut store, "instantiate", &error)),
        }
    }

    /// A new event from outside begins: its host calls are counted from zero.
    pub(crate) fn begin_event(&mut self) {
        self.store.data_mut().calls = 0;
    }

    /// Calls into the guest. After an error it must be dropped.
    pub(crate) async fn call(&mut self, input: Input) -> Result<Output, Fault> {
        let name = input.name();
        self.store.data().shared.meter.begin_call();
        self.store.data_mut().moment = self.moment(&input);
        self.store.data_mut().limiter.begin_call();
        self.store.set_epoch_deadline(1);
        let shared = self.store.data().shared.clone();
        let result = outside::run(&shared, self.dispatch(input)).await;
        self.measure();
        let output = result.map_err(|error| fault(&mut self.store, name, &error))?;
        // Turned into what is retained here, so that its time counts as the guest's.
        match output {
            Raw::Done => Ok(Output::Done),
            Raw::Saved(saved) => self.check_saved(saved).map(Output::Saved),
            Raw::View(view) => Tree::new(b::view_in(view), &self.store.data().shared.limits)
                .map(|tree| Output::View(Retained::new(&tree)))
                .map_err(|error| Fault::new("view", format!("drew a view that can't be shown: {error}"))),
        }
    }

    async fn dispatch(&mut self, input: Input) -> wasmtime::Result<Raw> {
        let (store, program) = (&mut self.store, self.exports.youji_miniapp_program());
        Ok(match input {
            Input::Launched(fields, saved) => {
                let script = Arc::clone(&store.data().shared.script);
                let fields = crate::script::with_text(b::fields_out(fields), &script);
                let saved = saved.map(b::saved_out);
                program.call_launched(store, &fields, saved.as_ref()).await?;
                Raw::Done
            }
            Input::Lifecycle(phase) => {
                program.call_lifecycle(store, phase.code(), &[]).await?;
                Raw::Done
            }
            Input::Event(event) => {
                program.call_event(store, &b::event_out(event)).await?;
                Raw::Done
            }
            Input::View => Raw::View(program.call_view(store).await?),
            Input::SaveState => Raw::Saved(program.call_save_state(store).await?),
        })
    }

    /// A tap, and a payment that was made, may lead to a prompt; each payment once. Whoever declined is left alone.
    fn moment(&mut self, input: &Input) -> Moment {
        match input {
            Input::View => Moment::View,
            Input::Event(event) => {
                let (call, outcome) = (event.fields.text("call"), event.fields.text("outcome"));
                let paid = event.code == "completed" && call == "payment.pay" && outcome == "done";
                let paid = paid && self.store.data_mut().is_new_payment(event.ticket);
                let tap = event.handler != 0 && matches!(event.code.as_str(), "tap" | "submit");
                if tap || paid { Moment::Tap } else { Moment::Other }
            }
            _ => Moment::Other,
        }
    }

    fn check_saved(&self, saved: Option<b::types::SavedState>) -> Result<Option<SavedState>, Fault> {
        let limit = self.store.data().shared.limits.saved_state_bytes;
        match saved {
            Some(saved) if saved.bytes.len() > limit => {
                let found = saved.bytes.len();
                Err(Fault::new(
                    "saved-state",
                    format!("wanted to save {found} bytes; the limit is {limit}"),
                ))
            }
            saved => Ok(saved.map(b::saved_in)),
        }
    }

    /// Elements of all tables.
    pub(crate) fn table_elements(&self) -> u64 {
        self.store.data().limiter.elements()
    }

    fn measure(&mut self) {
        let state = self.store.data();
        let memory = state.limiter.memory();
        state.shared.update_usage(|usage| usage.memory_bytes = memory);
    }
}

enum Raw {
    Done,
    View(b::types::Tree),
    Saved(Option<b::types::SavedState>),
}

/// Names what went wrong, and where the program was.
fn fault(store: &mut Store<State>, export: &str, error: &wasmtime::Error) -> Fault {
    let named = named(store, export, error);
    // An exception knows its places itself: those of the engine that it ran in are nothing to its author.
    match named.trace.is_empty() {
        true => Fault {
            trace: trace(error),
            ..named
        },
        false => named,
    }
}

/// The frames of the program's own module: what wraps it into a component is not its author's.
fn trace(error: &wasmtime::Error) -> Vec<Frame> {
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    let own = frames
        .iter()
        .filter(|frame| !frame.module().name().is_some_and(|name| name.starts_with("wit-component:")));
    own.map(|frame| Frame {
        function: frame.func_name().map(str::to_owned),
        index: frame.func_index(),
        offset: frame.func_offset().unwrap_or(0),
    })
    .collect()
}

/// What was noted when it happened, else what the trap says.
fn named(store: &mut Store<State>, export: &str, error: &wasmtime::Error) -> Fault {
    let state = store.data_mut();
    if let Some(fault) = state.fault.take().or_else(|| state.limiter.fault()) {
        return fault;
    }
    let message = format!("{error:#}");
    tracing::debug!(export, error = message, "the guest trapped");
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Fault::new("stack", format!("used up its stack in {export}")),
        Some(trap) => Fault::new("trap", format!("trapped in {export}: {trap}")),
        None if message.contains("fuel") => Fault::new(
            "too-large",
            format!(
                "handed over more than {} KiB at once in {export}",
                state.shared.limits.host_call_bytes >> 10
            ),
        ),
        None => Fault::new("trap", format!("broke off in {export}: {}", shortened(&message))),
    }
}

fn shortened(message: &str) -> String {
    message.chars().take(200).collect()
}
