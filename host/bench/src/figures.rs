//! Quantiles, the machine, and how long its disk takes: what stands beside every figure.

use serde::Serialize;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

/// The median and the tails of a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

impl Quantiles {
    /// By the nearest rank, rounded to a thousandth; sorts `values`. All zero for none.
    pub fn of(values: &mut [f64]) -> Quantiles {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let rank = (part * values.len() as f64).ceil() as usize;
            values
                .get(rank.saturating_sub(1))
                .map_or(0.0, |value| (value * 1_000.0).round() / 1_000.0)
        };
        Quantiles {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// Where figures were measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// As the kernel names it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// In MiB.
    pub memory_mib: u64,
    /// The kernel's name and release.
    pub kernel: String,
    /// "release" or "debug".
    pub build: &'static str,
    /// Median of writing 4 KiB and fdatasync, in milliseconds, just before: it drifts between 0.1 and 4 on shared machines.
    pub fdatasync_ms_p50: f64,
}

impl Machine {
    /// This machine now; `folder` is on the disk that counts.
    pub fn here(folder: &Path) -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(':').nth(1))
                .map(|value| value.trim().to_owned())
                .unwrap_or_default()
        };
        let kib = value(&read("/proc/meminfo"), "MemTotal")
            .trim_end_matches(" kB")
            .parse()
            .unwrap_or(0u64);
        Machine {
            cpu: value(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib / 1024,
            kernel: format!(
                "{} {}",
                read("/proc/sys/kernel/ostype").trim(),
                read("/proc/sys/kernel/osrelease").trim()
            ),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            fdatasync_ms_p50: fdatasync_ms(folder).unwrap_or(f64::NAN),
        }
    }
}

pub(crate) fn fdatasync_ms(folder: &Path) -> std::io::Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::new();
    for _ in 0..30 {
        let started = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Quantiles::of(&mut times).p50)
}

/// Resident memory of this process now, in KiB.
pub fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1))
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            Quantiles::of(&mut hundred),
            Quantiles {
                p50: 50.0,
                p95: 95.0,
                p99: 99.0,
                max: 100.0
            }
        );
        assert_eq!(Quantiles::of(&mut []), Quantiles::default());
        assert_eq!(
            Quantiles::of(&mut [3.0]),
            Quantiles {
                p50: 3.0,
                p95: 3.0,
                p99: 3.0,
                max: 3.0
            }
        );
    }

    #[test]
    fn this_machine_has_cores_memory_and_a_disk() {
        let machine = Machine::here(&std::env::temp_dir());
        assert!(
            machine.cores >= 1 && machine.memory_mib > 0 && machine.fdatasync_ms_p50 > 0.0,
            "{machine:?}"
        );
        assert!(rss_kib() > 0);
    }
}
