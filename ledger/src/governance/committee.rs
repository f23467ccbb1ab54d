//! The committee changes by less than a third at a time (MARKET 11).
//!
//! Invariant: every seat is an active hub's, with its registered consensus key: members in the committee neither leave, nor are suspended, nor
//! change their role, and a new consensus key takes the seat with it.

use crate::block::{Committee, CommitteeMember};
use crate::execute::Context;
use crate::ids::MemberId;
use crate::limits::{HEARTBEAT_MS, MAX_COMMITTEE, MIN_COMMITTEE};
use crate::member::{Member, MemberStatus, Role};
use crate::receipt::Code;
use crate::reputation;
use crate::signature::PublicKey;
use crate::state::{Committees, Members, View};
use std::collections::BTreeSet;

/// True when no change is under way: the next one replaces less than a third of a committee that is in force.
pub(super) fn is_settled(ctx: &Context<'_>) -> bool {
    ctx.next_committee.is_none() && ctx.state.get::<Committees>(&()).is_some_and(|c| c.current == c.next)
}

/// The newest committee, in force or announced.
fn newest<'c>(ctx: &'c Context<'_>) -> Option<&'c Committee> {
    ctx.next_committee.as_ref().or_else(|| ctx.state.get::<Committees>(&()).map(|c| &c.next))
}

/// True if the member decides blocks, now or as announced.
pub(super) fn is_seated(ctx: &Context<'_>, member: MemberId) -> bool {
    let now = ctx.state.get::<Committees>(&()).map(|c| &c.current);
    now.into_iter().chain(newest(ctx)).any(|committee| committee.key(member).is_some())
}

/// The committee of these members.
///
/// # Errors
/// [`Code::CommitteeSize`], [`Code::NothingChanges`], [`Code::CommitteeOverlap`], [`Code::UnknownMember`], [`Code::CannotVote`],
/// [`Code::NoHeartbeat`].
pub(super) fn of_members(ctx: &Context<'_>, members: &[MemberId]) -> Result<Committee, Code> {
    let sized = (MIN_COMMITTEE..=MAX_COMMITTEE).contains(&members.len());
    if !sized || !members.is_sorted_by(|a, b| a < b) {
        return Err(Code::CommitteeSize);
    }
    let old = newest(ctx).ok_or(Code::CommitteeSize)?;
    let (before, after): (BTreeSet<MemberId>, BTreeSet<MemberId>) =
        (old.members().iter().map(|m| m.member).collect(), members.iter().copied().collect());
    let changed = after.difference(&before).count().max(before.difference(&after).count());
    if changed == 0 {
        return Err(Code::NothingChanges);
    }
    check_overlap(old, changed)?;
    let mut seats = Vec::with_capacity(members.len());
    for id in members {
        let key = voting_key(ctx.state.get::<Members>(id).ok_or(Code::UnknownMember)?).ok_or(Code::CannotVote)?;
        if !before.contains(id) && !was_seen(ctx, *id) {
            return Err(Code::NoHeartbeat);
        }
        seats.push(CommitteeMember { member: *id, key });
    }
    Committee::new(seats).map_err(|_| Code::CommitteeSize)
}

/// The committee in which a member's seat goes over to another key; `None` when it has no seat.
///
/// # Errors
/// [`Code::CommitteeOverlap`]: a seat under another key counts as replaced.
pub(super) fn with_key(ctx: &Context<'_>, member: MemberId, key: PublicKey) -> Result<Option<Committee>, Code> {
    let Some(old) = newest(ctx).filter(|committee| committee.key(member).is_some()) else { return Ok(None) };
    check_overlap(old, 1)?;
    let seat = |m: &CommitteeMember| if m.member == member { CommitteeMember { member, key } } else { *m };
    Committee::new(old.members().iter().map(seat).collect()).map(Some).map_err(|_| Code::BadKey)
}

fn check_overlap(old: &Committee, changed: usize) -> Result<(), Code> {
    if changed.saturating_mul(3) < old.len() { Ok(()) } else { Err(Code::CommitteeOverlap) }
}

/// True if the member's node showed itself within the last [`HEARTBEAT_MS`].
fn was_seen(ctx: &Context<'_>, member: MemberId) -> bool {
    reputation::last_seen(&ctx.state, member).is_some_and(|seen| ctx.facts.market_time.ms_since(seen) <= HEARTBEAT_MS)
}

fn voting_key(member: &Member) -> Option<PublicKey> {
    let able = member.role == Role::Hub && member.status == MemberStatus::Active && !member.keys.network.is_empty();
    member.keys.consensus.filter(|_| able)
}
