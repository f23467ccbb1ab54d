//! The authenticated state: a map of 256-bit keys to value hashes whose root depends on its contents alone.
//!
//! Design: a binary radix trie in which every inner node has two children (PATRICIA, Morrison 1968), so `n` keys make exactly `n`
//! leaves and `n - 1` inner nodes whatever the keys are. An inner node stands at the first *bit* in which the keys below it differ:
//! keys with a zero there are on its left, the others on its right. A set of keys has one such trie, hence one root; the order of
//! insertions, the split into batches and what was deleted since leave no trace.
//!
//! ```text
//!            bit 0                keys 000.. 0010 0011 1...
//!           /     \
//!        bit 2    1...
//!       /     \
//!     000..  bit 3
//!           /     \
//!         0010   0011
//! ```
//!
//! Digests, one BLAKE3 compression each, the keyed mode's key being the namespace:
//!
//! ```text
//! leaf(key, value)       = keyed("leg ledger v1 tree leaf",       key || value)
//! inner(bit, left, right) = keyed("leg ledger v1 tree inner" + bit, left || right)
//! empty                  = keyed("leg ledger v1 tree empty",      "")
//! ```
//!
//! An inner node's digest commits to its bit, so the skipped bits need no node, no placeholder and no byte in a proof: whoever looks up
//! a key follows its bits to exactly one leaf, and the key is in the map if and only if that leaf is its own. The same path therefore
//! proves presence and absence (compare Jellyfish Merkle trees, which pay a level for each shared bit).
//!
//! In memory the lowest subtrees, of up to `BUCKET_KEYS` keys, are sorted arrays that keep the digests of their branchings beside the
//! entries: with random access to memory as the price of an update, fewer and larger pieces are faster, and smaller. Digests do not know
//! of it.
//!
//! A batch takes two steps. [`Tree::plan`] reads the changed paths and hashes: it yields the root while the tree stays as it is, so that a block
//! can be executed, and forgotten, before it is committed. [`Tree::apply`] then writes the changes where they belong, with the digests that the
//! plan has noted in the order in which they are needed. No node is copied for the sake of another version, and none is counted or freed.
//!
//! Invariants: an inner node has more than `BUCKET_KEYS` keys; its `bit` is greater than its parent's; every stored digest is that
//! of the contents.
//!
//! ```
//! use leg_ledger::hash::Hash;
//! use leg_ledger::tree::{Changes, Key, Tree};
//!
//! let (key, other) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
//! let value = Hash::from_bytes([7; 32]);
//! let mut tree = Tree::build(&Changes::from_iter([(key, Some(value))]));
//! assert_eq!(tree.prove(&key).verify(&tree.root(), &key, Some(&value)), Ok(()));
//! assert_eq!(tree.prove(&other).verify(&tree.root(), &other, None), Ok(()));
//! let plan = tree.plan(Changes::from_iter([(key, None)]));
//! assert_eq!(plan.root(), Tree::new().root());
//! assert!(tree.apply(plan) && tree.is_empty());
//! ```

mod batch;
mod changes;
mod digest;
mod key;
mod leaves;
mod node;
mod plan;
mod proof;
#[expect(clippy::module_inception, reason = "the file bears the name of its main type")]
mod tree;
mod update;

pub use changes::Changes;
pub use key::{Key, Prefix};
pub use leaves::Leaves;
pub use proof::{Proof, ProofEnd, ProofError, ProofStep};
pub use tree::{Plan, Tree};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
