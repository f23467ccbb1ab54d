//! What a trade says of its parties: the notes for their reputations (MARKET 11). Every note weighs the trade's value, its escrow at the match.
//!
//! | what happened | seller | buyer |
//! | --- | --- | --- |
//! | settled | completion: what its meter showed, all of it within the tolerance (storage: what was proved); settlement: all but a penalty that became debt; disputes | completion; disputes; energy, heat and storage, which nobody confirms: settlement |
//! | confirmed, by the buyer or by silence | | settlement: kept or failed |
//! | not started, not completed, cancelled by the seller, too many storage proofs missed, nothing delivered by a verdict | completion: failed | |
//! | content of a storage contract not announced | | completion: failed |
//! | a dispute that a vote or the registers decided | disputes: failed for the loser, over the disputed value | the same |

use crate::amount::MicroChf;
use crate::execute::Context;
use crate::ids::MemberId;
use crate::receipt::CancelReason;
use crate::reputation::{Note, Part, note};
use crate::state::{Accounts, Trade, View};
use crate::transaction::Resource;

/// What a member owes at present.
pub(super) fn debt(ctx: &Context<'_>, member: MemberId) -> MicroChf {
    ctx.state.get::<Accounts>(&member).map_or(MicroChf::ZERO, |account| account.debt)
}

/// A trade is settled. `kept` is the value of what the seller's meter showed, `owed` the part of its penalty that it could not pay.
pub(super) fn settled(ctx: &mut Context<'_>, trade: &Trade, kept: MicroChf, owed: MicroChf) {
    let (buyer, seller, value) = (trade.buyer, trade.seller, trade.escrow);
    note(ctx, seller, Note::partly(Part::Completion, buyer, kept, value));
    note(ctx, seller, Note::partly(Part::Settlement, buyer, value.saturating_sub(owed), value));
    note(ctx, buyer, Note::kept(Part::Completion, seller, value));
    if matches!(trade.market.resource(), Resource::Energy | Resource::Storage | Resource::Heat) {
        note(ctx, buyer, Note::kept(Part::Settlement, seller, value));
    }
}

/// A trade ended with its money where it belongs. `lost` is who lost a dispute about it, and over how much.
pub(super) fn disputes(ctx: &mut Context<'_>, trade: &Trade, lost: Option<(MemberId, MicroChf)>) {
    for (member, other) in [(trade.buyer, trade.seller), (trade.seller, trade.buyer)] {
        let over = lost.filter(|(loser, _)| *loser == member).map_or(MicroChf::ZERO, |(_, over)| over);
        note(ctx, member, Note::partly(Part::Disputes, other, trade.escrow.saturating_sub(over), trade.escrow));
    }
}

/// The buyer confirmed in time, or was silent.
pub(super) fn confirmed(ctx: &mut Context<'_>, trade: &Trade, silent: bool) {
    let remark = if silent { Note::failed } else { Note::kept };
    note(ctx, trade.buyer, remark(Part::Settlement, trade.seller, trade.escrow));
}

/// A trade ended without delivery: it counts against whose step was missed.
pub(super) fn cancelled(ctx: &mut Context<'_>, trade: &Trade, reason: CancelReason) {
    match reason {
        CancelReason::NotStarted
        | CancelReason::NotCompleted
        | CancelReason::BySeller
        | CancelReason::ProofsMissed
        | CancelReason::Disputed => note(ctx, trade.seller, Note::failed(Part::Completion, trade.buyer, trade.escrow)),
        CancelReason::NotAnnounced => note(ctx, trade.buyer, Note::failed(Part::Completion, trade.seller, trade.escrow)),
        // Withdrawn in time, or nobody can prove whose fault it is.
        CancelReason::ByBuyer | CancelReason::ContentMissing => {}
    }
}
