//! Attendance: periods, signs of life in blocks, heartbeats.

use super::note::{Note, note};
use crate::execute::{Context, Envelope};
use crate::ids::MemberId;
use crate::member::Role;
use crate::receipt::Code;
use crate::state::{Attendance, Attendances, Committees, Standings, View};
use crate::time::MarketTime;
use std::collections::BTreeSet;

/// Turns to propose that each committee member has in a period.
const TURNS: u64 = 2;

/// A hub says that it is there. Repeating it within a period changes nothing but the time it was last seen.
///
/// # Errors
/// [`Code::WrongRole`] for members that have no hub.
pub fn heartbeat(ctx: &mut Context<'_>, envelope: &Envelope) -> Result<(), Code> {
    let hub = ctx.member(envelope.signer).is_ok_and(|member| member.role == Role::Hub);
    if !hub {
        return Err(Code::WrongRole);
    }
    note(ctx, envelope.signer, Note::SignOfLife);
    Ok(())
}

/// Market time of a hub's last sign of life: the first of its last period in a certificate or proposal, or its last heartbeat.
pub fn last_seen(view: &impl View, member: MemberId) -> Option<MarketTime> {
    view.get::<Standings>(&member)?.uptime?.seen_at
}

/// Moves on to the next period when the running one is over, and returns the one that this block belongs to.
pub(super) fn period(ctx: &mut Context<'_>) -> u64 {
    let (now, height) = (ctx.facts.market_time, ctx.facts.height);
    let turns = ctx.state.get::<Committees>(&()).and_then(|c| u64::try_from(c.current.len()).ok()).unwrap_or(1).saturating_mul(TURNS);
    let next = match ctx.state.get::<Attendances>(&()) {
        None => Attendance { period: 0, since: now, first: height },
        Some(running) => {
            let long = now.ms_since(running.since) >= ctx.params.reputation.attendance_ms;
            if !long || height.saturating_sub(turns) < running.first {
                return running.period;
            }
            Attendance { period: running.period.saturating_add(1), since: now, first: height }
        }
    };
    ctx.state.put::<Attendances>((), next);
    next.period
}

/// Members of this block's committees whose standing is to be looked at: those that show a sign of life for the first time in the period,
/// and those that have none yet.
pub(super) fn note_committee(ctx: &mut Context<'_>, period: u64) {
    let Some(committees) = ctx.state.get::<Committees>(&()) else { return };
    let mut seen: BTreeSet<MemberId> = ctx.facts.signers.members(&committees.previous).collect();
    seen.extend(committees.current.key(ctx.facts.proposer).map(|_| ctx.facts.proposer));
    let counted = |member: &MemberId| ctx.state.get::<Standings>(member).and_then(|s| s.uptime).map(|presence| presence.period);
    let fresh = committees.current.members().iter().map(|m| m.member).filter(|member| counted(member).is_none());
    let seen = seen.into_iter().filter(|member| counted(member).is_none_or(|last| last < period));
    let expected = fresh.map(|member| (member, Note::Expected));
    let notes: Vec<(MemberId, Note)> = expected.chain(seen.map(|member| (member, Note::SignOfLife))).collect();
    for (member, remark) in notes {
        note(ctx, member, remark);
    }
}
