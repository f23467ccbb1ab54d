//! Namespaced BLAKE3: the one hash of the ledger.
//!
//! Invariant: no two kinds of content share a namespace, so a hash of one kind can never be presented as another.

use crate::codec::{deserialize_array, serialize_array};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// Namespaces of everything that is hashed or signed. The string is the BLAKE3 `derive_key` context; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Id of a transaction: its body without the signature.
    Transaction,
    /// One transaction as the block commits to it: body, key and signature.
    SignedTransaction,
    /// List of the transactions of a block.
    TransactionList,
    /// Id of a block: its header.
    Header,
    /// Id of a block proposal part stream, and of the whole body that it carries.
    Proposal,
    /// Commit certificate.
    Certificate,
    /// Committee.
    Committee,
    /// Receipts of a block.
    Receipts,
    /// Genesis document; the chain id.
    Genesis,
    /// Path of a state entry in the tree.
    StateKey,
    /// Value of a state entry.
    StateValue,
    /// Leaf of the history log.
    HistoryLeaf,
    /// Id of an order.
    Order,
    /// Id of a trade.
    Trade,
    /// Canonical order of members within a block (MARKET 2).
    MemberOrder,
    /// Tie-break of an auction (MARKET 5).
    TieBreak,
    /// Proof of possession of a key.
    Possession,
    /// Precommit signature of a committee member.
    Precommit,
    /// Other messages of the BFT engine that are signed.
    Consensus,
    /// Seed of the weights of batch verification.
    BatchWeights,
    /// Seed of a storage challenge.
    StorageChallenge,
    /// One pick of a storage challenge.
    StoragePick,
    /// Id of a later month's trade of a storage contract.
    StorageMonth,
    /// What groups the replicas of one content.
    StorageContent,
    /// Id of a proposal that the community votes on.
    Governance,
}

impl Domain {
    /// The context string.
    pub const fn context(self) -> &'static str {
        match self {
            Domain::Transaction => "leg ledger v1 transaction",
            Domain::SignedTransaction => "leg ledger v1 signed transaction",
            Domain::TransactionList => "leg ledger v1 transaction list",
            Domain::Header => "leg ledger v1 header",
            Domain::Proposal => "leg ledger v1 proposal",
            Domain::Certificate => "leg ledger v1 certificate",
            Domain::Committee => "leg ledger v1 committee",
            Domain::Receipts => "leg ledger v1 receipts",
            Domain::Genesis => "leg ledger v1 genesis",
            Domain::StateKey => "leg ledger v1 state key",
            Domain::StateValue => "leg ledger v1 state value",
            Domain::HistoryLeaf => "leg ledger v1 history leaf",
            Domain::Order => "leg ledger v1 order",
            Domain::Trade => "leg ledger v1 trade",
            Domain::MemberOrder => "leg ledger v1 member order",
            Domain::TieBreak => "leg ledger v1 tie break",
            Domain::Possession => "leg ledger v1 possession",
            Domain::Precommit => "leg ledger v1 precommit",
            Domain::Consensus => "leg ledger v1 consensus",
            Domain::BatchWeights => "leg ledger v1 batch weights",
            Domain::StorageChallenge => "leg ledger v1 storage challenge",
            Domain::StoragePick => "leg ledger v1 storage pick",
            Domain::StorageMonth => "leg ledger v1 storage month",
            Domain::StorageContent => "leg ledger v1 storage content",
            Domain::Governance => "leg ledger v1 governance",
        }
    }

    /// A hasher that has absorbed the namespace.
    pub fn hasher(self) -> blake3::Hasher {
        use std::sync::OnceLock;
        static BASES: [OnceLock<blake3::Hasher>; 32] = [const { OnceLock::new() }; 32];
        // Deriving the context key costs a compression of its own: do it once a namespace.
        match BASES.get(usize::from(self.tag())) {
            Some(base) => base.get_or_init(|| blake3::Hasher::new_derive_key(self.context())).clone(),
            None => blake3::Hasher::new_derive_key(self.context()),
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Domain::Transaction => 0,
            Domain::SignedTransaction => 1,
            Domain::TransactionList => 2,
            Domain::Header => 3,
            Domain::Proposal => 4,
            Domain::Certificate => 5,
            Domain::Committee => 6,
            Domain::Receipts => 7,
            Domain::Genesis => 8,
            Domain::StateKey => 9,
            Domain::StateValue => 10,
            Domain::HistoryLeaf => 11,
            Domain::Order => 12,
            Domain::Trade => 13,
            Domain::MemberOrder => 14,
            Domain::TieBreak => 15,
            Domain::Possession => 16,
            Domain::Precommit => 17,
            Domain::Consensus => 18,
            Domain::BatchWeights => 19,
            Domain::StorageChallenge => 20,
            Domain::StoragePick => 21,
            Domain::StorageMonth => 22,
            Domain::StorageContent => 23,
            Domain::Governance => 24,
        }
    }
}

/// A 32-byte BLAKE3 hash. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash([u8; 32]);

/// The order of the bytes, compared eight at a time. Mostly the first eight decide.
#[inline]
pub(crate) fn compare(a: &[u8; 32], b: &[u8; 32]) -> Ordering {
    let (a_head, b_head) = (head(a), head(b));
    if a_head == b_head { compare_tails(a, b) } else { a_head.cmp(&b_head) }
}

/// Of two that begin alike. Mostly they are the same, as the names at the head of the keys of a book.
fn compare_tails(a: &[u8; 32], b: &[u8; 32]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let mut words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    words.find(|(a, b)| a != b).map_or(Ordering::Equal, |(a, b)| a.cmp(b))
}

#[inline]
fn head(bytes: &[u8; 32]) -> u64 {
    bytes.first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
}

impl Ord for Hash {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Hash {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash {
    /// The first eight bytes: of two hashes that differ in them, the one whose head is less is less.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        head(&self.0)
    }

    /// All zero bytes: the hash of nothing, used where a parent does not exist.
    pub const ZERO: Hash = Hash([0; 32]);

    /// All one bits: the last key of a range over hashes.
    pub const MAX: Hash = Hash([0xff; 32]);

    /// Wraps bytes that already are a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Hash(bytes)
    }

    /// Hashes `bytes` in the namespace `domain`.
    pub fn of(domain: Domain, bytes: &[u8]) -> Self {
        let mut hasher = domain.hasher();
        hasher.update(bytes);
        Hash(*hasher.finalize().as_bytes())
    }

    /// Hashes the concatenation of `parts`, each of fixed length by its caller's format, in the namespace `domain`.
    pub fn of_parts(domain: Domain, parts: &[&[u8]]) -> Self {
        let mut hasher = domain.hasher();
        for part in parts {
            hasher.update(part);
        }
        Hash(*hasher.finalize().as_bytes())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 hex digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serialize_array(&self.0, serializer) }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Hash::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not 64 lower-case hex digits"))
        } else {
            deserialize_array(deserializer).map(Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_in_two_namespaces_have_two_hashes() {
        assert_ne!(Hash::of(Domain::Header, b"x"), Hash::of(Domain::Transaction, b"x"));
        assert_eq!(Hash::of(Domain::Header, b"x"), Hash::from_bytes(blake3::derive_key("leg ledger v1 header", b"x")));
    }

    #[test]
    fn hashes_are_ordered_as_their_bytes() {
        for place in [0, 7, 8, 15, 16, 24, 31] {
            let (mut low, mut high) = ([0x80; 32], [0x80; 32]);
            (low[place], high[place]) = (0x7f, 0x81);
            // What follows the first difference does not count.
            low[place + 1..].fill(0xff);
            let (low, middle, high) = (Hash::from_bytes(low), Hash::from_bytes([0x80; 32]), Hash::from_bytes(high));
            let mut sorted = [high, low, middle];
            sorted.sort();
            assert_eq!(sorted, [low, middle, high], "{place}");
            assert_eq!(middle.cmp(&middle), Ordering::Equal);
        }
    }

    #[test]
    fn hex_has_one_spelling() {
        let hash = Hash::of(Domain::Order, b"1");
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex(&hash.to_string().to_uppercase()), None);
        assert_eq!(Hash::from_hex("00"), None);
    }
}
