//! The state machine: ledger, outcomes by idempotency key, and the journal with its hash chain.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use youji_ledger::Ledger;
use youji_store::{Decision, Effects, Machine, Snapshot, Stamp};

use crate::plan::{self, Plan};
use crate::posting::{Posted, Posting, Side, Status};

/// Rows that the journal holds at most: it is answered in one piece.
const MOST_ROWS: usize = 500_000;

/// One row of the journal: a leg that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    entry_id: String,
    transaction_id: String,
    account_id: String,
    #[serde(rename = "type")]
    side: Side,
    amount_subunits: i64,
    currency: String,
    /// From 1, in commit order.
    sequence: u64,
    /// From 1 in each account.
    account_sequence: u64,
    /// The hash of the row before; `GENESIS` for the first.
    prev_hash: String,
    /// SHA-256, in hexadecimal, over `prevHash|transactionId|accountId|type|amountSubunits|currency|sequence`.
    entry_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outcome {
    content: String,
    transaction_id: String,
    refused: Option<String>,
}

impl Outcome {
    fn said(&self, done: Status) -> Posted {
        Posted {
            status: if self.refused.is_some() { Status::Rejected } else { done },
            transaction_id: self.transaction_id.clone(),
            reason: self.refused.clone(),
        }
    }
}

/// What testers see.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Books {
    ledger: Ledger,
    /// Their places, from 1, are the ledger's numbers.
    currencies: Vec<String>,
    outcomes: BTreeMap<String, Outcome>,
    journal: Vec<Row>,
    /// The newest `account_sequence` of each account.
    turns: BTreeMap<String, u64>,
}

pub(crate) enum Command {
    Reset,
    Post(Posting),
}

/// Filled when the entry is applied: the ledger judges once.
type Verdict = Arc<OnceLock<Posted>>;

pub(crate) enum Answer {
    Said(Posted),
    Judged(Verdict),
    Emptied,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Entry {
    Reset,
    Post {
        posting: Posting,
        plan: Plan,
        #[serde(skip)]
        verdict: Verdict,
    },
}

impl Books {
    pub(crate) fn journal(&self) -> Vec<Row> {
        self.journal.clone()
    }

    pub(crate) fn balance(&self, account: &str, currency: &str) -> i128 {
        plan::balance(&self.ledger, account, currency)
    }

    /// Checks every sum of the ledger.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.ledger.check_invariants().map_err(|error| error.to_string())
    }

    fn number(&self, currency: &str) -> u32 {
        let known = self.currencies.iter().position(|known| known == currency);
        known.map_or(0, |place| place as u32 + 1)
    }

    fn write_rows(&mut self, posting: &Posting, stamp: Stamp) {
        for (place, leg) in posting.legs.iter().enumerate() {
            let turn = self.turns.entry(leg.account_id.clone()).or_default();
            *turn += 1;
            let sequence = self.journal.len() as u64 + 1;
            let prev_hash = self
                .journal
                .last()
                .map_or_else(|| "GENESIS".to_owned(), |row| row.entry_hash.clone());
            let hashed = [
                prev_hash.as_str(),
                &posting.transaction_id,
                &leg.account_id,
                leg.side.name(),
                &leg.amount_subunits.to_string(),
                &leg.currency,
                &sequence.to_string(),
            ];
            let entry_hash = HEXLOWER.encode(&Sha256::digest(hashed.join("|")));
            self.journal.push(Row {
                entry_id: format!("{}-{place}", stamp.sequence),
                transaction_id: posting.transaction_id.clone(),
                account_id: leg.account_id.clone(),
                side: leg.side,
                amount_subunits: leg.amount_subunits,
                currency: leg.currency.clone(),
                sequence,
                account_sequence: *turn,
                prev_hash,
                entry_hash,
            });
        }
    }

    fn post(&mut self, posting: &Posting, plan: &Plan, stamp: Stamp) -> Result<Posted, String> {
        for account in &plan.accounts {
            self.ledger.open_account(account, stamp.at).map_err(|error| error.to_string())?;
        }
        let applied = self.ledger.apply(&plan.transfers, stamp.at);
        let refused = applied.fault().map(|(_, error)| error.to_string());
        if refused.is_none() {
            self.write_rows(posting, stamp);
        }
        let outcome = Outcome {
            content: posting.content(),
            transaction_id: posting.transaction_id.clone(),
            refused,
        };
        let said = outcome.said(Status::Applied);
        self.outcomes.insert(posting.idempotency_key.clone(), outcome);
        Ok(said)
    }
}

impl Machine for Books {
    type Command = Command;
    type Entry = Entry;
    type Answer = Answer;
    type Notice = ();

    fn decide(&self, command: Command, _: Stamp) -> Decision<Entry, Answer> {
        let posting = match command {
            Command::Reset => {
                return Decision::Commit {
                    entry: Entry::Reset,
                    answer: Answer::Emptied,
                };
            }
            Command::Post(posting) => posting,
        };
        let refuse = |reason: String| {
            Decision::Answer(Answer::Said(Posted {
                status: Status::Rejected,
                transaction_id: posting.transaction_id.clone(),
                reason: Some(reason),
            }))
        };
        if let Some(fault) = posting.fault() {
            return refuse(fault);
        }
        if let Some(outcome) = self.outcomes.get(&posting.idempotency_key) {
            if outcome.content != posting.content() {
                return refuse("the idempotency key stands for another posting".to_owned());
            }
            return Decision::Answer(Answer::Said(outcome.said(Status::Duplicate)));
        }
        if self.journal.len() + posting.legs.len() > MOST_ROWS {
            return refuse(format!("the scratch journal is full at {MOST_ROWS} entries; reset it"));
        }
        let mut currencies: Vec<&str> = self.currencies.iter().map(String::as_str).collect();
        for leg in &posting.legs {
            if !currencies.contains(&leg.currency.as_str()) {
                currencies.push(&leg.currency);
            }
        }
        let number = |currency: &str| {
            currencies
                .iter()
                .position(|known| *known == currency)
                .map_or(0, |place| place as u32 + 1)
        };
        let plan = plan::plan(&self.ledger, &posting, number);
        let verdict = Verdict::default();
        Decision::Commit {
            answer: Answer::Judged(verdict.clone()),
            entry: Entry::Post { posting, plan, verdict },
        }
    }

    fn apply(&mut self, entry: &Entry, stamp: Stamp, _: &mut Effects<()>) -> Result<(), String> {
        match entry {
            Entry::Reset => *self = Books::default(),
            Entry::Post { posting, plan, verdict } => {
                for leg in &posting.legs {
                    if self.number(&leg.currency) == 0 {
                        self.currencies.push(leg.currency.clone());
                    }
                }
                let said = self.post(posting, plan, stamp)?;
                verdict.get_or_init(|| said);
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<Snapshot, String> {
        let books = self.clone();
        Ok(Snapshot::new(move |out| {
            serde_json::to_writer(out, &books).map_err(|error| error.to_string())
        }))
    }

    fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
        *self = serde_json::from_reader(std::io::BufReader::new(from)).map_err(|error| error.to_string())?;
        Ok(())
    }
}
