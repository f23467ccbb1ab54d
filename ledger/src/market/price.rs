//! Which price an order stands for (MARKET 5).

use crate::amount::{BasisPoints, Price};
use crate::params::ResourceParams;
use crate::state::Order;
use crate::transaction::{Pricing, TimeInForce};

/// Price of an ask: its limit, or for a dynamic one max(floor, reference with the seller's premium, rounded up to the tick).
/// The premium is clamp((reputation - 8 000) / 4, 0, 500) basis points. Overflow counts as the floor.
pub fn effective_price(ask: &Order, reference: Price, reputation: BasisPoints, params: &ResourceParams) -> Price {
    match ask.terms.pricing {
        Pricing::Fixed => ask.limit(),
        Pricing::Dynamic => dynamic_price(reference, reputation, params).map_or(ask.limit(), |p| p.max(ask.limit())),
    }
}

fn dynamic_price(reference: Price, reputation: BasisPoints, params: &ResourceParams) -> Option<Price> {
    let premium = reputation.get().saturating_sub(8_000).checked_div(4)?.min(500);
    reference.scaled(BasisPoints::new(premium.saturating_add(10_000)))?.ceil_to(params.tick)
}

/// True if the order belongs to U of MARKET 5: it makes the uniform price; others take it.
pub(super) fn makes_price(order: &Order) -> bool {
    let wishes = &order.terms.constraints;
    let picky = wishes.require_hub || wishes.min_reputation.is_some() || wishes.max_distance.is_some();
    !picky && order.terms.min_fill.is_zero() && order.terms.time_in_force != TimeInForce::FillOrKill
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, ask, envelope, id};

    #[test]
    fn dynamic_asks_follow_the_reference_with_a_premium_for_reputation() {
        let mut world = World::with_hubs(&["a"]);
        let mut terms = ask(1_000, 100_000);
        terms.pricing = Pricing::Dynamic;
        let order = world.block(|ctx| {
            let order = super::super::place(ctx, &envelope("a", 1), &terms).unwrap();
            use crate::state::View;
            ctx.state.get::<crate::state::Orders>(&order).unwrap().clone()
        });
        assert_eq!(order.member, id("a"));
        let params = world.params().resources.compute;
        // (reference, reputation, price): 8 000 earns nothing, 10 000 five per cent, rounded up to 100 micro-CHF.
        let table = [
            (150_000, 8_000, 150_000),
            (150_000, 10_000, 157_500),
            (150_000, 8_003, 150_000),
            (150_000, 8_004, 150_100),
            (150_000, 2_000, 150_000),
            (150_100, 9_000, 153_900),
            (90_000, 10_000, 100_000),
        ];
        for (reference, reputation, want) in table {
            let price = effective_price(&order, Price::from_micro_chf(reference), BasisPoints::new(reputation), &params);
            assert_eq!(price.micro_chf(), want, "{reference} {reputation}");
        }
    }
}
