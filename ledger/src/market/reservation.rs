//! Credits behind bids: limit x open, whatever happens to the order (MARKET 4). Asks of heat reserve the lots themselves ([`crate::heat`]).
//!
//! Every change of a bid's open quantity sets its reservation anew and moves only the difference, so nothing is left over when it ends. With
//! tick x lot a multiple of 1 000 (which parameters MUST keep) every product here is exact and a fill never costs more than its share.

use crate::amount::{MicroChf, Price, Quantity};
use crate::execute::{Context, escrow_reserved, release, reserve};
use crate::heat;
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::Order;
use crate::transaction::{Market, Side};

/// What an order with these terms reserves for `open`: limit x open of a bid, nothing for an ask.
pub(super) fn required(order: &Order, open: Quantity) -> Result<MicroChf, Code> {
    match order.terms.side {
        Side::Bid => order.limit().gross(open).ok_or(Code::Overflow),
        Side::Ask => Ok(MicroChf::ZERO),
    }
}

/// free -> reserved for all of a new order: credits behind a bid, lots behind an ask of heat.
pub(super) fn reserve_new(ctx: &mut Context<'_>, order: &mut Order) -> Result<(), Code> {
    if order.terms.side == Side::Ask && order.market == Market::Heat {
        return heat::reserve(ctx, order.id, order.member, order.open);
    }
    order.reserved = required(order, order.open)?;
    if order.reserved.is_zero() {
        return Ok(());
    }
    reserve(ctx, order.member, order.reserved)
}

/// What fills of one member's bids do to its account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    cost: MicroChf,
    saved: MicroChf,
}

impl Filled {
    /// A fill of `quantity` of a bid with this limit that costs `cost`: its share of the reservation goes to escrow as far as it costs, the rest
    /// becomes free.
    pub(super) fn add(&mut self, limit: Price, quantity: Quantity, cost: MicroChf) -> Result<(), Code> {
        let saved = limit.gross(quantity).and_then(|held| held.checked_sub(cost)).ok_or(Code::Overflow)?;
        self.cost = self.cost.checked_add(cost).ok_or(Code::Overflow)?;
        self.saved = self.saved.checked_add(saved).ok_or(Code::Overflow)?;
        Ok(())
    }
}

/// Moves the money of fills.
pub(super) fn take_fills(ctx: &mut Context<'_>, member: MemberId, filled: Filled) -> Result<(), Code> {
    escrow_reserved(ctx, member, filled.cost)?;
    if !filled.saved.is_zero() {
        release(ctx, member, filled.saved)?;
    }
    Ok(())
}

/// Deducts a fill from a bid.
pub(super) fn deduct(bid: &mut Order, quantity: Quantity) -> Result<(), Code> {
    bid.open = bid.open.checked_sub(quantity).ok_or(Code::Overflow)?;
    bid.reserved = required(bid, bid.open)?;
    Ok(())
}

/// reserved -> free for all that is left of an order.
pub(super) fn release_rest(ctx: &mut Context<'_>, order: &Order) -> Result<(), Code> {
    if order.terms.side == Side::Ask && order.market == Market::Heat {
        return heat::release(ctx, order.id);
    }
    if order.reserved.is_zero() {
        return Ok(());
    }
    release(ctx, order.member, order.reserved)
}
