//! Proofs that a key has a value, or that it is absent: one type, checked with nothing but a root.
//!
//! A proof is the path that the key's bits take from the root. It ends in the key's own leaf (present), in the leaf of another key
//! (absent: a present key's bits would have led to its own leaf), or nowhere (the tree is empty).

use super::node::{Child, Node, branching, digest_of};
use super::{Key, Tree, digest};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};

/// The path of one key. Compact: about `log2(n)` steps of 33 bytes in a tree of `n` keys, 256 steps at the most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Where the path ends.
    pub end: ProofEnd,
    /// The branchings on the path, from the root down.
    pub steps: Vec<ProofStep>,
}

/// The leaf at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProofEnd {
    /// The key's own leaf: it is present. The value hash is the verifier's claim.
    Own,
    /// Another key's leaf: the key is absent.
    Other {
        /// The other key.
        key: Key,
        /// Its value hash.
        value: Hash,
    },
    /// No leaf: the tree is empty.
    Empty,
}

/// A branching passed on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofStep {
    /// The bit of the key that chooses the side.
    pub bit: u8,
    /// The digest of the side that was not taken.
    pub sibling: Hash,
}

/// Why a proof was refused. All are the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The proof shows presence where absence is claimed, or the reverse.
    #[error("the proof is of another kind than the claim")]
    WrongKind,
    /// The bits do not strictly ascend, so this is no path.
    #[error("step at bit {bit} is not below the one before it")]
    NotDescending {
        /// The bit of the offending step.
        bit: u8,
    },
    /// The leaf that is shown instead of the key's own does not lie on the key's path, or is the key's own.
    #[error("the leaf shown is not where the key would be")]
    LeafElsewhere,
    /// An empty tree has no steps.
    #[error("a path through an empty tree")]
    StepsInEmptyTree,
    /// The path leads to another root.
    #[error("the path leads to {computed}, not to the root {root}")]
    WrongRoot {
        /// The root to be matched.
        root: Hash,
        /// The root that follows from the proof and the claim.
        computed: Hash,
    },
}

impl Proof {
    /// The canonical bytes of the longest proof: kind, another key with its value, step count, 256 steps.
    pub const MAX_BYTES: usize = 4 + 64 + 8 + 256 * 33;

    /// Checks the claim that under `root` the key has this value hash, or with `None` that it is absent.
    ///
    /// The caller MUST take `root` from a certified header. At most 257 hashes are computed.
    ///
    /// # Errors
    /// [`ProofError`] unless the proof is exactly that of the claim; there is no second proof of a claim.
    pub fn verify(&self, root: &Hash, key: &Key, value: Option<&Hash>) -> Result<(), ProofError> {
        self.check_descent()?;
        let end = match (value, &self.end) {
            (Some(value), ProofEnd::Own) => digest::leaf(key, value),
            (None, ProofEnd::Other { key: other, value }) => {
                self.check_other(key, other)?;
                digest::leaf(other, value)
            }
            (None, ProofEnd::Empty) if self.steps.is_empty() => digest::empty(),
            (None, ProofEnd::Empty) => return Err(ProofError::StepsInEmptyTree),
            (Some(_), _) | (None, ProofEnd::Own) => return Err(ProofError::WrongKind),
        };
        let computed = self.steps.iter().rev().fold(end, |below, step| {
            if key.bit(step.bit) { digest::inner(step.bit, &step.sibling, &below) } else { digest::inner(step.bit, &below, &step.sibling) }
        });
        if computed == *root { Ok(()) } else { Err(ProofError::WrongRoot { root: *root, computed }) }
    }

    /// Strictly ascending bits: also what bounds a proof to 256 steps.
    fn check_descent(&self) -> Result<(), ProofError> {
        for (above, step) in self.steps.iter().zip(self.steps.iter().skip(1)) {
            if step.bit <= above.bit {
                return Err(ProofError::NotDescending { bit: step.bit });
            }
        }
        Ok(())
    }

    /// The root binds the other leaf to its place, but only its bits show that this place is on the key's path.
    fn check_other(&self, key: &Key, other: &Key) -> Result<(), ProofError> {
        let on_path = |step: &ProofStep| key.bit(step.bit) == other.bit(step.bit);
        if other == key || !self.steps.iter().all(on_path) {
            return Err(ProofError::LeafElsewhere);
        }
        Ok(())
    }
}

impl Tree {
    /// Proves what this tree holds for `key`: its value hash as [`Tree::get`] gives it, or its absence.
    pub fn prove(&self, key: &Key) -> Proof {
        let mut steps = Vec::new();
        let end = self.top.as_ref().map_or(ProofEnd::Empty, |top| descend(top, key, &mut steps));
        Proof { end, steps }
    }
}

/// Follows the bits of `key` to a leaf and notes the branchings.
fn descend(top: &Child, key: &Key, steps: &mut Vec<ProofStep>) -> ProofEnd {
    let mut node = &top.node;
    let mut entries = loop {
        match node {
            Node::Inner(inner) => {
                let (next, other) = inner.toward(key);
                steps.push(ProofStep { bit: inner.bit, sibling: other.digest });
                node = &next.node;
            }
            Node::Bucket(entries) => break &entries[..],
        }
    };
    while let Some((bit, count)) = branching(entries) {
        let (left, right) = entries.split_at(count);
        let (next, other) = if key.bit(bit) { (right, left) } else { (left, right) };
        steps.push(ProofStep { bit, sibling: digest_of(other) });
        entries = next;
    }
    match entries.first() {
        Some(entry) if entry.key == *key => ProofEnd::Own,
        Some(entry) => ProofEnd::Other { key: entry.key, value: entry.value },
        None => ProofEnd::Empty,
    }
}
