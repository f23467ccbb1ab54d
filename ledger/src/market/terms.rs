//! Whether the terms of an order may stand in a book, whatever else stands there (MARKET 1, 4).

use super::swap;
use crate::amount::{BasisPoints, Price, Quantity};
use crate::limits::{MAX_AHEAD_MS, MAX_QUANTITY, MAX_STORAGE_ORDER_MS, MAX_WINDOW_MS};
use crate::member::{Member, MemberStatus, Role};
use crate::params::{Params, ResourceParams};
use crate::receipt::Code;
use crate::state::{Members, Order, View};
use crate::time::MarketTime;
use crate::transaction::{Market, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};

/// Where an order stands and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its book.
    pub market: Market,
    /// When it expires by itself.
    pub expires_at: MarketTime,
}

/// Checks `terms` of `member`, of which `filled` has filled already (zero for a new order).
///
/// # Errors
/// The code of the first rule that is broken.
pub(super) fn check_terms(
    view: &impl View,
    params: &Params,
    now: MarketTime,
    member: &Member,
    terms: &PlaceOrder,
    filled: Quantity,
) -> Result<Standing, Code> {
    check_role(member, terms.side)?;
    let resource = terms.product.resource();
    let rules = params.resources.of(resource);
    let open = check_quantity(terms, filled, rules)?;
    if is_swap(terms) {
        swap::check_terms(terms)?;
    } else {
        check_price(terms.limit, params.price_collar, rules)?;
        let value = terms.limit.gross(open).ok_or(Code::Overflow)?;
        if value < params.min_notional {
            return Err(Code::MinNotional);
        }
    }
    let market = market_of(member, &terms.product)?;
    let closes = check_product(&terms.product, params, now)?;
    let expires_at = check_time_in_force(terms, now, closes)?;
    check_settlement(terms)?;
    check_pricing(terms)?;
    check_job(terms)?;
    check_constraints(view, member, terms)?;
    Ok(Standing { market, expires_at })
}

fn check_role(member: &Member, side: Side) -> Result<(), Code> {
    if member.status != MemberStatus::Active {
        return Err(Code::MemberInactive);
    }
    match (member.role, side) {
        (Role::Hub, _) | (Role::Customer, Side::Bid) => Ok(()),
        _ => Err(Code::WrongRole),
    }
}

/// True for an order of heat against heat (MARKET 8).
fn is_swap(terms: &PlaceOrder) -> bool {
    terms.product == Product::Heat && terms.settlement.contains(&SettlementMethod::Heat)
}

fn is_multiple(quantity: Quantity, lot: Quantity) -> bool {
    quantity.floor_to(lot) == Some(quantity)
}

fn check_quantity(terms: &PlaceOrder, filled: Quantity, rules: &ResourceParams) -> Result<Quantity, Code> {
    let total = terms.quantity;
    let open = total.checked_sub(filled).ok_or(Code::BadQuantity)?;
    if open.is_zero() || total.get() > MAX_QUANTITY || !is_multiple(total, rules.lot) {
        return Err(Code::BadQuantity);
    }
    if terms.min_fill > open || !is_multiple(terms.min_fill, rules.lot) {
        return Err(Code::BadMinFill);
    }
    Ok(open)
}

fn check_price(limit: Price, collar: BasisPoints, rules: &ResourceParams) -> Result<(), Code> {
    if limit.floor_to(rules.tick) != Some(limit) {
        return Err(Code::BadTick);
    }
    let scaled = |price: Price, factor: u32| u128::from(price.micro_chf()).checked_mul(u128::from(factor)).ok_or(Code::Overflow);
    let high = scaled(limit, 10_000)? > scaled(rules.base, collar.get())?;
    let low = scaled(limit, collar.get())? < scaled(rules.base, 10_000)?;
    if high || low { Err(Code::PriceCollar) } else { Ok(()) }
}

fn market_of(member: &Member, product: &Product) -> Result<Market, Code> {
    Ok(match *product {
        Product::Compute { .. } => Market::Compute,
        Product::ComputeHours { .. } => Market::ComputeHours,
        Product::Storage { .. } => Market::Storage,
        Product::Heat => Market::Heat,
        Product::Energy { slot } => Market::Energy { leg: member.location.leg.ok_or(Code::NoCommunity)?, slot },
    })
}

/// When the product's book closes for it: the end of a compute window, the start of an energy slot, a year for storage; for heat, when what is
/// issued now expires.
fn check_product(product: &Product, params: &Params, now: MarketTime) -> Result<MarketTime, Code> {
    match *product {
        Product::Compute { from, until } | Product::ComputeHours { from, until } => {
            let latest = now.checked_add_ms(MAX_AHEAD_MS).ok_or(Code::BadWindow)?;
            let length = until.ms_since(from);
            let fits = until > now && length > 0 && length <= MAX_WINDOW_MS && until <= latest;
            if fits { Ok(until) } else { Err(Code::BadWindow) }
        }
        Product::Energy { slot } => {
            let start = slot.start().ok_or(Code::SlotClosed)?;
            let open = start > now && start.ms_since(now) <= params.energy_open_ms;
            if open { Ok(start) } else { Err(Code::SlotClosed) }
        }
        Product::Heat => now.checked_add_months(params.heat_expiry_months).ok_or(Code::Overflow),
        Product::Storage { months } => {
            let fits = months > 0 && months <= params.storage.max_months;
            let closes = now.checked_add_ms(MAX_STORAGE_ORDER_MS).ok_or(Code::BadWindow)?;
            if fits { Ok(closes) } else { Err(Code::BadWindow) }
        }
    }
}

fn check_time_in_force(terms: &PlaceOrder, now: MarketTime, closes: MarketTime) -> Result<MarketTime, Code> {
    match terms.time_in_force {
        TimeInForce::GoodTillTime(until) if until <= now => Err(Code::BadTimeInForce),
        TimeInForce::GoodTillTime(until) => Ok(until.min(closes)),
        TimeInForce::FillOrKill if terms.side == Side::Ask => Err(Code::BadTimeInForce),
        TimeInForce::GoodTillCancelled | TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => Ok(closes),
    }
}

/// Credits, or heat against heat; francs are refused until settlement agents exist.
fn check_settlement(terms: &PlaceOrder) -> Result<(), Code> {
    match terms.settlement.as_slice() {
        [SettlementMethod::Credits] => Ok(()),
        [SettlementMethod::Heat] if is_swap(terms) => Ok(()),
        _ => Err(Code::BadSettlement),
    }
}

fn check_pricing(terms: &PlaceOrder) -> Result<(), Code> {
    let for_asks = terms.pricing == Pricing::Dynamic || terms.solar;
    let allowed = match terms.side {
        Side::Bid => !for_asks,
        Side::Ask => !terms.split,
    };
    if allowed { Ok(()) } else { Err(Code::BadPricing) }
}

fn check_job(terms: &PlaceOrder) -> Result<(), Code> {
    let due = terms.side == Side::Bid && terms.product.window().is_some();
    if terms.job.is_none() || due { Ok(()) } else { Err(Code::JobNotDue) }
}

fn check_constraints(view: &impl View, member: &Member, terms: &PlaceOrder) -> Result<(), Code> {
    let wishes = &terms.constraints;
    let hub_fits = match wishes.hub {
        Some(hub) => hub != member.id && view.get::<Members>(&hub).is_some(),
        None => !wishes.require_hub,
    };
    let reputation_fits = wishes.min_reputation.is_none_or(|least| least <= BasisPoints::ALL);
    if hub_fits && reputation_fits { Ok(()) } else { Err(Code::BadConstraints) }
}

/// True if `open` is too little to stay in the book: nothing, under the minimum fill, or under the minimum notional (MARKET 4).
pub(super) fn is_remainder(params: &Params, order: &Order, open: Quantity) -> bool {
    let value = order.limit().gross(open);
    let worthless = order.swap_partner().is_none() && value.is_none_or(|v| v < params.min_notional);
    open.is_zero() || open < order.terms.min_fill || worthless
}
