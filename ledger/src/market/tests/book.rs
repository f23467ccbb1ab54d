//! The book and what is told of it.

use super::*;

#[test]
fn depth_lists_prices_best_first() {
    let mut world = World::with_hubs(&["a", "b"]);
    play(
        &mut world,
        &[
            ("a", bid(1_000, 140_000)),
            ("a", bid(2_000, 140_000)),
            ("a", bid(1_000, 130_000)),
            ("b", ask(3_000, 160_000)),
            ("b", ask(1_000, 150_000)),
        ],
    );
    let seen: Vec<_> =
        depth(&world.state, Market::Compute).iter().map(|l| (l.side, l.price.micro_chf(), l.quantity.get(), l.orders)).collect();
    assert_eq!(
        seen,
        [(Side::Bid, 140_000, 3_000, 2), (Side::Bid, 130_000, 1_000, 1), (Side::Ask, 150_000, 1_000, 1), (Side::Ask, 160_000, 3_000, 1),]
    );
    assert_eq!(open_orders_of(&world.state, id("a")).len(), 3);
}
