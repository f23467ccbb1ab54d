//! What reputation is computed from (MARKET 11).

use super::{IndexKey, TimerId};
use crate::ids::{Height, MemberId, OwnerId};
use crate::time::{DAY_MS, MarketTime};
use serde::{Deserialize, Serialize};

/// A weighted pair: what went well, of what there was. `good <= total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// What went well.
    pub good: u64,
    /// All.
    pub total: u64,
}

/// A pair by counterparty, by its owner: bounded, the rest pooled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// The heaviest counterparties, ascending by owner, at most [`crate::limits::MAX_COUNTERPARTIES`].
    pub owners: Vec<(OwnerId, Pair)>,
    /// All others, and what concerns the network itself.
    pub rest: Pair,
}

/// Presence of a hub by attendance periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The last period that `pair` counts.
    pub period: u64,
    /// Periods with a sign of life, of all that were counted, in millionths.
    pub pair: Pair,
    /// The last sign of life that was kept: each period's first one, and each heartbeat.
    pub seen_at: Option<MarketTime>,
}

/// Everything that a member's reputation is computed from. A member without an entry has no history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// UTC day of market time up to which it has decayed.
    pub day: u64,
    /// Presence; hubs that were in a committee or sent a heartbeat.
    pub uptime: Option<Presence>,
    /// Completed trades, by value.
    pub completion: Shares,
    /// Obligations met on time, by value.
    pub settlement: Shares,
    /// Trades without a dispute that was lost, by value.
    pub disputes: Shares,
}

/// The network's attendance periods: when the running one began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    /// Number of the running period.
    pub period: u64,
    /// Market time of its first block.
    pub since: MarketTime,
    /// Its first block.
    pub first: Height,
}

pub(super) fn of_standing(member: &MemberId, standing: &Standing, out: &mut Vec<IndexKey>) {
    let midnight = standing.day.checked_add(1).and_then(|day| day.checked_mul(DAY_MS));
    out.extend(midnight.map(|due| IndexKey::Timer { due: MarketTime::from_ms(due), id: TimerId::Standing(*member) }));
}
