//! When the log is compacted: soon after somebody was erased, and when it has grown a lot; beside everything else, and never for long.

use crate::services::{Services, store_failure};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use youji_api::Failure;

/// How much of its time a host spends on compaction at most: one part in so many.
const SHARE: u64 = 50;

/// When a host compacts its log by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// So long after the last erasure, when nobody else is being erased.
    pub quiet: Duration,
    /// Never more often than this; and after one that took long, not before fifty times as long.
    pub every: Duration,
    /// Also without an erasure, once so many entries were written since, and as many as there were then: what is overwritten and removed goes
    /// too.
    pub entries: u64,
    /// Whether it does so at all.
    pub automatic: bool,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        CompactionPolicy {
            quiet: Duration::from_secs(30),
            every: Duration::from_secs(10 * 60),
            entries: 100_000,
            automatic: true,
        }
    }
}

/// What a compaction came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The last entry of the log that was looked at.
    pub entries: u64,
    /// Entries in rewritten files of which a part stays.
    pub part: u64,
    /// Entries in rewritten files of which only the place in the hash chain stays.
    pub nothing: u64,
    /// Bytes of the rewritten files before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
    /// How long it took.
    pub took: Duration,
}

/// What is known of compactions since the start.
#[derive(Default)]
pub(crate) struct Compacting {
    busy: AtomicBool,
    one: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The last entry that a compaction looked at.
    to: u64,
    /// The last erasure, and when it was noticed.
    erased: (u64, u64),
    /// Not before; milliseconds since 1970.
    next: u64,
}

impl Services {
    /// Takes out of the log what nobody needs any more: what belonged to people who are gone, and what was overwritten or removed. Ledger,
    /// orders' sums, audit and hash chain stay. What it takes out is afterwards in no file of the data folder. Others go on meanwhile; two
    /// at once are done one after the other.
    ///
    /// # Errors
    /// "failed" when the disk refuses or is too full for the rewritten files beside the old ones; then everything is as it was.
    pub async fn compact(&self) -> Result<Compacted, Failure> {
        let _one = self.compacting.one.lock().await;
        let begun = Instant::now();
        let done = self.log.compact().await.map_err(|error| store_failure(&error));
        let took = begun.elapsed();
        let policy = &self.config.compaction;
        let rest = policy.every.max(took.saturating_mul(u32::try_from(SHARE).unwrap_or(u32::MAX)));
        {
            let mut seen = self.compacting.seen.lock();
            seen.next = self.now().saturating_add(millis(rest));
            if let Ok(done) = &done {
                seen.to = done.to;
            }
        }
        let done = done?;
        tracing::info!(
            entries = done.to,
            part = done.part,
            nothing = done.nothing,
            ?took,
            "the log was compacted"
        );
        Ok(Compacted {
            entries: done.to,
            part: done.part,
            nothing: done.nothing,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            took,
        })
    }

    /// Begins one beside everything else, if one is due.
    pub(crate) fn compact_when_due(&self) {
        if !self.is_compaction_due() || self.compacting.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(me) = self.me.upgrade() else { return };
        tokio::spawn(async move {
            if let Err(failure) = me.compact().await {
                tracing::warn!(%failure, "the log was not compacted; it is tried again later");
            }
            me.compacting.busy.store(false, Ordering::Release);
        });
    }

    fn is_compaction_due(&self) -> bool {
        let policy = &self.config.compaction;
        if !policy.automatic || self.health().is_err() {
            return false;
        }
        let (now, erased, log) = (self.now(), self.state.read().erased, self.log.log());
        let mut seen = self.compacting.seen.lock();
        if seen.erased.0 != erased {
            seen.erased = (erased, now);
        }
        if now < seen.next {
            return false;
        }
        let to = seen.to.max(log.compacted());
        let quiet = now.saturating_sub(seen.erased.1) >= millis(policy.quiet);
        let grown = log.head().sequence.saturating_sub(to);
        (erased > to && quiet) || grown > policy.entries.max(to)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
