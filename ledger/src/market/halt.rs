//! Half of the committee halts the markets of a resource at once: only cancels are accepted then; governance reopens (MARKET 4).

use super::reference;
use crate::execute::{Context, Envelope};
use crate::receipt::{Code, Event};
use crate::state::{Committees, ReferenceState, References, View};
use crate::transaction::Resource;

/// Counts the signer's wish to halt; at half of the committee in force the markets of the resource are halted.
///
/// # Errors
/// [`Code::NotCommittee`]; [`Code::MarketHalted`] when they are halted already; [`Code::AlreadyReported`] for a second wish of one member.
pub fn halt(ctx: &mut Context<'_>, env: &Envelope, resource: Resource) -> Result<(), Code> {
    let committee = &ctx.state.base().get::<Committees>(&()).ok_or(Code::NotCommittee)?.current;
    committee.key(env.signer).ok_or(Code::NotCommittee)?;
    let mut state = halts(ctx, resource);
    if state.halted {
        return Err(Code::MarketHalted);
    }
    if !state.halt_votes.insert(env.signer) {
        return Err(Code::AlreadyReported);
    }
    let votes = committee.members().iter().filter(|m| state.halt_votes.contains(&m.member)).count();
    if votes.saturating_mul(2) >= committee.len() {
        state.halted = true;
        ctx.events.push(Event::Halted { resource });
    }
    ctx.state.put::<References>((resource, None), state);
    Ok(())
}

/// The entry that holds a resource's halt, as it is or as it would begin.
fn halts(ctx: &Context<'_>, resource: Resource) -> ReferenceState {
    reference::entry(&ctx.state, &ctx.params, resource, None)
}

/// Lifts the halt of a resource by vote. What could have traded meanwhile is auctioned in the next block ([`super::expect_auctions`]).
pub fn reopen(ctx: &mut Context<'_>, resource: Resource) {
    let mut state = halts(ctx, resource);
    state.halted = false;
    state.halt_votes.clear();
    ctx.state.put::<References>((resource, None), state);
}

/// True if only cancels are accepted in the resource's markets.
pub fn is_halted(view: &impl View, resource: Resource) -> bool {
    view.get::<References>(&(resource, None)).is_some_and(|r| r.halted)
}
