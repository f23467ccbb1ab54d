//! The formula of MARKET 11.

use super::standing::PERIOD;
use crate::amount::BasisPoints;
use crate::state::{Pair, Shares, Standing};
use std::cmp::Reverse;

/// Reputation of a member without history.
pub const WITHOUT_HISTORY: BasisPoints = BasisPoints::new(8_000);
/// What stands in for history: 8 of 10 units.
const PRIOR_GOOD: u128 = 8;
const PRIOR_TOTAL: u128 = 10;
/// One owner counts for at most one in so many.
const OWNER_SHARE: usize = 5;
/// Weights of uptime, completion, settlement and disputes, of 100.
const WEIGHTS: [u32; 4] = [30, 30, 25, 15];

/// What counts of a part, prior left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) good: u128,
    pub(super) total: u128,
}

impl From<Pair> for Counted {
    fn from(pair: Pair) -> Counted {
        Counted { good: u128::from(pair.good), total: u128::from(pair.total) }
    }
}

/// Limits each owner to a fifth of (counted total + prior). The pool is one more owner for what went well; what did not counts in full.
pub(super) fn counted(shares: &Shares, unit: u64) -> Counted {
    let pooled = Pair { good: shares.rest.good, total: shares.rest.good };
    let mut pairs: Vec<Pair> = shares.owners.iter().map(|(_, pair)| *pair).chain([pooled]).filter(|p| p.total > 0).collect();
    pairs.sort_unstable_by_key(|p| Reverse(p.total));
    let bad = u128::from(shares.rest.bad());
    let limit = level(&pairs, u128::from(unit).saturating_mul(PRIOR_TOTAL).saturating_add(bad));
    let mut sum = Counted { good: 0, total: bad };
    for pair in pairs {
        let (good, total) = (u128::from(pair.good), u128::from(pair.total));
        let counts = total.min(limit);
        // Below 2^64 each, so products and sums are exact.
        sum.good = sum.good.saturating_add(good.saturating_mul(counts).checked_div(total).unwrap_or(0));
        sum.total = sum.total.saturating_add(counts);
    }
    sum
}

/// The largest l for which min(total, l) of each pair is at most a fifth of their sum + `base`: the k heaviest are cut, so that
/// 5 l = base + k l + the others. `pairs` MUST descend by total.
fn level(pairs: &[Pair], base: u128) -> u128 {
    let mut whole = pairs.iter().fold(base, |sum, p| sum.saturating_add(u128::from(p.total)));
    let mut heaviest = pairs.iter();
    for divisor in (1..=OWNER_SHARE).rev() {
        let limit = u128::try_from(divisor).ok().and_then(|d| whole.checked_div(d)).unwrap_or(0);
        match heaviest.next() {
            Some(pair) if u128::from(pair.total) > limit => whole = whole.saturating_sub(u128::from(pair.total)),
            _ => return limit,
        }
    }
    whole
}

/// 10 000 x (good + 8) / (total + 10), down.
pub(super) fn part(counted: Counted, unit: u64) -> BasisPoints {
    let unit = u128::from(unit.max(1));
    let good = counted.good.saturating_add(unit.saturating_mul(PRIOR_GOOD));
    let total = counted.total.saturating_add(unit.saturating_mul(PRIOR_TOTAL));
    let share = good.saturating_mul(10_000).checked_div(total).unwrap_or(0).min(10_000);
    BasisPoints::new(u32::try_from(share).unwrap_or(0))
}

/// What counts of the four parts, with the unit of each: uptime, completion, settlement, disputes.
pub(super) fn parts(standing: &Standing, unit: u64) -> [(Counted, u64); 4] {
    let uptime = standing.uptime.map_or(Counted::default(), |presence| presence.pair.into());
    let of = |shares: &Shares| (counted(shares, unit), unit);
    [(uptime, PERIOD), of(&standing.completion), of(&standing.settlement), of(&standing.disputes)]
}

/// Weights of uptime, completion, settlement and disputes.
pub(super) fn weights() -> [BasisPoints; 4] {
    WEIGHTS.map(|percent| BasisPoints::new(percent.saturating_mul(100)))
}

/// The weighted sum of the four parts, down.
pub(super) fn weigh(parts: [BasisPoints; 4]) -> BasisPoints {
    let sum = parts.iter().zip(WEIGHTS).fold(0_u32, |sum, (part, weight)| sum.saturating_add(part.get().saturating_mul(weight)));
    BasisPoints::new(sum.checked_div(100).unwrap_or(0))
}

/// The reputation that a standing makes.
pub(super) fn reputation(standing: &Standing, unit: u64) -> BasisPoints {
    weigh(parts(standing, unit).map(|(counted, unit)| part(counted, unit)))
}
