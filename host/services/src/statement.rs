//! A person's account as they may read it, and all transfers for other programs.

use crate::books::{Books, BooksError};
use crate::hostkey::HostKey;
use crate::legs::code as leg;
use crate::money;
use crate::people::{FUNDING, code};
use crate::state::State;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use std::io::{self, Write};
use youji_api::PersonId;
use youji_ledger::{Account, HistoryEvent, HistoryFilter, HistoryLine, PendingStatus, StoredTransfer};

/// An account with what happened to it. Amounts are decimal, in the currency's places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The person's id on this host.
    pub person: String,
    /// ISO 4217.
    pub currency: String,
    /// What came in less what went out.
    pub balance: String,
    /// The part of it that is reserved.
    pub held: String,
    /// Newest first.
    pub lines: Vec<StatementLine>,
    /// Whether there are older lines.
    pub more: bool,
}

/// One event of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementLine {
    /// Milliseconds since 1970.
    pub at: u64,
    /// "top-up", "payment", "refund", "fee", "claim", "payout", "return"; "hold", "captured", "released", "expired" for what is reserved.
    pub kind: String,
    /// What it adds to the balance, or, of a hold and its release, to what is held.
    pub amount: String,
    /// "host", "merchant PUBLISHER/ID", "person ID", "packet", or "unknown" for somebody who was forgotten.
    pub other: String,
    /// The stored name of a merchant, in Chinese or English as it has one of them only, else in English; empty for others.
    pub name: String,
    /// The balance after it.
    pub balance: String,
    /// What was reserved after it.
    pub held: String,
    /// The transfer's id in the ledger.
    pub transfer: String,
}

/// How transfers are written for other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A header, then a line for each transfer.
    Csv,
    /// One object with accounts and transfers.
    Json,
}

impl Books {
    /// The statement of a person, by id or by the code that they sign in with; none if nobody here has that. At most `limit` lines.
    ///
    /// # Errors
    /// If the host's key can't be read.
    pub fn statement(&self, person: &str, limit: usize) -> Result<Option<Statement>, BooksError> {
        let host = self.host_key()?;
        self.with(|state| {
            let code = host.short(&[b"code", person.to_ascii_lowercase().as_bytes()]);
            let id = PersonId::from(person);
            let id = state
                .people
                .contains_key(&id)
                .then_some(id)
                .or_else(|| state.codes.get(&code).cloned());
            let Some(id) = id else { return Ok(None) };
            let wallet = wallet(&host, &id);
            let Some(account) = state.ledger.account(wallet) else {
                return Ok(None);
            };
            let currency = money::code_of(account.ledger).unwrap_or("");
            let filter = HistoryFilter {
                limit,
                ..HistoryFilter::default()
            };
            let page = state.ledger.history(wallet, &filter, None);
            let page = page.map_err(|what| crate::books::diverges(None, what))?;
            let names = names(state, &host);
            Ok(Some(Statement {
                person: id.to_string(),
                currency: currency.to_owned(),
                balance: signed(account.credits_posted, account.debits_posted, currency),
                held: money::decimal(account.debits_pending, currency),
                lines: page.lines.iter().map(|told| line(told, wallet, currency, &names)).collect(),
                more: page.next.is_some(),
            }))
        })
    }

    /// All accounts and transfers. Ids and amounts (minor units) are decimal text: they have up to 128 bits.
    ///
    /// # Errors
    /// What `out` says.
    pub fn export(&self, format: ExportFormat, out: &mut dyn Write) -> io::Result<()> {
        self.with(|state| {
            let ledger = &state.ledger;
            if format == ExportFormat::Csv {
                writeln!(
                    out,
                    "timestamp,id,kind,debit_account,credit_account,amount,ledger,code,pending_id,status"
                )?;
                for stored in ledger.transfers() {
                    let done = &stored.done;
                    let pending = if done.pending_id == 0 {
                        String::new()
                    } else {
                        done.pending_id.to_string()
                    };
                    let status = stored.status.map_or("", status);
                    let (id, debit, credit, amount) = (done.id, done.debit, done.credit, done.amount);
                    writeln!(
                        out,
                        "{},{id},{},{debit},{credit},{amount},{},{},{pending},{status}",
                        stored.timestamp,
                        kind_of(&stored),
                        done.ledger,
                        done.code
                    )?;
                }
                return Ok(());
            }
            write!(out, "{{\"accounts\":[")?;
            for (place, account) in ledger.accounts().enumerate() {
                out.write_all(if place > 0 { b",\n" } else { b"\n" })?;
                serde_json::to_writer(&mut *out, &exported_account(account))?;
            }
            write!(out, "],\n\"transfers\":[")?;
            for (place, stored) in ledger.transfers().enumerate() {
                out.write_all(if place > 0 { b",\n" } else { b"\n" })?;
                serde_json::to_writer(&mut *out, &exported_transfer(&stored))?;
            }
            writeln!(out, "]}}")
        })
    }

    fn host_key(&self) -> Result<HostKey, BooksError> {
        let path = self.dir.join("host.key");
        // Opening makes one where none is, which must not happen here.
        let found = std::fs::metadata(&path).and_then(|_| HostKey::open(&path));
        found.map_err(|error| BooksError::Key { path, error })
    }
}

fn exported_account(account: &Account) -> serde_json::Value {
    json!({
        "id": account.id.to_string(),
        "ledger": account.ledger,
        "code": account.code,
        "debitsPending": account.debits_pending.to_string(),
        "debitsPosted": account.debits_posted.to_string(),
        "creditsPending": account.credits_pending.to_string(),
        "creditsPosted": account.credits_posted.to_string(),
        "debitsMustNotExceedCredits": account.flags.debits_must_not_exceed_credits,
        "closed": account.flags.closed,
        "timestamp": account.timestamp.to_string(),
    })
}

fn exported_transfer(stored: &StoredTransfer) -> serde_json::Value {
    let done = &stored.done;
    json!({
        "timestamp": stored.timestamp.to_string(),
        "id": done.id.to_string(),
        "kind": kind_of(stored),
        "debitAccount": done.debit.to_string(),
        "creditAccount": done.credit.to_string(),
        "amount": done.amount.to_string(),
        "ledger": done.ledger,
        "code": done.code,
        "pendingId": (done.pending_id != 0).then(|| done.pending_id.to_string()),
        "status": stored.status.map(status),
    })
}

fn kind_of(stored: &StoredTransfer) -> &'static str {
    let flags = stored.done.flags;
    match (flags.pending, flags.post_pending, flags.void_pending) {
        (true, ..) => "reserve",
        (_, true, _) => "post",
        (.., true) => "void",
        _ => "transfer",
    }
}

fn status(status: PendingStatus) -> &'static str {
    match status {
        PendingStatus::Pending => "pending",
        PendingStatus::Posted => "posted",
        PendingStatus::Voided => "voided",
        PendingStatus::Expired => "expired",
    }
}

fn wallet(host: &HostKey, person: &PersonId) -> u128 {
    host.number(&[b"wallet", person.as_str().as_bytes()])
}

/// Who is behind an account.
struct Whose {
    other: String,
    name: String,
}

/// Whose accounts are whose.
fn names(state: &State, host: &HostKey) -> HashMap<u128, Whose> {
    let nameless = |other: String| Whose {
        other,
        name: String::new(),
    };
    let mut names = HashMap::from([(FUNDING, nameless("host".to_owned()))]);
    for (publisher, merchants) in &state.merchants {
        for (merchant, called) in merchants {
            let id = host.number(&[b"merchant", publisher.as_str().as_bytes(), merchant.as_bytes()]);
            let name = called.in_language("en").to_owned();
            names.insert(
                id,
                Whose {
                    other: format!("merchant {publisher}/{merchant}"),
                    name,
                },
            );
        }
    }
    for person in state.people.keys() {
        names.insert(wallet(host, person), nameless(format!("person {person}")));
    }
    for account in state.ledger.accounts().filter(|account| account.code == leg::PACKET) {
        names.insert(account.id, nameless("packet".to_owned()));
    }
    names
}

fn line(told: &HistoryLine, wallet: u128, currency: &str, names: &HashMap<u128, Whose>) -> StatementLine {
    let done = &told.transfer.done;
    let takes = done.debit == wallet;
    let other = if takes { done.credit } else { done.debit };
    let flags = done.flags;
    let plain = match done.code {
        _ if told.event == HistoryEvent::Expired => "expired",
        _ if flags.pending => "hold",
        _ if flags.post_pending => "captured",
        _ if flags.void_pending => "released",
        code::TOP_UP => "top-up",
        code::PAYMENT => "payment",
        code::RETURN => "return",
        leg::REFUND => "refund",
        leg::FEE => "fee",
        leg::CLAIM => "claim",
        leg::PAYOUT => "payout",
        _ => "transfer",
    };
    // A hold raises what is held; its end lowers it; everything else is about the balance.
    let minus = match plain {
        "hold" => false,
        "expired" | "released" => true,
        _ => takes,
    };
    let amount = money::decimal(done.amount, currency);
    let balances = told.balances;
    let whose = names.get(&other);
    StatementLine {
        at: told.timestamp / 1_000_000,
        kind: plain.to_owned(),
        amount: if minus { format!("-{amount}") } else { amount },
        other: whose.map_or_else(|| "unknown".to_owned(), |whose| whose.other.clone()),
        name: whose.map(|whose| whose.name.clone()).unwrap_or_default(),
        balance: signed(balances.credits_posted, balances.debits_posted, currency),
        held: money::decimal(balances.debits_pending, currency),
        transfer: done.id.to_string(),
    }
}

fn signed(credits: u128, debits: u128, currency: &str) -> String {
    let amount = money::decimal(credits.abs_diff(debits), currency);
    if credits < debits { format!("-{amount}") } else { amount }
}
