//! A proposal enters.

use super::step;
use crate::execute::{Context, Envelope};
use crate::hash::{Domain, Hash};
use crate::ids::{Height, ProposalId, TransactionId};
use crate::limits::{MAX_ACTIVATION_AHEAD, MAX_MEMBER_PROPOSALS, MAX_PROPOSALS, MAX_VOTING_MS};
use crate::receipt::{Code, Event};
use crate::state::{Committees, Proposal, Proposals, View};
use crate::time::MarketTime;
use crate::transaction::Propose;
use std::collections::BTreeSet;

/// Id of the proposal of an action.
pub fn proposal_id(transaction: TransactionId, action: u16) -> ProposalId {
    ProposalId::from_hash(Hash::of_parts(Domain::Governance, &[transaction.hash().as_bytes(), &action.to_le_bytes()]))
}

/// Enters a proposal of a hub of the committee; the committee's hubs as after the parent are entitled to vote.
///
/// # Errors
/// [`Code::NotCommittee`], [`Code::BadDeadline`], [`Code::BadActivation`], [`Code::TooManyProposals`], and whatever would keep the change from
/// being made today ([`step::prepare`]).
pub fn propose(ctx: &mut Context<'_>, env: &Envelope, propose: &Propose) -> Result<(), Code> {
    let committee = &ctx.state.base().get::<Committees>(&()).ok_or(Code::NotCommittee)?.current;
    committee.key(env.signer).ok_or(Code::NotCommittee)?;
    let entitled: BTreeSet<_> = committee.members().iter().map(|m| m.member).collect();
    check_times(ctx, propose.deadline, propose.activation)?;
    let own = ctx.state.range::<Proposals>(..).filter(|(_, p)| p.proposer == env.signer).count();
    if own >= MAX_MEMBER_PROPOSALS || ctx.state.range::<Proposals>(..).count() >= MAX_PROPOSALS {
        return Err(Code::TooManyProposals);
    }
    step::prepare(ctx, &propose.change, propose.activation)?;
    let id = proposal_id(env.transaction, env.action);
    let proposal = Proposal {
        id,
        proposer: env.signer,
        change: propose.change.clone(),
        deadline: propose.deadline,
        activation: propose.activation,
        entered: ctx.facts.height,
        entitled,
        yes: BTreeSet::new(),
        no: BTreeSet::new(),
        due: None,
    };
    ctx.state.put::<Proposals>(id, proposal);
    ctx.events.push(Event::Proposed { proposal: id, member: env.signer });
    Ok(())
}

fn check_times(ctx: &Context<'_>, deadline: MarketTime, activation: Height) -> Result<(), Code> {
    let (now, height) = (ctx.facts.market_time, ctx.facts.height);
    let latest = now.checked_add_ms(MAX_VOTING_MS).ok_or(Code::Overflow)?;
    if deadline <= now || deadline > latest {
        return Err(Code::BadDeadline);
    }
    let furthest = height.checked_add(MAX_ACTIVATION_AHEAD).ok_or(Code::Overflow)?;
    if activation <= height || activation > furthest {
        return Err(Code::BadActivation);
    }
    Ok(())
}
