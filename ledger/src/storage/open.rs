//! A contract begins with its match.

use super::{month, put};
use crate::execute::{Context, Fault};
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{StorageContract, StorageStage};
use crate::trade::Match;

/// Writes the contract `id` and its first month. The buyer's escrow holds that month already.
///
/// # Errors
/// [`Fault`]: a sum overflows; a bug of the caller.
pub(crate) fn open(ctx: &mut Context<'_>, id: TradeId, m: Match<'_>, months: u32) -> Result<(), Fault> {
    let (quantity, _) = month::sums(&m.fills).ok_or(Code::Overflow)?;
    let matched_at = ctx.facts.market_time;
    let until = matched_at.checked_add_ms(ctx.params.storage.announce_window_ms).ok_or(Code::Overflow)?;
    let contract = StorageContract {
        id,
        buyer: m.bid.member,
        seller: m.seller,
        bid: m.bid.id,
        fills: m.fills,
        quantity,
        months,
        fee: ctx.params.fee,
        settlement: m.settlement,
        matched_at,
        stage: StorageStage::Matched { until },
        manifest: None,
        month: 1,
        trade: id,
        paid: Vec::new(),
        asked: 0,
        answered: 0,
        missed_in_row: 0,
        challenge: None,
        next_day: 0,
        next_draw: None,
        notice: None,
        due: until,
    };
    month::begin(ctx, &contract)?;
    Ok(put(ctx, contract)?)
}
