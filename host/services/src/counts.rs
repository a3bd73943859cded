//! Counts of the day, and what is tended to once a second.

use crate::change::Change;
use crate::model::{Counter, DayCounts};
use crate::services::Services;
use youji_api::{Failure, ProgramId};

/// Expired rows that one round removes at most.
const SWEEP: usize = 256;

impl Services {
    /// Counts one. Orders and turnover are counted by the payment itself. Written within a second.
    pub fn count(&self, counter: Counter) {
        let mut counts = self.counts.lock();
        let count = match counter {
            Counter::Scans => &mut counts.scans,
            Counter::Opens => &mut counts.opens,
            Counter::Faults => &mut counts.faults,
            Counter::Unloads => &mut counts.unloads,
            Counter::Orders | Counter::Turnover => return,
        };
        *count = count.saturating_add(1);
    }

    /// Counts of the current day (UTC).
    pub fn day_counts(&self) -> DayCounts {
        let mut counts = *self.counts.lock();
        if let Some(written) = self.state.read().days.get(&(self.now() / 86_400_000)) {
            counts.add(written);
        }
        counts
    }

    pub(crate) async fn write_counts(&self) -> Result<(), Failure> {
        let counts = std::mem::take(&mut *self.counts.lock());
        if counts == DayCounts::default() {
            return Ok(());
        }
        let day = self.now() / 86_400_000;
        let written = self.write(vec![Change::Counted { day, counts }]).await;
        if written.is_err() {
            self.counts.lock().add(&counts);
        }
        written
    }

    /// Once a second: counts are written, sheets whose time is over are closed, rows that expired are removed,
    /// visitors who could not be erased are tried again.
    pub(crate) async fn tend(&self) {
        if let Err(failure) = self.write_counts().await {
            tracing::warn!(%failure, "the day's counts wait");
        }
        self.lapse_old().await;
        self.lapse_spendings().await;
        self.settle_due().await;
        self.close_ended().await;
        self.end_due_packets().await;
        self.expire_chats().await;
        self.forget_leaving().await;
        self.compact_when_due();
        if self.tokens.due(self.now())
            && let Err(failure) = self.rotate_tokens(false).await
        {
            tracing::warn!(%failure, "the token key that is in use goes on");
        }
        let now = self.now();
        let expired: Vec<(ProgramId, String, String)> = {
            let state = self.state.read();
            let collections = state
                .rows
                .iter()
                .flat_map(|(program, collections)| collections.iter().map(move |rows| (program, rows)));
            let rows = collections.flat_map(|(program, (name, rows))| rows.iter().map(move |row| (program, name, row)));
            let old = rows.filter(|(_, _, (_, row))| !row.alive(now));
            old.take(SWEEP)
                .map(|(program, name, (key, _))| (program.clone(), name.clone(), key.clone()))
                .collect()
        };
        if expired.is_empty() {
            return;
        }
        let swept = self.commit(move |state, stamp| {
            let old = expired
                .into_iter()
                .filter(|(program, collection, key)| state.row(program, collection, key).is_some_and(|row| !row.alive(stamp.millis())));
            let gone = old.map(|(program, collection, key)| Change::RowGone { program, collection, key });
            Ok((gone.collect(), ()))
        });
        if let Err(failure) = swept.await {
            tracing::warn!(%failure, "expired rows wait");
        }
    }
}
