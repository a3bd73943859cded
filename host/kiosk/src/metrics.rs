//! Counters and times of a host, as Prometheus reads them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use youji_runtime::RuntimeMetrics;

/// Type of the answer at `/metrics`.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Step {
    step: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Reason {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Status {
    class: &'static str,
}

type Steps = Family<Step, Histogram, fn() -> Histogram>;

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    steps: Steps,
    opened: Histogram,
    refused: Family<Reason, Counter>,
    ended: Family<Reason, Counter>,
    faults: Family<Reason, Counter>,
    requests: Family<Status, Counter>,
    pub(crate) sockets: Gauge,
    pub(crate) frames: Counter,
    pub(crate) seats: Gauge,
    sessions: Gauge,
    instances: Gauge,
    memory: Gauge,
    programs: Gauge,
    compiled: Gauge,
    slow_calls: Gauge,
    rss: Gauge,
    lost: Gauge,
}

/// From 10 µs to about 5 s.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 2.0, 20))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("youji");
        let steps = Steps::new_with_constructor(times);
        registry.register("open_step_seconds", "Time of each step of opening a program", steps.clone());
        let opened = times();
        registry.register("open_seconds", "From the code's text to the first view", opened.clone());
        let refused = Family::default();
        registry.register("open_refused", "Openings that were refused, by problem code", refused.clone());
        let ended = Family::default();
        registry.register("sessions_ended", "Sessions unloaded, by reason", ended.clone());
        let faults = Family::default();
        registry.register("faults", "Programs ended by a fault, by code", faults.clone());
        let requests = Family::default();
        registry.register("http_requests", "Answered requests, by class of status", requests.clone());
        let frames = Counter::default();
        registry.register("socket_frames", "Frames from pages", frames.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Metrics {
            sockets: gauge("sockets", "Open session sockets"),
            seats: gauge("seats", "Seats with a person"),
            sessions: gauge("sessions", "Live sessions"),
            instances: gauge("instances", "Live component instances, as the allocator counts them"),
            memory: gauge("memory_bytes", "Linear memory of live sessions"),
            programs: gauge("programs", "Compiled programs in memory"),
            compiled: gauge("compilations", "Programs compiled since the start"),
            slow_calls: gauge("slow_calls", "Calls into programs that were moved to the slow lane since the start"),
            rss: gauge("rss_bytes", "Resident memory of the process"),
            lost: gauge("journal_lost", "Lines of the event file that could not be written"),
            registry,
            steps,
            opened,
            refused,
            ended,
            faults,
            requests,
            frames,
        }
    }

    pub(crate) fn open(&self, steps: &[(&'static str, u64)], total_us: u64) {
        for (step, us) in steps {
            self.steps.get_or_create(&Step { step }).observe(seconds(*us));
        }
        self.opened.observe(seconds(total_us));
    }

    pub(crate) fn refused(&self, code: &str) {
        self.refused.get_or_create(&Reason { reason: code.to_owned() }).inc();
    }

    pub(crate) fn ended(&self, reason: &str, fault: Option<&str>) {
        self.ended.get_or_create(&Reason { reason: reason.to_owned() }).inc();
        if let Some(code) = fault {
            self.faults.get_or_create(&Reason { reason: code.to_owned() }).inc();
        }
    }

    pub(crate) fn request(&self, status: u16) {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&Status { class }).inc();
    }

    /// The text, with what the runtime and the system say now.
    pub(crate) fn text(&self, runtime: &RuntimeMetrics, lost: u64) -> String {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.sessions, runtime.sessions);
        set(&self.instances, runtime.instances);
        set(&self.memory, runtime.memory_bytes);
        set(&self.programs, runtime.programs);
        set(&self.compiled, runtime.compiled);
        set(&self.slow_calls, runtime.slow_calls);
        set(&self.rss, rss_bytes());
        set(&self.lost, lost);
        let mut text = String::new();
        // Writing to a string fails only if a metric of ours does not encode.
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics do not encode");
        }
        text
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of one opening")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// Resident memory of this process; 0 where the system does not say.
pub(crate) fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
