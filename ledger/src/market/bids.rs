//! The bids of one auction in their order: limit down, reputation bucket down, older block first, tie-break (MARKET 5). Read price by price,
//! only as far as the auction gets.

use super::pair::is_active;
use super::parties::{BidPlace, Parties};
use crate::execute::Fault;
use crate::hash::Hash;
use crate::ids::{Height, OrderId};
use crate::state::{IndexKey, Order, Orders, View};
use crate::time::MarketTime;
use crate::transaction::{Market, Side};
use std::iter::Peekable;

/// A bid with the number of its buyer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid<'v> {
    pub order: &'v Order,
    pub buyer: usize,
}

/// The bids read so far, and the rest behind the index.
pub(super) struct Bids<'v, V> {
    view: &'v V,
    now: MarketTime,
    keys: Keys<'v>,
    read: Vec<Bid<'v>>,
    /// Bids of one price as they are read; keeps its memory.
    level: Vec<(BidPlace, Bid<'v>)>,
}

/// (rank, order) from the index, best rank first.
pub(super) type Keys<'v> = Peekable<Box<dyn Iterator<Item = (u64, OrderId)> + 'v>>;

/// Keys of one side of a book.
pub(super) fn book_keys<'v, V: View>(view: &'v V, market: Market, side: Side) -> Keys<'v> {
    let first = IndexKey::Book { market, side, rank: 0, height: Height::GENESIS, order: OrderId::from_hash(Hash::ZERO) };
    let keys = view.index(first..).map_while(move |key| match key {
        IndexKey::Book { market: m, side: s, rank, order, .. } if m == market && s == side => Some((rank, order)),
        _ => None,
    });
    let boxed: Box<dyn Iterator<Item = (u64, OrderId)> + 'v> = Box::new(keys);
    boxed.peekable()
}

impl<'v, V: View> Bids<'v, V> {
    pub(super) fn new(view: &'v V, market: Market, now: MarketTime) -> Self {
        Bids { view, now, keys: book_keys(view, market, Side::Bid), read: Vec::new(), level: Vec::new() }
    }

    /// The bid at `position` of the order, if there are that many.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn at(&mut self, position: usize, parties: &mut Parties<'v>) -> Result<Option<Bid<'v>>, Fault> {
        while self.read.len() <= position {
            if !self.read_price(parties)? {
                return Ok(None);
            }
        }
        Ok(self.read.get(position).copied())
    }

    /// Reads all bids of the next price; false when there is none.
    fn read_price(&mut self, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        let Some((rank, _)) = self.keys.peek().copied() else { return Ok(false) };
        while let Some((_, id)) = self.keys.next_if(|(r, _)| *r == rank) {
            let order = self.view.get::<Orders>(&id).ok_or(Fault::Missing("order of the index"))?;
            if !is_active(order, self.now) {
                continue;
            }
            let buyer = parties.number(order.member)?;
            self.level.push((parties.bid_place(order, buyer)?, Bid { order, buyer }));
        }
        self.level.sort_unstable_by_key(|(place, _)| *place);
        self.read.extend(self.level.drain(..).map(|(_, bid)| bid));
        Ok(true)
    }
}
