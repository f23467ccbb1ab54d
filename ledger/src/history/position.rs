//! Where nodes stand: the order in which they become complete, counted from 0.

use super::path::Range;

/// The largest number of leaves: 2^48, beyond which the log refuses to grow. It keeps all positions far from overflow.
pub const MAX_LEAVES: u64 = 1 << 48;

/// The position of a complete subtree: a power of two of leaves, from a multiple of it on.
///
/// Before leaf `i` stand `i` leaves and the inner nodes that they complete, `i - popcount(i)`; the subtree's nodes over its last leaf
/// follow that leaf in the order of their height.
pub(super) fn of_subtree(range: Range) -> u64 {
    let height = u64::from(range.leaves.trailing_zeros());
    of_leaf(range.end().saturating_sub(1)).saturating_add(height)
}

/// The position of a leaf.
pub(super) fn of_leaf(index: u64) -> u64 {
    index.saturating_mul(2).saturating_sub(u64::from(index.count_ones()))
}

/// Where RFC 9162 cuts a tree of two or more leaves: the largest power of two below `leaves`.
pub(super) fn cut(leaves: u64) -> u64 {
    leaves.div_ceil(2).next_power_of_two()
}
