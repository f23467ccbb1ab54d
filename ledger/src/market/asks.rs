//! The asks that one auction has met: numbered as they are read, each with what is left of it.

use super::lists::{fetch, index, push, small};
use super::pair::{is_active, is_plain, offered, whole_lots};
use super::parties::Parties;
use super::price::effective_price;
use crate::amount::{Price, Quantity};
use crate::execute::Fault;
use crate::ids::{Height, MemberId, OrderId};
use crate::params::ResourceParams;
use crate::state::{Order, Orders, View};
use crate::time::MarketTime;
use crate::transaction::{Market, Side};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// An ask as the auction goes on: what every candidate is asked, in as many bytes as a processor reads at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'v> {
    pub order: &'v Order,
    pub price: Price,
    /// Still open, fills of this auction deducted.
    pub open: Quantity,
    /// What of it is whole lots.
    pub whole: Quantity,
    /// Fills of this auction.
    filled: Quantity,
    /// Block of the order.
    pub height: Height,
    seller: u32,
    /// Number of the order's owner ([`Parties::owner`]).
    pub owner: u32,
    /// The level that it stands in, once that is complete; before that [`NO_LEVEL`].
    level: u32,
    /// See [`is_plain`].
    pub plain: bool,
}

/// The level of an ask that stands in none.
const NO_LEVEL: u32 = u32::MAX;

const _: () = assert!(size_of::<Ask<'_>>() <= 64);

impl Ask<'_> {
    /// Number of the seller.
    #[inline]
    pub(super) fn seller(&self) -> usize {
        index(self.seller)
    }
}

/// What asks are read by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'v> {
    pub market: Market,
    pub now: MarketTime,
    pub reference: Price,
    pub params: &'v ResourceParams,
}

/// All asks that were met.
pub(super) struct Asks<'v, V> {
    view: &'v V,
    rules: Rules<'v>,
    list: Vec<Ask<'v>>,
    /// Ids of all of them.
    ids: Vec<OrderId>,
    /// Those that stand in no level yet, by (effective price, bucket down).
    pending: BTreeMap<(Price, Reverse<u32>), Vec<usize>>,
    /// From the first search for a seller's asks on.
    numbers: Option<Numbers>,
    /// Orders that are being read; keeps its memory.
    found: Vec<&'v Order>,
}

/// Numbers of asks by the heads of their ids, which are rarely alike.
#[derive(Debug, Default)]
struct Numbers {
    first: BTreeMap<u64, u32>,
    /// Of those whose head another one has.
    others: BTreeMap<OrderId, u32>,
}

impl Numbers {
    fn of(ids: &[OrderId]) -> Self {
        let mut numbers = Numbers::default();
        ids.iter().enumerate().for_each(|(number, id)| numbers.insert(id, number));
        numbers
    }

    fn insert(&mut self, id: &OrderId, number: usize) {
        match self.first.entry(id.hash().head()) {
            Entry::Vacant(entry) => drop(entry.insert(small(number))),
            Entry::Occupied(_) => drop(self.others.insert(*id, small(number))),
        }
    }

    fn get(&self, id: &OrderId, ids: &[OrderId]) -> Option<usize> {
        let number = index(*self.first.get(&id.hash().head())?);
        if ids.get(number) == Some(id) { Some(number) } else { self.others.get(id).copied().map(index) }
    }
}

impl<'v, V: View> Asks<'v, V> {
    pub(super) fn new(view: &'v V, rules: Rules<'v>) -> Self {
        Asks { view, rules, list: Vec::new(), ids: Vec::new(), pending: BTreeMap::new(), numbers: None, found: Vec::new() }
    }

    /// What the auction reads from.
    pub(super) fn view(&self) -> &'v V {
        self.view
    }

    /// The market of the auction.
    pub(super) fn market(&self) -> Market {
        self.rules.market
    }

    /// All of them, by number.
    pub(super) fn list(&self) -> &[Ask<'v>] {
        &self.list
    }

    /// An ask by number.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Result<&Ask<'v>, Fault> {
        self.list.get(number).ok_or(Fault::Missing("ask"))
    }

    /// True if a seller has no other order in this book.
    pub(super) fn is_only(&self, seller: MemberId) -> bool {
        self.view.open_orders(seller, self.rules.market) == 1
    }

    /// Deducts a fill. The level that has one open ask less now.
    ///
    /// # Errors
    /// [`Fault::Missing`] for a number that is not known, and for more than is open.
    #[inline]
    pub(super) fn take(&mut self, number: usize, quantity: Quantity) -> Result<Option<usize>, Fault> {
        let ask = self.list.get_mut(number).ok_or(Fault::Missing("ask"))?;
        ask.open = ask.open.checked_sub(quantity).ok_or(Fault::Missing("open quantity"))?;
        ask.whole = if ask.open.is_zero() { Quantity::ZERO } else { whole_lots(ask.open, self.rules.params.lot) };
        ask.filled = ask.filled.checked_add(quantity).ok_or(Fault::Missing("open quantity"))?;
        Ok(Some(index(ask.level)).filter(|_| ask.open.is_zero() && ask.level != NO_LEVEL))
    }

    /// What filled of each ask, by id.
    pub(super) fn filled(&self) -> Vec<(OrderId, Quantity)> {
        let mut list: Vec<_> = self.list.iter().filter(|ask| !ask.filled.is_zero()).map(|ask| (ask.order.id, ask.filled)).collect();
        list.sort_unstable();
        list
    }

    /// From here on [`Asks::meet`] knows an ask that it met before.
    pub(super) fn remember_numbers(&mut self) {
        let ids = &self.ids;
        self.numbers.get_or_insert_with(|| Numbers::of(ids));
    }

    /// The ids of all of them, by number.
    pub(super) fn into_ids(self) -> Vec<OrderId> {
        self.ids
    }

    /// Adds the numbers of the active ones of these asks to `numbers`, in any order; those that are met for the first time are added to what is
    /// pending.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the index names what is not there.
    pub(super) fn meet(&mut self, ids: &[OrderId], parties: &mut Parties<'v>, numbers: &mut Vec<usize>) -> Result<(), Fault> {
        // First found, then looked at, so that the processor waits for many of them at once.
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        for id in ids {
            match self.known(id) {
                Some(number) => numbers.push(number),
                None => found.push(self.order(id)?),
            }
        }
        fetch(&found);
        found.retain(|order| is_active(order, self.rules.now));
        for order in &found {
            numbers.extend(self.add(order, parties)?);
        }
        self.found = found;
        Ok(())
    }

    fn known(&self, id: &OrderId) -> Option<usize> {
        self.numbers.as_ref()?.get(id, &self.ids)
    }

    fn order(&self, id: &OrderId) -> Result<&'v Order, Fault> {
        self.view.get::<Orders>(id).ok_or(Fault::Missing("order of the index"))
    }

    fn add(&mut self, order: &'v Order, parties: &mut Parties<'v>) -> Result<Option<usize>, Fault> {
        let open = offered(self.view, order, self.rules.now, self.rules.params.lot);
        if open.is_zero() {
            return Ok(None);
        }
        let seller = parties.number(order.member)?;
        let owner = parties.owner(order, seller)?;
        let party = parties.get(seller)?;
        let price = effective_price(order, self.rules.reference, party.member.reputation, self.rules.params);
        let number = self.list.len();
        self.pending.entry((price, Reverse(party.bucket))).or_default().push(number);
        let ask = Ask {
            order,
            seller: small(seller),
            owner,
            price,
            open,
            whole: whole_lots(open, self.rules.params.lot),
            filled: Quantity::ZERO,
            level: NO_LEVEL,
            height: order.height,
            plain: is_plain(order, self.rules.now),
        };
        push(&mut self.list, ask);
        push(&mut self.ids, order.id);
        if let Some(numbers) = &mut self.numbers {
            numbers.insert(&order.id, number);
        }
        Ok(Some(number))
    }

    /// The lowest price that stands in no level yet.
    pub(super) fn cheapest_pending(&self) -> Option<Price> {
        self.pending.first_key_value().map(|((price, _), _)| *price)
    }

    /// The best that stand in no level yet, older first, with their price; they stand in `level` now.
    ///
    /// # Errors
    /// [`Fault::Missing`]: our own bug.
    pub(super) fn take_pending(&mut self, level: usize, parties: &Parties<'v>) -> Result<Option<(Price, Vec<usize>)>, Fault> {
        let Some(((price, _), numbers)) = self.pending.pop_first() else { return Ok(None) };
        let mut by_age = Vec::with_capacity(numbers.len());
        for number in numbers {
            let ask = self.list.get_mut(number).ok_or(Fault::Missing("ask"))?;
            ask.level = small(level);
            by_age.push((parties.age(ask.order, ask.seller())?, number));
        }
        parties.sort(Side::Ask, &mut by_age, |(age, _)| *age);
        Ok(Some((price, by_age.into_iter().map(|(_, number)| number).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;

    #[test]
    fn asks_are_found_by_their_id_even_if_others_begin_alike() {
        let id = |first: u8, last: u8| OrderId::from_hash(Hash::from_bytes(std::array::from_fn(|i| if i < 8 { first } else { last })));
        let ids = [id(1, 1), id(2, 1), id(1, 2), id(1, 0), id(3, 1), id(2, 9)];
        let (before, after) = ids.split_at(2);
        let mut numbers = Numbers::of(before);
        after.iter().enumerate().for_each(|(place, id)| numbers.insert(id, before.len() + place));
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(numbers.get(id, &ids), Some(number));
        }
        assert_eq!([id(1, 9), id(9, 1)].map(|unknown| numbers.get(&unknown, &ids)), [None, None]);
    }
}
