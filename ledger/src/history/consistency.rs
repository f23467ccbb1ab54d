//! Proofs that a log only grew: the leaves at an older size are the first leaves at a newer one (RFC 9162 section 2.1.4).
//!
//! Unlike the RFC's, a proof always begins with the subtree that the older log ends with, also when that is the whole older log: the
//! roots here wrap the tree hash, so the verifier cannot know it.

use super::path::Path;
use super::peaks::check_size;
use super::position::MAX_LEAVES;
use super::source::{check_root, tree_hash};
use super::{HistoryError, NodeSource, ProofError, digest};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};

/// The subtrees from which both roots follow. Once verified, both sizes are as certain as the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// The size of the older log.
    pub old_size: u64,
    /// The size of the newer log, at least the older one.
    pub new_size: u64,
    /// The subtree that the older log ends with, then the siblings from there up to the newer root; at most 49. None for an empty
    /// older log, which every log extends.
    pub hashes: Vec<Hash>,
}

impl ConsistencyProof {
    /// The canonical bytes of the longest proof: two sizes, hash count, 49 hashes.
    pub const MAX_BYTES: usize = 8 + 8 + 8 + 49 * 32;

    /// Proves that the log at `new_size` leaves extends the log at `old_size` leaves.
    ///
    /// # Errors
    /// [`HistoryError`] when the sizes are reversed or too large, or the source lacks a node.
    pub fn new<S: NodeSource + ?Sized>(source: &S, old_size: u64, new_size: u64) -> Result<Self, HistoryError> {
        check_size(new_size)?;
        if old_size > new_size {
            return Err(HistoryError::SizesReversed { old: old_size, new: new_size });
        }
        let mut hashes = Vec::new();
        if old_size > 0 {
            let path = Path::to_end_of(old_size, new_size);
            hashes.push(tree_hash(source, path.end)?);
            for turn in path.turns.iter().rev() {
                hashes.push(tree_hash(source, turn.sibling)?);
            }
        }
        Ok(ConsistencyProof { old_size, new_size, hashes })
    }

    /// Checks that the log with `new_root` has `new_size` leaves, the first `old_size` of which are the log with `old_root`.
    ///
    /// # Errors
    /// [`ProofError`] unless the proof is exactly that of the two logs. From an empty older log nothing follows about the newer one.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        if self.old_size > self.new_size || self.new_size > MAX_LEAVES {
            return Err(ProofError::Impossible);
        }
        if self.old_size == 0 {
            self.check_length(0)?;
            return check_root(old_root, digest::root(0, None));
        }
        let turns = Path::to_end_of(self.old_size, self.new_size).turns;
        self.check_length(turns.len().saturating_add(1))?;
        let mut hashes = self.hashes.iter();
        // The length was checked, so there is a first hash.
        let Some(shared) = hashes.next() else {
            return Err(ProofError::Impossible);
        };
        let (mut old, mut new) = (*shared, *shared);
        for (turn, sibling) in turns.iter().rev().zip(hashes) {
            // A left sibling is whole in both logs, a right one is new.
            if turn.right {
                old = digest::node(sibling, &old);
                new = digest::node(sibling, &new);
            } else {
                new = digest::node(&new, sibling);
            }
        }
        check_root(old_root, digest::root(self.old_size, Some(&old)))?;
        check_root(new_root, digest::root(self.new_size, Some(&new)))
    }

    fn check_length(&self, expected: usize) -> Result<(), ProofError> {
        let actual = self.hashes.len();
        if actual == expected { Ok(()) } else { Err(ProofError::WrongLength { expected, actual }) }
    }
}
