//! Latencies, from the moment at which a transaction was due to the moment at which it was known to be final.
//!
//! The load is open-loop: transaction `i` is due at `start + i / rate` whatever became of those before it. A generator, a signer or a node that
//! stalls delays what was due meanwhile, and that delay counts: nothing is left out because it was not sent (coordinated omission).

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// Longest latency that is told apart, microseconds: two minutes. A longer one counts as that.
const LONGEST_US: u64 = 120_000_000;
/// Digits that are kept: an error below 0.1 %.
const DIGITS: u8 = 3;

/// A histogram of latencies.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// What a report shows of a histogram, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half are faster.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        // Constants that the crate's own documentation gives as valid.
        Latencies(Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("valid bounds of a histogram"))
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(us.clamp(1, LONGEST_US));
    }

    /// The percentiles.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        Percentiles { count: self.0.len(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: self.0.max() as f64 / 1_000.0 }
    }
}

/// When transaction `index` of a load is due after its start.
pub fn due(index: u64, per_second: f64) -> Duration {
    Duration::from_secs_f64(index as f64 / per_second)
}

/// How many are due up to `elapsed` after the start; the first one at once.
pub fn due_by(elapsed: Duration, per_second: f64) -> u64 {
    // Whole and positive: rates and times of a run are far below 2^53.
    (elapsed.as_secs_f64() * per_second).floor() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), Percentiles::default());
        (1..=1_000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let found = latencies.percentiles();
        assert_eq!(found.count, 1_000);
        for (found, want) in [(found.p50, 500.0), (found.p95, 950.0), (found.p99, 990.0), (found.max, 1_000.0)] {
            assert!((found - want).abs() / want < 0.002, "{found} for {want}");
        }
        latencies.record(Duration::from_secs(100_000));
        latencies.record(Duration::ZERO);
        assert!((latencies.percentiles().max - 120_000.0).abs() < 200.0, "beyond the range it counts as its end");
    }

    #[test]
    fn what_is_due_follows_from_the_clock_alone() {
        assert_eq!((due(0, 1_000.0), due(500, 1_000.0)), (Duration::ZERO, Duration::from_millis(500)));
        assert_eq!((due_by(Duration::ZERO, 1_000.0), due_by(Duration::from_micros(1_500), 1_000.0)), (1, 2));
        for rate in [1.0, 24_000.0, 123_456.7] {
            for index in [0, 1, 7, 1_000_003] {
                let at = due(index, rate) + Duration::from_nanos(20);
                assert!(due_by(at, rate) > index, "{index} at {rate}");
            }
        }
    }
}
