//! What a peer may cost: buckets that refill slowly.

use std::time::{Duration, Instant};

/// A bucket of tokens. Pure: the caller brings the time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    updated: Instant,
}

impl Budget {
    /// A full bucket of `capacity` tokens that refills with `per_second`.
    pub fn new(capacity: u32, per_second: u32, now: Instant) -> Self {
        let capacity = f64::from(capacity);
        Budget { capacity, per_second: f64::from(per_second), tokens: capacity, updated: now }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        self.updated = now;
    }

    /// Takes `cost` tokens, if need be on credit; returns whether the bucket still holds some.
    pub fn charge(&mut self, cost: u32, now: Instant) -> bool {
        self.refill(now);
        // Debt is bounded by one capacity, so that a peer is heard again after a bounded time.
        self.tokens = (self.tokens - f64::from(cost)).max(-self.capacity);
        self.tokens > 0.0
    }

    /// How long an empty bucket takes to be half full, so that who used it up is not back at once to use up the first token; zero when it
    /// is not empty.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.refill(now);
        let missing = self.capacity / 2.0 - self.tokens;
        if self.tokens > 0.0 { Duration::ZERO } else { Duration::from_secs_f64(missing / self.per_second) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_and_refills_slowly() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 2, start);
        assert!(budget.charge(9, start));
        assert!(!budget.charge(1, start));
        assert!(!budget.charge(1_000, start), "debt is bounded by one capacity");
        let wait = budget.wait(start);
        assert_eq!(wait, Duration::from_millis(7_500));
        assert!(!budget.charge(0, start + Duration::from_millis(4_900)));
        assert!(budget.charge(4, start + wait), "half full");
        assert_eq!(budget.wait(start + wait), Duration::ZERO);
        assert!(budget.charge(9, start + Duration::from_secs(1_000)), "never more than its capacity");
        assert!(!budget.charge(1, start + Duration::from_secs(1_000)));
    }
}
