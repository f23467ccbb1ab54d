//! Reading the persisted nodes, and what can go wrong.

use super::path::Range;
use super::{digest, position};
use crate::hash::Hash;
use std::collections::BTreeMap;

/// The nodes that [`super::Peaks::append`] returned, by position.
pub trait NodeSource {
    /// The digest at `position`; `None` when it was never stored or is pruned.
    fn node(&self, position: u64) -> Option<Hash>;
}

impl NodeSource for BTreeMap<u64, Hash> {
    fn node(&self, position: u64) -> Option<Hash> {
        self.get(&position).copied()
    }
}

/// Why the log could not be read or extended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The source lacks a node.
    #[error("node {position} of the history log is missing")]
    MissingNode {
        /// Where it should be.
        position: u64,
    },
    /// No leaf has this index at this size.
    #[error("leaf {index} is not in a log of {size} leaves")]
    NoSuchLeaf {
        /// The index asked for.
        index: u64,
        /// The size asked for.
        size: u64,
    },
    /// The log has [`super::MAX_LEAVES`] leaves, or a size beyond it was asked for.
    #[error("a log of {size} leaves cannot be: it is full before")]
    Full {
        /// The size.
        size: u64,
    },
    /// An older size above a newer one.
    #[error("size {old} is not older than size {new}")]
    SizesReversed {
        /// The size said to be older.
        old: u64,
        /// The size said to be newer.
        new: u64,
    },
    /// The number of peaks is not that of the size.
    #[error("a log of {size} leaves has {} peaks, not {actual}", size.count_ones())]
    WrongPeaks {
        /// The size.
        size: u64,
        /// The peaks given.
        actual: usize,
    },
}

/// Why a proof was refused. All are the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The sizes or the index cannot be.
    #[error("the sizes or the index of the proof cannot be")]
    Impossible,
    /// More or fewer hashes than the sizes ask for.
    #[error("{actual} hashes where the sizes ask for {expected}")]
    WrongLength {
        /// Hashes that the sizes ask for.
        expected: usize,
        /// Hashes given.
        actual: usize,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to {computed}, not to the root {root}")]
    WrongRoot {
        /// The root to be matched.
        root: Hash,
        /// The root that follows from the proof.
        computed: Hash,
    },
}

/// The tree hash of a subtree that the RFC cuts, as a tree of its own. At most 48 levels deep.
pub(super) fn tree_hash<S: NodeSource + ?Sized>(source: &S, range: Range) -> Result<Hash, HistoryError> {
    if range.leaves.is_power_of_two() {
        let position = position::of_subtree(range);
        return source.node(position).ok_or(HistoryError::MissingNode { position });
    }
    let (left, right) = range.halves();
    let (left, right) = (tree_hash(source, left)?, tree_hash(source, right)?);
    Ok(digest::node(&left, &right))
}

pub(super) fn check_root(root: &Hash, computed: Hash) -> Result<(), ProofError> {
    if computed == *root { Ok(()) } else { Err(ProofError::WrongRoot { root: *root, computed }) }
}
