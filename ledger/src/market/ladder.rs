//! The asks of one auction by effective price, read only as far as bids reach, and each bid's candidates in their order (MARKET 5).
//!
//! ```text
//! index (limit up) -> pending (effective price, bucket) -> level: asks of one price and bucket
//!                                                          queue of depth 0: all, older first
//!                                                          queue of depth 1..4: by canton .. building, older first
//! ```
//!
//! The nearer classes of place are walked first (see [`super::level`]). Exhausted asks are skipped in amortised constant time.

use super::asks::{Ask, Asks, Rules};
use super::level::{Level, Walk};
use super::lists::READ_TOGETHER;
use super::named::Named;
use super::parties::{Parties, TIERS};
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::ids::{Height, MemberId, OrderId};
use crate::state::{BookOrders, View};
use crate::transaction::Side;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;

/// All asks that were looked at, and the rest behind the index.
pub(super) struct Ladder<'v, V> {
    asks: Asks<'v, V>,
    keys: Peekable<BookOrders<'v>>,
    /// Ids that are being read, and their numbers; keep their memory.
    ids: Vec<OrderId>,
    met: Vec<usize>,
    levels: Vec<Level>,
    first_alive: usize,
    /// Asks of sellers that a bid named or began to fill at.
    named: BTreeMap<usize, Named<'v>>,
}

/// Where a bid is among its candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    bound: Price,
    buyer: usize,
    /// A seller that comes first, and whether nobody else may follow.
    named: Option<usize>,
    only_named: bool,
    in_named: bool,
    level: usize,
    depth: usize,
    /// Asks of the level that are nearer than the depth.
    met: usize,
    /// What is left of the level at the depth; `None` before its first.
    walk: Option<Walk>,
    /// Position among the named seller's asks.
    position: usize,
    /// Number of the group at hand, and what its candidates have in common beside the walk: their age in blocks, and the price of the named seller's.
    group: usize,
    common: (Height, Price),
}

/// A place in the ladder: level and position in it.
pub(super) type Place = (usize, usize);

/// One candidate. Those of one group follow each other, and differ only by tie-break: they are alike in price and bucket, distance, and age in
/// blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub ask: usize,
    /// Number of the group among those of the bid.
    pub group: usize,
}

impl Cursor {
    pub(super) fn new(bound: Price, buyer: usize, named: Option<usize>, only_named: bool) -> Self {
        Cursor {
            bound,
            buyer,
            named,
            only_named,
            in_named: true,
            level: 0,
            depth: TIERS.saturating_sub(1),
            met: 0,
            walk: None,
            position: 0,
            group: 0,
            common: (Height::GENESIS, Price::from_micro_chf(0)),
        }
    }

    /// The walk is at its end: the next is of the depth above, while the level has open asks, or of the next level.
    fn end_walk(&mut self, has_open: bool) {
        self.met = self.walk.take().map_or(0, |walk| walk.length());
        self.group = self.group.saturating_add(1);
        match self.depth.checked_sub(1).filter(|_| has_open) {
            Some(depth) => self.depth = depth,
            None => (self.level, self.depth, self.met) = (self.level.saturating_add(1), TIERS.saturating_sub(1), 0),
        }
    }

    /// An ask as the next candidate: of the group at hand, or the first of another.
    #[inline]
    fn candidate(&mut self, ask: usize, common: (Height, Price)) -> Candidate {
        if self.common != common {
            self.common = common;
            self.group = self.group.saturating_add(1);
        }
        Candidate { ask, group: self.group }
    }
}

impl<'v, V: View> Ladder<'v, V> {
    pub(super) fn new(view: &'v V, rules: Rules<'v>) -> Self {
        let keys = view.book(rules.market, Side::Ask).peekable();
        Ladder {
            asks: Asks::new(view, rules),
            keys,
            ids: Vec::new(),
            met: Vec::new(),
            levels: Vec::new(),
            first_alive: 0,
            named: BTreeMap::new(),
        }
    }

    /// An ask by number.
    pub(super) fn ask(&self, number: usize) -> Result<&Ask<'v>, Fault> {
        self.asks.get(number)
    }

    /// True if a seller has no other order in this book.
    pub(super) fn is_only_ask(&self, seller: MemberId) -> bool {
        self.asks.is_only(seller)
    }

    /// Deducts a fill.
    pub(super) fn take(&mut self, number: usize, quantity: Quantity) -> Result<(), Fault> {
        if let Some(level) = self.asks.take(number, quantity)?.and_then(|level| self.levels.get_mut(level)) {
            level.alive = level.alive.saturating_sub(1);
        }
        Ok(())
    }

    /// What filled of each ask, by id.
    pub(super) fn filled(&self) -> Vec<(OrderId, Quantity)> {
        self.asks.filled()
    }

    /// The ids of all asks that were met, by number.
    pub(super) fn into_ids(self) -> Vec<OrderId> {
        self.asks.into_ids()
    }

    /// True if any ask up to `bound` is open.
    pub(super) fn any(&mut self, bound: Price, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        loop {
            let Some(level) = self.levels.get(self.first_alive) else {
                if !self.read_level(bound, parties)? {
                    return Ok(false);
                }
                continue;
            };
            if level.price > bound || level.alive > 0 {
                return Ok(level.price <= bound);
            }
            self.first_alive = self.first_alive.saturating_add(1);
        }
    }

    /// Open asks in the order of price, one at a time: the one at or after (level, position), with where the next may be.
    pub(super) fn in_price_order(
        &mut self,
        (mut level, mut position): Place,
        bound: Price,
        parties: &mut Parties<'v>,
    ) -> Result<Option<(usize, Place)>, Fault> {
        loop {
            if level >= self.levels.len() && !self.read_level(bound, parties)? {
                return Ok(None);
            }
            let Some(found) = self.levels.get_mut(level) else { return Ok(None) };
            if found.price > bound {
                return Ok(None);
            }
            if let Some((at, ask)) = found.open(position, self.asks.list()) {
                return Ok(Some((ask, (level, at.saturating_add(1)))));
            }
            (level, position) = (level.saturating_add(1), 0);
        }
    }

    /// The next candidate of a bid.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    #[inline]
    pub(super) fn next(&mut self, cursor: &mut Cursor, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        if cursor.in_named {
            if let Some(seller) = cursor.named
                && let Some(candidate) = self.next_named(cursor, seller, parties)?
            {
                return Ok(Some(candidate));
            }
            cursor.in_named = false;
            cursor.group = cursor.group.saturating_add(1);
        }
        if cursor.only_named {
            return Ok(None);
        }
        self.next_by_price(cursor, parties)
    }

    fn next_named(&mut self, cursor: &mut Cursor, seller: usize, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        let named = match self.named.entry(seller) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Named::new(&mut self.asks, seller, parties)?),
        };
        let Some(number) = named.next(&mut cursor.position, cursor.bound, &mut self.asks, parties)? else { return Ok(None) };
        let ask = self.asks.get(number)?;
        Ok(Some(cursor.candidate(number, (ask.height, ask.price))))
    }

    #[inline]
    fn next_by_price(&mut self, cursor: &mut Cursor, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        loop {
            let Some(walk) = &mut cursor.walk else {
                if !self.begin_walk(cursor, parties)? {
                    return Ok(None);
                }
                continue;
            };
            let Some(level) = self.levels.get_mut(cursor.level) else { return Ok(None) };
            let Some(number) = level.next(walk, cursor.buyer, self.asks.list(), parties)? else {
                cursor.end_walk(level.alive > 0);
                continue;
            };
            let ask = self.asks.get(number)?;
            if cursor.named != Some(ask.seller()) {
                return Ok(Some(cursor.candidate(number, (ask.height, level.price))));
            }
        }
    }

    /// Begins the next walk of a bid; false where no level up to its bound is left.
    fn begin_walk(&mut self, cursor: &mut Cursor, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        cursor.level = cursor.level.max(self.first_alive);
        if cursor.level >= self.levels.len() && !self.read_level(cursor.bound, parties)? {
            return Ok(false);
        }
        let Some(level) = self.levels.get(cursor.level).filter(|level| level.price <= cursor.bound) else { return Ok(false) };
        cursor.walk = Some(level.walk(cursor.depth, parties.get(cursor.buyer)?, cursor.met));
        Ok(true)
    }

    /// Reads the next asks of one limit: where one is read, all of its limit are.
    fn read_some(&mut self, parties: &mut Parties<'v>) -> Result<(), Fault> {
        self.ids.clear();
        if let Some((limit, id)) = self.keys.next() {
            self.ids.push(id);
            while self.ids.len() < READ_TOGETHER
                && let Some((_, id)) = self.keys.next_if(|(rank, _)| *rank == limit)
            {
                self.ids.push(id);
            }
        }
        self.met.clear();
        self.asks.meet(&self.ids, parties, &mut self.met)
    }

    /// Completes the next level up to `bound`: reads the index until nothing behind it can be cheaper than what is pending.
    fn read_level(&mut self, bound: Price, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        loop {
            let pending = self.asks.cheapest_pending();
            let behind = self.keys.peek().map(|(rank, _)| Price::from_micro_chf(*rank)).filter(|rank| *rank <= bound);
            match (pending, behind) {
                // A limit never exceeds its effective price, so equal ones may still join the level.
                (Some(price), Some(rank)) if rank > price => break,
                (Some(price), None) if price <= bound => break,
                (_, None) => return Ok(false),
                (_, Some(_)) => {}
            }
            self.read_some(parties)?;
        }
        let Some((price, by_age)) = self.asks.take_pending(self.levels.len(), parties)? else { return Ok(false) };
        self.levels.push(Level::new(price, &by_age, self.asks.list(), parties)?);
        Ok(true)
    }
}
