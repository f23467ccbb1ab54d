//! The match: a trade begins.

use super::{exchange, settle};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{Context, Fault};
use crate::hash::{Domain, Hash};
use crate::heat;
use crate::ids::{Height, MemberId, OrderId, TradeId};
use crate::params::Params;
use crate::receipt::{Code, Event};
use crate::state::{Fill, Order, Trade, TradeStatus, Trades, View};
use crate::storage;
use crate::time::MarketTime;
use crate::transaction::{Market, Product, SettlementMethod};
use std::collections::BTreeMap;

/// What an auction decided: the fills of one bid with one seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'m> {
    /// The bid; only its identity, member and market are read.
    pub bid: &'m Order,
    /// Who sells.
    pub seller: MemberId,
    /// Fills in the order in which they were made; not empty.
    pub fills: Vec<Fill>,
    /// The intersection of both windows.
    pub product: Product,
    /// The common settlement method.
    pub settlement: SettlementMethod,
    /// The asks were backed by solar forecast.
    pub solar: bool,
}

/// Id of the trade of a bid with a seller in the block at `height`.
pub fn trade_id(bid: OrderId, seller: MemberId, height: Height) -> TradeId {
    TradeId::from_hash(Hash::of_parts(Domain::Trade, &[bid.hash().as_bytes(), seller.as_bytes(), &height.get().to_le_bytes()]))
}

/// Writes the trade, its first deadline and its event; for storage the contract with the trade of its first month. The caller MUST have moved the
/// sum of the fills' gross from the buyer's reservation to the buyer's escrow, MUST have what fills of an ask of heat among what the ask reserved,
/// and MUST call this at most once a (bid, seller) in a block.
///
/// # Errors
/// [`Fault`]: the match breaks its contract (no fill, a product or method that is not traded, a second match of the same pair), or a sum
/// overflows. All are bugs of the caller.
pub fn open(ctx: &mut Context<'_>, m: Match<'_>) -> Result<TradeId, Fault> {
    let id = trade_id(m.bid.id, m.seller, ctx.facts.height);
    let first = m.fills.first().ok_or(Fault::Missing("fill of a match"))?.price;
    if m.settlement == SettlementMethod::Chf {
        return Err(Fault::Rejected(Code::BadSettlement));
    }
    let (quantity, escrow) = sums(&m.fills).ok_or(Fault::Rejected(Code::Overflow))?;
    if let Product::Storage { months } = m.product {
        if ctx.state.get::<Trades>(&id).is_some() {
            return Err(Fault::Rejected(Code::WrongState));
        }
        let (bid, buyer, seller, market) = (m.bid.id, m.bid.member, m.seller, m.bid.market);
        ctx.events.push(Event::Matched { trade: id, bid, buyer, seller, market, quantity, price: first });
        storage::open(ctx, id, m, months)?;
        return Ok(id);
    }
    let matched_at = ctx.facts.market_time;
    let trade = Trade {
        id,
        market: m.bid.market,
        buyer: m.bid.member,
        seller: m.seller,
        bid: m.bid.id,
        fills: m.fills,
        quantity,
        product: m.product,
        settlement: m.settlement,
        solar: m.solar,
        escrow,
        fee: ctx.params.fee,
        status: if m.product == Product::Heat { TradeStatus::Settling } else { TradeStatus::Pending },
        height: ctx.facts.height,
        matched_at,
        deadline: first_deadline(&ctx.params, &m.product, matched_at)?,
        delivered: Vec::new(),
        heat: Vec::new(),
        result: None,
    };
    let (bid, buyer, seller, market) = (trade.bid, trade.buyer, trade.seller, trade.market);
    if let Market::Energy { leg, slot } = market {
        exchange::enter(ctx, leg, slot)?;
    }
    ctx.events.push(Event::Matched { trade: id, bid, buyer, seller, market, quantity, price: first });
    if market == Market::Heat {
        settle_heat(ctx, trade)?;
    } else if !ctx.state.insert::<Trades>(id, trade) {
        return Err(Fault::Rejected(Code::WrongState));
    }
    Ok(id)
}

/// Heat moves and settles at the match (MARKET 6): the lots behind the asks change hands, the escrow pays. Nothing of it stays open.
fn settle_heat(ctx: &mut Context<'_>, mut trade: Trade) -> Result<(), Code> {
    let mut moved = BTreeMap::new();
    for fill in &trade.fills {
        heat::deliver(ctx, fill.ask, trade.buyer, fill.quantity, &mut moved)?;
    }
    trade.delivered = moved.into_iter().collect();
    let quantity = trade.quantity;
    settle::settle(ctx, trade, quantity, quantity).map(|_| ())
}

/// Quantity and gross of fills; `None` on overflow.
fn sums(fills: &[Fill]) -> Option<(Quantity, MicroChf)> {
    fills.iter().try_fold((Quantity::ZERO, MicroChf::ZERO), |(quantity, escrow), fill| {
        Some((quantity.checked_add(fill.quantity)?, escrow.checked_add(fill.price.gross(fill.quantity)?)?))
    })
}

/// Compute and compute-hours: the seller starts within the start window after the match or the window's start, the later. Energy: nobody starts; the
/// seller's readings of the slot are due within the readings window after its end. Heat waits for nobody.
fn first_deadline(params: &Params, product: &Product, matched_at: MarketTime) -> Result<Option<MarketTime>, Fault> {
    let due = match *product {
        Product::Compute { from, .. } | Product::ComputeHours { from, .. } => matched_at.max(from).checked_add_ms(params.start_window_ms),
        Product::Energy { slot } => slot.end().and_then(|end| end.checked_add_ms(params.readings_window_ms)),
        Product::Heat => return Ok(None),
        Product::Storage { .. } => return Err(Fault::Missing("the contract of a storage deal")),
    };
    due.map(Some).ok_or(Fault::Rejected(Code::Overflow))
}
