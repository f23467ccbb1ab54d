//! The history log: what is finished leaves the state and is appended here, for good.
//!
//! Design: the Merkle tree of RFC 9162 section 2.1 (as of Crosby and Wallach, 2009), with BLAKE3 in place of SHA-256, kept as a Merkle
//! mountain range (Todd, OpenTimestamps): all complete subtrees are stored once, at the position at which they became complete, and are
//! never written again. To append, only the peaks are needed, one for each one-bit of the size.
//!
//! ```text
//! height 2          6                  size 5 = 0b101: peaks at positions 6 and 7
//!               /       \
//! height 1     2         5
//!            /   \     /   \
//! height 0  0     1   3     4   7
//! leaf      0     1   2     3   4
//! ```
//!
//! Digests, one compression each; `tree(leaves)` joins the peaks from the right, which is RFC 9162's tree hash:
//!
//! ```text
//! leaf(hash)        = keyed("leg ledger v1 history leaf",  hash)
//! node(left, right) = keyed("leg ledger v1 history node",  left || right)
//! root(leaves)      = keyed("leg ledger v1 history root",  size as u64 little-endian || tree(leaves))
//! ```
//!
//! The root commits to the size, so that a header needs no second field and a proof's sizes are proven with it.
//!
//! This module stores nothing. [`Peaks::append`] returns the new nodes to persist; proofs read them back through [`NodeSource`].
//!
//! ```
//! use leg_ledger::hash::Hash;
//! use leg_ledger::history::{InclusionProof, Peaks};
//! use std::collections::BTreeMap;
//!
//! let (mut peaks, mut nodes) = (Peaks::new(), BTreeMap::new());
//! for byte in 0..5 {
//!     nodes.extend(peaks.append(Hash::from_bytes([byte; 32]))?);
//! }
//! let proof = InclusionProof::new(&nodes, 5, 3)?;
//! assert_eq!(proof.verify(&peaks.root(), &Hash::from_bytes([3; 32])), Ok(()));
//! # Ok::<(), leg_ledger::history::HistoryError>(())
//! ```

mod consistency;
mod digest;
mod inclusion;
mod path;
mod peaks;
mod position;
mod source;

pub use consistency::ConsistencyProof;
pub use inclusion::InclusionProof;
pub use peaks::Peaks;
pub use position::MAX_LEAVES;
pub use source::{HistoryError, NodeSource, ProofError};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
