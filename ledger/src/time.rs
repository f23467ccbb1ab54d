//! Block time, market time, slots (MARKET 1).
//!
//! `BlockTime` is the proposer's clock in the header. `MarketTime` is what deadlines, windows and slots use; on a development network it runs
//! faster than the clock by the genesis' scale. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds of one 15-minute slot.
pub const SLOT_MS: u64 = 900_000;
/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;

/// Time of a header: Unix milliseconds, UTC, of the proposer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct BlockTime(u64);

impl BlockTime {
    /// From Unix milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        BlockTime(ms)
    }

    /// Unix milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }
}

/// Time of the market: Unix milliseconds, UTC, scaled on development networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MarketTime(u64);

impl MarketTime {
    /// From Unix milliseconds of market time.
    pub const fn from_ms(ms: u64) -> Self {
        MarketTime(ms)
    }

    /// Unix milliseconds of market time.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// `self + ms`; `None` past the end of the number range.
    pub fn checked_add_ms(self, ms: u64) -> Option<Self> {
        self.0.checked_add(ms).map(MarketTime)
    }

    /// Milliseconds since `earlier`, 0 if that lies ahead.
    pub fn ms_since(self, earlier: MarketTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The slot that contains this time.
    pub fn slot(self) -> Slot {
        Slot(self.0.checked_div(SLOT_MS).unwrap_or(0))
    }
}

impl fmt::Display for MarketTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 15-minute slot: floor(Unix ms of market time / 900 000), UTC (MARKET 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Slot(u64);

impl Slot {
    /// A slot by number.
    pub const fn new(slot: u64) -> Self {
        Slot(slot)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// First instant of the slot; `None` past the end of the number range.
    pub fn start(self) -> Option<MarketTime> {
        self.0.checked_mul(SLOT_MS).map(MarketTime)
    }

    /// First instant after the slot.
    pub fn end(self) -> Option<MarketTime> {
        self.next()?.start()
    }

    /// The next slot.
    pub fn next(self) -> Option<Slot> {
        self.0.checked_add(1).map(Slot)
    }
}

/// How market time follows block time; fixed by genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketClock {
    /// Genesis time, where both clocks agree.
    pub origin: BlockTime,
    /// Market milliseconds that pass in one block millisecond; 1 except on development networks.
    pub scale: u32,
}

impl MarketClock {
    /// Market time at a block time; before the origin it stands still.
    pub fn market_time(&self, time: BlockTime) -> MarketTime {
        let elapsed = time.0.saturating_sub(self.origin.0);
        MarketTime(self.origin.0.saturating_add(elapsed.saturating_mul(u64::from(self.scale))))
    }

    /// The first block time at which the market time is at least `due`: what a proposer waits for.
    pub fn block_time(&self, due: MarketTime) -> BlockTime {
        let ahead = due.0.saturating_sub(self.origin.0);
        let elapsed = ahead.div_ceil(u64::from(self.scale.max(1)));
        BlockTime(self.origin.0.saturating_add(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_clock_meets_every_due_time() {
        let clock = MarketClock { origin: BlockTime::from_ms(1_000_000), scale: 900 };
        assert_eq!(clock.market_time(BlockTime::from_ms(1_001_000)), MarketTime::from_ms(1_900_000));
        for due in [1_000_000, 1_000_001, 1_000_900, 1_900_001] {
            let at = clock.block_time(MarketTime::from_ms(due));
            assert!(clock.market_time(at).ms() >= due);
            assert!(due == 1_000_000 || clock.market_time(BlockTime::from_ms(at.ms() - 1)).ms() < due);
        }
    }

    #[test]
    fn slots_are_quarter_hours_of_unix_time() {
        assert_eq!(MarketTime::from_ms(899_999).slot(), Slot::new(0));
        assert_eq!(MarketTime::from_ms(900_000).slot(), Slot::new(1));
        assert_eq!(Slot::new(1).end(), Some(MarketTime::from_ms(1_800_000)));
        assert_eq!(Slot::new(u64::MAX).start(), None);
    }
}
