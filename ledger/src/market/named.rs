//! The asks of one seller, best first: of one that a bid names or began to fill at. Read, like the ladder, only as far as needed.

use super::asks::Asks;
use super::level::Queue;
use super::lists::READ_TOGETHER;
use super::parties::{OwnAge, Parties, own_age};
use crate::amount::Price;
use crate::execute::Fault;
use crate::ids::OrderId;
use crate::state::{OwnerOrders, View};
use crate::transaction::Side;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::iter::Peekable;

/// A seller's asks.
pub(super) struct Named<'v> {
    seller: usize,
    /// Asks of its owner.
    keys: Peekable<OwnerOrders<'v>>,
    /// Read, but there may be cheaper ones behind the index. No two are alike in price and age.
    pending: BinaryHeap<Reverse<(Price, OwnAge, usize)>>,
    queue: Queue,
    /// Ids that are being read, and their numbers; keep their memory.
    ids: Vec<OrderId>,
    met: Vec<usize>,
}

impl<'v> Named<'v> {
    /// Before the first of them.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a seller that is not known.
    pub(super) fn new<V: View>(asks: &mut Asks<'v, V>, seller: usize, parties: &Parties<'v>) -> Result<Self, Fault> {
        asks.remember_numbers();
        let keys = asks.view().owner_book(parties.get(seller)?.member.owner, asks.market(), Side::Ask).peekable();
        Ok(Named { seller, keys, pending: BinaryHeap::new(), queue: Queue::default(), ids: Vec::new(), met: Vec::new() })
    }

    /// The first open ask from `position` on, if it costs at most `bound`; `position` is behind it then.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn next<V: View>(
        &mut self,
        position: &mut usize,
        bound: Price,
        asks: &mut Asks<'v, V>,
        parties: &mut Parties<'v>,
    ) -> Result<Option<usize>, Fault> {
        loop {
            if let Some((found, number)) = self.queue.open(*position, asks.list()) {
                if asks.get(number)?.price > bound {
                    return Ok(None);
                }
                *position = found.saturating_add(1);
                return Ok(Some(number));
            }
            if !self.read(bound, asks, parties)? {
                return Ok(None);
            }
        }
    }

    /// Adds the next ask up to `bound` to the queue; false when there is none.
    fn read<V: View>(&mut self, bound: Price, asks: &mut Asks<'v, V>, parties: &mut Parties<'v>) -> Result<bool, Fault> {
        loop {
            let limit = self.pending.peek().map_or(bound, |Reverse((price, ..))| bound.min(*price));
            self.ids.clear();
            while self.ids.len() < READ_TOGETHER
                && let Some((_, id)) = self.keys.next_if(|(rank, _)| *rank <= limit.micro_chf())
            {
                self.ids.push(id);
            }
            if self.ids.is_empty() {
                break;
            }
            self.met.clear();
            asks.meet(&self.ids, parties, &mut self.met)?;
            for number in &self.met {
                let ask = asks.get(*number)?;
                if ask.seller() == self.seller {
                    self.pending.push(Reverse((ask.price, own_age(ask.order), *number)));
                }
            }
        }
        let first = self.pending.peek_mut().filter(|first| first.0.0 <= bound).map(|first| PeekMut::pop(first).0.2);
        first.into_iter().for_each(|number| self.queue.push(number));
        Ok(first.is_some())
    }
}
