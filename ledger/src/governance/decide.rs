//! How a proposal is decided and how it leaves the state.

use crate::execute::{Context, HistoryRecord};
use crate::ids::{Height, ProposalId};
use crate::receipt::{Event, ProposalEnd};
use crate::state::{Proposal, Proposals, View};
use crate::transaction::Change;

/// Passes or rejects a proposal whose votes make it certain; else keeps it with its new vote.
pub(super) fn on_vote(ctx: &mut Context<'_>, mut proposal: Proposal) {
    if proposal.has_failed() {
        return end(ctx, proposal, ProposalEnd::Rejected);
    }
    if proposal.has_passed() {
        proposal.due = Some(due(&proposal));
        ctx.events.push(Event::Passed { proposal: proposal.id });
    }
    ctx.state.put::<Proposals>(proposal.id, proposal);
}

/// The block in which the change is to be made so that it is in force at its height; one that is over means the next step of
/// [`super::activate()`].
fn due(proposal: &Proposal) -> Height {
    let ahead = match &proposal.change {
        Change::Version { .. } => return Height::GENESIS,
        Change::Committee { .. } => 2,
        Change::Keys(keys) if keys.consensus.is_some() => 2,
        _ => 1,
    };
    Height::new(proposal.activation.get().saturating_sub(ahead))
}

/// Phase 1: a deadline has passed. One that passed before waits for its height and has no deadline any more.
pub fn on_deadline(ctx: &mut Context<'_>, id: ProposalId) {
    if let Some(proposal) = ctx.state.get::<Proposals>(&id).filter(|p| p.due.is_none()).cloned() {
        end(ctx, proposal, ProposalEnd::Expired);
    }
}

/// Takes a proposal out of the state.
pub(super) fn end(ctx: &mut Context<'_>, proposal: Proposal, end: ProposalEnd) {
    ctx.state.remove::<Proposals>(&proposal.id);
    ctx.events.push(Event::ProposalEnded { proposal: proposal.id, end });
    ctx.finished.push(HistoryRecord::Proposal { proposal: Box::new(proposal), end, height: ctx.facts.height });
}
