//! The trait that a program implements, and what drives it.

use crate::bindings::youji::miniapp::types::{Event, Field, SavedState};
use crate::codes::Phase;
use crate::ctx::Ctx;
use crate::draft::{Draft, Sizes, draft};
use crate::element::Element;
use crate::event::{Happening, Launch, Outcome, Saved};
use crate::fields::Fields;
use crate::handlers::Handlers;
use crate::host::Handle;
use crate::wire::Tree;

/// A mini-program.
pub trait Program: Sized + 'static {
    /// What changes the model.
    type Msg: Clone + 'static;

    /// Once, first. Saved state of a schema that this program does not know means: start fresh.
    fn launched(launch: Launch, saved: Option<Saved>, ctx: &mut Ctx<Self::Msg>) -> Self;

    /// Handles one message.
    fn update(&mut self, message: Self::Msg, ctx: &mut Ctx<Self::Msg>);

    /// The page on top of the stack. Depends on the model and nothing else.
    fn view(&self) -> Element<Self::Msg>;

    /// Something happened that was not asked for: pages, orders moved by others, cards, lost events.
    fn happened(&mut self, happening: Happening, ctx: &mut Ctx<Self::Msg>) {
        let _ = (happening, ctx);
    }

    /// The instance's lifecycle.
    fn lifecycle(&mut self, phase: Phase, ctx: &mut Ctx<Self::Msg>) {
        let _ = (phase, ctx);
    }

    /// The message of an outcome that an earlier instance asked for: `call` and `order_no` say what it is about.
    fn outcome(&self, outcome: Outcome) -> Option<Self::Msg> {
        let _ = outcome;
        None
    }

    /// What the next instance should know. None: nothing.
    fn save(&self) -> Option<Saved> {
        None
    }
}

/// A program between the calls of its host. [`export!`](crate::export) keeps one; tests drive one.
#[doc(hidden)]
pub struct Instance<P: Program> {
    program: P,
    ctx: Ctx<P::Msg>,
    handlers: Handlers<P::Msg>,
    /// Of the last view.
    sizes: Option<Sizes>,
}

impl<P: Program> Instance<P> {
    /// The contract's `launched`.
    pub fn launched(launch: Vec<Field>, saved: Option<SavedState>, host: Handle) -> Self {
        let mut ctx = Ctx::new(host);
        let program = P::launched(Launch::from_fields(Fields(launch)), saved.map(Saved::from), &mut ctx);
        let mut instance = Instance {
            program,
            ctx,
            handlers: Handlers::NONE,
            sizes: None,
        };
        instance.settle();
        instance
    }

    /// The contract's `lifecycle`.
    pub fn lifecycle(&mut self, phase: &str) {
        self.program.lifecycle(Phase::from_code(phase), &mut self.ctx);
        self.settle();
    }

    /// The contract's `event`.
    pub fn event(&mut self, event: Event) {
        let message = if event.handler != 0 {
            let handler = self.handlers.find(event.handler);
            handler.and_then(|on| on.message(Fields(event.fields)))
        } else if event.code == "completed" {
            self.ctx.answer(event).map_or_else(|outcome| self.program.outcome(*outcome), Some)
        } else if event.code == "changed" {
            self.ctx.changed(event)
        } else {
            self.program.happened(Happening::from_event(event), &mut self.ctx);
            None
        };
        if let Some(message) = message {
            self.program.update(message, &mut self.ctx);
        }
        self.settle();
    }

    /// The contract's `view`.
    pub fn view(&mut self) -> Tree {
        // Those of the last view go first: both at once would take twice the memory for good.
        self.handlers = Handlers::NONE;
        match self.sizes {
            Some(sizes) => draft(|draft| draft.reserve(sizes)),
            None => draft(Draft::attempt),
        }
        let mut view = self.program.view();
        if draft(|draft| draft.is_measuring()) {
            drop(view);
            let sizes = draft(Draft::measured);
            draft(|draft| draft.reserve(sizes.unwrap_or_default()));
            view = self.program.view();
        }
        self.sizes = Some(draft(|draft| draft.sizes()));
        let (tree, handlers) = view.flatten();
        self.handlers = handlers;
        tree
    }

    /// The contract's `save-state`.
    pub fn save_state(&self) -> Option<SavedState> {
        self.program.save().map(SavedState::from)
    }

    /// The program, for tests.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn program(&self) -> &P {
        &self.program
    }

    /// A program that sends itself messages without end is ended by its host, as any endless loop.
    fn settle(&mut self) {
        while !self.ctx.messages.is_empty() {
            let message = self.ctx.messages.remove(0);
            self.program.update(message, &mut self.ctx);
        }
    }
}
