//! One market's call auction: reads the book, decides the fills, changes nothing (MARKET 5).

use super::backing::Backing;
use super::bids::Bids;
use super::ladder::{Ladder, Rules};
use super::parties::Parties;
use super::reference;
use super::selection::{Desk, Taken, Terms};
use super::uniform::uniform_price;
use crate::amount::{Price, Quantity};
use crate::execute::{BlockFacts, Fault};
use crate::ids::{MemberId, OrderId};
use crate::params::{Params, PriceRule};
use crate::receipt::Code;
use crate::state::{Fill, Markets, View};
use crate::transaction::{Market, Product, SettlementMethod};

/// What an auction decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    /// In bid order.
    pub matches: Vec<BidMatch>,
    /// The uniform price, or the price of the last fill; `None` without a fill.
    pub price: Option<Price>,
    /// Everything that filled.
    pub quantity: Quantity,
    /// The next block should try again although no order may change.
    pub unfinished: bool,
}

/// Fills of one bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BidMatch {
    pub bid: OrderId,
    pub deals: Vec<Deal>,
}

/// Fills of one bid with one seller: they become one trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deal {
    pub seller: MemberId,
    pub product: Product,
    pub settlement: SettlementMethod,
    pub solar: bool,
    pub fills: Vec<Fill>,
}

/// Runs the auction of a market on a book.
///
/// # Errors
/// [`Fault`]: the index and the state disagree.
pub(super) fn clear<V: View>(view: &V, facts: &BlockFacts, params: &Params, market: Market) -> Result<Cleared, Fault> {
    let rules = params.resources.of(market.resource());
    let reference = reference::of_market(view.before_block(), params, &market);
    let ladder = Ladder::new(view, Rules { market, now: facts.market_time, reference, params: rules });
    let mut desk = Desk {
        parties: Parties::new(view.before_block(), facts, market),
        ladder,
        backing: Backing::new(view, facts.market_time, rules.lot),
        lot: rules.lot,
    };
    let mut bids = Bids::new(view, market, facts.market_time);
    let uniform = match rules.rule {
        PriceRule::Seller => None,
        PriceRule::Uniform => {
            let last = view.get::<Markets>(&market).and_then(|m| m.last_price).unwrap_or(rules.base);
            Some(uniform_price(&mut bids, &mut desk.ladder, &mut desk.parties, last)?)
        }
    };
    let mut cleared = Cleared::default();
    let mut position = 0;
    while let Some(bid) = bids.at(position, &mut desk.parties)? {
        position = position.saturating_add(1);
        let bound = uniform.unwrap_or(bid.order.limit());
        // Limits only fall from here on.
        if bid.order.limit() < bound || !desk.ladder.any(bound, &mut desk.parties)? {
            break;
        }
        let taken = desk.take(bid, Terms { bound, uniform })?;
        cleared.unfinished |= taken.unfinished;
        if !taken.parts.is_empty() {
            cleared.record(&desk, bid.order.id, taken)?;
        }
    }
    // Where nothing filled, trying again would show the same.
    cleared.unfinished &= !cleared.matches.is_empty();
    Ok(cleared)
}

impl Cleared {
    fn record<V: View>(&mut self, desk: &Desk<'_, V>, bid: OrderId, taken: Taken) -> Result<(), Fault> {
        let mut deals = Vec::with_capacity(taken.parts.len());
        for part in taken.parts {
            let mut fills = Vec::with_capacity(part.fills.len());
            for fill in part.fills {
                self.quantity = self.quantity.checked_add(fill.quantity).ok_or(Fault::Rejected(Code::Overflow))?;
                self.price = Some(fill.price);
                fills.push(Fill { ask: desk.ladder.ask(fill.ask)?.order.id, quantity: fill.quantity, price: fill.price });
            }
            let seller = desk.parties.get(part.seller)?.member.id;
            let (product, settlement) = (part.agreed.product, part.agreed.settlement);
            deals.push(Deal { seller, product, settlement, solar: part.solar, fills });
        }
        self.matches.push(BidMatch { bid, deals });
        Ok(())
    }
}
