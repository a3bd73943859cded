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
            use ::std::sync::atomic::{AtomicUsize, Ordering};
            use $crate::bindings::exports::youji::miniapp::program::{Field, Guest, Happening, SavedState};
            use $crate::program::Instance;
            use $crate::wire::Tree;

            ::std::thread_local! {
                static INSTANCE: RefCell<Option<Instance<$program>>> = const { RefCell::new(None) };
                /// What the host is reading.
                static LENT: RefCell<Tree> = const { RefCell::new(Tree::EMPTY) };
            }

            /// Where the lists of what is lent are.
            static PLACES: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

            fn with<T: Default>(run: impl FnOnce(&mut Instance<$program>) -> T) -> T {
                INSTANCE.with_borrow_mut(|instance| instance.as_mut().map(run).unwrap_or_default())
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
                fn save_state() -> Option<SavedState> {
                    with(|instance| instance.save_state())
                }
            }

            $crate::bindings::export_program!(Component with_types_in $crate::bindings);

            /// The contract's `view`: its lists are lent until the host says that it has read them.
            #[unsafe(export_name = "youji:miniapp/program@1.0.0#view")]
            extern "C" fn view() -> *const AtomicUsize {
                let tree = with(Instance::view);
                for (place, value) in PLACES.iter().zip(tree.places()) {
                    place.store(value, Ordering::Relaxed);
                }
                LENT.set(tree);
                PLACES.as_ptr()
            }

            #[unsafe(export_name = "cabi_post_youji:miniapp/program@1.0.0#view")]
            extern "C" fn view_was_read(_: *const AtomicUsize) {
                LENT.set(Tree::EMPTY);
            }
        }
    };
}
