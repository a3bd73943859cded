//! Every refusal, and which of two wins.

use youji_ledger::{Account, AccountError, AccountFlags, Ledger, Transfer, TransferError as E, TransferFlags};

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
const PENDING: u128 = 1_001;
const DONE: u128 = 1_002;
const POSTED: u128 = 1_003;
const VOIDED: u128 = 1_004;
const EXPIRED: u128 = 1_005;
const BURNED: u128 = 1_006;
const CLOSED_LATER: u128 = 1_007;
const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 100 * SECOND;

fn flags(debits: bool, credits: bool) -> AccountFlags {
    AccountFlags {
        debits_must_not_exceed_credits: debits,
        credits_must_not_exceed_debits: credits,
        closed: false,
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
        Transfer::post(2_001, POSTED, 60),
        reserve(VOIDED, ADA, BOB, 100, 0),
        Transfer::void(2_002, VOIDED),
        reserve(EXPIRED, ADA, BOB, 100, 1),
        Transfer::new(2_003, BANK, CLOSED, 50, CNY, 1),
        reserve(CLOSED_LATER, CLOSED, CLOSED_TOO, 50, 0),
        Transfer::new(2_004, RICH, FULL, u128::MAX - 10, CNY, 1),
        reserve(2_005, HALF_RESERVED, BOB, half, 0),
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

type Fault = (E, &'static [&'static str], fn(&mut Transfer));

/// What can be wrong with a plain transfer, by the members that it touches.
const FIRST_PHASE: &[Fault] = &[
    (E::IdMustNotBeZero, &["id"], |t| t.id = 0),
    (E::IdMustNotBeMax, &["id"], |t| t.id = u128::MAX),
    (E::IdAlreadyFailed, &["id"], |t| t.id = BURNED),
    (E::FlagsAreMutuallyExclusive, &["flags"], |t| {
        t.flags.pending = true;
        t.flags.post_pending = true;
    }),
    (E::DebitAccountMustNotBeZero, &["debit"], |t| t.debit = 0),
    (E::DebitAccountMustNotBeMax, &["debit"], |t| t.debit = u128::MAX),
    (E::CreditAccountMustNotBeZero, &["credit"], |t| t.credit = 0),
    (E::CreditAccountMustNotBeMax, &["credit"], |t| t.credit = u128::MAX),
    (E::AccountsMustBeDifferent, &["debit", "credit"], |t| {
        (t.debit, t.credit) = (ADA, ADA)
    }),
    (E::PendingIdMustBeZero, &["pending"], |t| t.pending_id = PENDING),
    (E::TimeoutReservedForPending, &["timeout"], |t| t.timeout_s = 1),
    (E::LedgerMustNotBeZero, &["ledger"], |t| t.ledger = 0),
    (E::CodeMustNotBeZero, &["code"], |t| t.code = 0),
    (E::DebitAccountNotFound, &["debit"], |t| t.debit = 98),
    (E::CreditAccountNotFound, &["credit"], |t| t.credit = 99),
    (E::AccountsMustHaveTheSameLedger, &["debit", "credit"], |t| {
        (t.debit, t.credit) = (CLOSED, DOLLARS)
    }),
    (E::TransferMustHaveTheSameLedgerAsAccounts, &["ledger"], |t| t.ledger = USD),
    (E::DebitAccountClosed, &["debit"], |t| t.debit = CLOSED),
    (E::CreditAccountClosed, &["credit"], |t| t.credit = CLOSED_TOO),
    (E::OverflowsDebitsPosted, &["debit", "amount"], |t| {
        (t.debit, t.amount) = (RICH, u128::MAX / 2)
    }),
    (E::OverflowsCreditsPosted, &["credit", "amount"], |t| {
        (t.credit, t.amount) = (FULL, u128::MAX / 2)
    }),
    (E::OverflowsDebits, &["debit", "amount"], |t| {
        (t.debit, t.amount) = (HALF_RESERVED, u128::MAX / 2 + 1)
    }),
    (E::OverflowsCredits, &["credit", "amount"], |t| {
        (t.credit, t.amount) = (BOB, u128::MAX / 2 + 1)
    }),
    (E::ExceedsCredits, &["amount"], |t| t.amount = 1_000),
    (E::ExceedsDebits, &["credit"], |t| t.credit = CAPPED),
];

/// What can be wrong with a post or a void, by the members that it touches.
const SECOND_PHASE: &[Fault] = &[
    (E::IdMustNotBeZero, &["id"], |t| t.id = 0),
    (E::IdAlreadyFailed, &["id"], |t| t.id = BURNED),
    (E::DebitAccountMustNotBeMax, &["debit"], |t| t.debit = u128::MAX),
    (E::CreditAccountMustNotBeMax, &["credit"], |t| t.credit = u128::MAX),
    (E::AccountsMustBeDifferent, &["debit", "credit"], |t| {
        (t.debit, t.credit) = (ADA, ADA)
    }),
    (E::PendingIdMustNotBeZero, &["pending"], |t| t.pending_id = 0),
    (E::PendingIdMustNotBeMax, &["pending"], |t| t.pending_id = u128::MAX),
    (E::PendingIdMustBeDifferent, &["pending", "id"], |t| t.pending_id = t.id),
    (E::TimeoutReservedForPending, &["timeout"], |t| t.timeout_s = 1),
    (E::PendingTransferNotFound, &["pending"], |t| t.pending_id = 99),
    (E::PendingTransferNotPending, &["pending"], |t| t.pending_id = DONE),
    (E::PendingTransferHasDifferentDebitAccount, &["debit"], |t| t.debit = RICH),
    (E::PendingTransferHasDifferentCreditAccount, &["credit"], |t| t.credit = BANK),
    (E::PendingTransferHasDifferentLedger, &["ledger"], |t| t.ledger = USD),
    (E::PendingTransferHasDifferentCode, &["code"], |t| t.code = 2),
    (E::ExceedsPendingTransferAmount, &["amount"], |t| t.amount = 1_000),
    (E::PendingTransferHasDifferentAmount, &["amount", "flags"], |t| {
        (t.amount, t.flags) = (20, TransferFlags::VOID)
    }),
    (E::PendingTransferAlreadyPosted, &["pending"], |t| t.pending_id = POSTED),
    (E::PendingTransferAlreadyVoided, &["pending"], |t| t.pending_id = VOIDED),
    (E::PendingTransferExpired, &["pending"], |t| t.pending_id = EXPIRED),
    (E::DebitAccountClosed, &["pending"], |t| t.pending_id = CLOSED_LATER),
];

fn check_table(base: Transfer, faults: &[Fault]) {
    assert!(ledger().apply(&[base], NOW).all_done(), "the base is sound");
    for (error, members, spoil) in faults {
        let mut transfer = base;
        spoil(&mut transfer);
        check(transfer, *error);
        for (other, others, spoil_more) in faults
            .iter()
            .filter(|(_, others, _)| !others.iter().any(|member| members.contains(member)))
        {
            let mut transfer = transfer;
            spoil_more(&mut transfer);
            let first = *error.min(other);
            let found = ledger().check(&[transfer], NOW).results[0];
            assert_eq!(found, Err(first), "{members:?} {error:?} with {others:?} {other:?}: {transfer:?}");
        }
    }
}

#[test]
fn plain_transfers_are_refused_in_the_order_of_the_list() {
    check_table(Transfer::new(5_000, ADA, BOB, 10, CNY, 1), FIRST_PHASE);
}

#[test]
fn posts_are_refused_in_the_order_of_the_list() {
    check_table(Transfer::post(5_000, PENDING, 10), SECOND_PHASE);
}

#[test]
fn refusals_of_reservations_only() {
    let half = u128::MAX / 2 + 1;
    check(reserve(5_000, HALF_RESERVED, FULL, half, 0), E::OverflowsDebitsPending);
    check(reserve(5_000, RICH, BOB, half, 0), E::OverflowsCreditsPending);
    let ledger = ledger();
    let late = ledger.check(&[reserve(5_000, ADA, BOB, 1, u32::MAX)], u64::MAX - SECOND).results[0];
    assert_eq!(late, Err(E::OverflowsTimeout));
    check(reserve(5_000, ADA, BOB, 1_000, 0), E::ExceedsCredits);
}

#[test]
fn the_same_id_never_moves_money_twice() {
    let first = Transfer {
        user_data: 5,
        ..reserve(5_000, ADA, BOB, 10, 60)
    };
    let differing: [(E, Transfer); 8] = [
        (E::Exists, first),
        (
            E::ExistsWithDifferentFlags,
            Transfer {
                flags: TransferFlags::LINKED,
                timeout_s: 1,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentPendingId,
            Transfer {
                pending_id: 7,
                timeout_s: 1,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentTimeout,
            Transfer {
                timeout_s: 61,
                debit: BANK,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentDebitAccount,
            Transfer {
                debit: BANK,
                credit: ADA,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentCreditAccount,
            Transfer {
                credit: BANK,
                amount: 1,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentAmount,
            Transfer {
                amount: 11,
                user_data: 6,
                ..first
            },
        ),
        (
            E::ExistsWithDifferentUserData,
            Transfer {
                user_data: 6,
                ledger: USD,
                ..first
            },
        ),
    ];
    for (error, second) in differing.into_iter().chain([
        (
            E::ExistsWithDifferentLedger,
            Transfer {
                ledger: USD,
                code: 2,
                ..first
            },
        ),
        (E::ExistsWithDifferentCode, Transfer { code: 2, ..first }),
    ]) {
        let mut ledger = ledger();
        // The last of the batch is not linked, so that the chain itself is in order.
        let last = Transfer::new(5_001, BANK, BOB, 1, CNY, 1);
        let applied = ledger.apply(&[first, second, last], NOW);
        assert_eq!(applied.results[1], Err(error));
        assert_eq!(
            ledger.account(BOB).unwrap().credits_pending,
            self::ledger().account(BOB).unwrap().credits_pending + 10
        );
        ledger.check_invariants().unwrap();
    }
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
            transfer.id += 6_000;
            transfer.pending_id += if transfer.pending_id == 0 { 0 } else { 6_000 };
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
    let at = ledger.apply(&[reserve(5_000, ADA, BOB, 10, 60)], NOW).results[0].unwrap();
    let due = at + 60 * SECOND;
    assert_eq!(ledger.next_timeout(), Some(due));
    assert_eq!(ledger.expire(due - 1), [0_u128; 0]);
    let mut posted = ledger.clone();
    assert!(posted.apply(&[Transfer::post(5_001, 5_000, u128::MAX)], due - 1).all_done());
    assert_eq!(posted.expire(due), [0_u128; 0]);
    posted.check_invariants().unwrap();
    // The batch's own time releases first, whether or not anybody called `expire`.
    let late = ledger.apply(&[Transfer::post(5_001, 5_000, u128::MAX)], due);
    assert_eq!((late.results, late.expired), (vec![Err(E::PendingTransferExpired)], vec![5_000]));
    assert_eq!(ledger.next_timeout(), None);
    ledger.check_invariants().unwrap();
}

#[test]
fn a_closed_account_gives_back_what_it_reserved() {
    let mut ledger = ledger();
    assert_eq!(
        ledger.apply(&[Transfer::post(5_000, CLOSED_LATER, 50)], NOW).results,
        [Err(E::DebitAccountClosed)]
    );
    assert!(ledger.apply(&[Transfer::void(5_001, CLOSED_LATER)], NOW).all_done());
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
