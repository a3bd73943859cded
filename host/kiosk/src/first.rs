//! Before the first run: what a program can't do without is accepted by the person, or nothing of it runs.

use crate::host::Host;
use crate::open::{Arrived, OpenRequest, Opened, Steps};
use crate::problem::Problem;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use youji_api::{PersonId, ProgramId, Sheet, SheetKind};
use youji_services::FirstRun;

/// What is shown to the person before the first run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstSheet {
    /// Of which program.
    pub program: ProgramId,
    /// Of kind consent, with `required`: yes to all of it, or the program does not run.
    pub sheet: Sheet,
}

impl FirstSheet {
    /// What the sheet asks for.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let lines = match &self.sheet.kind {
            SheetKind::Consent { scopes, .. } => scopes.as_slice(),
            _ => &[],
        };
        lines.iter().map(|line| line.scope.as_str())
    }

    /// The person's yes, with values to give instead of their own, by scope; an empty one gives none.
    pub fn accept(&self, values: BTreeMap<String, String>) -> Accepted {
        Accepted {
            program: self.program.clone(),
            scopes: self.scopes().map(str::to_owned).collect(),
            values,
        }
    }
}

/// A person's yes to the sheet that came before the first run. What that sheet did not show is asked for once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    program: ProgramId,
    scopes: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Host {
    /// The sheet that an opening would ask for first, if any; nothing is run and nothing written.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), as far as they come before the program's code.
    pub async fn first_sheet(self: &Arc<Self>, person: &PersonId, request: &OpenRequest) -> Result<Option<FirstSheet>, Problem> {
        let arrived = self.arrive(person, request, &mut Steps::begin()).await?;
        match self.check_first_run(&arrived, None).await {
            Ok(()) => Ok(None),
            Err(Problem { first: Some(first), .. }) => Ok(Some(*first)),
            Err(problem) => Err(problem),
        }
    }

    /// Opens for somebody who says yes to whatever a program can't do without, as tools do for the people that they make up.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_accepting(self: &Arc<Self>, person: &PersonId, mut request: OpenRequest) -> Result<Opened, Problem> {
        match Box::pin(self.open(person, request.clone())).await {
            Err(Problem { first: Some(first), .. }) => {
                request.accepted = Some(first.accept(BTreeMap::new()));
                Box::pin(self.open(person, request)).await
            }
            opened => opened,
        }
    }

    /// Writes down what was accepted, and refuses what was not. Costs nothing where a program requires nothing.
    pub(crate) async fn check_first_run(self: &Arc<Self>, arrived: &Arrived, accepted: Option<&Accepted>) -> Result<(), Problem> {
        let caller = &arrived.caller;
        if caller.requested.required.is_empty() {
            return Ok(());
        }
        if let Some(accepted) = accepted.filter(|accepted| accepted.program == caller.program) {
            self.services.accept_first(caller, &accepted.scopes, &accepted.values).await?;
        }
        match self.services.first_run(caller) {
            FirstRun::Runs => Ok(()),
            FirstRun::Refused(scopes) => Err(Problem::new(
                403,
                "consent-refused",
                "It does not run without what you refused",
                format!(
                    "{} can't do without {}, which you do not allow; nothing was opened",
                    arrived.prepared.card.name.in_language("en"),
                    scopes.join(", ")
                ),
                "Allow it on your own page, under permissions, and open the program again.",
            )
            .with("program", caller.program.as_str())
            .with("scopes", scopes.join(" "))),
            FirstRun::Asks(sheet) => {
                let first = FirstSheet {
                    program: caller.program.clone(),
                    sheet: *sheet,
                };
                let asks: Vec<&str> = first.scopes().collect();
                let detail = format!(
                    "{} can't do without {}; nothing of it has run",
                    first.sheet.program,
                    asks.join(", ")
                );
                let mut problem = Problem::new(
                    403,
                    "consent-first",
                    "The person is asked first",
                    detail,
                    "Show the sheet to the person, and send their answer to /api/open/answer.",
                );
                problem.first = Some(Box::new(first));
                Err(problem)
            }
        }
    }
}
