//! Random batches against a tiny model that knows nothing but a list of what happened.

use std::collections::{HashMap, HashSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_ledger::{Account, AccountFlags, Ledger, Transfer, TransferError as E, TransferFlags};

/// Every wallet's money, and what is reserved: id → (from, to, amount, due). Account 1 is the bank, without a limit.
#[derive(Clone, Default)]
struct Model {
    money: HashMap<u128, i128>,
    reserved: HashMap<u128, (u128, u128, i128, Option<u64>)>,
    over: HashSet<u128>,
    done: HashSet<u128>,
    burned: HashSet<u128>,
}

impl Model {
    fn free(&self, account: u128) -> i128 {
        let held: i128 = self
            .reserved
            .values()
            .filter(|(from, ..)| *from == account)
            .map(|(_, _, amount, _)| amount)
            .sum();
        self.money.get(&account).copied().unwrap_or(0) - held
    }

    fn expire(&mut self, now: u64) {
        let due: Vec<u128> = self
            .reserved
            .iter()
            .filter(|(_, held)| held.3.is_some_and(|due| due <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.reserved.remove(&id);
            self.over.insert(id);
        }
    }

    fn one(&mut self, transfer: &Transfer, timestamp: u64) -> bool {
        if self.done.contains(&transfer.id) || self.burned.contains(&transfer.id) {
            return false;
        }
        let amount = i128::try_from(transfer.amount).unwrap_or(i128::MAX);
        if transfer.flags.post_pending || transfer.flags.void_pending {
            let Some((from, to, held, _)) = self.reserved.get(&transfer.pending_id).copied() else {
                return false;
            };
            let moved = match transfer.amount {
                _ if transfer.flags.void_pending => 0,
                u128::MAX => held,
                _ if amount > held => return false,
                _ => amount,
            };
            self.reserved.remove(&transfer.pending_id);
            self.over.insert(transfer.pending_id);
            *self.money.entry(from).or_default() -= moved;
            *self.money.entry(to).or_default() += moved;
        } else {
            if transfer.debit == transfer.credit || (transfer.debit != 1 && self.free(transfer.debit) < amount) {
                return false;
            }
            if transfer.flags.pending {
                let due = (transfer.timeout_s > 0).then(|| timestamp + u64::from(transfer.timeout_s) * 1_000_000_000);
                self.reserved.insert(transfer.id, (transfer.debit, transfer.credit, amount, due));
            } else {
                *self.money.entry(transfer.debit).or_default() -= amount;
                *self.money.entry(transfer.credit).or_default() += amount;
            }
        }
        self.done.insert(transfer.id);
        true
    }
}

fn any(random: &mut ChaCha8Rng, ids: u128) -> Transfer {
    // The bank often, so that there is money to move.
    let debit = if random.random_ratio(1, 3) { 1 } else { random.random_range(2..=6) };
    let credit = random.random_range(1..=6);
    let mut transfer = Transfer::new(
        random.random_range(ids - 39..=ids),
        debit,
        credit,
        random.random_range(0..200),
        156,
        1,
    );
    match random.random_range(0..10) {
        0..=2 => {
            transfer.flags = TransferFlags::PENDING;
            transfer.timeout_s = random.random_range(0..4);
        }
        3..=4 => {
            let amount = if random.random() { u128::MAX } else { random.random_range(0..200) };
            transfer = Transfer::post(transfer.id, random.random_range(ids - 39..=ids), amount);
        }
        5 => transfer = Transfer::void(transfer.id, random.random_range(ids - 39..=ids)),
        _ => {}
    }
    transfer.flags.linked = random.random_ratio(1, 6);
    transfer
}

fn run(seed: u64, batches: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut ledger = Ledger::default();
    for id in 1..=6 {
        let flags = AccountFlags {
            debits_must_not_exceed_credits: id != 1,
            ..AccountFlags::default()
        };
        ledger.open_account(&Account::new(id, 156, 1, flags), 1).unwrap();
    }
    let (mut model, mut now, mut took_place, mut history) = (Model::default(), 1_000, 0, Vec::new());
    for round in 0..batches {
        now += random.random_range(0..700_000_000);
        let ids = 40 + 5 * round as u128;
        let batch: Vec<Transfer> = (0..random.random_range(0..12)).map(|_| any(&mut random, ids)).collect();
        let before = ledger.last_timestamp();
        let asked = ledger.check(&batch, now);
        let applied = ledger.apply(&batch, now);
        assert_eq!(asked, applied, "asking and doing agree");
        history.push((batch.clone(), now));

        model.expire(now);
        let mut rest = batch.as_slice();
        let mut results = applied.results.as_slice();
        let mut last = before;
        while !rest.is_empty() {
            let end = rest.iter().position(|transfer| !transfer.flags.linked);
            let len = end.map_or(rest.len(), |end| end + 1);
            let mut tried = model.clone();
            let stamps = &results[..len];
            let whole = rest[..len]
                .iter()
                .zip(stamps)
                .all(|(transfer, result)| tried.one(transfer, result.unwrap_or(0)))
                && end.is_some();
            assert_eq!(
                stamps.iter().all(Result::is_ok),
                whole,
                "round {round}: {:?} {stamps:?}",
                &rest[..len]
            );
            if whole {
                model = tried;
                for stamp in stamps {
                    assert!(stamp.unwrap() > last, "timestamps increase");
                    last = stamp.unwrap();
                    took_place += 1;
                }
            } else {
                assert!(stamps.iter().all(Result::is_err), "all or nothing");
                let own = rest[..len]
                    .iter()
                    .zip(stamps)
                    .filter(|(_, result)| result.err().is_some_and(E::burns_id));
                model.burned.extend(own.map(|(transfer, _)| transfer.id));
            }
            (rest, results) = (&rest[len..], &results[len..]);
        }
        ledger.check_invariants().unwrap_or_else(|error| panic!("round {round}: {error}"));
        for id in 1..=6_u128 {
            let account = ledger.account(id).unwrap();
            let balance = i128::try_from(account.credits_posted).unwrap() - i128::try_from(account.debits_posted).unwrap();
            assert_eq!(balance, model.money.get(&id).copied().unwrap_or(0), "round {round}, account {id}");
            let free = balance - i128::try_from(account.debits_pending).unwrap();
            assert_eq!(free, model.free(id), "round {round}, account {id}");
            assert!(id == 1 || free >= 0, "a wallet is never overdrawn");
        }
        if round % 50 == 0 {
            let saved = serde_json::to_vec(&ledger).unwrap();
            let restored: Ledger = serde_json::from_slice(&saved).unwrap();
            assert_eq!(restored, ledger, "a checkpoint restores everything");
        }
    }
    assert!(took_place > batches, "enough took place to mean something: {took_place}");
    let mut again = Ledger::default();
    for id in 1..=6 {
        let flags = AccountFlags {
            debits_must_not_exceed_credits: id != 1,
            ..AccountFlags::default()
        };
        again.open_account(&Account::new(id, 156, 1, flags), 1).unwrap();
    }
    for (batch, now) in &history {
        again.apply(batch, *now);
    }
    assert_eq!(again, ledger, "the same history gives the same state");
}

#[test]
fn random_batches_agree_with_the_model() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    for part in 0..10 {
        run(seed.wrapping_add(part), 300);
    }
}
