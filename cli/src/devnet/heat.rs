//! What becomes of the heat that compute gave off: at each full hour the hubs with servers sell what they have, the others buy it in equal shares
//! and retire what they bought before, since they heat with it. Pure.

use super::community::{HUBS, LOT_WH, whole_lots};
use super::jobs::HOUR_SLOTS;
use super::plan::{Batch, Plan, is_worth_an_order, order};
use leg_ledger::amount::Quantity;
use leg_ledger::ids::MemberId;
use leg_ledger::transaction::{Action, HeatPurpose, HeatSelection, PlaceOrder, Product, RetireHeat, Side, TimeInForce};

/// Ticks for which an order for heat stands; what is left is free again before the next hour.
const STANDS: i64 = 3;

/// Adds to the batches of a tick, by member. `free` is the heat that a member can dispose of, Wh.
pub fn heat(plan: &Plan, tick: i64, batches: &mut [Batch], member: &dyn Fn(usize) -> MemberId, free: &dyn Fn(usize) -> u64) {
    if tick.rem_euclid(HOUR_SLOTS as i64) != 0 {
        return;
    }
    let until = TimeInForce::GoodTillTime(plan.span.start(tick + STANDS));
    let place = |batch: &mut Batch, side, wh, limit| {
        let terms = PlaceOrder { time_in_force: until, ..order(side, Product::Heat, wh, limit) };
        let worth = wh > 0 && is_worth_an_order(&terms);
        if worth {
            batch.actions.push(Action::PlaceOrder(terms));
        }
        worth
    };
    let mut offered = 0;
    for hub in (0..HUBS).filter(|hub| plan.jobs.offers(*hub)) {
        let wh = whole_lots(free(hub));
        if place(&mut batches[hub], Side::Ask, wh, plan.pricing.heat_ask(hub)) {
            offered += wh;
        }
    }
    let buyers = plan.jobs.buyers();
    let share = offered.div_ceil(buyers.len().max(1) as u64).next_multiple_of(LOT_WH);
    for buyer in buyers {
        let held = free(*buyer);
        if held > 0 {
            batches[*buyer].actions.push(Action::RetireHeat(RetireHeat {
                heat: HeatSelection::Earliest(Quantity::new(held)),
                used_by: member(*buyer),
                purpose: HeatPurpose::SpaceHeating,
                document: None,
            }));
        }
        place(&mut batches[*buyer], Side::Bid, share, plan.pricing.heat_bid(*buyer));
    }
}

#[cfg(test)]
mod tests {
    use super::super::community::Community;
    use super::super::jobs::{CUSTOMER, Jobs};
    use super::super::plan::{Span, hub_id};
    use super::super::pricing::Pricing;
    use super::*;
    use leg_ledger::params::Params;
    use leg_ledger::time::{BlockTime, MarketClock, Slot};

    fn at(tick: i64, free: &dyn Fn(usize) -> u64) -> Vec<Batch> {
        let community = Community::load().unwrap();
        let jobs = Jobs::load(community.peak_watts()).unwrap();
        let params = Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 });
        let plan = Plan::new(community, jobs, Span { first: Slot::new(1_000), slots: 24, data_offset: 0 }, Pricing::new(&params));
        let mut batches = vec![Batch::default(); HUBS + 1];
        heat(&plan, tick, &mut batches, &|index| hub_id(index).unwrap(), free);
        batches
    }

    fn quantities(batches: &[Batch], side: Side) -> Vec<u64> {
        let of = |action: &Action| match action {
            Action::PlaceOrder(terms) if terms.side == side => Some(terms.quantity.get()),
            _ => None,
        };
        batches.iter().flat_map(|batch| batch.actions.iter().filter_map(of)).collect()
    }

    #[test]
    fn what_hubs_have_is_offered_in_whole_lots_and_wanted_in_equal_shares() {
        // Hub 1 has servers, hub 3 buys.
        let batches = at(8, &|index| match index {
            0 => 1_239,
            2 => 77,
            _ => 9,
        });
        assert_eq!(quantities(&batches, Side::Ask), [1_230]);
        assert_eq!(quantities(&batches, Side::Bid), [250; 5], "1 230 Wh for five");
        let retired = |batch: &Batch| match batch.actions.first() {
            Some(Action::RetireHeat(RetireHeat { heat: HeatSelection::Earliest(q), .. })) => q.get(),
            _ => 0,
        };
        assert_eq!([retired(&batches[0]), retired(&batches[2]), retired(&batches[CUSTOMER])], [0, 77, 9]);
    }

    #[test]
    fn between_full_hours_and_without_heat_nothing_is_ordered() {
        for (tick, free) in [(9, 5_000), (10, 5_000), (8, 0)] {
            assert!(at(tick, &|_| free).iter().all(|batch| batch.actions.is_empty()), "{tick} {free}");
        }
    }
}
