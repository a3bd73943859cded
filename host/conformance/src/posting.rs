//! What is posted, as the kit's contract has it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const MOST_LEGS: usize = 64;
const MOST_CHARS: usize = 256;

/// A request of `POST /_lck/post`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posting {
    pub(crate) idempotency_key: String,
    pub(crate) transaction_id: String,
    #[serde(default)]
    pub(crate) allow_overdraft: bool,
    pub(crate) legs: Vec<Leg>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Leg {
    pub(crate) account_id: String,
    #[serde(rename = "type")]
    pub(crate) side: Side,
    /// Unsigned by meaning; signed in the contract's own language.
    pub(crate) amount_subunits: i64,
    pub(crate) currency: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Side {
    Debit,
    Credit,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Debit => "DEBIT",
            Side::Credit => "CREDIT",
        }
    }
}

/// An answer of `POST /_lck/post`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    pub(crate) status: Status,
    /// Of a duplicate, the one that was applied.
    pub(crate) transaction_id: String,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Applied,
    Duplicate,
    Rejected,
}

impl Leg {
    /// What it adds to its account's balance.
    pub(crate) fn signed(&self) -> i128 {
        match self.side {
            Side::Credit => self.amount_subunits.into(),
            Side::Debit => -i128::from(self.amount_subunits),
        }
    }
}

impl Posting {
    /// What is wrong with it whatever the balances are.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.legs.is_empty() || self.legs.len() > MOST_LEGS {
            return Some(format!("expected 1 to {MOST_LEGS} legs, found {}", self.legs.len()));
        }
        let texts = self.legs.iter().flat_map(|leg| [&leg.account_id, &leg.currency]);
        for text in texts.chain([&self.idempotency_key, &self.transaction_id]) {
            if text.is_empty() || text.chars().count() > MOST_CHARS {
                return Some(format!("expected ids and names of 1 to {MOST_CHARS} characters, found {text:?}"));
            }
        }
        if let Some(leg) = self.legs.iter().find(|leg| leg.amount_subunits <= 0) {
            return Some(format!("expected amounts above 0, found {}", leg.amount_subunits));
        }
        let mut nets: BTreeMap<&str, i128> = BTreeMap::new();
        for leg in &self.legs {
            *nets.entry(&leg.currency).or_default() += leg.signed();
        }
        let odd = nets.iter().find(|(_, net)| **net != 0);
        odd.map(|(currency, net)| format!("debits and credits in {currency} differ by {net} subunits"))
    }

    /// What must be the same for it to be the same posting. A retry may have another transaction id.
    pub(crate) fn content(&self) -> String {
        let content = serde_json::to_vec(&(&self.legs, self.allow_overdraft)).unwrap_or_default();
        HEXLOWER.encode(&Sha256::digest(content))
    }
}
