//! The fifteen invariants of ledger-conformance-kit, over real HTTP. `tests/mutants/run` shows that each fails on a ledger that breaks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::{Client, Row, Server, begins};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Runs `test` against an empty ledger; afterwards every sum of it and the chain of its log still hold.
fn check<F: Future<Output = ()>>(test: impl FnOnce(Client) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let server = Server::start(folder.path()).await;
        test(server.client()).await;
        server.verify().await;
        server.stop().await;
    });
}

/// Row by row, so that a difference is told by its row.
#[track_caller]
fn same(found: &[Row], wanted: &[Row]) {
    begins(found, wanted);
    assert_eq!(found.len(), wanted.len());
}

fn counts(all: &[(&str, usize)]) -> BTreeMap<String, usize> {
    all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn i01_every_transaction_is_balanced_in_each_currency() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        client.transfer("acct:a", "acct:b", 4_000, "t1", false).await;
        let three = [
            ("acct:a", "DEBIT", 300, "USD"),
            ("acct:b", "CREDIT", 100, "USD"),
            ("acct:c", "CREDIT", 200, "USD"),
            ("acct:a", "DEBIT", 7, "EUR"),
            ("acct:d", "CREDIT", 7, "EUR"),
        ];
        assert_eq!(client.post("t2", true, &three).await, "APPLIED");
        let odd = [("acct:a", "DEBIT", 300, "USD"), ("acct:b", "CREDIT", 299, "USD")];
        assert_eq!(client.post("t3", true, &odd).await, "REJECTED");
        let mut nets: BTreeMap<(String, String), i64> = BTreeMap::new();
        let journal = client.journal().await;
        assert_eq!(journal.len(), 2 + 2 + 5);
        for row in &journal {
            *nets.entry((row.transaction.clone(), row.currency.clone())).or_default() += row.signed();
        }
        assert!(nets.values().all(|net| *net == 0), "{nets:?}");
        assert_eq!((client.balance("acct:b").await, client.balance("acct:c").await), (4_100, 200));
    });
}

#[test]
fn i02_the_journal_is_append_only() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        client.transfer("acct:a", "acct:b", 1_000, "t1", false).await;
        let before = client.journal().await;
        client.transfer("acct:b", "acct:a", 300, "t2", false).await;
        client.transfer("acct:a", "acct:b", 100, "t3", false).await;
        let after = client.journal().await;
        assert_eq!(after.len(), before.len() + 4);
        begins(&after, &before);
    });
}

#[test]
fn i03_the_hash_chain_is_intact() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        for place in 0..5 {
            client.transfer("acct:a", "acct:b", 100, &format!("t{place}"), false).await;
        }
        let mut previous = "GENESIS".to_owned();
        let journal = client.journal().await;
        assert_eq!(journal.len(), 12);
        for row in journal {
            assert_eq!(row.previous, previous, "row {}", row.sequence);
            let text = format!(
                "{previous}|{}|{}|{}|{}|{}|{}",
                row.transaction, row.account, row.side, row.amount, row.currency, row.sequence
            );
            assert_eq!(row.hash, HEXLOWER.encode(&Sha256::digest(text)), "row {}", row.sequence);
            previous = row.hash;
        }
    });
}

#[test]
fn i04_a_duplicate_changes_nothing_and_is_told_so() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        assert_eq!(client.transfer("acct:a", "acct:b", 2_500, "key", false).await, "APPLIED");
        let journal = client.journal().await;
        assert_eq!(client.transfer("acct:a", "acct:b", 2_500, "key", false).await, "DUPLICATE");
        // The same key for something else is neither done nor called a duplicate.
        assert_eq!(client.transfer("acct:a", "acct:b", 2_501, "key", false).await, "REJECTED");
        same(&client.journal().await, &journal);
        assert_eq!(client.balance("acct:b").await, 2_500);
    });
}

#[test]
fn i05_concurrent_duplicates_collapse_to_one() {
    check(|client| async move {
        client.seed("acct:a", 1_000_000).await;
        let said = client
            .burst(64, |client, _| async move {
                client.transfer("acct:a", "acct:b", 2_500, "race", false).await
            })
            .await;
        assert_eq!(said, counts(&[("APPLIED", 1), ("DUPLICATE", 63)]));
        assert_eq!(client.balance("acct:b").await, 2_500);
    });
}

#[test]
fn i06_no_update_of_a_hot_account_is_lost() {
    check(|client| async move {
        let said = client
            .burst(500, |client, place| async move {
                client
                    .transfer("external:funding", "acct:hot", 100, &format!("hot-{place}"), true)
                    .await
            })
            .await;
        assert_eq!(said, counts(&[("APPLIED", 500)]));
        assert_eq!(client.balance("acct:hot").await, 50_000);
        assert_eq!(client.balance("external:funding").await, -50_000);
    });
}

#[test]
fn i07_value_is_conserved_under_concurrent_transfers() {
    check(|client| async move {
        let names: Vec<String> = (0..8).map(|place| format!("acct:{place}")).collect();
        for name in &names {
            client.seed(name, 10_000).await;
        }
        let said = client
            .burst(400, |client, place| async move {
                let (from, to) = (format!("acct:{}", place % 8), format!("acct:{}", (place + 3) % 8));
                client.transfer(&from, &to, 101, &format!("mv-{place}"), true).await
            })
            .await;
        assert_eq!(said, counts(&[("APPLIED", 400)]));
        let mut total = 0;
        for name in &names {
            total += client.balance(name).await;
        }
        assert_eq!(total, 80_000);
    });
}

#[test]
fn i08_balances_are_those_of_the_journal() {
    check(|client| async move {
        client.seed("acct:a", 5_000).await;
        // Beyond what is there, so that the credit line is drawn and paid back too.
        client
            .burst(200, |client, place| async move {
                client.transfer("acct:a", "acct:b", 50, &format!("p-{place}"), true).await
            })
            .await;
        client.transfer("acct:b", "acct:a", 7_000, "back", false).await;
        for account in ["acct:a", "acct:b", "external:funding"] {
            assert_eq!(client.balance(account).await, client.replayed(account).await, "{account}");
        }
        assert_eq!((client.balance("acct:a").await, client.balance("acct:b").await), (2_000, 3_000));
    });
}

#[test]
fn i09_the_overdraft_guard_holds_under_a_concurrent_drain() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        let said = client
            .burst(20, |client, place| async move {
                client.transfer("acct:a", "acct:b", 1_000, &format!("drain-{place}"), false).await
            })
            .await;
        assert_eq!(said, counts(&[("APPLIED", 10), ("REJECTED", 10)]));
        assert_eq!((client.balance("acct:a").await, client.balance("acct:b").await), (0, 10_000));
    });
}

#[test]
fn i10_no_precision_is_lost() {
    check(|client| async move {
        // Not a number of 64-bit floating point.
        let large = (1 << 53) + 1;
        client.seed("acct:a", large).await;
        for place in 0..300 {
            client.transfer("acct:a", "acct:b", 1, &format!("penny-{place}"), false).await;
        }
        assert_eq!((client.balance("acct:a").await, client.balance("acct:b").await), (large - 300, 300));
    });
}

#[test]
fn i11_currencies_do_not_mix_in_one_transaction() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        let mixed = [("acct:a", "DEBIT", 1_000, "USD"), ("acct:b", "CREDIT", 1_000, "EUR")];
        let before = client.journal().await;
        assert_eq!(client.post("fx", true, &mixed).await, "REJECTED");
        same(&client.journal().await, &before);
    });
}

#[test]
fn i12_a_reversal_compensates_and_deletes_nothing() {
    check(|client| async move {
        client.seed("acct:a", 10_000).await;
        client.transfer("acct:a", "acct:b", 3_000, "original", false).await;
        let original = client.journal().await;
        client.transfer("acct:b", "acct:a", 3_000, "reversal", false).await;
        let after = client.journal().await;
        assert_eq!(after.len(), original.len() + 2);
        begins(&after, &original);
        assert_eq!((client.balance("acct:a").await, client.balance("acct:b").await), (10_000, 0));
    });
}

#[test]
fn i13_the_state_is_rebuilt_from_the_log_alone() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let first = Server::start(folder.path()).await;
        let client = first.client();
        let names: Vec<String> = (0..6).map(|place| format!("acct:{place}")).collect();
        for name in &names {
            client.seed(name, 2_000).await;
        }
        client
            .burst(300, |client, place| async move {
                let (from, to) = (format!("acct:{}", place % 6), format!("acct:{}", (place + 2) % 6));
                client.transfer(&from, &to, 300, &format!("rb-{place}"), place % 3 == 0).await
            })
            .await;
        let refused = client.transfer("acct:0", "acct:1", 1 << 40, "refused", false).await;
        assert_eq!(refused, "REJECTED");
        // What a power cut now would leave, without checkpoints and projection.
        fs::copy(folder.path().join("scratch-ledger"), other.path().join("scratch-ledger")).expect("copied");
        fs::create_dir_all(other.path().join("ledger/log")).expect("made");
        for file in fs::read_dir(folder.path().join("ledger/log")).expect("a log") {
            let file = file.expect("a file");
            fs::copy(file.path(), other.path().join("ledger/log").join(file.file_name())).expect("copied");
        }
        let second = Server::start(other.path()).await;
        let rebuilt = second.client();
        same(&rebuilt.journal().await, &client.journal().await);
        for name in names.iter().map(String::as_str).chain(["external:funding"]) {
            assert_eq!(rebuilt.balance(name).await, client.balance(name).await, "{name}");
            assert_eq!(rebuilt.balance(name).await, rebuilt.replayed(name).await, "{name}");
        }
        // Keys are known as before.
        assert_eq!(rebuilt.transfer("acct:0", "acct:2", 300, "rb-0", true).await, "DUPLICATE");
        assert_eq!(rebuilt.transfer("acct:0", "acct:1", 1 << 40, "refused", false).await, "REJECTED");
        second.verify().await;
        second.stop().await;
        first.stop().await;
    });
}

#[test]
fn i14_each_account_has_its_own_rising_sequence() {
    check(|client| async move {
        client.seed("acct:a", 50_000).await;
        client
            .burst(150, |client, place| async move {
                client.transfer("acct:a", "acct:b", 100, &format!("s-{place}"), true).await
            })
            .await;
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        let (mut newest, mut entries) = (0, BTreeSet::new());
        for row in client.journal().await {
            let before = last.insert(row.account.clone(), row.account_sequence).unwrap_or(0);
            assert_eq!(row.account_sequence, before + 1, "{}", row.account);
            assert!(row.sequence > newest, "{row:?}");
            newest = row.sequence;
            assert!(entries.insert(row.entry.clone()), "{row:?}");
        }
        assert_eq!(last["acct:a"], 151);
    });
}

#[test]
fn i15_a_duplicate_of_a_refused_transfer_is_not_told_to_be_applied() {
    check(|client| async move {
        client.seed("acct:a", 1_000).await;
        let before = client.journal().await;
        let said = client
            .burst(32, |client, _| async move {
                client.transfer("acct:a", "acct:b", 5_000, "refused", false).await
            })
            .await;
        assert_eq!(said, counts(&[("REJECTED", 32)]));
        // A retry that comes late must not surprise anybody, money or not.
        client.transfer("external:funding", "acct:a", 9_000, "more", true).await;
        assert_eq!(client.transfer("acct:a", "acct:b", 5_000, "refused", false).await, "REJECTED");
        assert_eq!(client.journal().await.len(), before.len() + 2);
        assert_eq!(client.balance("acct:b").await, 0);
    });
}
