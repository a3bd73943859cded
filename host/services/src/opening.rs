//! One program opens a page of another: asked of the person, carried out by the screen.

use crate::outcomes::{coded, fields};
use crate::services::{Services, check_name, invalid, limit, not_found};
use crate::sessions::What;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, OpenTarget, ProgramId, Reply, SessionId, Sheet, SheetId, SheetKind, Ticket, codes};

const CALL: &str = "navigation.open";

impl Services {
    /// Asks the person whether another program may be opened. Names on the sheet are the stored ones.
    pub(crate) fn open_program(&self, caller: &Caller, program: &str, page: &str, query: &Fields) -> Result<Reply, Failure> {
        check_name("program", program, 128)?;
        if page.len() > 256 || query.len() > 32 || query.iter().any(|(name, value)| name.len() + value.heap_bytes() > 1_024) {
            return Err(limit("a page has at most 256 bytes and 32 parameters of at most 1,024 bytes"));
        }
        let program = ProgramId::from(program);
        if program == caller.program {
            return Err(invalid("a program opens its own pages with `push`"));
        }
        let found = self.openable(caller, &program, page)?;
        let opens = OpenTarget {
            program,
            page: found.page,
            query: query.iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect(),
        };
        let ticket = self.ticket();
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Open {
                target: found.name,
                target_publisher: found.publisher,
                opens: opens.clone(),
            },
        };
        self.show(caller, sheet, self.asked(ticket, What::Open(opens)))?;
        Ok(Reply::Ticket(ticket))
    }

    /// The person has answered.
    pub(crate) fn decide_open(&self, session: SessionId, ticket: Ticket, target: &OpenTarget, accepted: bool) {
        if !accepted {
            self.tell(session, Event::completed(ticket, fields(CALL, "declined")));
            return;
        }
        if let Some(live) = self.live.lock().get_mut(&session) {
            live.opening.insert(ticket);
        }
        if !self.deliver().is_some_and(|deliver| deliver.open(session, ticket, target)) {
            let _ = self.opened(session, ticket, Err(codes::UNSUPPORTED));
        }
    }

    /// What came of opening the other program: an error is the code of why not.
    ///
    /// # Errors
    /// "not-found" when no opening with that ticket is under way in the session.
    pub fn opened(&self, session: SessionId, ticket: Ticket, opened: Result<(), &str>) -> Result<(), Failure> {
        let waited = self.live.lock().get_mut(&session).is_some_and(|live| live.opening.remove(&ticket));
        if !waited {
            return Err(not_found("no opening with that ticket is under way in this session"));
        }
        let outcome = match opened {
            Ok(()) => fields(CALL, "done"),
            Err(code) => coded(CALL, "failed", code),
        };
        self.tell(session, Event::completed(ticket, outcome));
        Ok(())
    }
}
