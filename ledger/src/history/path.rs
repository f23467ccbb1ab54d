//! Ways down the tree of RFC 9162: what both kinds of proof have in common.

use super::position::cut;

/// Consecutive leaves that form a subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first leaf.
    pub(super) start: u64,
    /// How many leaves, at least one.
    pub(super) leaves: u64,
}

impl Range {
    /// The leaf after the last.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.leaves)
    }

    /// The two parts into which the RFC cuts two or more leaves.
    pub(super) fn halves(&self) -> (Range, Range) {
        let leaves = cut(self.leaves);
        let left = Range { start: self.start, leaves };
        let right = Range { start: left.end(), leaves: self.leaves.saturating_sub(leaves) };
        (left, right)
    }
}

/// One cut on the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The way goes into the right part.
    pub(super) right: bool,
    /// The part that it leaves aside.
    pub(super) sibling: Range,
}

/// The cuts from the whole log of `size` leaves down to a subtree, the whole's first: at most one a bit of the size.
pub(super) struct Path {
    pub(super) turns: Vec<Turn>,
    pub(super) end: Range,
}

impl Path {
    /// The way to one leaf below `size`.
    pub(super) fn to_leaf(size: u64, index: u64) -> Self {
        Path::descend(size, |range| range.leaves == 1, |middle| index >= middle)
    }

    /// The way to the largest subtree that ends where a log of `old_size` leaves ended; `0 < old_size <= size`.
    pub(super) fn to_end_of(old_size: u64, size: u64) -> Self {
        Path::descend(size, |range| range.end() == old_size, |middle| old_size > middle)
    }

    /// Cuts until `arrived`, into the right part when `is_right` of the leaf that it begins with. A single leaf ends it in any case.
    fn descend(size: u64, arrived: impl Fn(&Range) -> bool, is_right: impl Fn(u64) -> bool) -> Self {
        let mut end = Range { start: 0, leaves: size };
        let mut turns = Vec::new();
        while end.leaves > 1 && !arrived(&end) {
            let (left, right) = end.halves();
            let turn_right = is_right(right.start);
            let (next, sibling) = if turn_right { (right, left) } else { (left, right) };
            turns.push(Turn { right: turn_right, sibling });
            end = next;
        }
        Path { turns, end }
    }
}
