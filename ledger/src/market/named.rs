//! The asks of one seller, best first: of one that a bid names or began to fill at. Read, like the ladder, only as far as needed.

use super::asks::Asks;
use super::level::Queue;
use super::parties::{OwnAge, Parties, own_age};
use crate::amount::Price;
use crate::execute::Fault;
use crate::state::{OwnerOrders, View};
use crate::transaction::Side;
use std::collections::BTreeMap;
use std::iter::Peekable;

/// A seller's asks.
pub(super) struct Named<'v> {
    seller: usize,
    /// Asks of its owner.
    keys: Peekable<OwnerOrders<'v>>,
    /// Read, but there may be cheaper ones behind the index.
    pending: BTreeMap<(Price, OwnAge), usize>,
    queue: Queue,
}

impl<'v> Named<'v> {
    /// Before the first of them.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a seller that is not known.
    pub(super) fn new<V: View>(asks: &mut Asks<'v, V>, seller: usize, parties: &Parties<'v>) -> Result<Self, Fault> {
        asks.remember_numbers();
        let keys = asks.view().owner_book(parties.get(seller)?.member.owner, asks.market(), Side::Ask).peekable();
        Ok(Named { seller, keys, pending: BTreeMap::new(), queue: Queue::default() })
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
            let first = self.pending.first_key_value().map(|((price, _), _)| price.micro_chf());
            let limit = first.map_or(bound, |price| bound.min(Price::from_micro_chf(price)));
            let Some((_, id)) = self.keys.next_if(|(rank, _)| *rank <= limit.micro_chf()) else { break };
            let Some(number) = asks.number(&id, parties)? else { continue };
            let ask = asks.get(number)?;
            if ask.seller() == self.seller {
                self.pending.insert((ask.price, own_age(ask.order)), number);
            }
        }
        let first = self.pending.first_entry().filter(|entry| entry.key().0 <= bound).map(|entry| entry.remove());
        first.into_iter().for_each(|number| self.queue.push(number));
        Ok(first.is_some())
    }
}
