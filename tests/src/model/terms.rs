//! Which terms may stand in a book, whatever else stands there (MARKET 1, 4). The first rule that is broken names the code.

use super::orders::MAX_AHEAD_MS;
use super::settle::months_later;
use super::{DAY_MS, Model, SLOT_MS, gross};
use leg_ledger::member::{Member, Role};
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Constraints, Market, PlaceOrder, Pricing, Product, Resource, SettlementMethod, Side, TimeInForce};

const MAX_QUANTITY: u64 = 1_000_000_000_000;
const MAX_WINDOW_MS: u64 = 7 * DAY_MS;
const MAX_STORAGE_ORDER_MS: u64 = 366 * DAY_MS;

impl Model {
    /// The book of an order of which `filled` has filled already, and when it leaves it by itself.
    pub(super) fn check_terms(&self, member: &Member, terms: &PlaceOrder, filled: u64) -> Result<(Market, u64), Code> {
        if !(member.role == Role::Hub || (member.role == Role::Customer && terms.side == Side::Bid)) {
            return Err(Code::WrongRole);
        }
        let resource = terms.product.resource();
        let (lot, total) = (self.params.resources.of(resource).lot.get(), terms.quantity.get());
        if total <= filled || total > MAX_QUANTITY || !total.is_multiple_of(lot) {
            return Err(Code::BadQuantity);
        }
        let open = total - filled;
        if terms.min_fill.get() > open || !terms.min_fill.get().is_multiple_of(lot) {
            return Err(Code::BadMinFill);
        }
        if resource == Resource::Heat && terms.settlement.contains(&SettlementMethod::Heat) {
            check_exchange(terms)?;
        } else {
            self.check_price(terms, resource)?;
            if gross(terms.limit.micro_chf(), open) < self.params.min_notional.get() {
                return Err(Code::MinNotional);
            }
        }
        let market = match terms.product {
            Product::Energy { slot } => Market::Energy { leg: member.location.leg.ok_or(Code::NoCommunity)?, slot },
            Product::Compute { .. } => Market::Compute,
            Product::ComputeHours { .. } => Market::ComputeHours,
            Product::Storage { .. } => Market::Storage,
            Product::Heat => Market::Heat,
        };
        let expires = self.check_times(terms)?;
        match terms.settlement.as_slice() {
            [SettlementMethod::Credits] => {}
            [SettlementMethod::Heat] if resource == Resource::Heat => {}
            _ => return Err(Code::BadSettlement),
        }
        let for_asks = terms.pricing == Pricing::Dynamic || terms.solar;
        if (terms.side == Side::Bid && for_asks) || (terms.side == Side::Ask && terms.split) {
            return Err(Code::BadPricing);
        }
        let job_fits = terms.side == Side::Bid && matches!(resource, Resource::Compute | Resource::ComputeHours);
        if terms.job.is_some() && !job_fits {
            return Err(Code::JobNotDue);
        }
        let wishes = &terms.constraints;
        let hub = match wishes.hub {
            Some(hub) => hub != member.id && self.registry.contains_key(&hub),
            None => !wishes.require_hub,
        };
        if !hub || wishes.min_reputation.is_some_and(|least| least.get() > 10_000) {
            return Err(Code::BadConstraints);
        }
        Ok((market, expires))
    }

    fn check_price(&self, terms: &PlaceOrder, resource: Resource) -> Result<(), Code> {
        let rules = self.params.resources.of(resource);
        let limit = terms.limit.micro_chf();
        if !limit.is_multiple_of(rules.tick.micro_chf()) {
            return Err(Code::BadTick);
        }
        let (limit, base, collar) = (u128::from(limit), u128::from(rules.base.micro_chf()), u128::from(self.params.price_collar.get()));
        if limit * 10_000 > base * collar || limit * collar < base * 10_000 {
            return Err(Code::PriceCollar);
        }
        Ok(())
    }

    fn check_times(&self, terms: &PlaceOrder) -> Result<u64, Code> {
        let closes = match terms.product {
            Product::Compute { from, until } | Product::ComputeHours { from, until } => {
                let (from, until) = (from.ms(), until.ms());
                if until <= self.now || until <= from || until - from > MAX_WINDOW_MS || until > self.now + MAX_AHEAD_MS {
                    return Err(Code::BadWindow);
                }
                until
            }
            Product::Energy { slot } => {
                let start = slot.get() * SLOT_MS;
                if start <= self.now || start - self.now > self.params.energy_open_ms {
                    return Err(Code::SlotClosed);
                }
                start
            }
            Product::Heat => months_later(self.now, self.params.heat_expiry_months),
            Product::Storage { months } if months == 0 || months > self.params.storage.max_months => return Err(Code::BadWindow),
            Product::Storage { .. } => self.now + MAX_STORAGE_ORDER_MS,
        };
        match terms.time_in_force {
            TimeInForce::GoodTillTime(t) if t.ms() <= self.now => Err(Code::BadTimeInForce),
            TimeInForce::GoodTillTime(t) => Ok(t.ms().min(closes)),
            TimeInForce::FillOrKill if terms.side == Side::Ask => Err(Code::BadTimeInForce),
            _ => Ok(closes),
        }
    }
}

/// Heat against heat: price 0, one named partner, nothing else (MARKET 8).
fn check_exchange(terms: &PlaceOrder) -> Result<(), Code> {
    let wishes = terms.constraints;
    let only_partner = Constraints { hub: wishes.hub, require_hub: true, ..Constraints::default() };
    let rules = [
        (terms.settlement.len() == 1, Code::BadSettlement),
        (terms.limit.micro_chf() == 0, Code::SwapPrice),
        (wishes.hub.is_some() && wishes == only_partner, Code::SwapPartner),
        (terms.min_fill.get() == 0, Code::BadMinFill),
        (terms.pricing == Pricing::Fixed, Code::BadPricing),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, code)| Err(code))
}
