//! The engine itself: modules, calls into the SDK's runtime, exceptions.

use crate::bindings::exports::youji::miniapp::program::{Field, Happening, SavedState, Tree};
use crate::{app, host, value, view};
use boa_engine::builtins::promise::{OperationType, Promise, PromiseState};
use boa_engine::context::HostHooks;
use boa_engine::context::time::{Clock, JsInstant};
use boa_engine::module::MapModuleLoader;
use boa_engine::object::builtins::{JsArray, JsPromise};
use boa_engine::{Context, JsError, JsObject, JsResult, JsString, JsValue, Module, Source, js_string};
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

/// Module of the SDK that drives programs.
const RUNTIME: &str = "youji/runtime";
/// JavaScript calls within each other; more is an exception instead of a trap without a place.
const RECURSION: usize = 400;
/// Longest message of an exception, in bytes.
const MESSAGE: usize = 4_000;

/// What the engine is doing, which decides whether the host may be called.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Phase {
    /// A module's own statements run.
    Loading,
    /// Something is handled.
    Handling,
    /// A view is drawn.
    Drawing,
}

/// Promises that were rejected and that nobody has asked yet.
#[derive(Default)]
struct Rejections(RefCell<Vec<JsObject<Promise>>>);

impl HostHooks for Rejections {
    fn promise_rejection_tracker(&self, promise: &JsObject<Promise>, operation: OperationType, _: &mut Context) {
        let mut all = self.0.borrow_mut();
        match operation {
            OperationType::Reject => all.push(promise.clone()),
            OperationType::Handle => all.retain(|one| !JsObject::equals(one, promise)),
        }
    }
}

impl Rejections {
    /// The first one, as an exception.
    fn first(&self) -> JsResult<()> {
        let all = std::mem::take(&mut *self.0.borrow_mut());
        for promise in all {
            if let PromiseState::Rejected(reason) = JsPromise::from(promise).state() {
                return Err(JsError::from_opaque(reason));
            }
        }
        Ok(())
    }
}

struct Engine {
    context: Context,
    rejections: Rc<Rejections>,
    loader: Rc<MapModuleLoader>,
    /// Exports of the SDK's runtime module.
    runtime: JsObject,
    /// Of the view that was drawn last; ids begin with 1.
    handlers: Vec<view::Handler>,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Loading) };
}

pub(crate) fn phase() -> Phase {
    PHASE.get()
}

/// There is no time without the capability: what asks for it all the same gets the beginning of 1970.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> JsInstant {
        JsInstant::new(0, 0)
    }

    fn system_time_millis(&self) -> i64 {
        0
    }
}

/// Makes the engine and loads the SDK.
pub(crate) fn prepare(sdk: &str) -> Result<(), String> {
    let loader = Rc::new(MapModuleLoader::new());
    let rejections = Rc::new(Rejections::default());
    let mut context = Context::builder()
        .clock(Rc::new(NoClock))
        .host_hooks(Rc::clone(&rejections))
        .module_loader(Rc::clone(&loader))
        .build()
        .map_err(|error| error.to_string())?;
    context.runtime_limits_mut().set_recursion_limit(RECURSION);
    let imports = host::module(&mut context).map_err(|error| said(&error, &mut context))?;
    loader.insert("youji:host", imports);
    let mut modules = Vec::new();
    for (name, text) in app::modules(sdk)? {
        let module = parse(name, text, &mut context).map_err(|error| said(&error, &mut context))?;
        loader.insert(name, module.clone());
        modules.push((name, module));
    }
    let mut runtime = None;
    for (name, module) in modules {
        evaluate(name, &module, &mut context)?;
        if name == RUNTIME {
            runtime = Some(module.namespace(&mut context));
        }
    }
    let runtime = runtime.ok_or("the SDK has no module youji/runtime")?;
    boa_gc::force_collect();
    ENGINE.set(Some(Engine {
        context,
        rejections,
        loader,
        runtime,
        handlers: Vec::new(),
    }));
    Ok(())
}

fn parse(name: &str, text: &str, context: &mut Context) -> JsResult<Module> {
    Module::parse(Source::from_bytes(text).with_path(Path::new(name)), None, context)
}

fn evaluate(name: &str, module: &Module, context: &mut Context) -> Result<(), String> {
    let promise = module.load_link_evaluate(context);
    context.run_jobs().map_err(|error| said(&error, context))?;
    match promise.state() {
        PromiseState::Fulfilled(_) => Ok(()),
        PromiseState::Rejected(reason) => Err(said(&JsError::from_opaque(reason), context)),
        PromiseState::Pending => Err(format!("{name} waits for something at its top level; a program answers at once")),
    }
}

/// An exception in words, with the places that it came from.
fn said(error: &JsError, context: &mut Context) -> String {
    let full = error.to_string();
    let mut message = match error.try_native(context) {
        Ok(native) => {
            let text = native.to_string();
            // The engine puts the innermost place behind the message; it stands among the others.
            let text = text.rsplit_once(" (").map_or(text.as_str(), |(head, tail)| if tail.ends_with(')') { head } else { &text });
            text.to_owned()
        }
        Err(_) => full.lines().next().unwrap_or_default().to_owned(),
    };
    for line in full.lines().filter(|line| line.starts_with("    at ") && !line.contains("(native")) {
        message.push('\n');
        message.push_str(line);
    }
    let mut end = message.len().min(MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message
}

/// Runs something while that phase lasts.
fn with<T>(phase: Phase, run: impl FnOnce(&mut Engine) -> JsResult<T>) -> Result<T, String> {
    ENGINE.with_borrow_mut(|engine| {
        let engine = engine.as_mut().ok_or("the engine was not prepared; build it again")?;
        PHASE.set(phase);
        let result = run(engine);
        PHASE.set(Phase::Loading);
        result.map_err(|error| said(&error, &mut engine.context))
    })
}

impl Engine {
    fn call(&mut self, name: JsString, arguments: &[JsValue]) -> JsResult<JsValue> {
        let answer = self.invoke(name, arguments)?;
        // What promises bring may send messages, whose handling may bring more.
        loop {
            self.context.run_jobs()?;
            if phase() != Phase::Handling || !self.invoke(js_string!("drained"), &[])?.to_boolean() {
                break;
            }
        }
        self.rejections.first()?;
        Ok(answer)
    }

    fn invoke(&mut self, name: JsString, arguments: &[JsValue]) -> JsResult<JsValue> {
        let function = self.runtime.get(name, &mut self.context)?;
        let function = function.as_callable().ok_or_else(|| value::wrong("the SDK's runtime lacks a function"))?;
        function.call(&JsValue::undefined(), arguments, &mut self.context)
    }
}

/// The contract's `launched`: the modules of the program, then its beginning.
pub(crate) fn launched(text: &str, launch: Vec<Field>, saved: Option<SavedState>) -> Result<(), String> {
    let modules = app::modules(text)?;
    let entry = with(Phase::Loading, |engine| {
        let mut entry = None;
        for (name, text) in &modules {
            let module = parse(name, text, &mut engine.context)?;
            engine.loader.insert(name, module.clone());
            entry.get_or_insert((*name, module));
        }
        Ok(entry)
    })?;
    let program = ENGINE.with_borrow_mut(|engine| {
        let Engine { context, .. } = engine.as_mut().ok_or("the engine was not prepared; build it again")?;
        let (name, module) = entry.ok_or("the package has no module")?;
        evaluate(name, &module, context)?;
        let program = module.namespace(context).get(js_string!("default"), context);
        program.map_err(|error| said(&error, context))
    })?;
    with(Phase::Handling, |engine| {
        let launch = value::fields_to_js(&launch, &mut engine.context)?;
        let saved = match saved {
            Some(saved) => value::saved_to_js(&saved, &mut engine.context)?,
            None => JsValue::undefined(),
        };
        engine.call(js_string!("start"), &[program, launch, saved]).map(drop)
    })
}

/// The contract's `lifecycle`.
pub(crate) fn lifecycle(phase: &str) -> Result<(), String> {
    with(Phase::Handling, |engine| {
        engine.call(js_string!("lifecycle"), &[JsString::from(phase).into()]).map(drop)
    })
}

/// The contract's `event`.
pub(crate) fn event(event: Happening) -> Result<(), String> {
    with(Phase::Handling, |engine| {
        if event.handler == 0 {
            let event = value::event_to_js(&event, &mut engine.context)?;
            return engine.call(js_string!("happened"), &[event]).map(drop);
        }
        let handler = usize::try_from(event.handler - 1).ok().and_then(|at| engine.handlers.get(at)).cloned();
        let Some(handler) = handler else { return Ok(()) };
        let given = event.fields.iter().find(|field| field.name == "value");
        let given = match given {
            None => JsValue::undefined(),
            Some(field) if handler.takes_lines => {
                let lines = value::lines(&field.value).map(|line| JsValue::from(JsString::from(line)));
                JsArray::from_iter(lines, &mut engine.context).into()
            }
            Some(field) => value::scalar_to_js(&field.value),
        };
        engine.call(js_string!("handle"), &[handler.handler, given]).map(drop)
    })
}

/// The contract's `view`.
pub(crate) fn view() -> Result<Tree, String> {
    with(Phase::Drawing, |engine| {
        engine.handlers.clear();
        let root = engine.call(js_string!("view"), &[])?;
        view::tree(&root, &mut engine.handlers, &mut engine.context)
    })
}

/// The contract's `save-state`.
pub(crate) fn save() -> Result<Option<SavedState>, String> {
    with(Phase::Handling, |engine| {
        let saved = engine.call(js_string!("save"), &[])?;
        value::saved_from_js(&saved, &mut engine.context)
    })
}
