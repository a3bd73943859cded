//! Fairness: CPU time per call is summed, and a call that takes long goes on in a lane whose threads give way to all others.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A call that has used so much goes on in the slow lane.
const MOVE_AFTER: Duration = Duration::from_micros(1_000);
const LEAST_PRIORITY: i32 = 19;
/// A program that has used so much in one call is heavy.
const HEAVY: Duration = Duration::from_millis(20);
/// Short calls after which it is heavy no more.
const FORGIVEN_AFTER: u32 = 16;

/// Whether a program had long calls lately. Shared by its sessions: whoever launches a runaway program again gets another session.
#[derive(Debug, Default)]
pub(crate) struct Record(AtomicU32);

impl Record {
    fn is_heavy(&self) -> bool {
        self.0.load(Relaxed) > 0
    }

    fn note(&self, call: Duration) {
        if call >= HEAVY {
            self.0.store(FORGIVEN_AFTER, Relaxed);
        } else if call < MOVE_AFTER {
            let _ = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        }
    }
}

/// CPU time of one session's calls. Only the thread that polls the call writes.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    record: Arc<Record>,
    /// The call is in the slow lane.
    slow: AtomicBool,
    call: AtomicU64,
    before: AtomicU64,
    poll_began: AtomicU64,
}

impl Meter {
    pub(crate) fn new(record: Arc<Record>) -> Self {
        Meter {
            record,
            ..Meter::default()
        }
    }

    /// A new call begins.
    pub(crate) fn begin_call(&self) {
        self.before.fetch_add(self.call.swap(0, Relaxed), Relaxed);
    }

    /// CPU time of the current call up to now; to be asked on the thread that polls it.
    pub(crate) fn call_so_far(&self) -> Duration {
        let began = self.poll_began.load(Relaxed);
        let poll = if began == 0 { 0 } else { thread_cpu().saturating_sub(began) };
        Duration::from_nanos(self.call.load(Relaxed) + poll)
    }

    /// Whether the current call belongs into the slow lane.
    pub(crate) fn is_slow(&self) -> bool {
        self.slow.load(Relaxed) || self.call_so_far() >= MOVE_AFTER
    }

    /// CPU time of all calls.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.before.load(Relaxed) + self.call.load(Relaxed))
    }

    fn poll<T>(&self, future: &mut Pin<Box<dyn Future<Output = T> + Send>>, cx: &mut std::task::Context<'_>) -> Poll<T> {
        let began = thread_cpu();
        self.poll_began.store(began, Relaxed);
        let poll = future.as_mut().poll(cx);
        self.poll_began.store(0, Relaxed);
        self.call.fetch_add(thread_cpu().saturating_sub(began), Relaxed);
        poll
    }
}

fn thread_cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// A boxed call, ready to go on elsewhere.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The slow lane.
pub(crate) struct Lanes {
    slow: Option<Runtime>,
    moved: AtomicU64,
}

impl Lanes {
    pub(crate) fn new() -> std::io::Result<Self> {
        // Half of the cores: the others never wait for one of these threads to be preempted.
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        let slow = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("youji-slow")
            .enable_time()
            .on_thread_start(|| {
                // Linux keeps a priority per thread; elsewhere this fails or lowers nothing, and fairness rests on yields.
                let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LEAST_PRIORITY);
            })
            .build()?;
        Ok(Lanes {
            slow: Some(slow),
            moved: AtomicU64::new(0),
        })
    }

    /// Makes an instance: here while it is short, in the slow lane from then on. Never there from the beginning, since it takes locks of
    /// the pool that neighbours need. None if the lane is shut down.
    pub(crate) async fn instantiate<T: Send + 'static>(&self, meter: &Arc<Meter>, work: Work<T>) -> Option<T> {
        self.run_in_lane(meter, work, false).await
    }

    /// Runs a call: here while it is short, in the slow lane from then on; that of a heavy program there from the beginning, so that its
    /// neighbours don't wait for what it does before it is noticed. None if the lane is shut down.
    pub(crate) async fn run<T: Send + 'static>(&self, meter: &Arc<Meter>, work: Work<T>) -> Option<T> {
        let done = self.run_in_lane(meter, work, meter.record.is_heavy()).await;
        meter.record.note(meter.call_so_far());
        done
    }

    async fn run_in_lane<T: Send + 'static>(&self, meter: &Arc<Meter>, work: Work<T>, slow: bool) -> Option<T> {
        meter.slow.store(slow, Relaxed);
        let mut work = Some(work);
        if !slow {
            let here = std::future::poll_fn(|cx| {
                let Some(future) = work.as_mut() else { return Poll::Ready(None) };
                match meter.poll(future, cx) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if meter.is_slow() => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if here.is_some() {
                return here;
            }
        }
        let mut future = work.take()?;
        self.moved.fetch_add(1, Relaxed);
        meter.slow.store(true, Relaxed);
        let meter = meter.clone();
        let elsewhere = self
            .slow
            .as_ref()?
            .spawn(async move { std::future::poll_fn(|cx| meter.poll(&mut future, cx)).await });
        AbortOnDrop(elsewhere).await
    }

    /// Calls that went to the slow lane.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Relaxed)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if let Some(slow) = self.slow.take() {
            slow.shutdown_background();
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
