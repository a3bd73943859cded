//! Every refusal, and which of two wins.

use std::collections::BTreeMap;

use serde::Deserialize;
use youji_ledger::{Account, AccountError, AccountFlags, Ledger, Retention, Transfer, TransferError as E, TransferFlags, timed_id};

const CNY: u32 = 156;
const USD: u32 = 840;
const BANK: u128 = 1;
const ADA: u128 = 2;
const BOB: u128 = 3;
const DOLLARS: u128 = 4;
const DOLLARS_TOO: u128 = 5;
const CLOSED: u128 = 6;
const CLOSED_TOO: u128 = 7;
const CAPPED: u128 = 8;
const RICH: u128 = 9;
const FULL: u128 = 10;
const HALF_RESERVED: u128 = 11;
/// Ids begin with their time: 100 s, the time of the tests.
const AGE: u128 = 100_000 << 80;
const PENDING: u128 = AGE + 1_001;
const DONE: u128 = AGE + 1_002;
const POSTED: u128 = AGE + 1_003;
const VOIDED: u128 = AGE + 1_004;
const EXPIRED: u128 = AGE + 1_005;
const BURNED: u128 = AGE + 1_006;
const CLOSED_LATER: u128 = AGE + 1_007;
const PAYEE_CLOSED_LATER: u128 = AGE + 1_008;
const NEW: u128 = AGE + 5_000;
/// A millisecond before the window.
const OLD: u128 = (39_999 << 80) + 5_000;
const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 100 * SECOND;

fn flags(debits: bool, credits: bool) -> AccountFlags {
    AccountFlags {
        debits_must_not_exceed_credits: debits,
        credits_must_not_exceed_debits: credits,
        ..AccountFlags::default()
    }
}

fn reserve(id: u128, debit: u128, credit: u128, amount: u128, timeout_s: u32) -> Transfer {
    Transfer {
        flags: TransferFlags::PENDING,
        timeout_s,
        ..Transfer::new(id, debit, credit, amount, CNY, 1)
    }
}

/// A ledger in which every refusal can be met.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.retain(Retention {
        id_window_ms: 60_000,
        ..Retention::default()
    });
    let wallet = flags(true, false);
    let accounts = [
        (BANK, CNY, flags(false, false)),
        (ADA, CNY, wallet),
        (BOB, CNY, wallet),
        (DOLLARS, USD, wallet),
        (DOLLARS_TOO, USD, wallet),
        (CLOSED, CNY, wallet),
        (CLOSED_TOO, CNY, wallet),
        (CAPPED, CNY, flags(false, true)),
        (RICH, CNY, flags(false, false)),
        (FULL, CNY, flags(false, false)),
        (HALF_RESERVED, CNY, flags(false, false)),
    ];
    for (id, currency, flags) in accounts {
        ledger.open_account(&Account::new(id, currency, 1, flags), 1).unwrap();
    }
    let half = u128::MAX / 2 + 1;
    let setup = [
        Transfer::new(DONE, BANK, ADA, 1_000, CNY, 1),
        reserve(PENDING, ADA, BOB, 300, 0),
        reserve(POSTED, ADA, BOB, 100, 0),
        Transfer::post(AGE + 2_001, POSTED, 60),
        reserve(VOIDED, ADA, BOB, 100, 0),
        Transfer::void(AGE + 2_002, VOIDED),
        reserve(EXPIRED, ADA, BOB, 100, 1),
        Transfer::new(AGE + 2_003, BANK, CLOSED, 50, CNY, 1),
        reserve(CLOSED_LATER, CLOSED, CLOSED_TOO, 50, 0),
        Transfer::new(AGE + 2_004, RICH, FULL, u128::MAX - 10, CNY, 1),
        Transfer::new(AGE + 2_006, BANK, CLOSED_TOO, 1, CNY, 1),
        reserve(PAYEE_CLOSED_LATER, BANK, CLOSED_TOO, 50, 0),
        reserve(AGE + 2_005, HALF_RESERVED, BOB, half, 0),
    ];
    let applied = ledger.apply(&setup, 2);
    assert!(applied.all_done(), "{:?}", applied.results);
    assert_eq!(
        ledger.apply(&[Transfer::new(BURNED, ADA, BOB, 100_000, CNY, 1)], 3).results,
        [Err(E::ExceedsCredits)]
    );
    assert_eq!(ledger.expire(50 * SECOND), [EXPIRED]);
    ledger.set_closed(CLOSED, true).unwrap();
    ledger.set_closed(CLOSED_TOO, true).unwrap();
    ledger.check_invariants().unwrap();
    ledger
}

/// Asks, acts, and sees that both agree, that nothing but a burned id changed, and that all sums hold.
fn check(transfer: Transfer, expected: E) {
    let mut ledger = ledger();
    let before = ledger.clone();
    let asked = ledger.check(&[transfer], NOW);
    let applied = ledger.apply(&[transfer], NOW);
    assert_eq!(asked, applied);
    assert_eq!(applied.results, [Err(expected)], "{transfer:?}");
    ledger.check_invariants().unwrap();
    assert!(
        ledger.accounts().all(|account| before.account(account.id) == Some(account)),
        "a refusal changes no account"
    );
    let again = ledger.apply(&[Transfer { amount: 1, ..transfer }], NOW).results[0];
    assert_eq!(
        again == Err(E::IdAlreadyFailed),
        expected.burns_id() || expected == E::IdAlreadyFailed,
        "{expected:?} then {again:?}"
    );
}

/// One thing that can be wrong, as a row of the data file: which members it sets to what.
#[derive(Deserialize)]
struct Fault {
    error: E,
    set: BTreeMap<String, String>,
}

fn number(text: &str) -> u128 {
    match text {
        "max" => u128::MAX,
        "half" => u128::MAX / 2 + 1,
        "too old" => OLD,
        "burned" => BURNED,
        "new" => NEW,
        "nothing" => NEW - 1,
        "pending" => PENDING,
        "done" => DONE,
        "posted" => POSTED,
        "voided" => VOIDED,
        "expired" => EXPIRED,
        "closed later" => CLOSED_LATER,
        "payee closed later" => PAYEE_CLOSED_LATER,
        "nobody" => 98,
        "nobody else" => 99,
        "bank" => BANK,
        "ada" => ADA,
        "bob" => BOB,
        "dollars" => DOLLARS,
        "closed" => CLOSED,
        "closed too" => CLOSED_TOO,
        "capped" => CAPPED,
        "rich" => RICH,
        "full" => FULL,
        "half reserved" => HALF_RESERVED,
        digits => digits.parse().unwrap_or_else(|_| panic!("{digits:?} is no name and no number")),
    }
}

fn spoil(transfer: &mut Transfer, fault: &Fault) {
    for (member, value) in &fault.set {
        match member.as_str() {
            "id" => transfer.id = number(value),
            "debit" => transfer.debit = number(value),
            "credit" => transfer.credit = number(value),
            "amount" => transfer.amount = number(value),
            "pending_id" => transfer.pending_id = number(value),
            "user_data" => transfer.user_data = number(value),
            "timeout_s" => transfer.timeout_s = u32::try_from(number(value)).unwrap(),
            "ledger" => transfer.ledger = u32::try_from(number(value)).unwrap(),
            "code" => transfer.code = u16::try_from(number(value)).unwrap(),
            "flags" => {
                let has = |name: &str| value.split(' ').any(|flag| flag == name);
                transfer.flags = TransferFlags {
                    linked: has("linked"),
                    pending: has("pending"),
                    post_pending: has("post"),
                    void_pending: has("void"),
                    balancing_debit: has("balancing_debit"),
                    balancing_credit: has("balancing_credit"),
                };
            }
            other => panic!("{other:?} is no member"),
        }
    }
}

fn table(name: &str) -> Vec<Fault> {
    let mut tables: BTreeMap<String, Vec<Fault>> = serde_json::from_str(include_str!("precedence.json")).unwrap();
    let faults = tables.remove(name).unwrap();
    assert!(
        faults.is_sorted_by_key(|fault| fault.error),
        "the file is in the order of precedence"
    );
    faults
}

/// Each fault alone, and each two that touch different members: the one that stands first wins.
fn check_table(base: Transfer, name: &str) {
    let faults = table(name);
    assert!(ledger().apply(&[base], NOW).all_done(), "the base is sound");
    for fault in &faults {
        let mut transfer = base;
        spoil(&mut transfer, fault);
        check(transfer, fault.error);
        for other in faults
            .iter()
            .filter(|other| !other.set.keys().any(|member| fault.set.contains_key(member)))
        {
            let mut transfer = transfer;
            spoil(&mut transfer, other);
            let found = ledger().check(&[transfer], NOW).results[0];
            let first = fault.error.min(other.error);
            assert_eq!(found, Err(first), "{:?} with {:?}: {transfer:?}", fault.error, other.error);
        }
    }
}

#[test]
fn plain_transfers_are_refused_in_the_order_of_the_list() {
    check_table(Transfer::new(NEW, ADA, BOB, 10, CNY, 1), "plain");
}

#[test]
fn reservations_are_refused_in_the_order_of_the_list() {
    check_table(reserve(NEW, ADA, BOB, 10, 60), "reserve");
}

#[test]
fn posts_are_refused_in_the_order_of_the_list() {
    check_table(Transfer::post(NEW, PENDING, 10), "post");
}

#[test]
fn the_same_id_never_moves_money_twice() {
    let first = Transfer {
        user_data: 5,
        ..reserve(NEW, ADA, BOB, 10, 60)
    };
    let repeated = |second: Transfer| {
        let mut ledger = ledger();
        // The last of the batch is not linked, so that the chain itself is in order.
        let last = Transfer::new(NEW + 1, BANK, BOB, 1, CNY, 1);
        let applied = ledger.apply(&[first, second, last], NOW);
        let credits = |ledger: &Ledger| ledger.account(BOB).unwrap().credits_pending;
        assert_eq!(credits(&ledger), credits(&self::ledger()) + 10);
        ledger.check_invariants().unwrap();
        applied.results[1]
    };
    assert_eq!(repeated(first), Err(E::Exists));
    let faults = table("exists");
    for fault in &faults {
        let mut second = first;
        spoil(&mut second, fault);
        assert_eq!(repeated(second), Err(fault.error));
        for other in faults
            .iter()
            .filter(|other| !other.set.keys().any(|member| fault.set.contains_key(member)))
        {
            let mut second = second;
            spoil(&mut second, other);
            assert_eq!(repeated(second), Err(fault.error.min(other.error)));
        }
    }
}

#[test]
fn a_second_phase_is_known_by_what_it_asked() {
    let post = Transfer::post(NEW, PENDING, u128::MAX);
    let mut ledger = ledger();
    assert!(ledger.apply(&[post], NOW).all_done());
    let again = |transfer: Transfer| ledger.check(&[transfer], NOW).results[0];
    assert_eq!(again(post), Err(E::Exists));
    // The same amount, the same account: yet another wish.
    assert_eq!(again(Transfer { amount: 300, ..post }), Err(E::ExistsWithDifferentAmount));
    assert_eq!(again(Transfer { debit: ADA, ..post }), Err(E::ExistsWithDifferentDebitAccount));
    assert_eq!(again(Transfer { credit: BOB, ..post }), Err(E::ExistsWithDifferentCreditAccount));
    assert_eq!(again(Transfer { ledger: CNY, ..post }), Err(E::ExistsWithDifferentLedger));
    assert_eq!(again(Transfer { code: 1, ..post }), Err(E::ExistsWithDifferentCode));
    let stored = ledger.transfer(NEW).unwrap();
    assert_eq!(stored.asked, post);
    assert_eq!((stored.done.amount, stored.done.debit, stored.done.credit), (300, ADA, BOB));
}

#[test]
fn balancing_moves_what_is_left() {
    let balancing = |id, debit, credit, flags| Transfer {
        flags,
        ..Transfer::new(id, debit, credit, 5_000, CNY, 1)
    };
    let debit = TransferFlags {
        balancing_debit: true,
        ..TransferFlags::default()
    };
    let credit = TransferFlags {
        balancing_credit: true,
        ..TransferFlags::default()
    };
    let mut ledger = ledger();
    let available = ledger.account(ADA).unwrap().available();
    let all = balancing(NEW, ADA, BOB, debit);
    assert!(ledger.apply(&[all], NOW).all_done());
    assert_eq!(ledger.account(ADA).unwrap().available(), 0);
    let stored = ledger.transfer(NEW).unwrap();
    assert_eq!((stored.asked.amount, stored.done.amount), (5_000, available));
    assert_eq!(ledger.check(&[all], NOW).results, [Err(E::Exists)]);
    assert_eq!(
        ledger.check(&[Transfer { amount: 4_000, ..all }], NOW).results,
        [Err(E::ExistsWithDifferentAmount)]
    );
    assert!(ledger.apply(&[balancing(NEW + 1, BANK, CAPPED, credit)], NOW).all_done());
    assert_eq!(
        ledger.transfer(NEW + 1).unwrap().done.amount,
        0,
        "nothing is owed to it, and nothing moves"
    );
    ledger.check_invariants().unwrap();
}

#[test]
fn refusals_of_reservations_only() {
    let half = u128::MAX / 2 + 1;
    check(reserve(AGE + 5_000, HALF_RESERVED, FULL, half, 0), E::OverflowsDebitsPending);
    check(reserve(AGE + 5_000, RICH, BOB, half, 0), E::OverflowsCreditsPending);
    let ledger = ledger();
    let then = u64::MAX - SECOND;
    let late = ledger
        .check(&[reserve(timed_id(then / 1_000_000, 1), ADA, BOB, 1, u32::MAX)], then)
        .results[0];
    assert_eq!(late, Err(E::OverflowsTimeout));
    check(reserve(AGE + 5_000, ADA, BOB, 1_000, 0), E::ExceedsCredits);
}

#[test]
fn chains_are_all_or_nothing() {
    let good = |id| Transfer::new(id, ADA, BOB, 10, CNY, 1);
    let bad = |id| Transfer::new(id, ADA, BOB, 10_000, CNY, 1);
    let failed = Err(E::LinkedEventFailed);
    type Case = (Vec<Transfer>, Vec<Result<(), E>>);
    let cases: Vec<Case> = vec![
        (vec![good(1).linked(), good(2)], vec![Ok(()), Ok(())]),
        (vec![good(1).linked(), bad(2)], vec![failed, Err(E::ExceedsCredits)]),
        (vec![bad(1).linked(), good(2)], vec![Err(E::ExceedsCredits), failed]),
        (
            vec![good(1).linked(), bad(2).linked(), good(3), good(4)],
            vec![failed, Err(E::ExceedsCredits), failed, Ok(())],
        ),
        (vec![good(1), good(2).linked()], vec![Ok(()), Err(E::LinkedEventChainOpen)]),
        (vec![good(1).linked(), good(2).linked()], vec![failed, Err(E::LinkedEventChainOpen)]),
        (
            vec![bad(1).linked(), good(2).linked()],
            vec![Err(E::ExceedsCredits), Err(E::LinkedEventChainOpen)],
        ),
        // What a chain reserved is released with it.
        (
            vec![reserve(1, ADA, BOB, 5, 9).linked(), Transfer::post(2, 1, 5).linked(), bad(3)],
            vec![failed, failed, Err(E::ExceedsCredits)],
        ),
        (
            vec![reserve(1, ADA, BOB, 5, 9).linked(), Transfer::post(2, 1, 5)],
            vec![Ok(()), Ok(())],
        ),
        (vec![good(1).linked(), good(1)], vec![failed, Err(E::ExistsWithDifferentFlags)]),
    ];
    for (place, (mut chain, expected)) in cases.into_iter().enumerate() {
        for transfer in &mut chain {
            transfer.id += AGE + 6_000;
            transfer.pending_id += if transfer.pending_id == 0 { 0 } else { AGE + 6_000 };
        }
        let mut ledger = ledger();
        let before = ledger.clone();
        let applied = ledger.apply(&chain, NOW);
        let results: Vec<_> = applied.results.iter().map(|result| result.map(drop)).collect();
        assert_eq!(results, expected, "case {place}");
        for (transfer, result) in chain.iter().zip(&results) {
            assert_eq!(ledger.transfer(transfer.id).is_some(), result.is_ok(), "case {place}");
        }
        if results.iter().all(Result::is_err) {
            assert!(
                before.accounts().all(|account| ledger.account(account.id) == Some(account)),
                "case {place}"
            );
            assert_eq!(ledger.next_timeout(), before.next_timeout());
        } else if results.iter().all(Result::is_ok) {
            let again = ledger.apply(&chain, NOW + 1);
            assert!(
                again.results.iter().all(|result| *result == Err(E::Exists)) && again.all_done(),
                "a retried chain reads as done"
            );
        }
        ledger.check_invariants().unwrap();
    }
}

#[test]
fn timeouts_release_at_their_time_and_not_before() {
    let mut ledger = ledger();
    let at = ledger.apply(&[reserve(AGE + 5_000, ADA, BOB, 10, 60)], NOW).results[0].unwrap();
    let due = at + 60 * SECOND;
    assert_eq!(ledger.next_timeout(), Some(due));
    assert_eq!(ledger.expire(due - 1), [0_u128; 0]);
    let mut posted = ledger.clone();
    assert!(posted.apply(&[Transfer::post(AGE + 5_001, NEW, u128::MAX)], due - 1).all_done());
    assert_eq!(posted.expire(due), [0_u128; 0]);
    posted.check_invariants().unwrap();
    // The batch's own time releases first, whether or not anybody called `expire`.
    let late = ledger.apply(&[Transfer::post(AGE + 5_001, NEW, u128::MAX)], due);
    assert_eq!((late.results, late.expired), (vec![Err(E::PendingTransferExpired)], vec![NEW]));
    assert_eq!(ledger.next_timeout(), None);
    ledger.check_invariants().unwrap();
}

#[test]
fn a_closed_account_gives_back_what_it_reserved() {
    let mut ledger = ledger();
    assert_eq!(
        ledger.apply(&[Transfer::post(AGE + 5_000, CLOSED_LATER, 50)], NOW).results,
        [Err(E::DebitAccountClosed)]
    );
    assert!(ledger.apply(&[Transfer::void(AGE + 5_001, CLOSED_LATER)], NOW).all_done());
    assert_eq!(ledger.account(CLOSED).unwrap().debits_pending, 0);
    assert_eq!(ledger.set_closed(99, true), Err(AccountError::NotFound));
}

#[test]
fn accounts_are_refused_in_the_order_of_the_list() {
    let new = |id| Account::new(id, CNY, 1, flags(true, false));
    let cases = [
        (Account { ledger: 0, ..new(0) }, AccountError::IdMustNotBeZero),
        (
            Account {
                ledger: 0,
                ..new(u128::MAX)
            },
            AccountError::IdMustNotBeMax,
        ),
        (
            Account {
                flags: flags(false, false),
                ledger: USD,
                ..new(ADA)
            },
            AccountError::ExistsWithDifferentFlags,
        ),
        (
            Account {
                ledger: USD,
                code: 2,
                ..new(ADA)
            },
            AccountError::ExistsWithDifferentLedger,
        ),
        (Account { code: 2, ..new(ADA) }, AccountError::ExistsWithDifferentCode),
        (new(ADA), AccountError::Exists),
        (new(CLOSED), AccountError::Exists),
        (
            Account {
                flags: flags(true, true),
                credits_posted: 1,
                ..new(50)
            },
            AccountError::FlagsAreMutuallyExclusive,
        ),
        (
            Account {
                credits_posted: 1,
                ledger: 0,
                ..new(50)
            },
            AccountError::BalancesMustBeZero,
        ),
        (
            Account {
                ledger: 0,
                code: 0,
                ..new(50)
            },
            AccountError::LedgerMustNotBeZero,
        ),
        (Account { code: 0, ..new(50) }, AccountError::CodeMustNotBeZero),
    ];
    let mut ledger = ledger();
    for (account, error) in cases {
        assert_eq!(ledger.open_account(&account, NOW), Err(error));
    }
    assert_eq!(ledger.open_account(&new(50), 1).unwrap(), ledger.last_timestamp());
}
