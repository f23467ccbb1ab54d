//! At what prices the hubs of the development network bid and ask. Deterministic: a function of the hub alone, so that a run can be repeated.
//!
//! Outside of the community a household pays the grid tariff and is paid the feed-in tariff. Nobody gains by bidding above the first or asking
//! below the second, and both sides gain anywhere between; how far each goes is its temper, spread evenly over the hubs:
//!
//! ```text
//! energy bid  = base + (grid tariff - base) x (hub + 1) / (hubs + 1)        hub-01 is the thriftiest buyer
//! energy ask  = feed-in + (base - feed-in) x (hub + 1) / (hubs + 1)         hub-01 is the keenest seller
//! compute bid = base x 1.0 .. 1.5,  compute ask = base x 0.6 .. 0.95        in the same order; machines by the hour likewise
//! heat bid    = base x 1.0 .. 1.3,  heat ask    = base x 0.7 .. 1.0
//! ```
//!
//! Every second hub asks for compute and machines dynamically: its ask price is the least that it takes, the reference price follows sun, grid and
//! demand.
//!
//! All are rounded down to the tick of CHF 0.0001 per kWh, which keeps them inside the collar.

use super::community::HUBS;
use leg_ledger::amount::Price;
use leg_ledger::params::Params;

/// What a household pays to the grid operator, micro-CHF per kWh: CHF 0.27.
pub const GRID_TARIFF: u64 = 270_000;
/// What the grid operator pays for what is fed in, micro-CHF per kWh: CHF 0.08.
pub const FEED_IN_TARIFF: u64 = 80_000;

/// Prices of the development network.
#[derive(Clone, Copy, Debug)]
pub struct Pricing {
    energy_base: u64,
    compute_base: u64,
    machine_base: u64,
    heat_base: u64,
    tick: u64,
}

impl Pricing {
    /// Prices around the base prices of a network.
    pub fn new(params: &Params) -> Self {
        let resources = &params.resources;
        let (energy, compute, machines, heat) = (resources.energy, resources.compute, resources.compute_hours, resources.heat);
        let ticks = [energy, compute, machines, heat].map(|resource| resource.tick.micro_chf());
        Pricing {
            energy_base: energy.base.micro_chf(),
            compute_base: compute.base.micro_chf(),
            machine_base: machines.base.micro_chf(),
            heat_base: heat.base.micro_chf(),
            tick: ticks.into_iter().max().unwrap_or(1),
        }
    }

    /// The most that a hub pays for energy.
    pub fn energy_bid(&self, hub: usize) -> Price {
        self.between(self.energy_base, GRID_TARIFF.max(self.energy_base), hub)
    }

    /// The least that a hub takes for energy.
    pub fn energy_ask(&self, hub: usize) -> Price {
        self.between(FEED_IN_TARIFF.min(self.energy_base), self.energy_base, hub)
    }

    /// The most that a buyer pays for compute; `buyer` counts hubs first, then customers.
    pub fn compute_bid(&self, buyer: usize) -> Price {
        self.between(self.compute_base, self.compute_base * 3 / 2, buyer % HUBS)
    }

    /// The least that a hub takes for compute.
    pub fn compute_ask(&self, hub: usize) -> Price {
        self.between(self.compute_base * 60 / 100, self.compute_base * 95 / 100, hub)
    }

    /// The most that a buyer pays for a machine by the hour.
    pub fn machine_bid(&self, buyer: usize) -> Price {
        self.between(self.machine_base, self.machine_base * 3 / 2, buyer % HUBS)
    }

    /// The least that a hub takes for a machine by the hour.
    pub fn machine_ask(&self, hub: usize) -> Price {
        self.between(self.machine_base * 60 / 100, self.machine_base * 95 / 100, hub)
    }

    /// The most that a buyer pays for heat.
    pub fn heat_bid(&self, buyer: usize) -> Price {
        self.between(self.heat_base, self.heat_base * 13 / 10, buyer % HUBS)
    }

    /// The least that a hub takes for heat.
    pub fn heat_ask(&self, hub: usize) -> Price {
        self.between(self.heat_base * 7 / 10, self.heat_base, hub)
    }

    /// Whether a hub's asks for its servers' work follow the reference price.
    pub fn is_dynamic(&self, hub: usize) -> bool {
        hub % 2 == 1
    }

    fn between(&self, low: u64, high: u64, hub: usize) -> Price {
        let step = (high - low) * (hub as u64 + 1) / (HUBS as u64 + 1);
        Price::from_micro_chf((low + step) / self.tick * self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::time::{BlockTime, MarketClock};

    fn pricing() -> Pricing {
        Pricing::new(&Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 }))
    }

    #[test]
    fn prices_follow_the_written_rule() {
        let p = pricing();
        assert_eq!(p.energy_bid(0).micro_chf(), 186_900, "0.18 + 0.09 / 13 = 0.186 92");
        assert_eq!(p.energy_ask(11).micro_chf(), 172_300, "0.08 + 0.10 x 12 / 13 = 0.172 31");
        assert_eq!(p.compute_ask(0).micro_chf(), 94_000, "0.09 + 0.0525 / 13 = 0.094 04");
        assert_eq!(p.compute_bid(12), p.compute_bid(0));
        assert_eq!(p.machine_ask(0).micro_chf(), 31_300, "0.03 + 0.0175 / 13 = 0.031 35");
        assert_eq!(p.heat_bid(11).micro_chf(), 102_100, "0.08 + 0.024 x 12 / 13 = 0.102 15");
    }

    #[test]
    fn every_buyer_can_meet_every_seller_between_the_tariffs() {
        let p = pricing();
        for hub in 0..HUBS {
            for other in 0..HUBS {
                assert!(p.energy_bid(hub) >= p.energy_ask(other));
                assert!(p.compute_bid(hub) >= p.compute_ask(other));
                assert!(p.machine_bid(hub) >= p.machine_ask(other));
                assert!(p.heat_bid(hub) >= p.heat_ask(other));
            }
            assert!((FEED_IN_TARIFF..=GRID_TARIFF).contains(&p.energy_bid(hub).micro_chf()));
            assert!((FEED_IN_TARIFF..=GRID_TARIFF).contains(&p.energy_ask(hub).micro_chf()));
        }
    }
}
