//! The node's wall clock: the only place in this crate that asks what time it is.
//!
//! Waiting (time-outs, intervals) is the runtime's; nothing that is decided or stored comes from it.

use leg_consensus::ports::Clock;
use leg_ledger::time::{BlockTime, MarketClock, MarketTime};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock, UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Unix milliseconds; 0 on a machine whose clock stands before 1970.
    pub fn now(&self) -> BlockTime {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        BlockTime::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Market time now, on a network whose market time follows `clock` (MARKET 1).
    pub fn market_now(&self, clock: &MarketClock) -> MarketTime {
        clock.market_time(self.now())
    }

    /// How far this clock is ahead of a time just seen, milliseconds; negative when it is behind.
    pub fn drift_ms(&self, seen: BlockTime) -> i64 {
        drift(self.now(), seen)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> BlockTime {
        SystemClock::now(self)
    }
}

fn drift(now: BlockTime, seen: BlockTime) -> i64 {
    let difference = i128::from(now.ms()) - i128::from(seen.ms());
    i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_has_the_sign_of_who_is_ahead() {
        let at = BlockTime::from_ms;
        assert_eq!(drift(at(1_000), at(400)), 600);
        assert_eq!(drift(at(400), at(1_000)), -600);
        assert_eq!(drift(at(u64::MAX), at(0)), i64::MAX);
        assert_eq!(drift(at(0), at(u64::MAX)), i64::MIN);
    }

    #[test]
    fn the_clock_stands_after_this_was_written_and_market_time_is_scaled() {
        let written = BlockTime::from_ms(1_760_000_000_000);
        let now = SystemClock.now();
        assert!(now > written);
        let scaled = MarketClock { origin: written, scale: 900 };
        assert!(SystemClock.market_now(&scaled).ms() - written.ms() >= (now.ms() - written.ms()) * 900);
    }
}
