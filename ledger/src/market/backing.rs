//! What backs the asks of one auction: certified capacity and solar forecast of their sellers, with the fills of the auction booked at once.

use super::capacity::{self, Loads};
use super::pair::Pair;
use super::solar::Promises;
use crate::amount::Quantity;
use crate::ids::{MemberId, OrderId};
use crate::limits::BACKING_PER_CHECK;
use crate::state::{Order, View, window_slots};
use crate::storage;
use crate::time::{MarketTime, Slot};
use crate::transaction::Product;
use std::collections::BTreeMap;

/// Reads a seller's loads and promises when one of its asks is first looked at.
#[derive(Debug)]
pub(super) struct Backing<'v, V> {
    view: &'v V,
    now: MarketTime,
    lot: Quantity,
    loads: BTreeMap<MemberId, Loads>,
    promises: BTreeMap<MemberId, Promises>,
    /// MB that a seller's contracts hold, with the number of them.
    held: BTreeMap<MemberId, (Quantity, usize)>,
    journal: Vec<Booking>,
    /// Entries gone through to find what is left.
    walked: u64,
}

/// A fill as it was booked.
#[derive(Clone, Copy, Debug)]
struct Booking {
    seller: MemberId,
    ask: OrderId,
    quantity: u64,
    /// Ends of the ask's and the trade's windows.
    load: Option<(MarketTime, MarketTime)>,
    /// Slots of the trade's window.
    solar: Option<(Slot, Slot)>,
    /// It is storage.
    storage: bool,
}

impl<'v, V: View> Backing<'v, V> {
    pub(super) fn new(view: &'v V, now: MarketTime, lot: Quantity) -> Self {
        Backing { view, now, lot, loads: BTreeMap::new(), promises: BTreeMap::new(), held: BTreeMap::new(), journal: Vec::new(), walked: 0 }
    }

    pub(super) fn now(&self) -> MarketTime {
        self.now
    }

    /// Checks that what was gone through so far is worth (MARKET 5).
    pub(super) fn checks(&self) -> u64 {
        self.walked.checked_div(BACKING_PER_CHECK).unwrap_or(0)
    }

    /// What of the ask can be matched within `product`, in whole lots.
    pub(super) fn room(&mut self, pair: &Pair<'_>, product: &Product) -> Quantity {
        let mut room = pair.offered;
        if let (Product::Compute { from, until }, Product::Compute { until: ask_until, .. }) = (*product, pair.ask.terms.product) {
            let watts = pair.seller.capacity.compute_watts;
            let filled = pair.agreed.map_or(0, |a| a.filled.get());
            let window = capacity::energy(watts, from.max(self.now), until).saturating_sub(filled);
            let now = self.now;
            let loads = self.loads(pair.ask.member);
            let (due, entries) = (loads.room(watts, now, until, ask_until), loads.entries(watts, now, until));
            self.walk(entries);
            room = room.min(Quantity::new(window)).min(Quantity::new(due));
        }
        if let Product::Storage { .. } = product {
            let certified = capacity::certified_storage(pair.seller);
            let (held, entries) = self.held(pair.ask.member);
            self.walk(entries);
            room = room.min(certified.saturating_sub(held));
        }
        // An energy slot never narrows and lies ahead: what its asks and trades promise stays within its forecast by admission.
        if let Some((first, last)) = solar_window(pair.ask, product, self.now) {
            let promises = self.promises(pair.ask.member);
            let (forecast, entries) = (promises.room(Some(pair.ask.id), first, last, pair.offered), promises.len());
            room = room.min(forecast);
            self.walk(entries);
        }
        room.floor_to(self.lot).unwrap_or(Quantity::ZERO)
    }

    fn walk(&mut self, entries: usize) {
        self.walked = self.walked.saturating_add(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    /// Books a fill, so that the next candidate of the seller sees it.
    pub(super) fn book(&mut self, ask: &Order, product: &Product, quantity: Quantity) {
        let load = match (*product, ask.terms.product) {
            (Product::Compute { until, .. }, Product::Compute { until: ask_until, .. }) => Some((ask_until, until)),
            _ => None,
        };
        let solar = solar_window(ask, product, self.now);
        let storage = matches!(product, Product::Storage { .. });
        let booking = Booking { seller: ask.member, ask: ask.id, quantity: quantity.get(), load, solar, storage };
        self.apply(&booking, false);
        self.journal.push(booking);
    }

    /// A mark to undo to.
    pub(super) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Undoes the fills booked since `mark`.
    pub(super) fn undo(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some(booking) = self.journal.pop() else { return };
            self.apply(&booking, true);
        }
    }

    fn apply(&mut self, booking: &Booking, undo: bool) {
        let Booking { seller, ask, quantity, load, solar, storage } = *booking;
        if storage {
            let (held, entries) = self.held(seller);
            let now = if undo { held.get().saturating_sub(quantity) } else { held.get().saturating_add(quantity) };
            self.held.insert(seller, (Quantity::new(now), entries));
        }
        if let Some((ask_until, until)) = load {
            self.loads(seller).book(ask_until, until, quantity, undo);
        }
        if let Some((first, last)) = solar {
            self.promises(seller).book(ask, first, last, quantity, undo);
        }
    }

    fn loads(&mut self, seller: MemberId) -> &mut Loads {
        let view = self.view;
        self.loads.entry(seller).or_insert_with(|| Loads::read(view, seller))
    }

    fn held(&mut self, seller: MemberId) -> (Quantity, usize) {
        let view = self.view;
        *self.held.entry(seller).or_insert_with(|| storage::held(view, seller, false))
    }

    fn promises(&mut self, seller: MemberId) -> &mut Promises {
        let (view, now) = (self.view, self.now);
        self.promises.entry(seller).or_insert_with(|| Promises::read(view, seller, now))
    }
}

/// The slots whose forecast must back a fill: those of a compute window ahead.
fn solar_window(ask: &Order, product: &Product, now: MarketTime) -> Option<(Slot, Slot)> {
    let backed = ask.terms.solar && matches!(product, Product::Compute { .. });
    window_slots(product, Some(now)).filter(|_| backed)
}
