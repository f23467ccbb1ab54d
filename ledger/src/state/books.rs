//! Orders of a book straight from the set of their kind.
//!
//! An auction reads the keys of a whole book. [`super::View::index`] looks at each key which kind it is and whether it is beyond the end; here the
//! range ends where the book does.

use super::index_kinds::{Book, Index, IndexChanges, KindRange, OwnerBook};
use crate::hash::Hash;
use crate::ids::{Height, OrderId, OwnerId};
use crate::transaction::{Market, Side};

/// Rank and id of the orders on one side of a book: best rank first, among equal ones older block first ([`super::IndexKey::Book`]).
pub struct BookOrders<'a>(KindRange<'a, Book>);

impl Iterator for BookOrders<'_> {
    type Item = (u64, OrderId);

    fn next(&mut self) -> Option<(u64, OrderId)> {
        self.0.next().map(|key| (key.rank, key.order))
    }
}

/// Rank and id of an owner's orders on one side of a book, best rank first ([`super::IndexKey::OwnerBook`]).
pub struct OwnerOrders<'a>(KindRange<'a, OwnerBook>);

impl Iterator for OwnerOrders<'_> {
    type Item = (u64, OrderId);

    fn next(&mut self) -> Option<(u64, OrderId)> {
        self.0.next().map(|key| (key.rank, key.order))
    }
}

impl Index {
    /// One side of a book, with the changes of a block.
    pub(super) fn book<'a>(&'a self, changes: Option<&'a IndexChanges>, market: Market, side: Side) -> BookOrders<'a> {
        let first = Book { market, side, rank: 0, height: Height::GENESIS, order: OrderId::from_hash(Hash::ZERO) };
        let last = Book { rank: u64::MAX, height: Height::new(u64::MAX), order: OrderId::from_hash(Hash::MAX), ..first };
        BookOrders(KindRange::new(&self.books, changes.and_then(IndexChanges::books), first..=last))
    }

    /// An owner's orders on one side of a book, with the changes of a block.
    pub(super) fn owner_book<'a>(
        &'a self,
        changes: Option<&'a IndexChanges>,
        owner: OwnerId,
        market: Market,
        side: Side,
    ) -> OwnerOrders<'a> {
        let first = OwnerBook { owner, market, side, rank: 0, order: OrderId::from_hash(Hash::ZERO) };
        let last = OwnerBook { rank: u64::MAX, order: OrderId::from_hash(Hash::MAX), ..first };
        OwnerOrders(KindRange::new(&self.owner_books, changes.and_then(IndexChanges::owner_books), first..=last))
    }
}
