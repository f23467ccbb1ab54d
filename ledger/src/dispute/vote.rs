//! Votes of the entitled hubs.

use super::{open_dispute, verdict};
use crate::execute::{Context, Envelope};
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{Dispute, Disputes};

/// An entitled hub votes; it cannot change its vote.
///
/// # Errors
/// [`Code::UnknownDispute`], [`Code::NotEntitled`], [`Code::AlreadyVoted`], [`Code::TooEarly`] while evidence is taken, [`Code::TooLate`] once
/// the verdict is due.
pub fn vote(ctx: &mut Context<'_>, envelope: &Envelope, trade: TradeId, for_opener: bool) -> Result<(), Code> {
    let mut dispute = open_dispute(ctx, trade)?;
    if !dispute.entitled.contains(&envelope.signer) {
        return Err(Code::NotEntitled);
    }
    if ctx.facts.market_time < dispute.evidence_until {
        return Err(Code::TooEarly);
    }
    if dispute.votes.insert(envelope.signer, for_opener).is_some() {
        return Err(Code::AlreadyVoted);
    }
    match majority_of_entitled(&dispute) {
        Some(side) => verdict::close_for(ctx, dispute, Some(side)),
        None => {
            ctx.state.put::<Disputes>(trade, dispute);
            Ok(())
        }
    }
}

/// The side that more than half of the entitled voted for: no further vote can change it.
fn majority_of_entitled(dispute: &Dispute) -> Option<bool> {
    [true, false].into_iter().find(|side| is_more_than_half(count(dispute, *side), dispute.entitled.len()))
}

/// What the votes say when the time is over: the side with more votes if more than half of the entitled voted.
pub(super) fn majority_of_votes(dispute: &Dispute) -> Option<bool> {
    let (yes, no) = (count(dispute, true), count(dispute, false));
    let quorum = is_more_than_half(dispute.votes.len(), dispute.entitled.len());
    if quorum && yes != no { Some(yes > no) } else { None }
}

fn count(dispute: &Dispute, side: bool) -> usize {
    dispute.votes.values().filter(|vote| **vote == side).count()
}

fn is_more_than_half(votes: usize, entitled: usize) -> bool {
    votes.saturating_mul(2) > entitled
}
