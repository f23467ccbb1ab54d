//! Lists of an auction: numbers of what they hold, in half of the room, how they grow, and how orders are read.

use crate::state::Order;
use std::hint::black_box;

/// Orders that are looked up one after the other before the first of them is looked at.
pub(super) const READ_TOGETHER: usize = 16;

/// A number that takes half of its room. Nothing of an auction has as many as do not fit: they would not be found.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The number as an index.
#[inline]
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Asks each of these orders for a part of what is looked at next. They lie anywhere in memory, each over several of the processor's lines: whoever
/// begins with the first of them waits for each line of each by itself, and after this pass has waited for all of them together.
#[inline]
pub(super) fn fetch(orders: &[&Order]) {
    for order in orders {
        black_box((order.id.hash().head(), order.member.as_bytes().first().copied(), order.limit(), order.open, order.height));
    }
}

/// Adds to a list that may become long. It grows fourfold: what it copies as it grows is a third of it then, not all of it.
#[inline]
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve(list.len().saturating_mul(3).max(16));
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_copied_seldom_and_keeps_its_order() {
        let (mut list, mut grown) = (Vec::new(), 0);
        for item in 0..10_000_u32 {
            let before = list.capacity();
            push(&mut list, item);
            grown += usize::from(list.capacity() > before);
        }
        assert!(list.iter().copied().eq(0..10_000));
        assert!((1..=6).contains(&grown), "16 x 4^5 hold them, and it grew {grown} times");
    }
}
