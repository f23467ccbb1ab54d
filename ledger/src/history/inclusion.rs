//! Proofs that a leaf stands at an index of the log (RFC 9162 section 2.1.3).

use super::path::Path;
use super::peaks::check_size;
use super::position::MAX_LEAVES;
use super::source::{check_root, tree_hash};
use super::{HistoryError, NodeSource, ProofError, digest};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};

/// The path from a leaf to the root of the log at some size. Once verified, `size` and `index` are as certain as the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// The size of the log whose root is proven against.
    pub size: u64,
    /// The index of the leaf.
    pub index: u64,
    /// The siblings on the path, from the leaf up; at most 48.
    pub siblings: Vec<Hash>,
}

impl InclusionProof {
    /// The canonical bytes of the longest proof: size, index, sibling count, 48 siblings.
    pub const MAX_BYTES: usize = 8 + 8 + 8 + 48 * 32;

    /// Proves the leaf at `index` in the log as it was at `size` leaves.
    ///
    /// # Errors
    /// [`HistoryError`] when there is no such leaf or the source lacks a node.
    pub fn new<S: NodeSource + ?Sized>(source: &S, size: u64, index: u64) -> Result<Self, HistoryError> {
        check_size(size)?;
        if index >= size {
            return Err(HistoryError::NoSuchLeaf { index, size });
        }
        let siblings =
            Path::to_leaf(size, index).turns.iter().rev().map(|turn| tree_hash(source, turn.sibling)).collect::<Result<_, _>>()?;
        Ok(InclusionProof { size, index, siblings })
    }

    /// Checks that the log with this root has `size` leaves and `leaf` at `index`.
    ///
    /// # Errors
    /// [`ProofError`] unless the proof is exactly that of the leaf.
    pub fn verify(&self, root: &Hash, leaf: &Hash) -> Result<(), ProofError> {
        if self.index >= self.size || self.size > MAX_LEAVES {
            return Err(ProofError::Impossible);
        }
        let turns = Path::to_leaf(self.size, self.index).turns;
        if turns.len() != self.siblings.len() {
            return Err(ProofError::WrongLength { expected: turns.len(), actual: self.siblings.len() });
        }
        let tree = turns.iter().rev().zip(&self.siblings).fold(digest::leaf(leaf), |below, (turn, sibling)| {
            if turn.right { digest::node(sibling, &below) } else { digest::node(&below, sibling) }
        });
        check_root(root, digest::root(self.size, Some(&tree)))
    }
}
