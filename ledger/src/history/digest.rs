//! The hashes of the log. Fixed layouts, so they do without the codec; BLAKE3's keyed mode gives the namespaces.

use crate::hash::Hash;

const LEAF: [u8; 32] = *b"leg ledger v1 history leaf\0\0\0\0\0\0";
const NODE: [u8; 32] = *b"leg ledger v1 history node\0\0\0\0\0\0";
const ROOT: [u8; 32] = *b"leg ledger v1 history root\0\0\0\0\0\0";

/// The digest of one appended hash: another namespace than [`node`], so that no node can be shown as a leaf.
pub(super) fn leaf(hash: &Hash) -> Hash {
    keyed(&LEAF, hash.as_bytes())
}

/// The digest of two neighbouring subtrees.
pub(super) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut block = [0_u8; 64];
    let (head, tail) = block.split_at_mut(32);
    head.copy_from_slice(left.as_bytes());
    tail.copy_from_slice(right.as_bytes());
    keyed(&NODE, &block)
}

/// The root of a log of `size` leaves with the tree hash `tree`, which an empty log has not.
pub(super) fn root(size: u64, tree: Option<&Hash>) -> Hash {
    let mut block = [0_u8; 40];
    let (head, tail) = block.split_at_mut(8);
    head.copy_from_slice(&size.to_le_bytes());
    tail.copy_from_slice(tree.unwrap_or(&Hash::ZERO).as_bytes());
    keyed(&ROOT, &block)
}

fn keyed(namespace: &[u8; 32], bytes: &[u8]) -> Hash {
    Hash::from_bytes(*blake3::keyed_hash(namespace, bytes).as_bytes())
}
