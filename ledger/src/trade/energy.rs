//! Delivery of energy by the seller's meter (MARKET 6).
//!
//! The first of two limits: the metered surplus of a seller in a slot bounds the sum of its trades of that slot, shared pro rata in the
//! order of their ids. The second, what was exchanged within the community, is [`super::exchange`]'s.

use super::{exchange, is_late, share::ProRata};
use crate::amount::Quantity;
use crate::execute::Context;
use crate::hash::Hash;
use crate::ids::{Height, MemberId, OrderId};
use crate::market;
use crate::meter;
use crate::receipt::{Code, Event};
use crate::state::{IndexKey, LoadSource, Trade, TradeStatus, Trades, View};
use crate::time::Slot;
use crate::transaction::{Market, Resource};

/// Gives a slot's metered surplus to the seller's trades of the slot; they wait for the community's report from then on. Trades whose
/// deadline has passed get nothing: their timers cancel them.
///
/// # Errors
/// [`Code::Overflow`].
pub(super) fn deliver(ctx: &mut Context<'_>, seller: MemberId, slot: Slot, surplus: Quantity) -> Result<(), Code> {
    let trades = waiting(ctx, seller, slot);
    if trades.is_empty() {
        return Ok(());
    }
    let sold = trades.iter().try_fold(Quantity::ZERO, |sum, t| sum.checked_add(t.quantity)).ok_or(Code::Overflow)?;
    let key = (seller, Resource::Energy, slot);
    meter::record(ctx, key, surplus)?;
    meter::claim(ctx, key, surplus.min(sold))?;
    let mut sharing = ProRata::resume(sold, surplus, Quantity::ZERO);
    for mut trade in trades {
        let quantity = sharing.next(trade.quantity).ok_or(Code::Overflow)?;
        if let Market::Energy { leg, slot } = trade.market {
            exchange::ready(ctx, leg, slot, quantity)?;
        }
        trade.delivered = vec![(slot, quantity)];
        trade.status = TradeStatus::Settling;
        trade.deadline = None;
        ctx.events.push(Event::Delivered { trade: trade.id, quantity });
        if trade.solar {
            market::backing_freed(ctx, seller);
        }
        ctx.state.put::<Trades>(trade.id, trade);
    }
    Ok(())
}

/// Trades of a seller that wait for the slot's reading, in the order of their ids.
fn waiting(ctx: &Context<'_>, seller: MemberId, slot: Slot) -> Vec<Trade> {
    let source = LoadSource::Order(OrderId::from_hash(Hash::ZERO));
    let first = IndexKey::Promise { member: seller, slot, height: Height::GENESIS, source };
    let promises = ctx
        .state
        .index(first..)
        .take_while(|key| matches!(key, IndexKey::Promise { member, slot: of, .. } if (*member, *of) == (seller, slot)));
    let sold = promises.filter_map(|key| match key {
        IndexKey::Promise { source: LoadSource::Trade(id), .. } => ctx.state.get::<Trades>(&id),
        _ => None,
    });
    let mut waiting: Vec<Trade> = sold.filter(|trade| trade.status == TradeStatus::Pending && !is_late(ctx, trade)).cloned().collect();
    waiting.sort_unstable_by_key(|trade| trade.id);
    waiting
}
