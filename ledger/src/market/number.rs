//! Numbers of what an auction holds in lists, in half of their room.

/// A number that takes half of its room. Nothing of an auction has as many as do not fit: they would not be found.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The number as an index.
#[inline]
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
