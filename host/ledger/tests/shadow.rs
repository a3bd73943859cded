//! Random batches against a naive model that judges by lists only, on a ledger that keeps everything in memory and on one that keeps
//! next to nothing: all three must say the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_ledger::{
    Account, AccountFlags, Balances, HistoryEvent, HistoryFilter, Ledger, MAX_RUN_VALUE_BYTES, Older, PendingStatus, Retention, Transfer,
    TransferError as E, TransferFlags, timed_id,
};

const CNY: u32 = 156;
const USD: u32 = 840;
const MILLI: u64 = 1_000_000;
const WINDOW_MS: u64 = 20_000;

/// What a map would keep.
#[derive(Default)]
struct Values(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

impl Older for Values {
    fn value(&self, key: &[u8]) -> Result<Vec<u8>, String> {
        self.0
            .lock()
            .unwrap()
            .get(key)
            .cloned()
            .ok_or_else(|| format!("no value under {key:?}"))
    }
}

#[derive(Clone)]
struct Done {
    asked: Transfer,
    debit: u128,
    credit: u128,
    amount: u128,
    at: u64,
    status: Option<PendingStatus>,
}

#[derive(Clone)]
struct Step {
    at: u64,
    event: HistoryEvent,
    id: u128,
    /// Account and its balances after it, of both sides.
    after: [(u128, Balances); 2],
}

/// Everything in lists, every question a walk through them.
#[derive(Clone, Default)]
struct Model {
    accounts: Vec<Account>,
    done: Vec<Done>,
    burned: Vec<u128>,
    steps: Vec<Step>,
    last: u64,
}

impl Model {
    fn account(&mut self, id: u128) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    fn step(&mut self, event: HistoryEvent, id: u128, debit: u128, credit: u128, at: u64) {
        self.last = at;
        let after = [debit, credit].map(|side| (side, Balances::from(&*self.account(side).unwrap())));
        self.steps.push(Step { at, event, id, after });
    }

    fn expire(&mut self, now: u64) {
        loop {
            let pending = self.done.iter().filter(|done| done.status == Some(PendingStatus::Pending));
            let timed = pending.filter(|done| done.asked.timeout_s > 0);
            let due = |done: &Done| done.at + u64::from(done.asked.timeout_s) * 1_000 * MILLI;
            let Some(first) = timed
                .min_by_key(|done| (due(done), done.at))
                .filter(|done| due(done) <= now)
                .cloned()
            else {
                return;
            };
            self.release(&first, PendingStatus::Expired);
            let at = now.max(self.last + 1);
            self.step(HistoryEvent::Expired, first.asked.id, first.debit, first.credit, at);
        }
    }

    fn release(&mut self, pending: &Done, status: PendingStatus) {
        self.account(pending.debit).unwrap().debits_pending -= pending.amount;
        self.account(pending.credit).unwrap().credits_pending -= pending.amount;
        let place = self.done.iter().position(|done| done.asked.id == pending.asked.id).unwrap();
        self.done[place].status = Some(status);
    }

    fn known(&self, t: &Transfer, oldest_ms: u64) -> Option<E> {
        if t.id == 0 {
            return Some(E::IdMustNotBeZero);
        }
        if t.id == u128::MAX {
            return Some(E::IdMustNotBeMax);
        }
        if ((t.id >> 80) as u64) < oldest_ms {
            return Some(E::IdExpired);
        }
        if let Some(old) = self.done.iter().find(|done| done.asked.id == t.id) {
            let o = &old.asked;
            return Some(match () {
                () if t.flags != o.flags => E::ExistsWithDifferentFlags,
                () if t.pending_id != o.pending_id => E::ExistsWithDifferentPendingId,
                () if t.timeout_s != o.timeout_s => E::ExistsWithDifferentTimeout,
                () if t.debit != o.debit => E::ExistsWithDifferentDebitAccount,
                () if t.credit != o.credit => E::ExistsWithDifferentCreditAccount,
                () if t.amount != o.amount => E::ExistsWithDifferentAmount,
                () if t.user_data != o.user_data => E::ExistsWithDifferentUserData,
                () if t.ledger != o.ledger => E::ExistsWithDifferentLedger,
                () if t.code != o.code => E::ExistsWithDifferentCode,
                () => E::Exists,
            });
        }
        self.burned.contains(&t.id).then_some(E::IdAlreadyFailed)
    }

    fn one(&mut self, t: &Transfer, now: u64, oldest_ms: u64) -> Result<u64, E> {
        if let Some(error) = self.known(t, oldest_ms) {
            return Err(error);
        }
        let f = t.flags;
        let balancing = f.balancing_debit || f.balancing_credit;
        if (f.post_pending && f.void_pending) || ((f.post_pending || f.void_pending) && (f.pending || balancing)) {
            return Err(E::FlagsAreMutuallyExclusive);
        }
        let at = now.max(self.last + 1);
        if f.post_pending || f.void_pending {
            return self.second(t, at);
        }
        if t.debit == 0 {
            return Err(E::DebitAccountMustNotBeZero);
        }
        if t.credit == 0 {
            return Err(E::CreditAccountMustNotBeZero);
        }
        if t.debit == t.credit {
            return Err(E::AccountsMustBeDifferent);
        }
        if t.pending_id != 0 {
            return Err(E::PendingIdMustBeZero);
        }
        if t.timeout_s != 0 && !f.pending {
            return Err(E::TimeoutReservedForPending);
        }
        let debit = *self.account(t.debit).ok_or(E::DebitAccountNotFound)?;
        let credit = *self.account(t.credit).ok_or(E::CreditAccountNotFound)?;
        if debit.ledger != credit.ledger {
            return Err(E::AccountsMustHaveTheSameLedger);
        }
        if debit.ledger != t.ledger {
            return Err(E::TransferMustHaveTheSameLedgerAsAccounts);
        }
        if debit.flags.closed {
            return Err(E::DebitAccountClosed);
        }
        if credit.flags.closed {
            return Err(E::CreditAccountClosed);
        }
        let mut amount = t.amount;
        if f.balancing_debit {
            amount = amount.min(debit.credits_posted.saturating_sub(debit.debits_posted + debit.debits_pending));
        }
        if f.balancing_credit {
            amount = amount.min(credit.debits_posted.saturating_sub(credit.credits_posted + credit.credits_pending));
        }
        if debit.flags.debits_must_not_exceed_credits && debit.debits_posted + debit.debits_pending + amount > debit.credits_posted {
            return Err(E::ExceedsCredits);
        }
        if credit.flags.credits_must_not_exceed_debits && credit.credits_posted + credit.credits_pending + amount > credit.debits_posted {
            return Err(E::ExceedsDebits);
        }
        let (debit, credit) = (t.debit, t.credit);
        if f.pending {
            self.account(debit).unwrap().debits_pending += amount;
            self.account(credit).unwrap().credits_pending += amount;
        } else {
            self.account(debit).unwrap().debits_posted += amount;
            self.account(credit).unwrap().credits_posted += amount;
        }
        let status = f.pending.then_some(PendingStatus::Pending);
        self.done.push(Done {
            asked: *t,
            debit,
            credit,
            amount,
            at,
            status,
        });
        self.step(HistoryEvent::Transfer, t.id, debit, credit, at);
        Ok(at)
    }

    fn second(&mut self, t: &Transfer, at: u64) -> Result<u64, E> {
        if t.pending_id == 0 {
            return Err(E::PendingIdMustNotBeZero);
        }
        if t.pending_id == u128::MAX {
            return Err(E::PendingIdMustNotBeMax);
        }
        if t.pending_id == t.id {
            return Err(E::PendingIdMustBeDifferent);
        }
        let pending = self.done.iter().find(|done| done.asked.id == t.pending_id).cloned();
        let pending = pending.ok_or(E::PendingTransferNotFound)?;
        let status = pending.status.ok_or(E::PendingTransferNotPending)?;
        let post = t.flags.post_pending;
        let all = if post { t.amount == u128::MAX } else { t.amount == 0 };
        let amount = if all { pending.amount } else { t.amount };
        if amount > pending.amount {
            return Err(E::ExceedsPendingTransferAmount);
        }
        if !post && amount < pending.amount {
            return Err(E::PendingTransferHasDifferentAmount);
        }
        match status {
            PendingStatus::Pending => {}
            PendingStatus::Posted => return Err(E::PendingTransferAlreadyPosted),
            PendingStatus::Voided => return Err(E::PendingTransferAlreadyVoided),
            PendingStatus::Expired => return Err(E::PendingTransferExpired),
        }
        let (debit, credit) = (pending.debit, pending.credit);
        if post && self.account(debit).unwrap().flags.closed {
            return Err(E::DebitAccountClosed);
        }
        if post && self.account(credit).unwrap().flags.closed {
            return Err(E::CreditAccountClosed);
        }
        self.release(&pending, if post { PendingStatus::Posted } else { PendingStatus::Voided });
        if post {
            self.account(debit).unwrap().debits_posted += amount;
            self.account(credit).unwrap().credits_posted += amount;
        }
        self.done.push(Done {
            asked: *t,
            debit,
            credit,
            amount,
            at,
            status: None,
        });
        self.step(HistoryEvent::Transfer, t.id, debit, credit, at);
        Ok(at)
    }

    fn batch(&mut self, batch: &[Transfer], now: u64) -> Vec<Result<u64, E>> {
        let oldest_ms = (now.max(self.last) / MILLI).saturating_sub(WINDOW_MS);
        self.expire(now);
        let (mut results, mut rest) = (Vec::new(), batch);
        while !rest.is_empty() {
            let end = rest.iter().position(|t| !t.flags.linked);
            let (chain, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = after;
            if end.is_some() && chain.iter().all(|t| self.known(t, oldest_ms) == Some(E::Exists)) {
                results.extend(chain.iter().map(|_| Err(E::Exists)));
                continue;
            }
            let mut tried = self.clone();
            let mut told = vec![Err(E::LinkedEventFailed); chain.len()];
            let mut good = Vec::new();
            for (place, t) in chain.iter().enumerate() {
                let open = end.is_none() && place + 1 == chain.len();
                let result = if open {
                    Err(E::LinkedEventChainOpen)
                } else {
                    tried.one(t, now, oldest_ms)
                };
                match result {
                    Ok(at) => good.push(Ok(at)),
                    Err(error) => {
                        told[place] = Err(error);
                        let transient = matches!(
                            error,
                            E::DebitAccountNotFound
                                | E::CreditAccountNotFound
                                | E::PendingTransferNotFound
                                | E::DebitAccountClosed
                                | E::CreditAccountClosed
                                | E::ExceedsCredits
                                | E::ExceedsDebits
                        );
                        if transient {
                            self.burned.push(t.id);
                        }
                        break;
                    }
                }
            }
            if good.len() == chain.len() {
                *self = tried;
                results.extend(good);
            } else {
                if end.is_none() {
                    *told.last_mut().unwrap() = Err(E::LinkedEventChainOpen);
                }
                results.extend(told);
            }
        }
        results
    }
}

fn any(random: &mut ChaCha8Rng, now: u64, used: &[Transfer]) -> Transfer {
    if !used.is_empty() && random.random_ratio(1, 12) {
        let mut again = used[random.random_range(0..used.len())];
        if random.random_ratio(1, 3) {
            again.amount ^= 1;
        }
        return again;
    }
    let behind = if random.random_ratio(1, 8) {
        random.random_range(0..25_000)
    } else {
        random.random_range(0..50)
    };
    let id = match random.random_range(0..200) {
        0 => 0,
        1 => u128::MAX,
        _ => timed_id((now / MILLI).saturating_sub(behind), random.random_range(0..1 << 40)),
    };
    let account = |random: &mut ChaCha8Rng| if random.random_ratio(1, 3) { 1 } else { random.random_range(0..=9) };
    let mut transfer = Transfer::new(id, account(random), account(random), random.random_range(0..200), CNY, 1);
    transfer.user_data = random.random_range(0..3);
    let known = |random: &mut ChaCha8Rng| {
        let near = used.len().saturating_sub(if random.random_ratio(1, 3) { 2_000 } else { 30 });
        if used.is_empty() {
            7
        } else {
            used[random.random_range(near..used.len())].id
        }
    };
    match random.random_range(0..12) {
        0..=3 => {
            transfer.flags = TransferFlags::PENDING;
            transfer.timeout_s = random.random_range(0..12);
        }
        4..=6 => {
            let amount = if random.random() { u128::MAX } else { random.random_range(0..200) };
            transfer = Transfer::post(id, known(random), amount);
        }
        7 => transfer = Transfer::void(id, known(random)),
        8 => transfer.flags.balancing_debit = true,
        9 => transfer.flags.balancing_credit = true,
        _ => {}
    }
    transfer.flags.linked = random.random_ratio(1, 14);
    transfer
}

fn open() -> (Ledger, Model) {
    let (mut ledger, mut model) = (Ledger::default(), Model::default());
    for id in 1..=8 {
        let flags = AccountFlags {
            debits_must_not_exceed_credits: (2..=5).contains(&id),
            credits_must_not_exceed_debits: id == 6,
            ..AccountFlags::default()
        };
        let account = Account::new(id, if id == 7 { USD } else { CNY }, 1, flags);
        let timestamp = ledger.open_account(&account, 1).unwrap();
        model.accounts.push(Account { timestamp, ..account });
        model.last = timestamp;
    }
    (ledger, model)
}

fn run(seed: u64, batches: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut whole, mut model) = open();
    let retention = Retention {
        run_events: random.random_range(1..60),
        runs_in_memory: random.random_range(0..3),
        id_window_ms: WINDOW_MS,
    };
    // The same judgement on ids, but nothing ever leaves the memory.
    whole.retain(Retention {
        run_events: usize::MAX,
        ..retention
    });
    let (mut bounded, _) = open();
    bounded.retain(retention);
    let values = Arc::new(Values::default());
    bounded.set_older(values.clone());
    let (mut now, mut used) = (1_000_000 * MILLI, Vec::new());
    for round in 0..batches {
        now += random.random_range(0..400 * MILLI);
        if random.random_ratio(1, 40) {
            let (id, closed) = (random.random_range(2..=8), random.random_ratio(1, 4));
            whole.set_closed(id, closed).unwrap();
            bounded.set_closed(id, closed).unwrap();
            model.account(id).unwrap().flags.closed = closed;
        }
        let batch: Vec<Transfer> = (0..random.random_range(0..24)).map(|_| any(&mut random, now, &used)).collect();
        let asked = bounded.check(&batch, now);
        let applied = bounded.apply(&batch, now);
        assert_eq!(asked, applied, "asking and doing agree");
        assert_eq!(applied.unreadable, None);
        assert_eq!(
            applied,
            whole.apply(&batch, now),
            "round {round}: what is in memory makes no difference"
        );
        assert_eq!(applied.results, model.batch(&batch, now), "round {round}: {batch:?}");
        for (mine, other) in bounded.accounts().zip(&model.accounts) {
            assert_eq!(mine, other, "round {round}");
        }
        used.extend(batch);
        while let Some(run) = bounded.write_run() {
            for value in run {
                assert!(value.value.len() <= MAX_RUN_VALUE_BYTES && value.key.starts_with(b"ledger/"));
                let before = values.0.lock().unwrap().insert(value.key, value.value);
                assert_eq!(before, None, "a run is written once");
            }
        }
        // Values become readable some time after they were written.
        bounded.release(bounded.runs().saturating_sub(random.random_range(0..3)));
        if round % 40 == 0 {
            whole.check_invariants().unwrap();
            bounded.check_invariants().unwrap();
            let text = serde_json::to_vec(&bounded).unwrap();
            let restored: Ledger = serde_json::from_slice(&text).unwrap();
            assert_eq!(restored, bounded, "a checkpoint restores everything");
            bounded = restored;
            bounded.set_older(values.clone());
            for id in 1..=8 {
                check_history(&mut random, &bounded, &model, id);
            }
        }
    }
    assert!(bounded.runs() > 5, "enough left the memory to mean something: {}", bounded.runs());
    assert!(
        model.done.len() > batches,
        "enough took place to mean something: {}",
        model.done.len()
    );
    for done in &model.done {
        let stored = bounded.find_transfer(done.asked.id).unwrap().unwrap();
        assert_eq!(
            (stored.asked, stored.done.amount, stored.timestamp, stored.status),
            (done.asked, done.amount, done.at, done.status)
        );
        assert_eq!(whole.transfer(done.asked.id), Some(stored));
    }
    assert!(model.burned.iter().all(|id| bounded.find_transfer(*id).unwrap().is_none()));
}

fn check_history(random: &mut ChaCha8Rng, ledger: &Ledger, model: &Model, id: u128) {
    let steps = model.steps.iter().filter_map(|step| {
        let (_, after) = step.after.iter().find(|(account, _)| *account == id)?;
        Some((step.event, step.at, step.id, *after))
    });
    let steps: Vec<_> = steps.collect();
    let filter = HistoryFilter {
        from: model.last.saturating_sub(random.random_range(0..40_000 * MILLI)),
        to: model.last.saturating_sub(random.random_range(0..20_000 * MILLI)),
        limit: random.random_range(1..20),
        ..HistoryFilter::default()
    };
    let within = steps.iter().rev().filter(|(_, at, ..)| (filter.from..=filter.to).contains(at));
    let expected: Vec<_> = within.copied().collect();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = ledger.history(id, &filter, cursor).unwrap();
        assert!(page.lines.len() <= filter.limit);
        found.extend(
            page.lines
                .iter()
                .map(|line| (line.event, line.timestamp, line.transfer.asked.id, line.balances)),
        );
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, expected, "account {id}");
    let time = filter.to;
    let expected = steps.iter().rev().find(|(_, at, ..)| *at <= time).map(|(.., after)| *after);
    let opened = ledger.account(id).unwrap().timestamp <= time;
    assert_eq!(ledger.balances_at(id, time).unwrap(), opened.then(|| expected.unwrap_or_default()));
}

#[test]
fn three_ledgers_say_the_same() {
    let seed: u64 = std::env::var("YOUJI_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("YOUJI_SEED={seed}");
    for part in 0..8 {
        run(seed.wrapping_add(part), 400);
    }
}

#[test]
fn nothing_is_judged_by_what_cannot_be_read() {
    struct Broken;
    impl Older for Broken {
        fn value(&self, _: &[u8]) -> Result<Vec<u8>, String> {
            Err("the disk is gone".to_owned())
        }
    }
    let (mut ledger, _) = open();
    ledger.retain(Retention {
        run_events: 4,
        runs_in_memory: 0,
        id_window_ms: 0,
    });
    ledger.set_older(Arc::new(Broken));
    let gift = |id| Transfer::new(timed_id(id, 1), 1, 2, 10, CNY, 1);
    let batch: Vec<Transfer> = (1..=4).map(|id| gift(10 * id)).collect();
    assert!(ledger.apply(&batch, 100).all_done());
    assert!(ledger.write_run().is_some());
    ledger.release(1);
    let saved = ledger.to_bytes();
    let mut ledger = Ledger::from_bytes(&saved).unwrap();
    ledger.set_older(Arc::new(Broken));
    // Newer than everything that is out of memory: nothing has to be read.
    assert!(ledger.check(&[gift(41)], 200).all_done());
    let applied = ledger.apply(&[gift(20)], 200);
    assert_eq!(applied.results, [Err(E::OlderTransfersUnreadable)]);
    assert_eq!(applied.unreadable.as_deref(), Some("the disk is gone"));
    assert_eq!(ledger.to_bytes(), saved, "and nothing changed");
    assert!(ledger.find_transfer(timed_id(20, 1)).is_err());
    let cut = &saved[..saved.len() - 1];
    assert!(Ledger::from_bytes(cut).is_err() && Ledger::from_bytes(b"what").is_err());
}

#[test]
fn accounts_are_opened_in_chains() {
    let account = |id, linked| {
        let flags = AccountFlags {
            linked,
            ..AccountFlags::default()
        };
        Account::new(id, CNY, 1, flags)
    };
    use youji_ledger::AccountError as A;
    let (mut ledger, _) = open();
    let batch = [
        account(20, true),
        account(0, true),
        account(21, false),
        account(22, true),
        account(23, false),
        account(24, true),
    ];
    let results: Vec<_> = ledger
        .open_accounts(&batch, 50)
        .into_iter()
        .map(|result| result.map(drop))
        .collect();
    let failed = Err(A::LinkedEventFailed);
    assert_eq!(
        results,
        [
            failed,
            Err(A::IdMustNotBeZero),
            failed,
            Ok(()),
            Ok(()),
            Err(A::LinkedEventChainOpen)
        ]
    );
    assert!(ledger.account(20).is_none() && ledger.account(21).is_none() && ledger.account(24).is_none());
    assert!(ledger.apply(&[Transfer::new(1, 22, 23, 1, CNY, 1)], 60).all_done());
    ledger.check_invariants().unwrap();
}
