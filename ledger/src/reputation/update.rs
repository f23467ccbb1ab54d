//! Phase 4: notes become standings, standings become reputations.

use super::attendance;
use super::formula::{self, WITHOUT_HISTORY};
use super::note::{Note, Part, note};
use crate::execute::{Context, Fault};
use crate::ids::{MemberId, OwnerId};
use crate::member::{Member, MemberStatus, Role};
use crate::state::{Members, Pair, Presence, Standing, Standings, View};
use crate::time::DAY_MS;

/// A day began (phase 1): the member's standing decays in phase 4.
pub fn on_day(ctx: &mut Context<'_>, member: MemberId) {
    note(ctx, member, Note::Day);
}

/// Folds the block's notes and writes the reputations that they change. The order of notes does not matter: each member's are sorted and
/// added up.
///
/// # Errors
/// [`Fault::Missing`] for a standing whose member is not in the registry: a bug.
pub fn update(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let period = attendance::period(ctx);
    attendance::note_committee(ctx, period);
    let mut notes = std::mem::take(&mut ctx.notes);
    notes.sort_unstable();
    for of_member in notes.chunk_by(|a, b| a.0 == b.0) {
        if let Some((member, _)) = of_member.first() {
            apply(ctx, *member, of_member, period)?;
        }
    }
    Ok(())
}

fn apply(ctx: &mut Context<'_>, id: MemberId, notes: &[(MemberId, Note)], period: u64) -> Result<(), Fault> {
    let member = ctx.state.get::<Members>(&id).ok_or(Fault::Missing("member with a standing"))?;
    let (owner, before) = (member.owner, member.reputation);
    let is_hub = member.role == Role::Hub && member.status != MemberStatus::Left;
    // Up to this block it was what it was after the parent.
    let active = |member: &Member| member.role == Role::Hub && member.status == MemberStatus::Active;
    let expected = ctx.state.base().get::<Members>(&id).is_some_and(active);
    let today = ctx.facts.market_time.ms().checked_div(DAY_MS).unwrap_or(0);
    let mut standing = ctx.state.get::<Standings>(&id).cloned().unwrap_or_else(|| Standing::beginning(today));
    standing.decay_to(today);
    if let Some(presence) = &mut standing.uptime {
        presence.miss_until(period, expected);
    }
    for (_, note) in notes {
        match *note {
            Note::Day | Note::Changed => {}
            Note::Expected => drop(enrolled(&mut standing, period)),
            Note::SignOfLife => {
                let presence = enrolled(&mut standing, period);
                presence.attend(period);
                presence.seen_at = Some(ctx.facts.market_time);
            }
            Note::Conduct { part, with, pair } => {
                let other = with.and_then(|with| ctx.state.get::<Members>(&with)).map(|with| with.owner);
                conduct(&mut standing, owner, part, other, pair);
            }
        }
    }
    if !is_hub {
        standing.uptime = None;
    }
    [&mut standing.completion, &mut standing.settlement, &mut standing.disputes].into_iter().for_each(|s| s.pool_lightest());
    let empty = standing.is_empty();
    let after = if empty { WITHOUT_HISTORY } else { formula::reputation(&standing, ctx.params.reputation.unit.get()) };
    if empty {
        ctx.state.remove::<Standings>(&id);
    } else {
        ctx.state.put::<Standings>(id, standing);
    }
    if after != before {
        let mut member = ctx.state.get::<Members>(&id).ok_or(Fault::Missing("member with a standing"))?.clone();
        member.reputation = after;
        ctx.state.put::<Members>(id, member);
    }
    Ok(())
}

/// Presence of a hub; a new one counts from the next period on.
fn enrolled(standing: &mut Standing, period: u64) -> &mut Presence {
    standing.uptime.get_or_insert(Presence { period, pair: Pair::default(), seen_at: None })
}

/// Conduct towards a member of the same owner says nothing.
fn conduct(standing: &mut Standing, owner: OwnerId, part: Part, other: Option<OwnerId>, pair: Pair) {
    if other == Some(owner) || pair.total == 0 {
        return;
    }
    let shares = match part {
        Part::Completion => &mut standing.completion,
        Part::Settlement => &mut standing.settlement,
        Part::Disputes => &mut standing.disputes,
    };
    shares.add(other, pair);
}
