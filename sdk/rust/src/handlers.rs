//! What a view makes of events: each handler knows the next one, so that an element takes over those of a child without room for a list of
//! both.

use crate::element::On;

/// Handlers of a view, by the ids that the host knows; the lowest is 1.
pub(crate) struct Handlers<M>(Option<Box<Handler<M>>>);

struct Handler<M> {
    id: u32,
    on: On<M>,
    next: Handlers<M>,
}

impl<M> Handlers<M> {
    pub(crate) const NONE: Handlers<M> = Handlers(None);

    pub(crate) fn add(&mut self, id: u32, on: On<M>) {
        let next = self.take();
        self.0 = Some(Box::new(Handler { id, on, next }));
    }

    /// Takes over all of a child's, of which there are few where there are many children.
    pub(crate) fn join(&mut self, mut child: Handlers<M>) {
        if self.0.is_some() {
            let mut end = &mut child.0;
            while let Some(handler) = end {
                end = &mut handler.next.0;
            }
            *end = self.0.take();
        }
        self.0 = child.0.take();
    }

    pub(crate) fn take(&mut self) -> Self {
        Handlers(self.0.take())
    }

    pub(crate) fn find(&self, id: u32) -> Option<&On<M>> {
        let mut at = &self.0;
        while let Some(handler) = at {
            if handler.id == id {
                return Some(&handler.on);
            }
            at = &handler.next.0;
        }
        None
    }
}

impl<M> Drop for Handlers<M> {
    // One after the other: each in the drop of the one before would take a stack as deep as there are handlers.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut handler) = next {
            next = handler.next.0.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    fn sends(handlers: &Handlers<u32>, id: u32) -> Option<u32> {
        handlers.find(id).and_then(|on| on.message(Fields::new()))
    }

    #[test]
    fn all_of_parent_and_children_are_found() {
        let mut parent = Handlers::NONE;
        parent.join(Handlers::NONE);
        for family in 0..50 {
            let mut child = Handlers::NONE;
            for id in 1..=family % 4 {
                child.add(family * 4 + id, On::Send(family * 4 + id + 7));
            }
            parent.join(child);
        }
        for id in 0..200 {
            let there = id % 4 != 0 && id % 4 <= id / 4 % 4;
            assert_eq!(sends(&parent, id), there.then_some(id + 7), "handler {id}");
        }
    }

    #[test]
    fn a_hundred_thousand_go_without_a_deep_stack() {
        let mut all = Handlers::NONE;
        for id in 1..=100_000 {
            let mut child = Handlers::NONE;
            child.add(id, On::Send(id));
            all.join(child);
        }
        assert_eq!(sends(&all, 1), Some(1));
        drop(all);
    }
}
