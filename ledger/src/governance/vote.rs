//! Votes, and the proposer's second thoughts.

use super::decide;
use crate::execute::{Context, Envelope};
use crate::ids::ProposalId;
use crate::receipt::{Code, Event, ProposalEnd};
use crate::state::{Proposal, Proposals, View};
use crate::transaction::Vote;

/// Counts a vote; the proposal is decided with the vote that makes it certain.
///
/// # Errors
/// [`Code::UnknownProposal`], [`Code::NotAVoter`], [`Code::ProposalDecided`], [`Code::VotedAlready`].
pub fn vote(ctx: &mut Context<'_>, env: &Envelope, vote: &Vote) -> Result<(), Code> {
    let mut proposal = open_proposal(ctx, vote.proposal)?;
    if !proposal.entitled.contains(&env.signer) {
        return Err(Code::NotAVoter);
    }
    if proposal.yes.contains(&env.signer) || proposal.no.contains(&env.signer) {
        return Err(Code::VotedAlready);
    }
    let side = if vote.approve { &mut proposal.yes } else { &mut proposal.no };
    side.insert(env.signer);
    ctx.events.push(Event::Voted { proposal: proposal.id, member: env.signer, approve: vote.approve });
    decide::on_vote(ctx, proposal);
    Ok(())
}

/// Takes a proposal back that is not decided.
///
/// # Errors
/// [`Code::UnknownProposal`], [`Code::NotProposer`], [`Code::ProposalDecided`].
pub fn withdraw(ctx: &mut Context<'_>, env: &Envelope, proposal: ProposalId) -> Result<(), Code> {
    let proposal = open_proposal(ctx, proposal)?;
    if proposal.proposer != env.signer {
        return Err(Code::NotProposer);
    }
    decide::end(ctx, proposal, ProposalEnd::Withdrawn);
    Ok(())
}

/// A proposal that is not decided. One whose deadline has passed counts as decided, even if its timer waits for the next block.
fn open_proposal(ctx: &Context<'_>, id: ProposalId) -> Result<Proposal, Code> {
    let proposal = ctx.state.get::<Proposals>(&id).ok_or(Code::UnknownProposal)?;
    if proposal.due.is_some() || proposal.deadline <= ctx.facts.market_time {
        return Err(Code::ProposalDecided);
    }
    Ok(proposal.clone())
}
