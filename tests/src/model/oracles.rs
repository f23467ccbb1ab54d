//! What oracles and grid operators report, and what it is worth (MARKET 5, 11).

use super::state::Origin;
use super::{DAY_MS, Model, SLOT_MS};
use leg_ledger::amount::Quantity;
use leg_ledger::ids::{LegId, MemberId, OwnerId, PlaceId};
use leg_ledger::member::{MemberStatus, Role};
use leg_ledger::receipt::Code;
use leg_ledger::state::OracleInput;
use leg_ledger::time::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const MAX_AHEAD_MS: u64 = 3 * DAY_MS;
const MAX_SOURCES: usize = 32;
const MAX_QUANTITY: u64 = 1_000_000_000_000;

/// The lower of the two in the middle.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

impl Model {
    /// Cantons in which an active hub stands.
    fn zones(&self) -> BTreeSet<PlaceId> {
        let hubs = self.registry.values().filter(|m| m.role == Role::Hub && m.status == MemberStatus::Active);
        hubs.map(|m| m.location.canton).collect()
    }

    pub(super) fn report_solar(&mut self, origin: &Origin, zone: PlaceId, slots: &[(Slot, Quantity)]) -> Result<(), Code> {
        if self.role(origin.signer) != Role::Oracle {
            return Err(Code::WrongRole);
        }
        if slots.iter().any(|(_, wh)| wh.get() > MAX_QUANTITY) {
            return Err(Code::BadQuantity);
        }
        let values: Vec<(u64, i64)> = slots.iter().map(|(slot, wh)| (slot.get(), wh.get().cast_signed())).collect();
        self.report(origin.signer, OracleInput::SolarForecast, zone, &values)
    }

    pub(super) fn report_level(&mut self, origin: &Origin, zone: PlaceId, levels: &[(Slot, i32)]) -> Result<(), Code> {
        let member = self.member(origin.signer);
        match member.role {
            Role::Oracle => {}
            Role::GridOperator if member.location.canton == zone => {}
            Role::GridOperator => return Err(Code::NotParty),
            _ => return Err(Code::WrongRole),
        }
        if levels.iter().any(|(_, level)| *level < -1 || *level > 3) {
            return Err(Code::BadLevel);
        }
        let values: Vec<(u64, i64)> = levels.iter().map(|(slot, level)| (slot.get(), i64::from(*level))).collect();
        self.report(origin.signer, OracleInput::GridLevel, zone, &values)
    }

    fn report(&mut self, member: MemberId, input: OracleInput, zone: PlaceId, values: &[(u64, i64)]) -> Result<(), Code> {
        if !self.zones().contains(&zone) {
            return Err(Code::UnknownZone);
        }
        let (first, last) = (self.now / SLOT_MS, (self.now + MAX_AHEAD_MS) / SLOT_MS);
        let ascends = values.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if values.is_empty() || !ascends || values.iter().any(|(slot, _)| *slot < first || *slot > last) {
            return Err(Code::BadSlot);
        }
        let now = self.now;
        let reports = Rc::make_mut(&mut self.reports);
        for (slot, value) in values {
            let sources = reports.entry((input, zone, *slot)).or_default();
            sources.insert(member, (*value, now));
            if sources.len() > MAX_SOURCES {
                return Err(Code::TooManySources);
            }
        }
        Ok(())
    }

    /// The median of the sources that count, if they belong to enough owners. Everything as after the parent.
    fn input(&self, input: OracleInput, zone: PlaceId, slot: u64) -> Option<i64> {
        let rules = &self.params.oracle;
        let (oldest, slots) = match input {
            OracleInput::SolarForecast => (rules.forecast_staleness_ms, slot..=slot),
            OracleInput::GridLevel => (rules.grid_staleness_ms, slot - rules.grid_staleness_ms / SLOT_MS..=slot),
        };
        // Of each member the report for the latest slot; then of each owner the member whose report is the latest.
        let mut members: BTreeMap<MemberId, (u64, u64, i64)> = BTreeMap::new();
        for of in slots {
            for (member, (value, at)) in self.reports_before.get(&(input, zone, of)).into_iter().flatten() {
                members.insert(*member, (of, *at, *value));
            }
        }
        let mut owners: BTreeMap<OwnerId, (u64, u64, i64)> = BTreeMap::new();
        for (id, report) in members {
            let member = self.member(id);
            let able = member.role == Role::Oracle || (input == OracleInput::GridLevel && member.role == Role::GridOperator);
            if !able || member.status != MemberStatus::Active || report.1 + oldest < slot * SLOT_MS {
                continue;
            }
            let best = owners.entry(member.owner).or_insert(report);
            if (report.0, report.1) > (best.0, best.1) {
                *best = report;
            }
        }
        let enough = owners.len() >= rules.min_sources as usize;
        median(owners.into_values().map(|(_, _, value)| value).collect()).filter(|_| enough)
    }

    /// F, and N: the mean of the forecasts of the same time of day over the seven days before.
    fn forecast_and_mean(&self, zone: PlaceId, slot: u64) -> Option<(i64, i64)> {
        let forecast = self.input(OracleInput::SolarForecast, zone, slot)?;
        let before = (1..=7).filter_map(|day| self.input(OracleInput::SolarForecast, zone, slot - day * (DAY_MS / SLOT_MS)));
        let before: Vec<i64> = before.collect();
        (!before.is_empty()).then(|| (forecast, before.iter().sum::<i64>() / before.len().cast_signed() as i64))
    }

    /// (s, g) of a zone, or of all, in basis points.
    pub(super) fn adjustments(&self, zone: Option<PlaceId>, slot: u64) -> (i64, i64) {
        let zones: Vec<PlaceId> = self.zones().into_iter().filter(|z| zone.is_none_or(|zone| zone == *z)).collect();
        let known: Vec<(i64, i64)> = zones.iter().filter_map(|z| self.forecast_and_mean(*z, slot)).collect();
        let (forecast, mean): (i64, i64) = (known.iter().map(|k| k.0).sum(), known.iter().map(|k| k.1).sum());
        let supply = if mean == 0 { 0 } else { (1_500 * (mean - forecast) / mean).clamp(-1_500, 1_500) };
        let level = median(zones.iter().filter_map(|z| self.input(OracleInput::GridLevel, *z, slot)).collect());
        (supply, 1_000 * level.unwrap_or(0))
    }

    /// A community follows the canton of its first member by id.
    pub(super) fn zone_of(&self, leg: LegId) -> Option<PlaceId> {
        self.registry.values().find(|m| m.location.leg == Some(leg)).map(|m| m.location.canton)
    }
}
