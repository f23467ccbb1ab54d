//! Oracles: signed inputs for reference prices, their median, staleness and health (MARKET 5, 11).
//!
//! ```text
//! report (oracle, grid operator) -> state, by (input, zone, slot) and member -> evaluate: median of fresh sources -> reference price
//!                                                                            -> health: who reported, when, how far from the median
//! ```
//!
//! * A **zone** is a canton in which an active hub stands. The zone of a community is that of its first member by id; markets of the whole network
//!   follow all zones that have what is needed: the sums of their forecasts and means, and the lower median of their grid levels.
//! * A value is the median of the sources, the lower of two in the middle. It needs `params.oracle.min_sources` owners: of several
//!   oracles of one owner the latest report counts. Sources are active members, as after h-1; a hub's own forecast and the local exchange of a grid
//!   operator are no price inputs and need one (see [`crate::market::forecast`] and [`crate::trade::report_exchange`]).
//! * **Fresh** is a forecast that was reported at most `forecast_staleness_ms` before its slot, and a grid level for a slot and at a
//!   time at most `grid_staleness_ms` before the slot that it is read for; of a source's levels the one of the latest slot counts.
//! * Fewer sources or older ones: the adjustment is 0 and an event tells it; nothing stops.
//! * N, the mean at this time of day, is the mean of the medians of the same slot of each of the seven days before, as far as they have one.
//!   Reports stay [`crate::limits::ORACLE_RETENTION_MS`] after their slot for it.

mod adjust;
mod evaluate;
mod report;
mod zone;

pub use adjust::{Adjustment, adjustments};
pub use evaluate::{Evaluation, Source, evaluate};
pub use report::{expire_reports, report_grid_level, report_solar};
pub use zone::{legs, zone_of_leg, zones};

#[cfg(test)]
mod tests;
