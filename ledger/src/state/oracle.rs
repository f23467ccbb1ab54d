//! What oracles reported, and reference prices of the past week (MARKET 5, 11).

use crate::amount::Price;
use crate::ids::{LegId, MemberId, PlaceId};
use crate::time::{MarketTime, Slot};
use crate::transaction::Resource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What oracles report of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OracleInput {
    /// Solar energy that the zone will make in the slot, Wh.
    SolarForecast,
    /// How scarce energy is in the zone's grid: -1 (too much) to 3 (emergency).
    GridLevel,
}

/// Key of what was reported: input, zone, slot.
pub type OracleKey = (OracleInput, PlaceId, Slot);

/// One source's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleReport {
    /// Wh, or a grid level.
    pub value: i64,
    /// Market time of the block that took it.
    pub at: MarketTime,
}

/// What all sources reported, the latest of each member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleReports {
    /// By member, at most [`crate::limits::MAX_ORACLE_SOURCES`].
    pub by: BTreeMap<MemberId, OracleReport>,
}

/// Key of a reference price of the past: resource, community of energy, slot.
pub type ReferenceKey = (Resource, Option<LegId>, Slot);

/// The parts that move a reference price, basis points (MARKET 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceParts {
    /// s: the solar forecast against its mean.
    pub supply: i32,
    /// g: the grid level.
    pub grid: i32,
    /// d: resting bids against resting asks.
    pub demand: i32,
}

/// A reference price with what made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferencePoint {
    /// The price.
    pub price: Price,
    /// Its parts.
    pub parts: PriceParts,
}
