//! Reports of oracles and grid operators.

use super::zone::zones;
use crate::amount::Quantity;
use crate::execute::{Context, Envelope};
use crate::ids::{MemberId, PlaceId};
use crate::limits::{MAX_ORACLE_AHEAD_MS, MAX_ORACLE_SOURCES, MAX_QUANTITY};
use crate::member::{Member, Role};
use crate::receipt::Code;
use crate::state::{Members, OracleInput, OracleKey, OracleReport, OracleReportTable, View};
use crate::time::Slot;

/// Grid levels that can be reported.
const LEVELS: std::ops::RangeInclusive<i32> = -1..=3;

/// An oracle's forecast of the solar energy of a zone, by slot; the latest of a member counts.
///
/// # Errors
/// [`Code::WrongRole`]; [`Code::UnknownZone`]; [`Code::BadSlot`] for no slot, or slots that have ended, lie more than
/// [`MAX_ORACLE_AHEAD_MS`] ahead or do not ascend; [`Code::BadQuantity`]; [`Code::TooManySources`].
pub fn report_solar(ctx: &mut Context<'_>, env: &Envelope, zone: PlaceId, slots: &[(Slot, Quantity)]) -> Result<(), Code> {
    reporter(ctx, env.signer, &[Role::Oracle])?;
    let mut values = Vec::with_capacity(slots.len());
    for (slot, energy) in slots {
        let value = Some(energy.get()).filter(|energy| *energy <= MAX_QUANTITY).and_then(|energy| i64::try_from(energy).ok());
        values.push((*slot, value.ok_or(Code::BadQuantity)?));
    }
    report(ctx, env, OracleInput::SolarForecast, zone, &values)
}

/// The level of a zone's grid by slot, from an oracle, or from a grid operator for the zone that it is in.
///
/// # Errors
/// As [`report_solar`]; [`Code::NotParty`] for another zone's grid operator; [`Code::BadLevel`].
pub fn report_grid_level(ctx: &mut Context<'_>, env: &Envelope, zone: PlaceId, levels: &[(Slot, i32)]) -> Result<(), Code> {
    let member = reporter(ctx, env.signer, &[Role::Oracle, Role::GridOperator])?;
    if member.role == Role::GridOperator && member.location.canton != zone {
        return Err(Code::NotParty);
    }
    if levels.iter().any(|(_, level)| !LEVELS.contains(level)) {
        return Err(Code::BadLevel);
    }
    let values: Vec<(Slot, i64)> = levels.iter().map(|(slot, level)| (*slot, i64::from(*level))).collect();
    report(ctx, env, OracleInput::GridLevel, zone, &values)
}

fn reporter<'s>(ctx: &Context<'s>, signer: MemberId, roles: &[Role]) -> Result<&'s Member, Code> {
    let member = ctx.state.base().get::<Members>(&signer).ok_or(Code::MemberInactive)?;
    if roles.contains(&member.role) { Ok(member) } else { Err(Code::WrongRole) }
}

fn report(ctx: &mut Context<'_>, env: &Envelope, input: OracleInput, zone: PlaceId, values: &[(Slot, i64)]) -> Result<(), Code> {
    if !zones(ctx.state.base()).contains(&zone) {
        return Err(Code::UnknownZone);
    }
    let now = ctx.facts.market_time;
    let latest = now.checked_add_ms(MAX_ORACLE_AHEAD_MS).ok_or(Code::Overflow)?.slot();
    let within = values.iter().all(|(slot, _)| *slot >= now.slot() && *slot <= latest);
    if values.is_empty() || !within || !values.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(Code::BadSlot);
    }
    for (slot, value) in values {
        let key = (input, zone, *slot);
        let mut reports = ctx.state.get::<OracleReportTable>(&key).cloned().unwrap_or_default();
        if reports.by.len() >= MAX_ORACLE_SOURCES && !reports.by.contains_key(&env.signer) {
            return Err(Code::TooManySources);
        }
        reports.by.insert(env.signer, OracleReport { value: *value, at: now });
        ctx.state.put::<OracleReportTable>(key, reports);
    }
    Ok(())
}

/// Forgets what was reported of a slot (phase 1).
pub fn expire_reports(ctx: &mut Context<'_>, key: OracleKey) {
    ctx.state.remove::<OracleReportTable>(&key);
}
