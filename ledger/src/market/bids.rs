//! The bids of one auction in their order: limit down, reputation bucket down, older block first, tie-break (MARKET 5). Read price by price,
//! only as far as the auction gets.

use super::lists::{READ_TOGETHER, fetch};
use super::pair::{is_active, is_plain};
use super::parties::{Age, Parties};
use crate::execute::Fault;
use crate::state::{BookOrders, Order, Orders, View, rank};
use crate::time::MarketTime;
use crate::transaction::{Market, Side};
use std::cmp::Reverse;
use std::iter::Peekable;

/// A bid with the number of its buyer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid<'v> {
    pub order: &'v Order,
    pub buyer: usize,
    /// Number of the order's owner ([`Parties::owner`]).
    pub owner: u32,
    /// See [`is_plain`].
    pub plain: bool,
}

/// The bids read so far, and the rest behind the index. They are put in order only where the auction takes them up: that needs their buyers,
/// while the price needs limits and quantities alone.
pub(super) struct Bids<'v, V> {
    view: &'v V,
    now: MarketTime,
    keys: Peekable<BookOrders<'v>>,
    /// Active bids, limit down; in the order of the index among equal limits.
    read: Vec<&'v Order>,
    /// Orders that are being read; keeps its memory.
    found: Vec<&'v Order>,
    /// As many of them as are in order: whole prices.
    ordered: Vec<Bid<'v>>,
    /// Bids of one price while they are put in order; keeps its memory.
    level: Vec<(Place, Bid<'v>)>,
}

/// Sort key of a bid among those of its price: bucket down, then by age.
type Place = (Reverse<u32>, Age);

impl<'v, V: View> Bids<'v, V> {
    pub(super) fn new(view: &'v V, market: Market, now: MarketTime) -> Self {
        let keys = view.book(market, Side::Bid).peekable();
        Bids { view, now, keys, read: Vec::new(), found: Vec::new(), ordered: Vec::new(), level: Vec::new() }
    }

    /// A bid with the limit of the one at `position` of the order, if there are that many: each bid of a price once, in any order.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn of_limit_at(&mut self, position: usize) -> Result<Option<&'v Order>, Fault> {
        while self.read.len() <= position {
            let Some(price) = self.keys.peek().map(|(rank, _)| *rank) else { return Ok(None) };
            self.read_some(price)?;
        }
        Ok(self.read.get(position).copied())
    }

    /// The bid at `position` of the order, if there are that many.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn at(&mut self, position: usize, parties: &mut Parties<'v>) -> Result<Option<Bid<'v>>, Fault> {
        while self.ordered.len() <= position {
            if self.of_limit_at(self.ordered.len())?.is_none() {
                return Ok(None);
            }
            self.order_price(parties)?;
        }
        Ok(self.ordered.get(position).copied())
    }

    /// Reads the next bids of a price; false when there are none.
    fn read_some(&mut self, price: u64) -> Result<bool, Fault> {
        // First found, then looked at, so that the processor waits for many of them at once.
        self.found.clear();
        while self.found.len() < READ_TOGETHER
            && let Some((_, id)) = self.keys.next_if(|(rank, _)| *rank == price)
        {
            self.found.push(self.view.get::<Orders>(&id).ok_or(Fault::Missing("order of the index"))?);
        }
        fetch(&self.found);
        let now = self.now;
        self.read.extend(self.found.iter().filter(|order| is_active(order, now)));
        Ok(!self.found.is_empty())
    }

    /// Puts the bids of the next price in order, of which at least one is read.
    fn order_price(&mut self, parties: &mut Parties<'v>) -> Result<(), Fault> {
        let first = self.ordered.len();
        let Some(price) = self.read.get(first).map(|bid| rank(bid)) else { return Ok(()) };
        while self.read_some(price)? {}
        for order in self.read.iter().skip(first).take_while(|bid| rank(bid) == price) {
            let buyer = parties.number(order.member)?;
            let place = (Reverse(parties.get(buyer)?.bucket), parties.age(order, buyer)?);
            let owner = parties.owner(order, buyer)?;
            self.level.push((place, Bid { order, buyer, owner, plain: is_plain(order, self.now) }));
        }
        self.level.sort_unstable_by_key(|((bucket, _), _)| *bucket);
        for bids in self.level.chunk_by_mut(|((a, _), _), ((b, _), _)| a == b) {
            parties.sort(Side::Bid, bids, |((_, age), _)| *age);
        }
        self.ordered.extend(self.level.drain(..).map(|(_, bid)| bid));
        Ok(())
    }
}
