//! Settlement of a community's energy slot (MARKET 6).
//!
//! Once the readings of every trade of a (community, slot) are in, or their deadlines have cancelled those without, and the grid operator
//! reported what was exchanged locally, or its deadline passed, shares are final. The second limit, the report, then bounds the sum over
//! all trades of the slot, shared pro rata in what the meters gave them. Without a report the readings stand alone.
//!
//! Settling is paced: one due timer settles at most [`MAX_SLOT_SETTLEMENTS`] trades; the entry keeps how far it is.

use super::{settle, share::ProRata};
use crate::amount::Quantity;
use crate::execute::{Context, Envelope, Fault};
use crate::hash::Hash;
use crate::ids::{LegId, TradeId};
use crate::limits::MAX_SLOT_SETTLEMENTS;
use crate::member::Role;
use crate::receipt::Code;
use crate::state::{Exchange, Exchanges, IndexKey, Trade, TradeStatus, Trades, View, forgotten_at};
use crate::time::Slot;
use crate::transaction::Market;

/// The grid operator reports the energy that a community exchanged within itself in a slot. There must be an open trade that the report
/// concerns, all of its grid: so no entry outlives what nobody traded, and no operator limits what flows in another's grid.
///
/// # Errors
/// [`Code::WrongRole`] for others; [`Code::BadSlot`] before the slot's end; [`Code::TooLate`] after the reporting window;
/// [`Code::AlreadyReported`]; [`Code::NotParty`] when the slot has no open trade, or a seller is connected to another operator's grid; [`Code::Overflow`].
pub fn report_exchange(ctx: &mut Context<'_>, envelope: &Envelope, leg: LegId, slot: Slot, energy: Quantity) -> Result<(), Code> {
    let operator = ctx.member(envelope.signer).map_err(|_| Code::WrongRole)?;
    if operator.role != Role::GridOperator {
        return Err(Code::WrongRole);
    }
    let now = ctx.facts.market_time;
    if slot.end().is_none_or(|end| now < end) {
        return Err(Code::BadSlot);
    }
    let mut exchange = entry(ctx, leg, slot)?;
    if exchange.reported.is_some() {
        return Err(Code::AlreadyReported);
    }
    if exchange.report_deadline <= now {
        return Err(Code::TooLate);
    }
    let grid = operator.location.grid_operator;
    let is_own = |trade: &Trade| ctx.member(trade.seller).is_ok_and(|seller| seller.location.grid_operator == grid);
    if trades(ctx, leg, slot).next().is_none() || !trades(ctx, leg, slot).all(is_own) {
        return Err(Code::NotParty);
    }
    exchange.reported = Some(energy);
    put(ctx, leg, slot, exchange)
}

/// A trade of the slot was opened.
pub(super) fn enter(ctx: &mut Context<'_>, leg: LegId, slot: Slot) -> Result<(), Code> {
    let mut exchange = entry(ctx, leg, slot)?;
    exchange.waiting = exchange.waiting.checked_add(1).ok_or(Code::Overflow)?;
    put(ctx, leg, slot, exchange)
}

/// A trade of the slot ended without readings.
pub(super) fn withdraw(ctx: &mut Context<'_>, leg: LegId, slot: Slot) -> Result<(), Code> {
    let mut exchange = entry(ctx, leg, slot)?;
    exchange.waiting = exchange.waiting.checked_sub(1).ok_or(Code::Overflow)?;
    put(ctx, leg, slot, exchange)
}

/// The readings of a trade of the slot are in.
pub(super) fn ready(ctx: &mut Context<'_>, leg: LegId, slot: Slot, metered: Quantity) -> Result<(), Code> {
    let mut exchange = entry(ctx, leg, slot)?;
    exchange.waiting = exchange.waiting.checked_sub(1).ok_or(Code::Overflow)?;
    exchange.ready = exchange.ready.checked_add(1).ok_or(Code::Overflow)?;
    exchange.metered = exchange.metered.checked_add(metered).ok_or(Code::Overflow)?;
    put(ctx, leg, slot, exchange)
}

/// The slot's next step is due (phase 1): settles its trades, or forgets it when none is open. An entry that is gone or not due any more is
/// left alone: something overtook the timer in this block.
///
/// # Errors
/// [`Fault`]: the entry disagrees with its trades, or a move of money fails; bugs.
pub fn on_exchange_due(ctx: &mut Context<'_>, leg: LegId, slot: Slot) -> Result<(), Fault> {
    let Some(mut exchange) = ctx.state.get::<Exchanges>(&(leg, slot)).copied() else { return Ok(()) };
    if exchange.due.is_none_or(|due| due > ctx.facts.market_time) {
        return Ok(());
    }
    if exchange.ready == 0 {
        ctx.state.remove::<Exchanges>(&(leg, slot));
        return Ok(());
    }
    let limit = exchange.reported.unwrap_or(exchange.metered);
    let mut sharing = ProRata::resume(exchange.metered, limit, exchange.settled);
    let turn: Vec<Trade> = trades(ctx, leg, slot).take(MAX_SLOT_SETTLEMENTS).cloned().collect();
    if turn.is_empty() || turn.iter().any(|trade| trade.status != TradeStatus::Settling) {
        return Err(Fault::Missing("settling trade of an energy slot"));
    }
    for trade in turn {
        let metered = trade.delivered.first().map_or(Quantity::ZERO, |(_, quantity)| *quantity);
        let share = sharing.next(metered).ok_or(Code::Overflow)?;
        settle::settle(ctx, trade, share, metered)?;
        exchange.settled = exchange.settled.checked_add(metered).ok_or(Code::Overflow)?;
        exchange.ready = exchange.ready.checked_sub(1).ok_or(Code::Overflow)?;
    }
    Ok(put(ctx, leg, slot, exchange)?)
}

fn entry(ctx: &Context<'_>, leg: LegId, slot: Slot) -> Result<Exchange, Code> {
    if let Some(exchange) = ctx.state.get::<Exchanges>(&(leg, slot)) {
        return Ok(*exchange);
    }
    let report_deadline = slot.end().and_then(|end| end.checked_add_ms(ctx.params.exchange_window_ms)).ok_or(Code::Overflow)?;
    let (metered, settled) = (Quantity::ZERO, Quantity::ZERO);
    Ok(Exchange { reported: None, report_deadline, waiting: 0, ready: 0, metered, settled, due: None })
}

/// Writes the entry with the time of its next step.
fn put(ctx: &mut Context<'_>, leg: LegId, slot: Slot, mut exchange: Exchange) -> Result<(), Code> {
    exchange.due = match (exchange.waiting, exchange.ready, exchange.reported) {
        (0, 0, _) => Some(forgotten_at(slot).ok_or(Code::Overflow)?),
        (0, _, Some(_)) => Some(ctx.facts.market_time),
        (0, _, None) => Some(exchange.report_deadline),
        // The trades' own deadlines bring this to zero.
        (_, _, _) => None,
    };
    ctx.state.put::<Exchanges>((leg, slot), exchange);
    Ok(())
}

/// Open trades of a slot in the order of their ids.
fn trades<'c>(ctx: &'c Context<'_>, leg: LegId, slot: Slot) -> impl Iterator<Item = &'c Trade> {
    let key = |trade| IndexKey::MarketTrade { market: Market::Energy { leg, slot }, trade: TradeId::from_hash(trade) };
    ctx.state.index(key(Hash::ZERO)..=key(Hash::MAX)).filter_map(|key| match key {
        IndexKey::MarketTrade { trade, .. } => ctx.state.get::<Trades>(&trade),
        _ => None,
    })
}
