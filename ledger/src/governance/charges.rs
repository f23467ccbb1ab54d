//! Monthly charges for API access, certification and support (MARKET 11): at each month's end of market time, counted from genesis, by what is
//! in force then, from whoever is active then. From the free balance into `fee`; what it does not cover becomes debt and goes into `fee` with
//! later proceeds.

use crate::amount::MicroChf;
use crate::execute::{self, Context, Fault};
use crate::ids::MemberId;
use crate::limits::MAX_CHARGES;
use crate::member::{Member, MemberStatus, Role};
use crate::params::Charges;
use crate::receipt::{Code, Event};
use crate::state::{ChargeRun, ChargeRuns, Members, View};
use crate::time::MarketTime;
use std::ops::Bound;

/// Most months that a run looks for its first one: more than market time has.
const MAX_MONTHS: u32 = 24_000;

/// Begins the run with the month that is going on, if there are charges and it has not begun.
///
/// # Errors
/// [`Fault`]: market time is out of range.
pub(super) fn begin(ctx: &mut Context<'_>) -> Result<(), Fault> {
    if ctx.state.get::<ChargeRuns>(&()).is_some() {
        return Ok(());
    }
    // The first estimate is never ahead: no month has more than 31 days.
    let elapsed = ctx.facts.market_time.ms_since(month_end(ctx, 0)?);
    let whole = elapsed.checked_div(crate::time::DAY_MS).and_then(|days| days.checked_div(31)).unwrap_or(0);
    let mut months = u32::try_from(whole).unwrap_or(u32::MAX);
    for _ in 0..MAX_MONTHS {
        let due = month_end(ctx, months.saturating_add(1))?;
        if due > ctx.facts.market_time {
            ctx.state.put::<ChargeRuns>((), ChargeRun { months, due, cursor: None });
            return Ok(());
        }
        months = months.saturating_add(1);
    }
    Err(Fault::Rejected(Code::Overflow))
}

fn month_end(ctx: &Context<'_>, months: u32) -> Result<MarketTime, Fault> {
    let origin = MarketTime::from_ms(ctx.params.clock.origin.ms());
    origin.checked_add_months(months).ok_or(Fault::Rejected(Code::Overflow))
}

/// Phase 1: charges the month that is over, [`MAX_CHARGES`] members a block. The run ends when nothing is charged any more.
///
/// # Errors
/// [`Fault`]: a bug, or a sum out of range.
pub fn on_charges_due(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let run = *ctx.state.get::<ChargeRuns>(&()).ok_or(Fault::Missing("run of charges"))?;
    let charges = ctx.params.charges;
    if charges == Charges::default() {
        ctx.state.remove::<ChargeRuns>(&());
        return Ok(());
    }
    let after = run.cursor.map_or(Bound::Unbounded, Bound::Excluded);
    let turn: Vec<(MemberId, MicroChf)> = ctx
        .state
        .range::<Members>((after, Bound::Unbounded))
        .take(MAX_CHARGES)
        .map(|(id, member)| Some((*id, owed(member, &charges)?)))
        .collect::<Option<_>>()
        .ok_or(Fault::Rejected(Code::Overflow))?;
    for (member, amount) in turn.iter().filter(|(_, amount)| !amount.is_zero()) {
        let debt = execute::collect_charge(ctx, *member, *amount)?;
        ctx.events.push(Event::Charged { member: *member, amount: *amount, debt });
    }
    let next = match turn.last() {
        Some((last, _)) if turn.len() >= MAX_CHARGES => ChargeRun { cursor: Some(*last), ..run },
        _ => {
            let months = run.months.saturating_add(1);
            ChargeRun { months, due: month_end(ctx, months.saturating_add(1))?, cursor: None }
        }
    };
    ctx.state.put::<ChargeRuns>((), next);
    Ok(())
}

/// What a member owes for a month; `None` on overflow.
fn owed(member: &Member, charges: &Charges) -> Option<MicroChf> {
    if member.status != MemberStatus::Active {
        return Some(MicroChf::ZERO);
    }
    let hub = member.role == Role::Hub;
    let certified = hub && (member.capacity.compute_watts > 0 || member.capacity.storage_gb > 0 || member.capacity.machines > 0);
    let parts = [(hub || member.role == Role::Customer, charges.api_access), (certified, charges.certification), (hub, charges.support)];
    parts.iter().filter(|(applies, _)| *applies).try_fold(MicroChf::ZERO, |sum, (_, part)| sum.checked_add(*part))
}
