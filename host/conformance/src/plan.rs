//! A posting in the ledger's terms.
//!
//! What a tester calls an account is two here: its own, which can't be overdrawn, and a credit line beside it. A posting that may
//! overdraw borrows what is missing from the line first; what the account gets pays the line back first. So its balance is that of both
//! together, and whether it may be overdrawn is the ledger's own limit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use youji_ledger::{Account, AccountFlags, Ledger, Transfer};

use crate::posting::Posting;

const OWN: u16 = 1;
const LINE: u16 = 2;
const MOVE: u16 = 1;
const BORROW: u16 = 2;
const REPAY: u16 = 3;

/// What the ledger is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// To be opened where they are not.
    pub(crate) accounts: Vec<Account>,
    /// Linked: all or none.
    pub(crate) transfers: Vec<Transfer>,
}

fn number(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(id).clamp(1, u128::MAX - 1)
}

fn own(account: &str, currency: &str) -> u128 {
    number(&["own", account, currency])
}

fn line(account: &str, currency: &str) -> u128 {
    number(&["line", account, currency])
}

/// A balance as testers see it, in subunits.
pub(crate) fn balance(ledger: &Ledger, account: &str, currency: &str) -> i128 {
    let of = |id: u128| {
        let account = ledger.account(id);
        account.map_or(0, |account| account.credits_posted as i128 - account.debits_posted as i128)
    };
    of(own(account, currency)) + of(line(account, currency))
}

/// What is to be done for a balanced posting. `currency_number` is the ledger's number of each currency.
pub(crate) fn plan(ledger: &Ledger, posting: &Posting, currency_number: impl Fn(&str) -> u32) -> Plan {
    // What each account gets or gives in all, in the order of the legs.
    let mut nets: Vec<(&str, &str, i128)> = Vec::new();
    for leg in &posting.legs {
        let (account, currency) = (leg.account_id.as_str(), leg.currency.as_str());
        match nets.iter_mut().find(|net| (net.0, net.1) == (account, currency)) {
            Some(net) => net.2 += leg.signed(),
            None => nets.push((account, currency, leg.signed())),
        }
    }
    let mut plan = Plan::default();
    let (mut borrowed, mut moved, mut repaid) = (Vec::new(), Vec::new(), Vec::new());
    let transfer = |from: u128, to: u128, amount: i128, currency: &str, code: u16| {
        Transfer::new(0, from, to, amount.unsigned_abs(), currency_number(currency), code)
    };
    for (account, currency, net) in &nets {
        let ids = [own(account, currency), line(account, currency)];
        let flags = [
            AccountFlags {
                debits_must_not_exceed_credits: true,
                ..AccountFlags::default()
            },
            AccountFlags {
                credits_must_not_exceed_debits: true,
                ..AccountFlags::default()
            },
        ];
        let opened = ids.into_iter().zip(flags).zip([OWN, LINE]);
        let missing = opened.filter(|((id, _), _)| ledger.account(*id).is_none());
        plan.accounts
            .extend(missing.map(|((id, flags), code)| Account::new(id, currency_number(currency), code, flags)));
        let available = ledger.account(ids[0]).map_or(0, Account::available) as i128;
        if posting.allow_overdraft && -net > available {
            borrowed.push(transfer(ids[1], ids[0], -net - available, currency, BORROW));
        }
        let owed = ledger.account(ids[1]).map_or(0, |line| line.debits_posted - line.credits_posted) as i128;
        if *net > 0 && owed > 0 {
            repaid.push(transfer(ids[0], ids[1], owed.min(*net), currency, REPAY));
        }
    }
    let mut takers: Vec<_> = nets.iter().copied().filter(|net| net.2 > 0).collect();
    for (account, currency, net) in nets.iter().filter(|net| net.2 < 0) {
        let mut left = -net;
        for taker in takers.iter_mut().filter(|taker| taker.1 == *currency) {
            let amount = left.min(taker.2);
            if amount > 0 {
                moved.push(transfer(own(account, currency), own(taker.0, currency), amount, currency, MOVE));
                taker.2 -= amount;
                left -= amount;
            }
        }
    }
    for (kind, transfers) in [("borrow", borrowed), ("move", moved), ("repay", repaid)] {
        for (place, transfer) in transfers.into_iter().enumerate() {
            let id = number(&[&posting.idempotency_key, kind, &place.to_string()]);
            plan.transfers.push(Transfer { id, ..transfer }.linked());
        }
    }
    if let Some(last) = plan.transfers.last_mut() {
        last.flags.linked = false;
    }
    plan
}
