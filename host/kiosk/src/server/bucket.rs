//! Rates: so many a second on average, with a burst.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// Addresses that are kept; then those with a full bucket go, and if none is, all.
const KEPT: usize = 4_096;

/// One rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(burst: f64) -> Self {
        Bucket {
            left: burst,
            at: Instant::now(),
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, per_second: f64, burst: f64) -> bool {
        let now = Instant::now();
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * per_second).min(burst);
        self.at = now;
        let allowed = self.left >= 1.0;
        if allowed {
            self.left -= 1.0;
        }
        allowed
    }
}

/// One rate for each address.
pub(crate) struct Buckets {
    per_second: f64,
    burst: f64,
    all: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Buckets {
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Buckets {
            per_second,
            burst,
            all: Mutex::default(),
        }
    }

    pub(crate) fn take(&self, address: IpAddr) -> bool {
        let mut all = self.all.lock();
        if all.len() >= KEPT && !all.contains_key(&address) {
            let (per_second, burst) = (self.per_second, self.burst);
            all.retain(|_, bucket| bucket.left + bucket.at.elapsed().as_secs_f64() * per_second < burst);
            if all.len() >= KEPT {
                all.clear();
            }
        }
        all.entry(address)
            .or_insert_with(|| Bucket::full(self.burst))
            .take(self.per_second, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_nothing() {
        let buckets = Buckets::new(0.001, 3.0);
        let one = IpAddr::from([192, 0, 2, 1]);
        let taken: Vec<bool> = (0..5).map(|_| buckets.take(one)).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(buckets.take(IpAddr::from([192, 0, 2, 2])), "another address has its own");
    }

    #[test]
    fn addresses_are_bounded() {
        let buckets = Buckets::new(1.0, 3.0);
        for number in 0..10_000_u32 {
            buckets.take(IpAddr::from(number.to_be_bytes()));
        }
        assert!(buckets.all.lock().len() <= KEPT);
    }
}
