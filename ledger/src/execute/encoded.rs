//! What a block brought, as bytes: encoded once, for the roots that the next header commits to and for the store.

use super::HistoryRecord;
use crate::codec;
use crate::hash::{Domain, Hash};
use crate::receipt::{Event, Receipt};
use std::ops::Range;

/// Bytes that a record takes, about.
const RECORD_BYTES: usize = 320;

/// Canonical bytes of a block's receipts, events and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The list of receipts, right after it that of events.
    results: Vec<u8>,
    /// Where the events begin.
    events: usize,
    /// Records, one after the other.
    records: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Encoded {
    /// Encodes what a block brought.
    pub fn of(receipts: &[Receipt], events: &[Event], records: &[HistoryRecord]) -> Self {
        // Room from the start: lists that grow in steps to megabytes copy themselves again and again.
        let about = size_of_val(receipts).saturating_add(size_of_val(events));
        let mut results = Vec::with_capacity(about);
        codec::encode_into(receipts, &mut results);
        let middle = results.len();
        codec::encode_into(events, &mut results);
        let mut encoded = Encoded { results, events: middle, ..Encoded::default() };
        encoded.records.reserve(records.len().saturating_mul(RECORD_BYTES));
        encoded.ends.reserve(records.len());
        for record in records {
            codec::encode_into(record, &mut encoded.records);
            encoded.ends.push(encoded.records.len());
        }
        encoded
    }

    /// What the next header's receipts root commits to: the bytes of (receipts, events).
    pub fn receipts_root(&self) -> Hash {
        Hash::of(Domain::Receipts, &self.results)
    }

    /// The list of receipts.
    pub fn receipts(&self) -> &[u8] {
        self.results.get(..self.events).unwrap_or(&[])
    }

    /// The list of events.
    pub fn events(&self) -> &[u8] {
        self.results.get(self.events..).unwrap_or(&[])
    }

    /// Each record, in order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| self.records.get(*start..*end).unwrap_or(&[]))
    }

    /// Appends the bytes of a list of those records whose places are in `range`, as far as there are any.
    pub fn append_list(&self, range: Range<usize>, bytes: &mut Vec<u8>) {
        let places = range.start.min(self.ends.len())..range.end.min(self.ends.len());
        codec::encode_into(&places.len(), bytes);
        let end_of = |place: usize| place.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        bytes.extend_from_slice(self.records.get(end_of(places.start)..end_of(places.end)).unwrap_or(&[]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Height, TransactionId};
    use crate::receipt::Code;

    fn receipt(action: u16) -> Receipt {
        Receipt { transaction: TransactionId::from_hash(Hash::ZERO), action, code: Code::Ok, order: None }
    }

    #[test]
    fn the_parts_are_what_each_would_be_alone() {
        let receipts: Vec<Receipt> = (0..5).map(receipt).collect();
        let records: Vec<HistoryRecord> =
            receipts.iter().map(|receipt| HistoryRecord::Receipt { receipt: *receipt, height: Height::new(7) }).collect();
        let events: Vec<Event> = Vec::new();
        let encoded = Encoded::of(&receipts, &events, &records);
        assert_eq!(encoded.receipts(), codec::encode(&receipts));
        assert_eq!(encoded.events(), codec::encode(&events));
        assert_eq!(encoded.receipts_root(), Hash::of(Domain::Receipts, &codec::encode(&(&receipts, &events))));
        let each: Vec<Vec<u8>> = records.iter().map(codec::encode).collect();
        assert_eq!(encoded.records().collect::<Vec<_>>(), each);
        for (from, to) in [(0, 5), (0, 0), (0, 2), (2, 4), (4, 9), (7, 9)] {
            let mut bytes = vec![9];
            encoded.append_list(from..to, &mut bytes);
            let list: Vec<&HistoryRecord> = records.iter().take(to).skip(from).collect();
            assert_eq!(bytes, [vec![9], codec::encode(&list)].concat(), "{from}..{to}");
        }
        assert_eq!(Encoded::of(&[], &[], &[]).receipts(), codec::encode(&Vec::<Receipt>::new()));
    }
}
