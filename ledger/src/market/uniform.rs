//! The uniform price of an auction (MARKET 5).
//!
//! p* is the lowest price that maximises min(D, S), D(p) = quantity bid at >= p and S(p) = quantity offered at <= p over the orders U that
//! make the price. Meeting the highest bid with the lowest ask, quantity by quantity, until they no longer cross yields that maximum V; S
//! reaches V first at the last ask so met, D still holds V there, and below it S is less: that ask's price is p*. So only orders that cross
//! are read.

use super::bids::Bids;
use super::ladder::Ladder;
use super::parties::Parties;
use super::price::makes_price;
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::receipt::Code;
use crate::state::View;

/// The uniform price of the open orders. `otherwise` is the last clearing price, else the base: where nothing in U crosses, it is raised to U's
/// highest bid, then lowered to U's lowest ask.
///
/// # Errors
/// [`Fault`]: the index and the state disagree.
pub(super) fn uniform_price<'v, V: View>(
    bids: &mut Bids<'v, V>,
    ladder: &mut Ladder<'v, V>,
    parties: &mut Parties<'v>,
    otherwise: Price,
) -> Result<Price, Fault> {
    let mut position = 0;
    let Some((highest, mut wanted)) = next_bid(bids, &mut position)? else {
        let lowest = next_ask(ladder, parties, &mut (0, 0), Price::from_micro_chf(u64::MAX))?;
        return Ok(lowest.map_or(otherwise, |(price, _)| otherwise.min(price)));
    };
    let (mut limit, mut place, mut price) = (highest, (0, 0), None);
    let mut offered = Quantity::ZERO;
    loop {
        if offered.is_zero() {
            let Some((next, quantity)) = next_ask(ladder, parties, &mut place, limit)? else { break };
            (price, offered) = (Some(next), quantity);
        }
        if price.is_some_and(|p| p > limit) {
            // The ask at hand was met by a higher bid before: it made the price.
            break;
        }
        let met = wanted.min(offered);
        wanted = less(wanted, met)?;
        offered = less(offered, met)?;
        if wanted.is_zero() {
            let Some((next, quantity)) = next_bid(bids, &mut position)? else { break };
            (limit, wanted) = (next, quantity);
        }
    }
    if let Some(price) = price {
        return Ok(price);
    }
    let raised = otherwise.max(highest);
    let lowest = next_ask(ladder, parties, &mut (0, 0), Price::from_micro_chf(u64::MAX))?;
    Ok(lowest.map_or(raised, |(price, _)| raised.min(price)))
}

fn less(a: Quantity, b: Quantity) -> Result<Quantity, Fault> {
    a.checked_sub(b).ok_or(Fault::Rejected(Code::Overflow))
}

fn next_bid<V: View>(bids: &mut Bids<'_, V>, position: &mut usize) -> Result<Option<(Price, Quantity)>, Fault> {
    while let Some(bid) = bids.of_limit_at(*position)? {
        *position = position.saturating_add(1);
        if makes_price(bid) {
            return Ok(Some((bid.limit(), bid.open)));
        }
    }
    Ok(None)
}

fn next_ask<'v, V: View>(
    ladder: &mut Ladder<'v, V>,
    parties: &mut Parties<'v>,
    place: &mut (usize, usize),
    bound: Price,
) -> Result<Option<(Price, Quantity)>, Fault> {
    while let Some((number, next)) = ladder.in_price_order(*place, bound, parties)? {
        *place = next;
        let ask = ladder.ask(number)?;
        if makes_price(ask.order) {
            return Ok(Some((ask.price, ask.open)));
        }
    }
    Ok(None)
}
