//! What backs the asks of one auction: certified capacity and solar forecast of their sellers, with the fills of the auction booked at once.

use super::capacity::{self, Loads};
use super::lists::push;
use super::pair::{Pair, whole_lots};
use super::solar::Promises;
use crate::amount::Quantity;
use crate::ids::MemberId;
use crate::limits::BACKING_PER_CHECK;
use crate::state::{Order, View, window_slots};
use crate::storage;
use crate::time::{MarketTime, Slot};
use crate::transaction::Product;
use std::collections::BTreeMap;

/// Reads what a seller owes when one of its asks is first looked at: the sum of its loads, and each of them only where not all fit. It serves
/// one market, so that loads are of one resource.
#[derive(Debug)]
pub(super) struct Backing<'v, V> {
    view: &'v V,
    now: MarketTime,
    lot: Quantity,
    /// By the numbers of sellers.
    owed: BTreeMap<usize, Owed>,
    promises: BTreeMap<MemberId, Promises>,
    /// MB that a seller's contracts hold, with the number of them.
    held: BTreeMap<MemberId, (Quantity, usize)>,
    journal: Vec<Booking<'v>>,
    /// Entries gone through to find what is left.
    walked: u64,
}

/// What one seller's servers owe.
#[derive(Debug)]
struct Owed {
    /// Wh or milli-hours in all; a fill does not change it.
    total: u64,
    /// By time, once it was needed.
    loads: Option<Loads>,
    /// The last booking of a fill.
    last: Option<usize>,
}

impl Owed {
    fn new(view: &impl View, ask: &Order) -> Self {
        Owed { total: view.load(ask.member, ask.market.resource()), loads: None, last: None }
    }
}

/// A fill as it was booked.
#[derive(Clone, Copy, Debug)]
struct Booking<'v> {
    ask: &'v Order,
    /// What was traded.
    product: Product,
    quantity: u64,
    /// Number of the seller.
    number: usize,
    /// The booking before it of the same seller.
    before: Option<usize>,
}

impl Booking<'_> {
    /// Ends of the ask's and the trade's windows.
    fn load(&self) -> Option<(MarketTime, MarketTime)> {
        self.ask.terms.product.window().zip(self.product.window()).map(|((_, ask_until), (_, until))| (ask_until, until))
    }

    fn is_storage(&self) -> bool {
        matches!(self.product, Product::Storage { .. })
    }
}

impl<'v, V: View> Backing<'v, V> {
    pub(super) fn new(view: &'v V, now: MarketTime, lot: Quantity) -> Self {
        Backing { view, now, lot, owed: BTreeMap::new(), promises: BTreeMap::new(), held: BTreeMap::new(), journal: Vec::new(), walked: 0 }
    }

    pub(super) fn now(&self) -> MarketTime {
        self.now
    }

    /// Checks that what was gone through so far is worth (MARKET 5).
    pub(super) fn checks(&self) -> u64 {
        self.walked.checked_div(BACKING_PER_CHECK).unwrap_or(0)
    }

    /// What of the ask can be matched within `product`, in whole lots.
    #[inline]
    pub(super) fn room(&mut self, pair: &Pair<'_>, product: &Product) -> Quantity {
        let room = if is_backed_by_admission(product) { pair.offered } else { self.backed(pair, product) };
        if room == pair.offered { pair.whole } else { whole_lots(room, self.lot) }
    }

    /// What of the ask the seller's capacity and forecast back within `product`.
    fn backed(&mut self, pair: &Pair<'_>, product: &Product) -> Quantity {
        let mut room = pair.offered;
        if let (Some((from, until)), Some((_, ask_until))) = (product.window(), pair.ask.terms.product.window()) {
            let resource = product.resource();
            let watts = pair.seller.capacity.per_hour(resource).unwrap_or(0);
            let filled = pair.agreed.map_or(0, |a| a.filled.get());
            let window = capacity::energy(watts, from.max(self.now), until).saturating_sub(filled);
            room = room.min(Quantity::new(window));
            // The total holds the ask itself: where all of it fits by `until`, it fits at every later time too.
            if self.owed(pair.number, pair.ask).total > capacity::energy(watts, self.now, until) {
                let now = self.now;
                let loads = self.loads(pair.number, pair.ask);
                let (due, entries) = (loads.room(watts, now, until, ask_until), loads.entries());
                self.walk(entries);
                room = room.min(Quantity::new(due));
            }
        }
        if let Product::Storage { .. } = product {
            let certified = capacity::certified_storage(pair.seller);
            let (held, entries) = self.held(pair.ask.member);
            self.walk(entries);
            room = room.min(certified.saturating_sub(held));
        }
        if let Some((first, last)) = solar_window(pair.ask, product, self.now) {
            let promises = self.promises(pair.ask.member);
            let (forecast, entries) = (promises.room(Some(pair.ask.id), first, last, pair.offered), promises.len());
            room = room.min(forecast);
            self.walk(entries);
        }
        room
    }

    fn walk(&mut self, entries: usize) {
        self.walked = self.walked.saturating_add(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    /// Books a fill of the seller of this number, so that its next candidate sees it.
    #[inline]
    pub(super) fn book(&mut self, number: usize, ask: &'v Order, product: &Product, quantity: Quantity) {
        if !is_backed_by_admission(product) {
            self.book_backed(Booking { ask, product: *product, quantity: quantity.get(), number, before: None });
        }
    }

    fn book_backed(&mut self, mut booking: Booking<'v>) {
        let place = self.journal.len();
        if booking.load().is_some() {
            booking.before = self.owed(booking.number, booking.ask).last.replace(place);
        }
        self.apply(&booking, false);
        push(&mut self.journal, booking);
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
            if booking.load().is_some() {
                self.owed(booking.number, booking.ask).last = booking.before;
            }
        }
    }

    fn apply(&mut self, booking: &Booking<'v>, undo: bool) {
        let Booking { ask, product, quantity, number, .. } = *booking;
        if booking.is_storage() {
            let (held, entries) = self.held(ask.member);
            let now = if undo { held.get().saturating_sub(quantity) } else { held.get().saturating_add(quantity) };
            self.held.insert(ask.member, (Quantity::new(now), entries));
        }
        if let Some((ask_until, until)) = booking.load()
            && let Some(loads) = &mut self.owed(number, ask).loads
        {
            loads.book(ask_until, until, quantity, undo);
        }
        if let Some((first, last)) = solar_window(ask, &product, self.now) {
            self.promises(ask.member).book(ask.id, first, last, quantity, undo);
        }
    }

    /// What the seller of this number owes, who placed the ask.
    fn owed(&mut self, number: usize, ask: &Order) -> &mut Owed {
        let view = self.view;
        self.owed.entry(number).or_insert_with(|| Owed::new(view, ask))
    }

    /// What a seller owes by time, with what was booked so far.
    fn loads(&mut self, number: usize, ask: &Order) -> &mut Loads {
        let view = self.view;
        let owed = self.owed.entry(number).or_insert_with(|| Owed::new(view, ask));
        let (journal, mut next) = (&self.journal, owed.last);
        owed.loads.get_or_insert_with(|| {
            let mut loads = Loads::read(view, ask.member, ask.market.resource());
            while let Some(booking) = next.and_then(|place| journal.get(place)) {
                if let Some((ask_until, until)) = booking.load() {
                    loads.book(ask_until, until, booking.quantity, false);
                }
                next = booking.before;
            }
            loads
        })
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

/// True where nothing is left to check in an auction: an energy slot never narrows and lies ahead, so what its asks and trades promise stays within
/// its forecast by admission; heat is there already.
fn is_backed_by_admission(product: &Product) -> bool {
    matches!(product, Product::Energy { .. } | Product::Heat)
}

/// The slots whose forecast must back a fill: those of a compute window ahead.
fn solar_window(ask: &Order, product: &Product, now: MarketTime) -> Option<(Slot, Slot)> {
    let backed = ask.terms.solar && matches!(product, Product::Compute { .. });
    if backed { window_slots(product, Some(now)) } else { None }
}
