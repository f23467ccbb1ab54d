//! The parameters that the community changes one at a time, each within bounds that keep the ledger's invariants (MARKET 11).
//!
//! Lots and ticks are not among them: orders in the book rest on them. Nor are the pace of blocks, which running nodes keep, and the number of
//! chunks of a storage challenge, which one that has been drawn rests on.

use super::Params;
use crate::amount::{BasisPoints, MicroChf};
use crate::limits::{MAX_AHEAD_MS, MAX_DEPOSITED, MAX_ORACLE_AHEAD_MS, SLOT_RETENTION_MS};
use crate::time::{DAY_MS, SLOT_MS};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Longest window, market ms: what is known by slot is kept for 31 days, and a window on it ends a day before.
const MAX_WINDOW: u64 = SLOT_RETENTION_MS.saturating_sub(DAY_MS);
/// Least bytes of a block: two transactions of the greatest size.
const MIN_BLOCK: u64 = 128 * 1_024;
/// Most bytes of a block: the hard limit.
const MAX_BLOCK: u64 = 1_024 * 1_024;
/// Longest time in which evidence is taken: the verdict falls after it.
const MAX_VERDICT: u64 = MAX_WINDOW.saturating_sub(1);
/// Most sources that an input can need: as many as one has.
const MAX_SOURCES: u64 = 32;
/// Highest charge a month, micro-CHF: CHF 10 000.
const MAX_CHARGE: u64 = 10_000_000_000;

macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $bounds:expr, $get:expr, $set:expr;)+) => {
        /// A parameter that a proposal can change. New ones are appended, never inserted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Parameter {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Parameter {
            /// Every parameter.
            pub const ALL: &'static [Parameter] = &[$(Parameter::$name,)+];

            /// Its name in the API and in genesis documents.
            pub const fn name(self) -> &'static str {
                match self { $(Parameter::$name => $text,)+ }
            }

            /// The values it may have. Some are bounded by others as well: [`Parameter::set`].
            pub const fn bounds(self) -> RangeInclusive<u64> {
                match self { $(Parameter::$name => $bounds,)+ }
            }

            /// Its value.
            pub fn get(self, params: &Params) -> u64 {
                match self { $(Parameter::$name => { let get: fn(&Params) -> u64 = $get; get(params) })+ }
            }

            fn put(self, params: &mut Params, value: u64) {
                match self { $(Parameter::$name => { let set: fn(&mut Params, u64) = $set; set(params, value) })+ }
            }
        }
    };
}

/// A value that [`Parameter::bounds`] keeps far below this.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn points(value: u64) -> BasisPoints {
    BasisPoints::new(narrow(value))
}

parameters! {
    /// Network fee, basis points of gross.
    Fee = "fee", 200..=500, |p| p.fee.get().into(), |p, v| p.fee = points(v);
    /// Factor between base price and the ends of the collar, basis points.
    PriceCollar = "priceCollar", 20_000..=1_000_000, |p| p.price_collar.get().into(), |p, v| p.price_collar = points(v);
    /// Least value of an order, micro-CHF.
    MinNotional = "minNotional", 1..=1_000_000_000, |p| p.min_notional.get(), |p, v| p.min_notional = MicroChf::new(v);
    /// Most bytes of a block: at least one transaction of the greatest size beside its parent's certificate.
    MaxBlockBytes = "maxBlockBytes", MIN_BLOCK..=MAX_BLOCK, |p| p.max_block_bytes.into(), |p, v| p.max_block_bytes = narrow(v);
    /// Most due timers of one block.
    MaxTimers = "maxTimers", 64..=1_000_000, |p| p.max_timers.into(), |p, v| p.max_timers = narrow(v);
    /// Most transactions of one member in one block.
    MaxMemberTransactions = "maxMemberTransactions", 1..=1_000_000, |p| p.max_member_transactions.into(), |p, v| p.max_member_transactions = narrow(v);
    /// Most open orders of one member in one market.
    MaxOpenOrders = "maxOpenOrders", 1..=1_000_000, |p| p.max_open_orders.into(), |p, v| p.max_open_orders = narrow(v);
    /// Start deadline, market ms.
    StartWindow = "startWindowMs", 1..=MAX_WINDOW, |p| p.start_window_ms, |p, v| p.start_window_ms = v;
    /// Completion deadline, market ms.
    CompleteWindow = "completeWindowMs", 1..=MAX_WINDOW, |p| p.complete_window_ms, |p, v| p.complete_window_ms = v;
    /// Confirmation window, market ms.
    ConfirmWindow = "confirmWindowMs", 1..=MAX_WINDOW, |p| p.confirm_window_ms, |p, v| p.confirm_window_ms = v;
    /// How long before its start an energy slot opens, market ms.
    EnergyOpen = "energyOpenMs", 1..=MAX_AHEAD_MS, |p| p.energy_open_ms, |p, v| p.energy_open_ms = v;
    /// How long a local-exchange report is waited for, market ms.
    ExchangeWindow = "exchangeWindowMs", 1..=MAX_WINDOW, |p| p.exchange_window_ms, |p, v| p.exchange_window_ms = v;
    /// How long readings of an energy slot are waited for, market ms.
    ReadingsWindow = "readingsWindowMs", 1..=MAX_WINDOW, |p| p.readings_window_ms, |p, v| p.readings_window_ms = v;
    /// Under-delivery that costs nothing, basis points of the ordered quantity.
    UnderDeliveryTolerance = "underDeliveryTolerance", 0..=10_000, |p| p.under_delivery_tolerance.get().into(), |p, v| p.under_delivery_tolerance = points(v);
    /// Penalty on the value of what is missing, basis points.
    UnderDeliveryPenalty = "underDeliveryPenalty", 0..=10_000, |p| p.under_delivery_penalty.get().into(), |p, v| p.under_delivery_penalty = points(v);
    /// Bonus on gross for solar-only delivery, basis points.
    SolarBonus = "solarBonus", 0..=10_000, |p| p.solar_bonus.get().into(), |p, v| p.solar_bonus = points(v);
    /// Reputation under which a member's open value is capped.
    CappedReputation = "cappedReputation", 0..=10_000, |p| p.capped_reputation.get().into(), |p, v| p.capped_reputation = points(v);
    /// That cap, micro-CHF.
    CappedOpenValue = "cappedOpenValue", 0..=1_000_000_000_000, |p| p.capped_open_value.get(), |p, v| p.capped_open_value = MicroChf::new(v);
    /// Reputation under which a member places no new orders.
    BarredReputation = "barredReputation", 0..=10_000, |p| p.barred_reputation.get().into(), |p, v| p.barred_reputation = points(v);
    /// Calendar months after which heat lots expire.
    HeatExpiryMonths = "heatExpiryMonths", 1..=120, |p| p.heat_expiry_months.into(), |p, v| p.heat_expiry_months = narrow(v);
    /// API access of an active hub or customer, micro-CHF a month.
    ApiAccess = "charges.apiAccess", 0..=MAX_CHARGE, |p| p.charges.api_access.get(), |p, v| p.charges.api_access = MicroChf::new(v);
    /// Certification of an active hub with certified capacity, micro-CHF a month.
    Certification = "charges.certification", 0..=MAX_CHARGE, |p| p.charges.certification.get(), |p, v| p.charges.certification = MicroChf::new(v);
    /// Support of an active hub, micro-CHF a month.
    Support = "charges.support", 0..=MAX_CHARGE, |p| p.charges.support.get(), |p, v| p.charges.support = MicroChf::new(v);
    /// Longest term of a storage contract, calendar months.
    StorageMaxMonths = "storage.maxMonths", 1..=1_200, |p| p.storage.max_months.into(), |p, v| p.storage.max_months = narrow(v);
    /// The buyer of storage announces its content within this time after the match, market ms.
    StorageAnnounceWindow = "storage.announceWindowMs", 1..=MAX_WINDOW, |p| p.storage.announce_window_ms, |p, v| p.storage.announce_window_ms = v;
    /// The seller of storage proves that it has the content within this time after the announcement, market ms.
    StorageFirstProofWindow = "storage.firstProofWindowMs", 1..=MAX_WINDOW, |p| p.storage.first_proof_window_ms, |p, v| p.storage.first_proof_window_ms = v;
    /// Time from one challenge of a storage contract to the next, market ms.
    StorageDay = "storage.dayMs", 1..=MAX_WINDOW, |p| p.storage.day_ms, |p, v| p.storage.day_ms = v;
    /// A storage challenge is answered within this time, market ms.
    StorageAnswerWindow = "storage.answerWindowMs", 1..=MAX_WINDOW, |p| p.storage.answer_window_ms, |p, v| p.storage.answer_window_ms = v;
    /// So many missed challenges in a row end a storage contract.
    StorageMissingDays = "storage.missingDays", 1..=366, |p| p.storage.missing_days.into(), |p, v| p.storage.missing_days = narrow(v);
    /// Sources of different owners that a price input needs.
    OracleMinSources = "oracle.minSources", 1..=MAX_SOURCES, |p| p.oracle.min_sources.into(), |p, v| p.oracle.min_sources = narrow(v);
    /// A solar forecast counts if it was reported at most this long before its slot, market ms.
    ForecastStaleness = "oracle.forecastStalenessMs", SLOT_MS..=MAX_ORACLE_AHEAD_MS, |p| p.oracle.forecast_staleness_ms, |p, v| p.oracle.forecast_staleness_ms = v;
    /// A grid level counts for at most this long, market ms.
    GridStaleness = "oracle.gridStalenessMs", SLOT_MS..=DAY_MS, |p| p.oracle.grid_staleness_ms, |p, v| p.oracle.grid_staleness_ms = v;
    /// The value that counts as one in a reputation, micro-CHF.
    ReputationUnit = "reputation.unit", 1..=MAX_DEPOSITED, |p| p.reputation.unit.get(), |p, v| p.reputation.unit = MicroChf::new(v);
    /// Least length of an attendance period, market ms.
    Attendance = "reputation.attendanceMs", 1..=MAX_WINDOW, |p| p.reputation.attendance_ms, |p, v| p.reputation.attendance_ms = v;
    /// Bond of a party to a dispute, basis points of the disputed value.
    DisputeBond = "disputes.bond", 0..=10_000, |p| p.disputes.bond.get().into(), |p, v| p.disputes.bond = points(v);
    /// Least bond of a party to a dispute, micro-CHF.
    DisputeMinBond = "disputes.minBond", 0..=MAX_DEPOSITED, |p| p.disputes.min_bond.get(), |p, v| p.disputes.min_bond = MicroChf::new(v);
    /// Evidence is taken this long after the opening of a dispute, market ms.
    EvidenceWindow = "disputes.evidenceWindowMs", 1..=MAX_VERDICT, |p| p.disputes.evidence_window_ms, |p, v| p.disputes.evidence_window_ms = v;
    /// The verdict falls at most this long after the opening of a dispute, market ms.
    VerdictWindow = "disputes.verdictWindowMs", 2..=MAX_WINDOW, |p| p.disputes.verdict_window_ms, |p, v| p.disputes.verdict_window_ms = v;
    /// Claims that differ from the registers by more than this share are decided by the registers, basis points.
    MeteredTolerance = "disputes.meteredTolerance", 0..=10_000, |p| p.disputes.metered_tolerance.get().into(), |p, v| p.disputes.metered_tolerance = points(v);
    /// A grid operator corrects a slot until this long after its end, market ms.
    CorrectionWindow = "disputes.correctionWindowMs", 1..=SLOT_RETENTION_MS, |p| p.disputes.correction_window_ms, |p, v| p.disputes.correction_window_ms = v;
}

impl Parameter {
    /// The parameter with this name.
    pub fn from_name(name: &str) -> Option<Parameter> {
        Parameter::ALL.iter().copied().find(|p| p.name() == name)
    }

    /// Sets it; `None`, and nothing changes, outside of its bounds or where it contradicts another parameter.
    #[must_use]
    pub fn set(self, params: &Params, value: u64) -> Option<Params> {
        let mut changed = params.clone();
        self.put(&mut changed, value);
        let disputes = &changed.disputes;
        let agree = changed.barred_reputation <= changed.capped_reputation && disputes.evidence_window_ms < disputes.verdict_window_ms;
        (self.bounds().contains(&value) && agree).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{BlockTime, MarketClock};

    /// Those that another parameter bounds as well.
    const BOUND_BY_ANOTHER: [Parameter; 4] =
        [Parameter::CappedReputation, Parameter::BarredReputation, Parameter::EvidenceWindow, Parameter::VerdictWindow];

    fn standard() -> Params {
        Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 })
    }

    #[test]
    fn each_parameter_takes_the_values_within_its_bounds_and_no_other() {
        for parameter in Parameter::ALL {
            let params = standard();
            assert!(parameter.bounds().contains(&parameter.get(&params)), "{parameter:?}: the standard is allowed");
            assert_eq!(Parameter::from_name(parameter.name()), Some(*parameter));
            let (least, most) = parameter.bounds().into_inner();
            for value in [least, most] {
                let Some(changed) = parameter.set(&params, value) else {
                    assert!(BOUND_BY_ANOTHER.contains(parameter), "{parameter:?} {value}");
                    continue;
                };
                assert_eq!(parameter.get(&changed), value);
                let back = parameter.set(&changed, parameter.get(&params)).unwrap();
                assert_eq!(back, params, "{parameter:?} changes nothing else");
            }
            assert_eq!(parameter.set(&params, most + 1), None, "{parameter:?}");
            assert_eq!(least.checked_sub(1).and_then(|below| parameter.set(&params, below)), None, "{parameter:?}");
        }
    }

    #[test]
    fn a_parameter_has_one_name_everywhere() {
        for parameter in Parameter::ALL {
            assert_eq!(serde_json::to_value(parameter).unwrap(), parameter.name());
        }
    }

    #[test]
    fn evidence_is_taken_before_the_verdict() {
        let params = standard();
        assert_eq!(Parameter::EvidenceWindow.set(&params, params.disputes.verdict_window_ms), None);
        assert_eq!(Parameter::VerdictWindow.set(&params, params.disputes.evidence_window_ms), None);
        assert!(Parameter::EvidenceWindow.set(&params, params.disputes.verdict_window_ms - 1).is_some());
    }

    #[test]
    fn blocks_keep_to_the_limits() {
        assert_eq!(MAX_SOURCES, crate::limits::MAX_ORACLE_SOURCES as u64);
        assert_eq!(MIN_BLOCK, 2 * crate::limits::MAX_TRANSACTION_BYTES as u64);
        assert_eq!(MAX_BLOCK, crate::limits::HARD_BLOCK_BYTES as u64);
    }

    #[test]
    fn the_bar_stays_at_or_under_the_cap() {
        let params = standard();
        assert_eq!(Parameter::BarredReputation.set(&params, 4_001), None);
        assert_eq!(Parameter::CappedReputation.set(&params, 1_999), None);
        assert!(Parameter::BarredReputation.set(&params, 4_000).is_some());
    }
}
