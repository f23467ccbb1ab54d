//! The asks of one auction by effective price, read only as far as bids reach, and each bid's candidates in their order (MARKET 5).
//!
//! ```text
//! index (limit up) -> pending (effective price, bucket) -> level: asks of one price and bucket
//!                                                          queue of depth 0: all, older first
//!                                                          queue of depth 1..4: by canton .. building, older first
//! ```
//!
//! A candidate's distance depends on the bid, so a level of more than a few asks keeps one queue for each class of place: the nearer classes
//! are walked first, and what they showed is skipped further out. Exhausted asks are skipped in amortised constant time.

use super::bids::{Keys, book_keys};
use super::pair::{is_active, offered};
use super::parties::{self, Age, Parties, Party, TIERS};
use super::price::effective_price;
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::hash::Hash;
use crate::ids::{Height, MemberId, OrderId, OwnerId};
use crate::params::ResourceParams;
use crate::state::{IndexKey, Order, Orders, View};
use crate::time::MarketTime;
use crate::transaction::{Market, Side};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Levels up to this many asks are scanned instead of sorted by place.
const SMALL_LEVEL: usize = 8;

/// An ask as the auction goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'v> {
    pub order: &'v Order,
    pub seller: usize,
    pub price: Price,
    /// Still open, fills of this auction deducted.
    pub open: Quantity,
    /// Fills of this auction.
    filled: Quantity,
    age: Age,
    level: Option<usize>,
}

/// Asks of one price and reputation bucket.
#[derive(Debug)]
struct Level {
    price: Price,
    alive: usize,
    queues: Vec<Queue>,
}

/// Asks in an order, with links over the exhausted ones.
#[derive(Debug, Default)]
struct Queue {
    asks: Vec<usize>,
    next: Vec<usize>,
    /// Classes of the asks' places, where the order is by them.
    classes: Vec<u32>,
}

/// What a ladder reads from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'v> {
    pub market: Market,
    pub now: MarketTime,
    pub reference: Price,
    pub params: &'v ResourceParams,
}

/// All asks that were looked at, and the rest behind the index.
pub(super) struct Ladder<'v, V> {
    view: &'v V,
    rules: Rules<'v>,
    keys: Keys<'v>,
    pending: BTreeMap<(Price, Reverse<u32>), Vec<usize>>,
    asks: Vec<Ask<'v>>,
    levels: Vec<Level>,
    first_alive: usize,
    /// Asks of sellers that a bid named or began to fill at.
    named: BTreeMap<usize, Named<'v>>,
    /// Numbers of the asks read so far, kept from the first named seller on.
    numbers: Option<BTreeMap<OrderId, usize>>,
}

/// The asks of one seller, best first; read, like the ladder, only as far as needed.
struct Named<'v> {
    keys: Keys<'v>,
    pending: BTreeMap<(Price, Age), usize>,
    queue: Queue,
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
    span: Option<(usize, usize)>,
}

/// A place in the ladder: level and position in it.
pub(super) type Place = (usize, usize);

/// One candidate. Those with equal `rank` differ only by tie-break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub ask: usize,
    pub rank: Rank,
}

/// (first the named seller, price and bucket, distance, age in blocks); comparable within one bid only.
pub(super) type Rank = (bool, Price, usize, usize, Height);

impl Cursor {
    pub(super) fn new(bound: Price, buyer: usize, named: Option<usize>, only_named: bool) -> Self {
        Cursor { bound, buyer, named, only_named, in_named: true, level: 0, depth: TIERS.saturating_sub(1), span: None }
    }
}

impl Queue {
    fn new(asks: Vec<usize>) -> Self {
        let next = (0..=asks.len()).collect();
        Queue { asks, next, classes: Vec::new() }
    }

    fn push(&mut self, ask: usize) {
        self.asks.push(ask);
        self.next.push(self.next.len());
    }

    /// The first position from `position` on, and below `end`, whose ask is open.
    fn alive(&mut self, mut position: usize, end: usize, all: &[Ask<'_>]) -> Option<(usize, usize)> {
        loop {
            position = self.root(position);
            let number = *self.asks.get(position).filter(|_| position < end)?;
            if all.get(number).is_some_and(|ask| !ask.open.is_zero()) {
                return Some((position, number));
            }
            if let Some(link) = self.next.get_mut(position) {
                *link = position.saturating_add(1);
            }
        }
    }

    /// Follows links over exhausted asks, halving the path.
    fn root(&mut self, mut position: usize) -> usize {
        while let Some(link) = self.next.get(position).copied().filter(|link| *link != position) {
            let beyond = self.next.get(link).copied().unwrap_or(link);
            if let Some(slot) = self.next.get_mut(position) {
                *slot = beyond;
            }
            position = beyond;
        }
        position
    }
}

impl<'v, V: View> Ladder<'v, V> {
    pub(super) fn new(view: &'v V, rules: Rules<'v>) -> Self {
        Ladder {
            view,
            rules,
            keys: book_keys(view, rules.market, Side::Ask),
            pending: BTreeMap::new(),
            asks: Vec::new(),
            levels: Vec::new(),
            first_alive: 0,
            named: BTreeMap::new(),
            numbers: None,
        }
    }

    /// An ask by number.
    pub(super) fn ask(&self, number: usize) -> Result<&Ask<'v>, Fault> {
        self.asks.get(number).ok_or(Fault::Missing("ask"))
    }

    /// True if a seller has no other order in this book.
    pub(super) fn is_only_ask(&self, seller: MemberId) -> bool {
        self.view.open_orders(seller, self.rules.market) == 1
    }

    /// Deducts a fill.
    pub(super) fn take(&mut self, number: usize, quantity: Quantity) -> Result<(), Fault> {
        let ask = self.asks.get_mut(number).ok_or(Fault::Missing("ask"))?;
        ask.open = ask.open.checked_sub(quantity).ok_or(Fault::Missing("open quantity"))?;
        ask.filled = ask.filled.checked_add(quantity).ok_or(Fault::Missing("open quantity"))?;
        if ask.open.is_zero()
            && let Some(level) = ask.level.and_then(|level| self.levels.get_mut(level))
        {
            level.alive = level.alive.saturating_sub(1);
        }
        Ok(())
    }

    /// What filled of each ask, by id.
    pub(super) fn filled(&self) -> Vec<(OrderId, Quantity)> {
        let mut list: Vec<_> = self.asks.iter().filter(|ask| !ask.filled.is_zero()).map(|ask| (ask.order.id, ask.filled)).collect();
        list.sort_unstable();
        list
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
            let queue = found.queues.first_mut().ok_or(Fault::Missing("level"))?;
            if let Some((at, ask)) = queue.alive(position, usize::MAX, &self.asks) {
                return Ok(Some((ask, (level, at.saturating_add(1)))));
            }
            (level, position) = (level.saturating_add(1), 0);
        }
    }

    /// The next candidate of a bid.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn next(&mut self, cursor: &mut Cursor, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        if cursor.in_named {
            if let Some(seller) = cursor.named
                && let Some(candidate) = self.next_named(cursor, seller, parties)?
            {
                return Ok(Some(candidate));
            }
            cursor.in_named = false;
            cursor.span = None;
        }
        if cursor.only_named {
            return Ok(None);
        }
        self.next_by_price(cursor, parties)
    }

    fn next_named(&mut self, cursor: &mut Cursor, seller: usize, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        let start = cursor.span.map_or(0, |(start, _)| start);
        loop {
            if let Some(named) = self.named.get_mut(&seller)
                && let Some((position, number)) = named.queue.alive(start, usize::MAX, &self.asks)
            {
                let ask = self.asks.get(number).ok_or(Fault::Missing("ask"))?;
                if ask.price > cursor.bound {
                    return Ok(None);
                }
                cursor.span = Some((position.saturating_add(1), 0));
                return Ok(Some(Candidate { ask: number, rank: (true, ask.price, 0, 0, ask.order.height) }));
            }
            if !self.read_named(seller, cursor.bound, parties)? {
                return Ok(None);
            }
        }
    }

    fn next_by_price(&mut self, cursor: &mut Cursor, parties: &mut Parties<'v>) -> Result<Option<Candidate>, Fault> {
        cursor.level = cursor.level.max(self.first_alive);
        loop {
            if cursor.level >= self.levels.len() && !self.read_level(cursor.bound, parties)? {
                return Ok(None);
            }
            let Some(level) = self.levels.get_mut(cursor.level) else { return Ok(None) };
            if level.price > cursor.bound {
                return Ok(None);
            }
            let buyer = parties.get(cursor.buyer)?;
            let (start, end) = match cursor.span {
                Some(span) => span,
                None if level.alive == 0 => (0, 0),
                None => level.span(cursor.depth, buyer)?,
            };
            let queue = level.queue(cursor.depth)?;
            let Some((position, number)) = queue.alive(start, end, &self.asks) else {
                cursor.span = None;
                match cursor.depth.checked_sub(1).filter(|_| level.alive > 0) {
                    Some(depth) => cursor.depth = depth,
                    None => (cursor.level, cursor.depth) = (cursor.level.saturating_add(1), TIERS.saturating_sub(1)),
                }
                continue;
            };
            cursor.span = Some((position.saturating_add(1), end));
            let ask = self.asks.get(number).ok_or(Fault::Missing("ask"))?;
            let nearest = parties.get(ask.seller)?.shared_depth(buyer);
            if nearest == cursor.depth && cursor.named != Some(ask.seller) {
                return Ok(Some(Candidate { ask: number, rank: (false, level.price, cursor.level, cursor.depth, ask.order.height) }));
            }
        }
    }

    /// Completes the next level up to `bound`: reads the index until nothing behind it can be cheaper than what is pending.
    fn read_level(&mut self, bound: Price, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        loop {
            let pending = self.pending.first_key_value().map(|((price, _), _)| *price);
            let behind = self.keys.peek().map(|(rank, _)| Price::from_micro_chf(*rank)).filter(|rank| *rank <= bound);
            match (pending, behind) {
                // A limit never exceeds its effective price, so equal ones may still join the level.
                (Some(price), Some(rank)) if rank > price => break,
                (Some(price), None) if price <= bound => break,
                (_, None) => return Ok(false),
                (_, Some(_)) => {}
            }
            if let Some((_, id)) = self.keys.next() {
                self.number(id, parties)?;
            }
        }
        let Some(((price, _), mut numbers)) = self.pending.pop_first() else { return Ok(false) };
        numbers.sort_unstable_by_key(|n| self.asks.get(*n).map(|ask| ask.age));
        let number = self.levels.len();
        let mut alive: usize = 0;
        for ask in &numbers {
            if let Some(ask) = self.asks.get_mut(*ask) {
                ask.level = Some(number);
                alive = alive.saturating_add(usize::from(!ask.open.is_zero()));
            }
        }
        let queues = level_queues(numbers, &self.asks, parties)?;
        self.levels.push(Level { price, alive, queues });
        Ok(true)
    }

    /// The number of an active ask; one that is met for the first time is added to what is pending.
    fn number(&mut self, id: OrderId, parties: &mut Parties<'v>) -> Result<Option<usize>, Fault> {
        if let Some(number) = self.numbers.as_ref().and_then(|numbers| numbers.get(&id)) {
            return Ok(Some(*number));
        }
        let order = self.view.get::<Orders>(&id).ok_or(Fault::Missing("order of the index"))?;
        let open = offered(self.view, order, self.rules.now, self.rules.params.lot);
        if open.is_zero() || !is_active(order, self.rules.now) {
            return Ok(None);
        }
        let seller = parties.number(order.member)?;
        let party = parties.get(seller)?;
        let price = effective_price(order, self.rules.reference, party.member.reputation, self.rules.params);
        let number = self.asks.len();
        self.pending.entry((price, Reverse(party.bucket))).or_default().push(number);
        self.asks.push(Ask { order, seller, price, open, filled: Quantity::ZERO, age: parties::age(order, party), level: None });
        if let Some(numbers) = &mut self.numbers {
            numbers.insert(id, number);
        }
        Ok(Some(number))
    }

    /// Adds the next ask of a seller up to `bound` to its queue; false when there is none.
    fn read_named(&mut self, seller: usize, bound: Price, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        let asks = &self.asks;
        self.numbers.get_or_insert_with(|| asks.iter().enumerate().map(|(number, ask)| (ask.order.id, number)).collect());
        let mut named = match self.named.remove(&seller) {
            Some(named) => named,
            None => {
                let keys = owner_keys(self.view, self.rules.market, parties.get(seller)?.member.owner);
                Named { keys, pending: BTreeMap::new(), queue: Queue::new(Vec::new()) }
            }
        };
        loop {
            let first = named.pending.first_key_value().map(|((price, _), _)| price.micro_chf());
            let limit = first.map_or(bound, |price| bound.min(Price::from_micro_chf(price)));
            let Some((_, id)) = named.keys.next_if(|(rank, _)| *rank <= limit.micro_chf()) else { break };
            let Some(number) = self.number(id, parties)? else { continue };
            let ask = self.asks.get(number).ok_or(Fault::Missing("ask"))?;
            if ask.seller == seller {
                named.pending.insert((ask.price, ask.age), number);
            }
        }
        let first = named.pending.first_entry().filter(|entry| entry.key().0 <= bound).map(|entry| entry.remove());
        first.into_iter().for_each(|number| named.queue.push(number));
        self.named.insert(seller, named);
        Ok(first.is_some())
    }
}

/// Asks of an owner in a book: (rank, order), best rank first.
fn owner_keys<'v, V: View>(view: &'v V, market: Market, owner: OwnerId) -> Keys<'v> {
    let side = Side::Ask;
    let first = IndexKey::OwnerBook { owner, market, side, rank: 0, order: OrderId::from_hash(Hash::ZERO) };
    let keys = view.index(first..).map_while(move |key| match key {
        IndexKey::OwnerBook { owner: o, market: m, side: s, rank, order } if (o, m, s) == (owner, market, side) => Some((rank, order)),
        _ => None,
    });
    let boxed: Box<dyn Iterator<Item = (u64, OrderId)> + 'v> = Box::new(keys);
    boxed.peekable()
}

/// Queues of a level: one by age; for a large one also four by (class of place, age).
fn level_queues(by_age: Vec<usize>, asks: &[Ask<'_>], parties: &Parties<'_>) -> Result<Vec<Queue>, Fault> {
    let mut queues = Vec::new();
    if by_age.len() > SMALL_LEVEL {
        let mut keyed = Vec::with_capacity(by_age.len());
        for depth in 1..TIERS {
            keyed.clear();
            for (place, number) in by_age.iter().enumerate() {
                let ask = asks.get(*number).ok_or(Fault::Missing("ask"))?;
                keyed.push((parties.get(ask.seller)?.class(depth), place, *number));
            }
            // Within a class the order by age stays.
            keyed.sort_unstable();
            let mut queue = Queue::new(keyed.iter().map(|(_, _, number)| *number).collect());
            queue.classes = keyed.iter().map(|(class, _, _)| *class).collect();
            queues.push(queue);
        }
    }
    queues.insert(0, Queue::new(by_age));
    Ok(queues)
}

impl Level {
    fn queue(&mut self, depth: usize) -> Result<&mut Queue, Fault> {
        let depth = if self.queues.len() > 1 { depth } else { 0 };
        self.queues.get_mut(depth).ok_or(Fault::Missing("level"))
    }

    /// The part of the queue of `depth` that shares the buyer's class.
    fn span(&mut self, depth: usize, buyer: &Party<'_>) -> Result<(usize, usize), Fault> {
        if depth == 0 || self.queues.len() == 1 {
            return Ok((0, usize::MAX));
        }
        let wanted = buyer.class(depth);
        let classes = &self.queue(depth)?.classes;
        let start = classes.partition_point(|class| *class < wanted);
        let length = classes.get(start..).map_or(0, |rest| rest.partition_point(|class| *class == wanted));
        Ok((start, start.saturating_add(length)))
    }
}
