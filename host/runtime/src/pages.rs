//! The page stack that the host keeps for a session.

use std::sync::Arc;
use youji_api::{Call, Event, Failure, Fields, codes};

/// A page with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) path: Arc<str>,
    pub(crate) query: Fields,
}

/// What a program asked for; takes effect after the call in which it did.
#[derive(Clone, Debug)]
pub(crate) enum Navigate {
    Push(Page),
    Replace(Page),
    Back,
    Close,
}

impl Navigate {
    /// What a host call asks of the stack.
    pub(crate) fn from_call(call: &Call) -> Option<Navigate> {
        let page = |path: &str, query: &Fields| Page {
            path: path.into(),
            query: query.clone(),
        };
        match call {
            Call::NavigationPush { path, query } => Some(Navigate::Push(page(path, query))),
            Call::NavigationReplace { path, query } => Some(Navigate::Replace(page(path, query))),
            Call::NavigationBack => Some(Navigate::Back),
            Call::NavigationClose => Some(Navigate::Close),
            _ => None,
        }
    }
}

/// Never empty.
pub(crate) struct Pages {
    stack: Vec<Page>,
    limit: usize,
    /// What is asked for and has not taken effect.
    asked: Vec<Navigate>,
    /// Depth once all of it has.
    depth: usize,
}

impl Pages {
    pub(crate) fn new(first: Page, limit: usize) -> Self {
        Pages {
            stack: vec![first],
            limit,
            asked: Vec::new(),
            depth: 1,
        }
    }

    /// Takes note of a request that the gate let through.
    ///
    /// # Errors
    /// No such page in the manifest, a full stack, or nothing to go back to.
    pub(crate) fn ask(&mut self, navigate: Navigate, known: &[String]) -> Result<(), Failure> {
        if let Navigate::Push(page) | Navigate::Replace(page) = &navigate
            && !known.iter().any(|path| **path == *page.path)
        {
            return Err(Failure::new(
                codes::NOT_FOUND,
                format!("\"{}\" is not among the pages of manifest.json: {}", page.path, known.join(", ")),
            ));
        }
        match &navigate {
            Navigate::Push(_) if self.depth >= self.limit => {
                return Err(Failure::new(
                    codes::LIMIT,
                    format!("the stack holds {} pages; replace or go back", self.limit),
                ));
            }
            Navigate::Push(_) => self.depth += 1,
            Navigate::Back if self.depth == 1 => {
                return Err(Failure::new(
                    codes::NOT_FOUND,
                    "this is the first page; navigation.close ends the session",
                ));
            }
            Navigate::Back => self.depth -= 1,
            Navigate::Replace(_) | Navigate::Close => {}
        }
        if self.asked.len() >= self.limit {
            return Err(Failure::new(
                codes::LIMIT,
                format!("at most {} page changes in one call", self.limit),
            ));
        }
        self.asked.push(navigate);
        Ok(())
    }

    /// The first request that has not taken effect.
    pub(crate) fn next(&mut self) -> Option<Navigate> {
        if self.asked.is_empty() { None } else { Some(self.asked.remove(0)) }
    }

    /// Lets a request take effect; returns the events that tell the program so.
    pub(crate) fn apply(&mut self, navigate: Navigate) -> Vec<Event> {
        let top = self.stack.len() - 1;
        match navigate {
            Navigate::Push(page) => {
                let hidden = about("page-hidden", &self.stack[top], top + 1);
                self.stack.push(page);
                vec![hidden, self.top_event("page-shown")]
            }
            Navigate::Replace(page) => {
                let unloaded = about("page-unloaded", &self.stack[top], top + 1);
                self.stack[top] = page;
                vec![unloaded, self.top_event("page-shown")]
            }
            Navigate::Back if top > 0 => {
                let unloaded = about("page-unloaded", &self.stack[top], top + 1);
                self.stack.pop();
                vec![unloaded, self.top_event("navigated-back"), self.top_event("page-shown")]
            }
            Navigate::Back | Navigate::Close => Vec::new(),
        }
    }

    fn top_event(&self, code: &str) -> Event {
        about(code, self.top(), self.stack.len())
    }

    pub(crate) fn top(&self) -> &Page {
        &self.stack[self.stack.len() - 1]
    }

    pub(crate) fn depth(&self) -> usize {
        self.stack.len()
    }
}

fn about(code: &str, page: &Page, depth: usize) -> Event {
    let mut event = Event::new(code).with("page", &*page.path).with("depth", depth as i64);
    // Built without looking for duplicates: names in a query are unique already.
    event
        .fields
        .0
        .extend(page.query.iter().map(|(name, value)| (format!("query.{name}"), value.clone())));
    event
}
