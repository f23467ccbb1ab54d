//! The three hashes of the tree.
//!
//! They do not go through the codec: each input is 64 bytes of fixed layout or none, and one compression a node is what the tree's speed
//! rests on. BLAKE3's keyed mode gives the namespace without a byte of input; its flag keeps these hashes apart from all of
//! [`crate::hash::Domain`], which use the derive-key mode.

use super::Key;
use crate::hash::Hash;

const LEAF: [u8; 32] = *b"leg ledger v1 tree leaf\0\0\0\0\0\0\0\0\0";
const INNER: [u8; 32] = *b"leg ledger v1 tree inner\0\0\0\0\0\0\0\0";
const EMPTY: [u8; 32] = *b"leg ledger v1 tree empty\0\0\0\0\0\0\0\0";

/// The digest of one entry.
pub(super) fn leaf(key: &Key, value: &Hash) -> Hash {
    pair(&LEAF, key.as_bytes(), value.as_bytes())
}

/// The digest of an inner node at `bit`, which is the last byte of its namespace.
pub(super) fn inner(bit: u8, left: &Hash, right: &Hash) -> Hash {
    let mut namespace = INNER;
    namespace[31] = bit;
    pair(&namespace, left.as_bytes(), right.as_bytes())
}

/// The root of a tree without entries.
pub(super) fn empty() -> Hash {
    Hash::from_bytes(*blake3::keyed_hash(&EMPTY, &[]).as_bytes())
}

fn pair(namespace: &[u8; 32], first: &[u8; 32], second: &[u8; 32]) -> Hash {
    let mut block = [0_u8; 64];
    let (head, tail) = block.split_at_mut(32);
    head.copy_from_slice(first);
    tail.copy_from_slice(second);
    Hash::from_bytes(*blake3::keyed_hash(namespace, &block).as_bytes())
}
