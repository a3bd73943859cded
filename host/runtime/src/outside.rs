//! Host calls are carried out beside the guest, not on its stack. wasmtime keeps the stack of a store's last call, and services go deep:
//! every page that they touched there would stay with the session until it ends.

use crate::observe::Seen;
use crate::pages::Navigate;
use crate::shared::Shared;
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;
use youji_api::{Call, Failure, Moment, Reply, codes};

/// What a host call came to. None: it took too long.
pub(crate) type Answer = Option<Result<Reply, Failure>>;

/// A host call on its way.
#[derive(Debug)]
struct Asked {
    call: Call,
    moment: Moment,
    /// A log line is not shown as a call.
    shown: bool,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Asked(Box<Asked>),
    Answered(Answer),
}

/// Where a guest leaves its host call and finds the answer. A guest has one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Outside(Mutex<Slot>);

impl Outside {
    /// Called on the guest's stack.
    pub(crate) async fn ask(&self, call: Call, moment: Moment, shown: bool) -> Answer {
        *self.0.lock() = Slot::Asked(Box::new(Asked { call, moment, shown }));
        poll_fn(|_| {
            let mut slot = self.0.lock();
            match std::mem::take(&mut *slot) {
                Slot::Answered(answer) => Poll::Ready(answer),
                other => {
                    *slot = other;
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn take_asked(&self) -> Option<Asked> {
        let mut slot = self.0.lock();
        match std::mem::take(&mut *slot) {
            Slot::Asked(asked) => Some(*asked),
            other => {
                *slot = other;
                None
            }
        }
    }
}

/// Runs a call into a guest, and what the guest asks for meanwhile.
pub(crate) async fn run<T>(shared: &Arc<Shared>, guest: impl Future<Output = T>) -> T {
    *shared.outside.0.lock() = Slot::Empty;
    let mut guest = pin!(guest);
    let mut work: Option<Pin<Box<dyn Future<Output = Answer> + Send>>> = None;
    poll_fn(move |cx| {
        loop {
            if let Some(running) = &mut work {
                let answer = ready!(running.as_mut().poll(cx));
                work = None;
                *shared.outside.0.lock() = Slot::Answered(answer);
            }
            if let Poll::Ready(done) = guest.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let Some(asked) = shared.outside.take_asked() else {
                return Poll::Pending;
            };
            work = Some(Box::pin(carry_out(shared.clone(), asked)));
        }
    })
    .await
}

/// Timed, through the gate, bounded in time, shown.
async fn carry_out(shared: Arc<Shared>, asked: Asked) -> Answer {
    let Asked { call, moment, shown } = asked;
    let name = call.name();
    let navigate = Navigate::from_call(&call);
    let observed = shared.is_observed().then(|| call.clone());
    let began = Instant::now();
    let answer = through_gate(&shared, call, moment).await?;
    let answer = answer.and_then(|reply| match navigate {
        Some(navigate) => {
            let caller = shared.caller();
            shared.pages.lock().ask(navigate, &caller.requested.pages).map(|()| reply)
        }
        None => Ok(reply),
    });
    let us = if shown {
        u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
    } else {
        0
    };
    if shown {
        let code = answer.as_ref().err().map(|failure| failure.code.as_str());
        shared.call(|| format!("{}.{}", name.0.name(), name.1), us, code);
    }
    if let Some(call) = &observed {
        let answer = &answer;
        shared.observe(Seen::Call { call, answer, us });
    }
    Some(answer)
}

async fn through_gate(shared: &Shared, call: Call, moment: Moment) -> Answer {
    let (gate, caller) = (shared.gate.clone(), shared.caller());
    let limit = shared.inner.config.host_call_timeout;
    let work = async move { AssertUnwindSafe(gate.call(&caller, moment, call)).catch_unwind().await };
    let broken = || Err(Failure::new(codes::FAILED, "the host could not do it; nothing was changed"));
    let done = if shared.meter.is_slow() {
        // Services never run on a thread that gives way to all others: it might hold a lock that neighbours need.
        tokio::time::timeout(limit, shared.home.spawn(work)).await.map(|done| match done {
            Ok(Ok(answer)) => answer,
            _ => broken(),
        })
    } else {
        tokio::time::timeout(limit, work)
            .await
            .map(|done| done.unwrap_or_else(|_| broken()))
    };
    done.ok()
}
