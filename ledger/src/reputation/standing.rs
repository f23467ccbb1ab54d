//! How standings decay and grow.

use crate::ids::OwnerId;
use crate::limits::MAX_COUNTERPARTIES;
use crate::state::{Pair, Presence, Shares, Standing};

/// What a pair loses each day, as a divisor.
const DECAY: u64 = 64;
/// Days after which the largest pair has decayed to nothing; bounds the catching up of a long silence.
const FORGOTTEN_DAYS: u64 = 4_096;
/// Millionths of an attendance period.
pub(super) const PERIOD: u64 = 1_000_000;

impl Pair {
    fn decay(&mut self) {
        let next = |value: u64| value.saturating_sub(value.div_ceil(DECAY));
        *self = Pair { good: next(self.good), total: next(self.total) };
    }

    pub(super) fn add(&mut self, other: Pair) {
        *self = Pair { good: self.good.saturating_add(other.good), total: self.total.saturating_add(other.total) };
    }

    /// What did not go well.
    pub(super) fn bad(self) -> u64 {
        self.total.saturating_sub(self.good)
    }
}

impl Shares {
    fn decay(&mut self) {
        self.rest.decay();
        self.owners.iter_mut().for_each(|(_, pair)| pair.decay());
        self.owners.retain(|(_, pair)| pair.total > 0);
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.rest.total == 0
    }

    /// Adds to an owner's share, or to the pool. The bound is kept by [`Shares::pool_lightest`] after all of a block's notes.
    pub(super) fn add(&mut self, owner: Option<OwnerId>, pair: Pair) {
        let Some(owner) = owner else { return self.rest.add(pair) };
        match self.owners.binary_search_by_key(&owner, |(o, _)| *o) {
            Ok(place) => self.owners.get_mut(place).map_or((), |(_, share)| share.add(pair)),
            Err(place) => self.owners.insert(place, (owner, pair)),
        }
    }

    /// Pools the lightest owners beyond the bound; of equal ones the first by name.
    pub(super) fn pool_lightest(&mut self) {
        while self.owners.len() > MAX_COUNTERPARTIES {
            let lightest = self.owners.iter().enumerate().min_by_key(|(_, (_, pair))| pair.total).map(|(place, _)| place);
            let Some(place) = lightest else { return };
            let (_, pair) = self.owners.remove(place);
            self.rest.add(pair);
        }
    }
}

impl Standing {
    /// A standing that begins on a day.
    pub(super) fn beginning(day: u64) -> Standing {
        Standing { day, ..Standing::default() }
    }

    /// Decays day by day up to `today`.
    pub(super) fn decay_to(&mut self, today: u64) {
        let days = today.saturating_sub(self.day).min(FORGOTTEN_DAYS);
        for _ in 0..days {
            if let Some(presence) = &mut self.uptime {
                presence.pair.decay();
            }
            [&mut self.completion, &mut self.settlement, &mut self.disputes].into_iter().for_each(Shares::decay);
            if self.is_blank() {
                break;
            }
        }
        self.day = self.day.max(today);
    }

    fn is_blank(&self) -> bool {
        let idle = self.uptime.is_none_or(|presence| presence.pair.total == 0);
        idle && self.completion.is_empty() && self.settlement.is_empty() && self.disputes.is_empty()
    }

    /// True when nothing would be lost with the entry.
    pub(super) fn is_empty(&self) -> bool {
        self.uptime.is_none() && self.is_blank()
    }
}

impl Presence {
    /// Counts the periods before `period` that ended without a sign of life, unless the hub was not to be there.
    pub(super) fn miss_until(&mut self, period: u64, expected: bool) {
        let Some(last) = period.checked_sub(1) else { return };
        let missed = last.saturating_sub(self.period);
        if expected {
            self.pair.add(Pair { good: 0, total: missed.saturating_mul(PERIOD) });
        }
        self.period = self.period.max(last);
    }

    /// Counts `period` as one with a sign of life, once.
    pub(super) fn attend(&mut self, period: u64) {
        if self.period < period {
            self.pair.add(Pair { good: PERIOD, total: PERIOD });
            self.period = period;
        }
    }
}
