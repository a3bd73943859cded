//! Back to nothing, step by step and measured.

use crate::guest::{Input, Output};
use crate::observe::Seen;
use crate::receipt::{EndReason, Ended, Fault, Kept, Receipt, ReceiptAfter, ReceiptBefore};
use crate::runtime::OnEnd;
use crate::task::{Steps, Stop, Task};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use youji_api::{Phase, SavedState};

/// Ends a session: hidden, unloaded, saved state, instance dropped, services told, everything counted.
pub(crate) async fn unload(task: &mut Task, stop: Stop, on_end: Option<OnEnd>) {
    let shared = task.shared.clone();
    let (reason, mut fault) = match stop {
        Stop::Asked(reason) => (reason, None),
        Stop::Fault(fault) => (EndReason::Fault, Some(fault)),
    };
    let usage = shared.usage();
    let before = ReceiptBefore {
        memory_bytes: usage.memory_bytes,
        tables: task.table_elements,
        tree_bytes: shared.retained_bytes() as u64,
        queued_events: shared.mailbox.len() as u64,
        cpu_us: 0,
        calls: 0,
    };
    let mut steps = Steps::empty();
    let saved = match say_goodbye(task, &mut steps).await {
        Ok(saved) => saved,
        Err(late) => {
            fault.get_or_insert(late);
            None
        }
    };
    task.drop_guest();
    steps.done("drop");
    let usage = shared.usage();
    let dropped = shared.mailbox.close();
    let caller = shared.caller();
    let mut kept = Vec::new();
    if let Some(saved) = &saved {
        kept.push(Kept {
            code: "saved-state",
            bytes: Some(saved.bytes.len() as u64),
            count: None,
        });
    }
    let ended = shared.gate.sessions().ended(&caller, saved);
    let erased = match tokio::time::timeout(shared.inner.config.host_call_timeout, ended).await {
        Ok(left) => {
            kept.extend(left.kept.into_iter().map(|(code, count)| Kept {
                code,
                bytes: None,
                count: Some(count),
            }));
            left.erased
        }
        Err(_) => {
            tracing::error!(session = %shared.id, "services did not end a session in time");
            kept.push(Kept {
                code: "services",
                bytes: None,
                count: None,
            });
            Vec::new()
        }
    };
    steps.done("services");
    shared.inner.remove(shared.id);
    shared.free();
    steps.done("free");
    let inner = &shared.inner;
    let receipt = Receipt {
        session: shared.id,
        program: caller.program.clone(),
        reason,
        at_ms: (inner.config.now_ms)(),
        lifetime_ms: u64::try_from(shared.opened.elapsed().as_millis()).unwrap_or(u64::MAX),
        steps: steps.list,
        before: ReceiptBefore {
            queued_events: before.queued_events.max(dropped as u64),
            cpu_us: usage.cpu_us,
            calls: usage.calls,
            ..before
        },
        after: ReceiptAfter {
            rss_bytes: rss_bytes(),
            instances: inner.instances(),
            memory_bytes: inner.memory.load(Relaxed),
        },
        erased,
        kept,
    };
    match &fault {
        Some(fault) => {
            tracing::warn!(session = %shared.id, program = %caller.program, code = fault.code, fault = fault.for_author(), "unload")
        }
        None => tracing::info!(session = %shared.id, program = %caller.program, reason = reason.code(), "unload"),
    }
    inner.count_end(reason, fault.as_ref());
    let ended = Arc::new(Ended { reason, fault, receipt });
    shared.observe(Seen::Ended(&ended));
    if let Some(on_end) = on_end {
        on_end(shared.id, &ended);
    }
    shared.end(ended);
}

/// The calls that a program gets before it goes. One that goes wrong ends the instance, and the others are left out.
async fn say_goodbye(task: &mut Task, steps: &mut Steps) -> Result<Option<SavedState>, Fault> {
    if !task.is_alive() || task.phase.is_none() {
        return Ok(None);
    }
    if task.phase == Some(Phase::Shown) {
        task.call(Input::Lifecycle(Phase::Hidden)).await?;
        steps.done("hidden");
    }
    task.call(Input::Lifecycle(Phase::Unloaded)).await?;
    steps.done("unloaded");
    let saved = task.call(Input::SaveState).await?;
    steps.done("save-state");
    if let Output::Saved(saved) = &saved {
        task.shared.observe(Seen::Saved(saved.as_ref()));
    }
    Ok(match saved {
        Output::Saved(saved) => saved,
        _ => None,
    })
}

/// Resident memory of this process; 0 where the system does not say.
pub(crate) fn rss_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|all| all.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
