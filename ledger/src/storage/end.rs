//! How a contract ends.

use super::{contract, month, put};
use crate::execute::{Context, Envelope, Fault, HistoryRecord};
use crate::ids::TradeId;
use crate::receipt::{CancelReason, Code, Event};
use crate::state::{StorageContract, StorageContracts, StorageEnd, StorageStage};
use crate::trade;
use crate::transaction::Market;

/// A party ends a contract: at once and with refund while nothing is stored, else with the running month.
///
/// A seller that withdraws after the announcement, since the content cannot be fetched or is not what was announced, is not to blame: nobody
/// can prove whose fault it is ([`CancelReason::ContentMissing`]).
///
/// # Errors
/// [`Code::UnknownContract`]; [`Code::NotParty`]; [`Code::TooLate`] at the deadline of what is awaited; [`Code::NoticeGiven`].
pub fn terminate(ctx: &mut Context<'_>, envelope: &Envelope, id: TradeId) -> Result<(), Code> {
    let mut contract = contract(ctx, id)?;
    let party = envelope.signer;
    if party != contract.buyer && party != contract.seller {
        return Err(Code::NotParty);
    }
    let reason = match contract.stage {
        StorageStage::Matched { until } | StorageStage::Announced { until } if until <= ctx.facts.market_time => return Err(Code::TooLate),
        StorageStage::Matched { .. } if party == contract.seller => CancelReason::BySeller,
        StorageStage::Announced { .. } if party == contract.seller => CancelReason::ContentMissing,
        StorageStage::Matched { .. } | StorageStage::Announced { .. } => CancelReason::ByBuyer,
        StorageStage::Stored { .. } if contract.notice.is_some() => return Err(Code::NoticeGiven),
        StorageStage::Stored { .. } => {
            contract.notice = Some(party);
            ctx.events.push(Event::StorageNotice { contract: id, party });
            return put(ctx, contract);
        }
    };
    cancelled(ctx, contract, reason, StorageEnd::Withdrawn).map_err(|fault| match fault {
        Fault::Rejected(code) => code,
        _ => Code::UnknownTrade,
    })
}

/// Refunds the running month and ends the contract.
///
/// # Errors
/// [`Fault`]: the month's trade is missing or a move of money fails; bugs.
pub(super) fn cancelled(ctx: &mut Context<'_>, contract: StorageContract, reason: CancelReason, end: StorageEnd) -> Result<(), Fault> {
    let trade = month::running(ctx, &contract)?;
    trade::refund_month(ctx, trade, reason)?;
    ended(ctx, contract, end);
    Ok(())
}

/// The contract leaves the state for the history log. Its last month has been paid or refunded.
pub(super) fn ended(ctx: &mut Context<'_>, contract: StorageContract, end: StorageEnd) {
    ctx.state.remove::<StorageContracts>(&contract.id);
    // Capacity is free again.
    ctx.changed_markets.insert(Market::Storage);
    ctx.events.push(Event::StorageEnded { contract: contract.id, end });
    ctx.finished.push(HistoryRecord::Storage { contract: Box::new(contract), end, height: ctx.facts.height });
}
