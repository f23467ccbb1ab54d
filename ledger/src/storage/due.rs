//! The timer of a contract: its next step (phase 1).

use super::{challenge, end, month, put};
use crate::execute::{Context, Fault};
use crate::ids::TradeId;
use crate::receipt::{CancelReason, Code};
use crate::state::{StorageContract, StorageContracts, StorageEnd, StorageStage, View};
use crate::time::MarketTime;

/// A step that time brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The awaited manifest or first proof did not come.
    GiveUp,
    /// A day's challenge was not answered.
    Miss(u32),
    /// The running month is over.
    CloseMonth,
}

/// The next step but drawing, and when it is due: a missed challenge comes before the end of the month.
fn step(contract: &StorageContract) -> Result<(MarketTime, Step), Code> {
    Ok(match contract.stage {
        StorageStage::Matched { until } | StorageStage::Announced { until } => (until, Step::GiveUp),
        StorageStage::Stored { since } => {
            let ends = (month::ends_at(contract, since)?, Step::CloseMonth);
            let miss = contract.challenge.map(|c| (c.due, Step::Miss(c.day)));
            miss.filter(|(due, _)| *due <= ends.0).unwrap_or(ends)
        }
    })
}

/// When the next challenge is drawn; waits while one is open.
fn draw(contract: &StorageContract) -> Option<MarketTime> {
    contract.next_draw.filter(|_| contract.challenge.is_none())
}

/// When the contract's next step is due.
pub(super) fn next(contract: &StorageContract) -> Result<MarketTime, Code> {
    let (at, _) = step(contract)?;
    Ok(draw(contract).map_or(at, |drawn| drawn.min(at)))
}

/// Takes a contract's step that is due; one a block. A contract that is gone or not due any more is left alone.
///
/// # Errors
/// [`Fault`]: a move of money fails, a bug.
pub fn on_due(ctx: &mut Context<'_>, id: TradeId) -> Result<(), Fault> {
    let Some(contract) = ctx.state.get::<StorageContracts>(&id).cloned() else { return Ok(()) };
    let now = ctx.facts.market_time;
    let (at, step) = step(&contract)?;
    if at > now {
        // A draw may wait for another's block; it must not hold up anything else.
        return if draw(&contract).is_some_and(|drawn| drawn <= now) { Ok(challenge::draw(ctx, contract)?) } else { Ok(()) };
    }
    match step {
        Step::GiveUp => give_up(ctx, contract),
        Step::Miss(day) => missed(ctx, contract, day),
        Step::CloseMonth => month::close(ctx, contract),
    }
}

fn give_up(ctx: &mut Context<'_>, contract: StorageContract) -> Result<(), Fault> {
    match (contract.stage, contract.challenge) {
        (StorageStage::Matched { .. }, _) => end::cancelled(ctx, contract, CancelReason::NotAnnounced, StorageEnd::NotAnnounced),
        // Never challenged, since only its own owner proposed blocks: nothing that the seller could have done.
        (_, None) => end::cancelled(ctx, contract, CancelReason::ContentMissing, StorageEnd::NotStored),
        (_, Some(_)) => end::cancelled(ctx, contract, CancelReason::NotStarted, StorageEnd::NotStored),
    }
}

fn missed(ctx: &mut Context<'_>, mut contract: StorageContract, day: u32) -> Result<(), Fault> {
    if challenge::miss(ctx, &mut contract, day)? {
        return end::cancelled(ctx, contract, CancelReason::ProofsMissed, StorageEnd::SellerMissing);
    }
    Ok(put(ctx, contract)?)
}
