//! Months of a contract: each one a trade that is escrowed before it starts and settled at its end.

use super::{end, put};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{self, Context, Fault};
use crate::hash::{Domain, Hash};
use crate::ids::TradeId;
use crate::receipt::{Code, Event};
use crate::state::{Fill, PaidMonth, StorageContract, StorageEnd, Trade, TradeStatus, Trades, View};
use crate::time::MarketTime;
use crate::trade;
use crate::transaction::{Market, Product};

/// Id of the trade of a contract's month, from 1; the first has the contract's id.
pub(super) fn trade_id(contract: TradeId, month: u32) -> TradeId {
    match month {
        0 | 1 => contract,
        _ => TradeId::from_hash(Hash::of_parts(Domain::StorageMonth, &[contract.hash().as_bytes(), &month.to_le_bytes()])),
    }
}

/// Quantity and value of one month of the fills; `None` on overflow.
pub(super) fn sums(fills: &[Fill]) -> Option<(Quantity, MicroChf)> {
    fills.iter().try_fold((Quantity::ZERO, MicroChf::ZERO), |(quantity, value), fill| {
        Some((quantity.checked_add(fill.quantity)?, value.checked_add(fill.price.gross(fill.quantity)?)?))
    })
}

/// When the running month ends: as many calendar months after the start, clamped to the month's last day (MARKET 1).
pub(super) fn ends_at(contract: &StorageContract, since: MarketTime) -> Result<MarketTime, Code> {
    since.checked_add_months(contract.month).ok_or(Code::Overflow)
}

/// Writes the trade of the running month, whose escrow the buyer has set aside.
pub(super) fn begin(ctx: &mut Context<'_>, contract: &StorageContract) -> Result<(), Code> {
    let (quantity, escrow) = sums(&contract.fills).ok_or(Code::Overflow)?;
    let trade = Trade {
        id: contract.trade,
        market: Market::Storage,
        buyer: contract.buyer,
        seller: contract.seller,
        bid: contract.bid,
        fills: contract.fills.clone(),
        quantity,
        product: Product::Storage { months: contract.months },
        settlement: contract.settlement,
        solar: false,
        escrow,
        fee: contract.fee,
        // Later months begin with their content in place.
        status: if contract.month == 1 { TradeStatus::Pending } else { TradeStatus::Confirmed },
        height: ctx.facts.height,
        matched_at: ctx.facts.market_time,
        deadline: None,
        delivered: Vec::new(),
        heat: Vec::new(),
        result: None,
    };
    ctx.events.push(Event::StorageMonth { contract: contract.id, month: contract.month, trade: trade.id, escrow });
    ctx.state.put::<Trades>(trade.id, trade);
    Ok(())
}

/// The running month's trade.
pub(super) fn running(ctx: &Context<'_>, contract: &StorageContract) -> Result<Trade, Fault> {
    ctx.state.get::<Trades>(&contract.trade).cloned().ok_or(Fault::Missing("trade of a storage month"))
}

/// The running month is over: pays the seller for the share of challenges answered, then begins the next month or ends the contract.
///
/// # Errors
/// [`Fault`]: the month's trade is missing or a move of money fails; bugs.
pub(super) fn close(ctx: &mut Context<'_>, mut contract: StorageContract) -> Result<(), Fault> {
    let trade = running(ctx, &contract)?;
    let payable = share(&contract).ok_or(Code::Overflow)?;
    let settlement = trade::settle_month(ctx, trade, payable)?;
    let (asked, answered) = (contract.asked, contract.answered);
    contract.paid.push(PaidMonth { trade: contract.trade, asked, answered, gross: settlement.gross, fee: settlement.fee });
    (contract.asked, contract.answered) = (0, 0);
    if let Some(reason) = fund_next(ctx, &contract)? {
        end::ended(ctx, contract, reason);
        return Ok(());
    }
    contract.month = contract.month.checked_add(1).ok_or(Code::Overflow)?;
    contract.trade = trade_id(contract.id, contract.month);
    begin(ctx, &contract)?;
    Ok(put(ctx, contract)?)
}

/// The part of the month's quantity that is paid: the share of its challenges that were answered, rounded down to the MB.
fn share(contract: &StorageContract) -> Option<Quantity> {
    match contract.asked {
        0 => Some(contract.quantity),
        asked => contract.quantity.mul_div_floor(u64::from(contract.answered), u64::from(asked)),
    }
}

/// Sets the next month aside, or says why there is none.
fn fund_next(ctx: &mut Context<'_>, contract: &StorageContract) -> Result<Option<StorageEnd>, Fault> {
    if contract.month >= contract.months {
        return Ok(Some(StorageEnd::Completed));
    }
    if let Some(party) = contract.notice {
        return Ok(Some(if party == contract.seller { StorageEnd::SellerNotice } else { StorageEnd::BuyerNotice }));
    }
    let (_, value) = sums(&contract.fills).ok_or(Code::Overflow)?;
    match ctx.attempt(|ctx| fund(ctx, contract, value)) {
        Ok(()) => Ok(None),
        Err(Code::InsufficientFunds) => Ok(Some(StorageEnd::BuyerFunds)),
        Err(code) => Err(code.into()),
    }
}

/// free -> escrow of the buyer.
fn fund(ctx: &mut Context<'_>, contract: &StorageContract, value: MicroChf) -> Result<(), Code> {
    execute::reserve(ctx, contract.buyer, value)?;
    execute::escrow_reserved(ctx, contract.buyer, value)
}
