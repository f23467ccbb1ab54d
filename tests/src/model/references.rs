//! Reference prices, once a slot (MARKET 5).

use super::state::Reference;
use super::{Model, SLOT_MS};
use leg_ledger::ids::{LegId, OwnerId};
use leg_ledger::transaction::{Market, Resource, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

impl Model {
    /// For each resource, of energy for each community.
    pub(super) fn update_references(&mut self) {
        let slot = self.now / SLOT_MS;
        if self.reference_slot >= slot {
            return;
        }
        self.reference_slot = slot;
        let (supply, grid) = self.adjustments(None, slot);
        for resource in [Resource::Compute, Resource::ComputeHours] {
            self.update_reference(resource, None, slot, (supply, grid));
        }
        for resource in [Resource::Storage, Resource::Heat] {
            self.update_reference(resource, None, slot, (0, 0));
        }
        let legs: BTreeSet<LegId> = self.members.values().filter_map(|m| m.location.leg).collect();
        for leg in legs {
            let inputs = self.zone_of(leg).map_or((0, 0), |zone| self.adjustments(Some(zone), slot));
            self.update_reference(Resource::Energy, Some(leg), slot, inputs);
        }
    }

    fn update_reference(&mut self, resource: Resource, leg: Option<LegId>, slot: u64, (supply, grid): (i64, i64)) {
        let rules = self.params.resources.of(resource);
        let (base, tick) = (rules.base.micro_chf(), rules.tick.micro_chf());
        let before = self.reference(resource, leg).price;
        let since = (slot - 1) * SLOT_MS;
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for order in self.orders.values().filter(|o| o.partner().is_none()) {
            let own_leg = if let Market::Energy { leg, .. } = order.market { Some(leg) } else { None };
            let limit = order.terms.limit.micro_chf();
            let (side, counts) = match order.terms.side {
                Side::Bid => (0, limit >= before),
                Side::Ask => (1, limit <= before),
            };
            if order.market.resource() == resource && own_leg == leg && counts && order.placed_at <= since {
                let owner: OwnerId = self.member(order.member).owner;
                *sides[side].entry(owner).or_insert(0_u64) += order.open;
            }
        }
        let [bids, asks] = sides.map(|side| {
            let total: u64 = side.values().sum();
            side.values().map(|wh| i128::from((*wh).min(total / 5))).sum::<i128>()
        });
        let demand = if bids + asks == 0 { 0 } else { (5_000 * (bids - asks) / (bids + asks)).clamp(-2_000, 2_000) };
        let demand = i64::try_from(demand).expect("clamped");
        let scaled = i128::from(base) * i128::from(10_000 + supply + grid + demand) / 10_000;
        let price = u64::try_from(scaled.max(0)).expect("positive").clamp(base / 2, base * 2) / tick * tick;
        Rc::make_mut(&mut self.references).insert((resource, leg), Reference { price, supply, grid, demand });
    }
}
