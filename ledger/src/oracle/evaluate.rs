//! The value of an input: the median of its fresh sources; with it, what is to be known of each source.

use crate::ids::{MemberId, OwnerId, PlaceId};
use crate::member::{MemberStatus, Role};
use crate::params::OracleParams;
use crate::state::{Members, OracleInput, OracleReport, OracleReportTable, State, View};
use crate::time::{MarketTime, SLOT_MS, Slot};
use std::collections::BTreeMap;

/// A source of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Who reported.
    pub member: MemberId,
    /// For which slot: of a grid level the latest that was reported.
    pub slot: Slot,
    /// What and when.
    pub report: OracleReport,
    /// Whether it is one of the values of the median: fresh, and the latest of its owner.
    pub counted: bool,
}

/// An input of a zone in a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// The median; `None` with fewer sources than are needed.
    pub value: Option<i64>,
    /// Everybody that reported, fresh or not, by member.
    pub sources: Vec<Source>,
}

impl Evaluation {
    /// Number of sources that count.
    pub fn counted(&self) -> usize {
        self.sources.iter().filter(|source| source.counted).count()
    }
}

/// Evaluates an input of a zone for a slot on the state as after h-1.
pub fn evaluate(state: &State, params: &OracleParams, input: OracleInput, zone: PlaceId, slot: Slot) -> Evaluation {
    let staleness = match input {
        OracleInput::SolarForecast => params.forecast_staleness_ms,
        OracleInput::GridLevel => params.grid_staleness_ms,
    };
    let earliest = slot.start().unwrap_or(MarketTime::from_ms(u64::MAX)).ms().saturating_sub(staleness);
    let back = match input {
        OracleInput::SolarForecast => 0,
        OracleInput::GridLevel => staleness.checked_div(SLOT_MS).unwrap_or(0),
    };
    let first = Slot::new(slot.get().saturating_sub(back));
    let mut latest: BTreeMap<MemberId, (Slot, OracleReport)> = BTreeMap::new();
    for ((_, _, of), reports) in state.range::<OracleReportTable>((input, zone, first)..=(input, zone, slot)) {
        // Slots ascend: the latest one stays.
        latest.extend(reports.by.iter().map(|(member, report)| (*member, (*of, *report))));
    }
    let fresh = |report: &OracleReport| report.at.ms() >= earliest;
    let mut owners: BTreeMap<OwnerId, (Slot, MarketTime, MemberId)> = BTreeMap::new();
    for (member, (of, report)) in latest.iter().filter(|(_, (_, report))| fresh(report)) {
        let Some(owner) = owner_of_source(state, *member, input) else { continue };
        let this = (*of, report.at, *member);
        let best = owners.entry(owner).or_insert(this);
        if (best.0, best.1) < (this.0, this.1) {
            *best = this;
        }
    }
    let counts = |member: &MemberId| owners.values().any(|(_, _, of)| of == member);
    let sources: Vec<Source> =
        latest.into_iter().map(|(member, (slot, report))| Source { member, slot, report, counted: counts(&member) }).collect();
    let values: Vec<i64> = sources.iter().filter(|source| source.counted).map(|source| source.report.value).collect();
    let enough = u32::try_from(values.len()).is_ok_and(|count| count >= params.min_sources);
    Evaluation { value: lower_median(values).filter(|_| enough), sources }
}

/// The owner of a member that is a source of the input today.
fn owner_of_source(state: &State, member: MemberId, input: OracleInput) -> Option<OwnerId> {
    let member = state.get::<Members>(&member).filter(|member| member.status == MemberStatus::Active)?;
    let able = member.role == Role::Oracle || (member.role == Role::GridOperator && input == OracleInput::GridLevel);
    able.then_some(member.owner)
}

/// The median, of an even count the lower of the two in the middle; `None` of nothing.
pub(super) fn lower_median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    let middle = values.len().checked_sub(1)?.checked_div(2)?;
    values.get(middle).copied()
}
