//! Asks of one price and reputation bucket, in the orders in which bids walk them (MARKET 5).
//!
//! A candidate's distance depends on the bid. A level of more than a few asks keeps one queue for each tier, sorted by class of place: of the queue
//! of a depth a bid walks the part of its own class, and leaves out those of its class one deeper, which it met before.

use super::asks::Ask;
use super::lists::{index, small};
use super::parties::{NO_CLASS, Parties, Party, TIERS};
use crate::amount::Price;
use crate::execute::Fault;

/// Levels up to this many asks are scanned instead of sorted by place.
const SMALL_LEVEL: usize = 8;

/// Asks of one price and reputation bucket.
#[derive(Debug)]
pub(super) struct Level {
    pub price: Price,
    /// Open asks.
    pub alive: usize,
    /// One by age; in a large level four more, by (class at depth 1 to 4, age).
    queues: Vec<Queue>,
}

/// Asks in an order, with links over the exhausted ones.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: Vec<Entry>,
    /// Where the classes begin and end, where the order is by them; by class.
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    ask: u32,
    /// The first position from this one on that may be open.
    next: u32,
    /// The seller's class one depth deeper than the queue's.
    inner: u32,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    class: u32,
    first: usize,
    end: usize,
}

/// What a bid has left to walk of a level at a depth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    depth: usize,
    first: usize,
    position: usize,
    end: usize,
    /// The class of those that it met at a depth nearer to it.
    met: u32,
}

impl Walk {
    /// Asks of the class, those that it leaves out among them.
    pub(super) fn length(&self) -> usize {
        self.end.saturating_sub(self.first)
    }
}

impl Queue {
    pub(super) fn push(&mut self, ask: usize) {
        self.add(ask, NO_CLASS);
    }

    fn add(&mut self, ask: usize, inner: u32) {
        self.entries.push(Entry { ask: small(ask), next: small(self.entries.len()), inner });
    }

    /// The first position from `position` on whose ask is open, with it.
    pub(super) fn open(&mut self, position: usize, all: &[Ask<'_>]) -> Option<(usize, usize)> {
        self.open_of(&Walk { depth: 0, first: 0, position, end: usize::MAX, met: NO_CLASS }, all)
    }

    #[inline]
    fn open_of(&mut self, walk: &Walk, all: &[Ask<'_>]) -> Option<(usize, usize)> {
        let mut position = walk.position;
        loop {
            let mut entry = *self.entries.get(position)?;
            if index(entry.next) != position {
                position = self.root(position);
                entry = *self.entries.get(position)?;
            }
            if position >= walk.end {
                return None;
            }
            // What is exhausted is linked over once for all. What is open and was met was a candidate, of which a bid has so many at most.
            let ask = index(entry.ask);
            if all.get(ask).is_none_or(|ask| ask.open.is_zero()) {
                self.link_over(position);
            } else if entry.inner == walk.met && walk.met != NO_CLASS {
                position = position.saturating_add(1);
            } else {
                return Some((position, ask));
            }
        }
    }

    fn link_over(&mut self, position: usize) {
        if let Some(entry) = self.entries.get_mut(position) {
            entry.next = small(position.saturating_add(1));
        }
    }

    /// Follows links over exhausted asks, halving the path.
    #[inline]
    fn root(&mut self, mut position: usize) -> usize {
        while let Some(link) = self.entries.get(position).map(|entry| entry.next).filter(|link| index(*link) != position) {
            let beyond = self.entries.get(index(link)).map_or(link, |entry| entry.next);
            if let Some(entry) = self.entries.get_mut(position) {
                entry.next = beyond;
            }
            position = index(beyond);
        }
        position
    }
}

impl Level {
    /// A level of the asks of these numbers, older first.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known.
    pub(super) fn new(price: Price, by_age: &[usize], asks: &[Ask<'_>], parties: &Parties<'_>) -> Result<Self, Fault> {
        let mut first = Queue::default();
        let mut sellers = Vec::with_capacity(by_age.len());
        let mut alive: usize = 0;
        for number in by_age {
            let ask = asks.get(*number).ok_or(Fault::Missing("ask"))?;
            let seller = parties.get(ask.seller())?;
            alive = alive.saturating_add(usize::from(!ask.open.is_zero()));
            first.add(*number, seller.class(1));
            sellers.push(seller);
        }
        let mut queues = vec![first];
        if by_age.len() > SMALL_LEVEL {
            for depth in 1..TIERS {
                queues.push(by_class(by_age, &sellers, depth));
            }
        }
        Ok(Level { price, alive, queues })
    }

    /// All of it that a bid of `buyer` has not met at the depth before, a walk of so many asks.
    pub(super) fn walk(&self, depth: usize, buyer: &Party<'_>, before: usize) -> Walk {
        let none = Walk { depth, first: 0, position: 0, end: 0, met: NO_CLASS };
        if self.alive == 0 {
            return none;
        }
        let all = Walk { end: self.queues.first().map_or(0, |queue| queue.entries.len()), ..none };
        if self.is_small() {
            return all;
        }
        let met = buyer.class(depth.saturating_add(1));
        let walk = if depth == 0 {
            Walk { met, ..all }
        } else {
            let wanted = buyer.class(depth);
            let spans = self.queues.get(depth).map_or(&[][..], |queue| &queue.spans);
            let span = spans.binary_search_by_key(&wanted, |span| span.class).ok().and_then(|place| spans.get(place));
            span.map_or(none, |span| Walk { depth, first: span.first, position: span.first, end: span.end, met })
        };
        // Where the class one deeper is all of this one, nothing is left.
        if walk.length() == before { Walk { position: walk.end, ..walk } } else { walk }
    }

    /// The next open ask of a walk.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known.
    #[inline]
    pub(super) fn next(&mut self, walk: &mut Walk, buyer: usize, asks: &[Ask<'_>], parties: &Parties<'_>) -> Result<Option<usize>, Fault> {
        if self.is_small() {
            return self.scan(walk, parties.get(buyer)?, asks, parties);
        }
        let found = self.queues.get_mut(walk.depth).and_then(|queue| queue.open_of(walk, asks));
        Ok(found.map(|(position, number)| {
            walk.position = position.saturating_add(1);
            number
        }))
    }

    fn scan(&mut self, walk: &mut Walk, buyer: &Party<'_>, asks: &[Ask<'_>], parties: &Parties<'_>) -> Result<Option<usize>, Fault> {
        while let Some((position, number)) = self.open(walk.position, asks) {
            walk.position = position.saturating_add(1);
            let ask = asks.get(number).ok_or(Fault::Missing("ask"))?;
            if parties.get(ask.seller())?.shared_depth(buyer) == walk.depth {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The first open ask from `position` on, by age, with its position.
    pub(super) fn open(&mut self, position: usize, asks: &[Ask<'_>]) -> Option<(usize, usize)> {
        self.queues.first_mut()?.open(position, asks)
    }

    fn is_small(&self) -> bool {
        self.queues.len() == 1
    }
}

/// The asks by (class at a depth, age).
fn by_class(by_age: &[usize], sellers: &[&Party<'_>], depth: usize) -> Queue {
    // Class and place in one word sort faster than apart.
    let key = |(place, seller): (usize, &&Party<'_>)| (u64::from(seller.class(depth)) << 32) | u64::try_from(place).unwrap_or(u64::MAX);
    let mut keys: Vec<u64> = sellers.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    let mut queue = Queue { entries: Vec::with_capacity(keys.len()), spans: Vec::new() };
    for key in keys {
        let place = usize::try_from(key & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        let (Some(number), Some(seller)) = (by_age.get(place), sellers.get(place)) else { continue };
        let class = seller.class(depth);
        let first = queue.entries.len();
        queue.add(*number, seller.class(depth.saturating_add(1)));
        match queue.spans.last_mut().filter(|span| span.class == class) {
            Some(span) => span.end = queue.entries.len(),
            None => queue.spans.push(Span { class, first, end: queue.entries.len() }),
        }
    }
    queue
}
