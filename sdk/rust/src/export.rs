//! From a type to a component.

/// Makes `$program`, which implements [`Program`](crate::Program), what this component exports. Once a crate; does nothing in native builds.
#[macro_export]
macro_rules! export {
    ($program:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated: the names and memory of the component's exports")]
        mod youji_component {
            use super::*;
            use ::std::cell::RefCell;
            use $crate::bindings::exports::youji::miniapp::program::{Field, Guest, Happening, SavedState, Tree};
            use $crate::program::Instance;

            ::std::thread_local! {
                static INSTANCE: RefCell<Option<Instance<$program>>> = const { RefCell::new(None) };
            }

            fn with<T: Default>(run: impl FnOnce(&mut Instance<$program>) -> T) -> T {
                INSTANCE.with_borrow_mut(|instance| instance.as_mut().map(run).unwrap_or_default())
            }

            fn empty() -> Tree {
                Tree {
                    text: String::new(),
                    nodes: Vec::new(),
                    attributes: Vec::new(),
                    handlers: Vec::new(),
                }
            }

            struct Component;

            impl Guest for Component {
                fn launched(launch: Vec<Field>, saved: Option<SavedState>) {
                    let instance = Instance::launched(launch, saved, $crate::host::Handle);
                    INSTANCE.set(Some(instance));
                }
                fn lifecycle(phase: String, _fields: Vec<Field>) {
                    with(|instance| instance.lifecycle(&phase));
                }
                fn event(event: Happening) {
                    with(|instance| instance.event(event));
                }
                fn view() -> Tree {
                    INSTANCE.with_borrow_mut(|instance| instance.as_mut().map_or_else(empty, Instance::view))
                }
                fn save_state() -> Option<SavedState> {
                    with(|instance| instance.save_state())
                }
            }

            $crate::bindings::export_program!(Component with_types_in $crate::bindings);
        }
    };
}
