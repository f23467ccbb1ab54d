//! The index in memory: one ordered set for each kind of key.
//!
//! A set holds the fields of its kind alone, so that a comparison meets what can differ and a node of the set holds few bytes. The order over
//! all kinds is that of [`IndexKey`]: the kinds in their order of declaration, each in the order of its fields.

use super::HeatLotKey;
use super::index::{IndexKey, LoadSource, TimerId};
use super::index_changes::{Change, Changes};
use crate::amount::Quantity;
use crate::hash::Hash;
use crate::ids::{Height, LegId, MemberId, OrderId, OwnerId, PlaceId, ProposalId, TradeId};
use crate::member::Role;
use crate::time::{MarketTime, Slot};
use crate::transaction::{Market, Resource, Side};
use std::collections::btree_map::{self, BTreeMap};
use std::collections::btree_set::{self, BTreeSet};
use std::iter::Peekable;
use std::ops::{Bound, RangeBounds};

/// Keys of one kind, in the order in which [`IndexKey`] has them.
pub(super) trait Kind: Ord + Clone {
    /// The kind's place among all.
    const PLACE: Place;

    /// A key as one of this kind; `None` for one of another kind.
    fn of(key: &IndexKey) -> Option<Self>;

    /// The key.
    fn key(&self) -> IndexKey;
}

/// Declares kinds whose fields are those of their variant of [`IndexKey`].
macro_rules! plain {
    ($($kind:ident { $($part:ident: $type:ty),+ })+) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $kind { $(pub(super) $part: $type),+ }

        impl Kind for $kind {
            const PLACE: Place = Place::$kind;

            fn of(key: &IndexKey) -> Option<Self> {
                match *key {
                    IndexKey::$kind { $($part),+ } => Some($kind { $($part),+ }),
                    _ => None,
                }
            }

            fn key(&self) -> IndexKey {
                let $kind { $($part),+ } = self.clone();
                IndexKey::$kind { $($part),+ }
            }
        }
    )+};
}

plain! {
    Book { market: Market, side: Side, rank: u64, height: Height, order: OrderId }
    OwnerBook { owner: OwnerId, market: Market, side: Side, rank: u64, order: OrderId }
    MemberOrder { member: MemberId, market: Market, order: OrderId }
    Load { member: MemberId, resource: Resource, until: MarketTime, source: LoadSource, energy: Quantity }
    Solar { member: MemberId, last: Slot, first: Slot, source: LoadSource, energy: Quantity }
    Immediate { market: Market, order: OrderId }
    AuctionDue { market: Market }
    Promise { member: MemberId, slot: Slot, height: Height, source: LoadSource }
    MemberTrade { member: MemberId, height: Height, trade: TradeId }
    MarketTrade { market: Market, trade: TradeId }
    Held { member: MemberId, source: LoadSource, quantity: Quantity }
    MemberContract { member: MemberId, contract: TradeId }
    Replica { buyer: MemberId, content: Hash, replica: u8, contract: TradeId }
    FreeHeat { holder: MemberId, expires_at: MarketTime, lot: HeatLotKey }
    HeatBehind { lot: HeatLotKey, order: OrderId }
    Swap { buyer: MemberId, seller: MemberId, side: Side, order: OrderId }
    SwapAge { height: Height, order: OrderId }
    Activation { due: Height, proposal: ProposalId }
    DynamicAsk { market: Market, order: OrderId }
    LegMember { leg: LegId, member: MemberId }
    ActiveMember { role: Role, canton: PlaceId, member: MemberId }
}

/// A timer. Nearly all are of orders and trades, so that the others stand apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    due: MarketTime,
    id: Timed,
}

/// What is due, in the order of [`TimerId`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timed {
    Order(OrderId),
    Trade(TradeId),
    Other(Box<TimerId>),
}

impl Kind for Timer {
    const PLACE: Place = Place::Timer;

    fn of(key: &IndexKey) -> Option<Self> {
        let IndexKey::Timer { due, id } = *key else { return None };
        let id = match id {
            TimerId::Order(order) => Timed::Order(order),
            TimerId::Trade(trade) => Timed::Trade(trade),
            other => Timed::Other(Box::new(other)),
        };
        Some(Timer { due, id })
    }

    fn key(&self) -> IndexKey {
        let id = match &self.id {
            Timed::Order(order) => TimerId::Order(*order),
            Timed::Trade(trade) => TimerId::Trade(*trade),
            Timed::Other(other) => **other,
        };
        IndexKey::Timer { due: self.due, id }
    }
}

/// Declares all kinds in the order of the variants of [`IndexKey`].
macro_rules! kinds {
    ($($kind:ident = $field:ident;)+) => {
        /// The kinds in their order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Place { $($kind,)+ }

        const PLACES: &[Place] = &[$(Place::$kind,)+];

        impl Place {
            fn of(key: &IndexKey) -> Place {
                match key { $(IndexKey::$kind { .. } => Place::$kind,)+ }
            }
        }

        /// The index of a state.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Index { $(pub(super) $field: BTreeSet<$kind>,)+ }

        impl Index {
            /// Makes a block's changes part of the index.
            pub(super) fn apply(&mut self, changes: NetIndexChanges) { $(apply(&mut self.$field, changes.$field);)+ }
        }

        /// The keys of an index that is being loaded: lists, which become sets at once. A set that grows key by key looks for each place anew.
        #[derive(Debug, Default)]
        pub(super) struct IndexLists { $($field: Vec<$kind>,)+ }

        impl IndexLists {
            /// Adds a key, in any order and as often as it comes.
            pub(super) fn push(&mut self, key: &IndexKey) {
                match key { $(IndexKey::$kind { .. } => self.$field.extend($kind::of(key)),)+ }
            }

            /// The index of these keys.
            pub(super) fn into_index(self) -> Index { Index { $($field: self.$field.into_iter().collect(),)+ } }
        }

        /// What a block changed in the index so far.
        #[derive(Debug, Default)]
        pub(super) struct IndexChanges { $($field: Changes<$kind>,)+ }

        impl IndexChanges {
            /// A key came or went.
            pub(super) fn record(&mut self, key: &IndexKey, change: Change) {
                match key { $(IndexKey::$kind { .. } => $kind::of(key).into_iter().for_each(|key| self.$field.record(key, change)),)+ }
            }

            $(
                /// What came and went of a kind; `None` where nothing did.
                pub(super) fn $field(&self) -> Option<&BTreeMap<$kind, Change>> { self.$field.sorted() }
            )+

            /// What came and what went in the end.
            pub(super) fn into_net(self) -> NetIndexChanges { NetIndexChanges { $($field: self.$field.into_net(),)+ } }
        }

        /// What a block changed in the index in the end.
        #[derive(Debug, Default)]
        pub(super) struct NetIndexChanges { $($field: Vec<($kind, Change)>,)+ }

        /// The keys of one kind within a range.
        enum KindRanges<'a> { $($kind(KindRange<'a, $kind>),)+ }

        impl<'a> KindRanges<'a> {
            /// `None` where the range ends before this kind.
            fn open(place: Place, index: &'a Index, changes: Option<&'a IndexChanges>, bounds: &Bounds<IndexKey>) -> Option<Self> {
                Some(match place {
                    $(Place::$kind => {
                        let above = changes.and_then(IndexChanges::$field);
                        KindRanges::$kind(KindRange::new(&index.$field, above, part::<$kind>(bounds)?))
                    })+
                })
            }

            fn next(&mut self) -> Option<IndexKey> {
                match self { $(KindRanges::$kind(range) => range.next().map(Kind::key),)+ }
            }
        }
    };
}

kinds! {
    Timer = timers;
    Book = books;
    OwnerBook = owner_books;
    MemberOrder = member_orders;
    Load = loads;
    Solar = solar;
    Immediate = immediate;
    AuctionDue = auctions_due;
    Promise = promises;
    MemberTrade = member_trades;
    MarketTrade = market_trades;
    Held = held;
    MemberContract = member_contracts;
    Replica = replicas;
    FreeHeat = free_heat;
    HeatBehind = heat_behind;
    Swap = swaps;
    SwapAge = swap_ages;
    Activation = activations;
    DynamicAsk = dynamic_asks;
    LegMember = leg_members;
    ActiveMember = active_members;
}

impl Index {
    /// Open orders of each member in each market.
    pub(super) fn open_orders(&self) -> BTreeMap<(MemberId, Market), u64> {
        sums(self.member_orders.iter().map(|order| ((order.member, order.market), 1)))
    }

    /// What each member owes of each resource, Wh or milli-hours.
    pub(super) fn all_loads(&self) -> BTreeMap<(MemberId, Resource), u64> {
        sums(self.loads.iter().map(|load| ((load.member, load.resource), load.energy.get())))
    }
}

/// Sums by key of what comes in the order of the keys.
fn sums<K: Ord>(parts: impl Iterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    let mut sums: Vec<(K, u64)> = Vec::new();
    for (key, part) in parts {
        match sums.last_mut() {
            Some((last, sum)) if *last == key => *sum = sum.saturating_add(part),
            _ => sums.push((key, part)),
        }
    }
    sums.into_iter().collect()
}

/// Both ends of a range.
type Bounds<K> = (Bound<K>, Bound<K>);

/// The part of a range that lies within a kind; `None` where there is none.
fn part<K: Kind>((start, end): &Bounds<IndexKey>) -> Option<Bounds<K>> {
    let within = |bound: &Bound<IndexKey>, beyond: std::cmp::Ordering| match bound {
        Bound::Included(key) | Bound::Excluded(key) if Place::of(key).cmp(&K::PLACE) == beyond => None,
        Bound::Included(key) => Some(K::of(key).map_or(Bound::Unbounded, Bound::Included)),
        Bound::Excluded(key) => Some(K::of(key).map_or(Bound::Unbounded, Bound::Excluded)),
        Bound::Unbounded => Some(Bound::Unbounded),
    };
    Some((within(start, std::cmp::Ordering::Greater)?, within(end, std::cmp::Ordering::Less)?))
}

fn apply<K: Kind>(set: &mut BTreeSet<K>, changes: Vec<(K, Change)>) {
    for (key, change) in changes {
        match change {
            Change::Added => set.insert(key),
            Change::Removed => set.remove(&key),
        };
    }
}

/// Keys of an index within a range, in their order, with the changes of a block.
pub(super) struct IndexRange<'a> {
    index: &'a Index,
    changes: Option<&'a IndexChanges>,
    bounds: Bounds<IndexKey>,
    current: Option<KindRanges<'a>>,
    /// Kinds that follow the current one.
    rest: std::slice::Iter<'static, Place>,
}

impl<'a> IndexRange<'a> {
    /// Keys within `bounds`.
    pub(super) fn new(index: &'a Index, changes: Option<&'a IndexChanges>, bounds: Bounds<IndexKey>) -> Self {
        let first = match &bounds.0 {
            Bound::Included(key) | Bound::Excluded(key) => PLACES.partition_point(|place| *place < Place::of(key)),
            Bound::Unbounded => 0,
        };
        let mut rest = PLACES.get(first..).unwrap_or(&[]).iter();
        let current = rest.next().and_then(|place| KindRanges::open(*place, index, changes, &bounds));
        IndexRange { index, changes, bounds, current, rest }
    }
}

impl Iterator for IndexRange<'_> {
    type Item = IndexKey;

    fn next(&mut self) -> Option<IndexKey> {
        loop {
            if let Some(key) = self.current.as_mut()?.next() {
                return Some(key);
            }
            self.current = self.rest.next().and_then(|place| KindRanges::open(*place, self.index, self.changes, &self.bounds));
        }
    }
}

/// Keys of one kind: those of the state that were not removed, and those that were added.
pub(super) struct KindRange<'a, K: Kind> {
    below: Peekable<btree_set::Range<'a, K>>,
    above: Option<Peekable<btree_map::Range<'a, K, Change>>>,
}

impl<'a, K: Kind> KindRange<'a, K> {
    pub(super) fn new(set: &'a BTreeSet<K>, changes: Option<&'a BTreeMap<K, Change>>, bounds: impl RangeBounds<K> + Clone) -> Self {
        let above = changes.map(|changes| changes.range(bounds.clone()).peekable());
        KindRange { below: set.range(bounds).peekable(), above }
    }

    pub(super) fn next(&mut self) -> Option<&'a K> {
        let Some(above) = &mut self.above else { return self.below.next() };
        loop {
            let Some((changed, change)) = above.peek().copied() else { return self.below.next() };
            match self.below.peek().map(|key| (*key).cmp(changed)) {
                Some(std::cmp::Ordering::Less) => return self.below.next(),
                // It is there below: it was removed.
                Some(std::cmp::Ordering::Equal) => drop(self.below.next()),
                Some(std::cmp::Ordering::Greater) | None => {}
            }
            above.next();
            if *change == Change::Added {
                return Some(changed);
            }
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
