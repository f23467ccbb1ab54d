//! The head of the log: all that is needed to append and to state the root.

use super::path::Range;
use super::position::{self, MAX_LEAVES};
use super::{HistoryError, NodeSource, digest, source};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};

/// The size of the log and the digests of its complete subtrees, the largest and oldest first.
///
/// Invariant: at most [`MAX_LEAVES`] leaves, and one peak for each one-bit of their number. Whether the peaks are those of a certain log,
/// only its root tells: who receives them MUST compare [`Peaks::root`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Peaks {
    size: u64,
    hashes: Vec<Hash>,
}

/// [`Peaks`] as read, before its invariant is checked.
#[derive(Deserialize)]
struct Parts {
    size: u64,
    hashes: Vec<Hash>,
}

impl TryFrom<Parts> for Peaks {
    type Error = HistoryError;

    fn try_from(parts: Parts) -> Result<Self, HistoryError> {
        Peaks::from_parts(parts.size, parts.hashes)
    }
}

impl Peaks {
    /// The canonical bytes of the most peaks: size, count, and one hash for each bit below [`MAX_LEAVES`].
    pub const MAX_BYTES: usize = 8 + 8 + 48 * 32;

    /// The empty log.
    pub const fn new() -> Self {
        Peaks { size: 0, hashes: Vec::new() }
    }

    /// The peaks of a log of `size` leaves, the oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Full`] and [`HistoryError::WrongPeaks`] when there cannot be such a log.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Result<Self, HistoryError> {
        check_size(size)?;
        if u32::try_from(hashes.len()) != Ok(size.count_ones()) {
            return Err(HistoryError::WrongPeaks { size, actual: hashes.len() });
        }
        Ok(Peaks { size, hashes })
    }

    /// Reads the peaks of the log as it was at `size` leaves.
    ///
    /// # Errors
    /// [`HistoryError::MissingNode`] when the source lacks one; [`HistoryError::Full`].
    pub fn load<S: NodeSource + ?Sized>(source: &S, size: u64) -> Result<Self, HistoryError> {
        check_size(size)?;
        let mut hashes = Vec::new();
        let mut start = 0_u64;
        while let Some(rest) = size.checked_sub(start).filter(|rest| *rest > 0) {
            let leaves = 1_u64.checked_shl(rest.ilog2()).unwrap_or(rest);
            hashes.push(source::tree_hash(source, Range { start, leaves })?);
            start = start.saturating_add(leaves);
        }
        Ok(Peaks { size, hashes })
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The peaks, the oldest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Appends a leaf and returns the new nodes by position, in ascending order; the caller MUST persist them with the new peaks.
    ///
    /// # Errors
    /// [`HistoryError::Full`] at [`MAX_LEAVES`]; the log is unchanged then.
    pub fn append(&mut self, leaf: Hash) -> Result<Vec<(u64, Hash)>, HistoryError> {
        let mut nodes = Vec::new();
        self.append_into(leaf, &mut nodes)?;
        Ok(nodes)
    }

    /// [`Peaks::append`] of one leaf of many: the new nodes come behind those that are in `nodes`.
    ///
    /// # Errors
    /// As [`Peaks::append`].
    pub fn append_into(&mut self, leaf: Hash, nodes: &mut Vec<(u64, Hash)>) -> Result<(), HistoryError> {
        let size = self.size.saturating_add(1);
        check_size(size)?;
        let mut hash = digest::leaf(&leaf);
        let mut position = position::of_leaf(self.size);
        nodes.push((position, hash));
        // Each trailing one-bit of the old size is a peak as large as the subtree just completed.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.hashes.pop() else { break };
            hash = digest::node(&left, &hash);
            position = position.saturating_add(1);
            nodes.push((position, hash));
        }
        self.hashes.push(hash);
        self.size = size;
        Ok(())
    }

    /// The hash that commits to the size and to every leaf in its place.
    pub fn root(&self) -> Hash {
        let tree = self.hashes.iter().rev().copied().reduce(|right, left| digest::node(&left, &right));
        digest::root(self.size, tree.as_ref())
    }
}

pub(super) fn check_size(size: u64) -> Result<(), HistoryError> {
    if size > MAX_LEAVES {
        return Err(HistoryError::Full { size });
    }
    Ok(())
}
