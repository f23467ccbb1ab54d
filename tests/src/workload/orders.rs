//! Orders: mostly such as a hub would place, some that the rules reject.

use super::{disputes, generator::Workload, heat, oracles, storage};
use leg_ledger::amount::{BasisPoints, Price, Quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{LegId, MemberId, OrderId};
use leg_ledger::member::{Country, DistanceTier, Role};
use leg_ledger::state::{Accounts, Exchanges, Order, Orders, State, View};
use leg_ledger::time::{HOUR_MS, MarketTime, SLOT_MS, Slot};
use leg_ledger::transaction::{
    Action, Constraints, PlaceOrder, Pricing, Product, ReplaceOrder, Resource, SettlementMethod, Side, TimeInForce,
};
use rand::Rng;

/// Smallest quantity, Wh.
const LOT: u64 = 10;
/// Smallest step of a price, micro-CHF per kWh.
const TICK: u64 = 100;

/// One thing that a member's operator signs beside the steps of its trades.
pub(super) fn action(w: &mut Workload, state: &State, now: MarketTime, member: MemberId, role: Role) -> Option<Action> {
    if role == Role::Oracle || (role == Role::GridOperator && w.once_in(3)) {
        return Some(oracles::report(w, now, role == Role::Oracle));
    }
    let corrects = if role == Role::GridOperator { 4 } else { 200 };
    if w.once_in(corrects)
        && let Some(correction) = disputes::correction(w, state, now)
    {
        return Some(correction);
    }
    if role == Role::GridOperator {
        let report = exchange(w, state);
        let order = w.once_in(10).then(|| Action::PlaceOrder(order(w, now)));
        return report.or(order);
    }
    let warm = state.get::<Accounts>(&member).is_some_and(|account| account.heat_free.get() >= 100);
    if warm && w.once_in(4) {
        let ask = if w.once_in(2) { heat_ask(w, state, member).map(Action::PlaceOrder) } else { None };
        return Some(ask.unwrap_or_else(|| heat::action(w, state, member)));
    }
    let forecasts = if role == Role::Hub || w.once_in(10) { 100 } else { 85 };
    Some(match w.rng.gen_range(0..forecasts) {
        44..=52 => Action::PlaceOrder(storage::order(w)),
        53..=60 => Action::PlaceOrder(heat_ask(w, state, member).unwrap_or_else(|| order(w, now))),
        61..=64 => heat::action(w, state, member),
        0..=64 => Action::PlaceOrder(order(w, now)),
        65..=74 => Action::CancelOrder { order: some_order(w, state, member)?.id },
        75..=84 => {
            let order = some_order(w, state, member)?;
            replace(w, &order)
        }
        85..=97 => forecast(w, now),
        // Trading stops for good after two of these, so they are rare.
        98 if w.once_in(12) => Action::HaltMarket { resource: Resource::Storage },
        98 => Action::Heartbeat,
        _ if w.once_in(12) => Action::HaltMarket { resource: Resource::Compute },
        _ => Action::CancelOrder { order: OrderId::from_hash(Hash::MAX) },
    })
}

/// An ask that the member's free heat covers.
fn heat_ask(w: &mut Workload, state: &State, member: MemberId) -> Option<PlaceOrder> {
    let free = state.get::<Accounts>(&member)?.heat_free.get();
    let lots = free / LOT;
    let least = 10;
    (lots >= least).then(|| PlaceOrder {
        side: Side::Ask,
        product: Product::Heat,
        quantity: Quantity::new(w.rng.gen_range(least..=lots) * LOT),
        limit: Price::from_micro_chf(80_000 * w.rng.gen_range(80..=110) / 100 / TICK * TICK),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: if w.once_in(4) { Pricing::Dynamic } else { Pricing::Fixed },
        split: false,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    })
}

fn order(w: &mut Workload, now: MarketTime) -> PlaceOrder {
    let side = if w.rng.gen_bool(0.5) { Side::Bid } else { Side::Ask };
    let (product, base) = product(w, now);
    let quantity = w.rng.gen_range(1..=600) * LOT;
    let limit = base * w.rng.gen_range(80..=120) / 100 / TICK * TICK;
    let mut order = PlaceOrder {
        side,
        product,
        quantity: Quantity::new(quantity),
        limit: Price::from_micro_chf(limit),
        time_in_force: time_in_force(w, now, side),
        min_fill: if w.once_in(6) { Quantity::new(quantity / 2 / LOT * LOT) } else { Quantity::ZERO },
        settlement: SettlementMethod::Credits.only(),
        pricing: if side == Side::Ask && w.once_in(4) { Pricing::Dynamic } else { Pricing::Fixed },
        split: side == Side::Bid && w.once_in(2),
        solar: side == Side::Ask && w.once_in(3) && product.resource() != Resource::ComputeHours,
        constraints: constraints(w),
        job: (side == Side::Bid && w.once_in(8)).then_some(Hash::MAX),
    };
    if w.once_in(12) {
        spoil(w, &mut order);
    }
    order
}

/// What is traded and its base price, micro-CHF per kWh.
fn product(w: &mut Workload, now: MarketTime) -> (Product, u64) {
    let after = |ms: u64| MarketTime::from_ms(now.ms() + ms);
    let window = |w: &mut Workload| {
        let from = after(w.rng.gen_range(0..=2) * SLOT_MS);
        (from, MarketTime::from_ms(from.ms() + w.rng.gen_range(1..=16) * SLOT_MS))
    };
    match w.rng.gen_range(0..20) {
        0..=1 => (Product::Heat, 80_000),
        2..=3 => {
            let (from, until) = window(w);
            (Product::ComputeHours { from, until }, 50_000)
        }
        4..=9 => (Product::Energy { slot: Slot::new(now.slot().get() + w.rng.gen_range(1..=3)) }, 180_000),
        _ => {
            let (from, until) = window(w);
            (Product::Compute { from, until }, 150_000)
        }
    }
}

fn time_in_force(w: &mut Workload, now: MarketTime, side: Side) -> TimeInForce {
    match w.rng.gen_range(0..10) {
        0 => TimeInForce::ImmediateOrCancel,
        1 if side == Side::Bid => TimeInForce::FillOrKill,
        2 | 3 => TimeInForce::GoodTillTime(MarketTime::from_ms(now.ms() + w.rng.gen_range(1..=2 * HOUR_MS))),
        _ => TimeInForce::GoodTillCancelled,
    }
}

fn constraints(w: &mut Workload) -> Constraints {
    let mut wishes = Constraints::default();
    if !w.once_in(4) {
        return wishes;
    }
    let hubs: Vec<MemberId> = w.members.iter().filter(|(_, role)| *role == Role::Hub).map(|(id, _)| *id).collect();
    match w.rng.gen_range(0..4) {
        0 => {
            wishes.hub = w.pick(&hubs);
            wishes.require_hub = w.once_in(2);
        }
        1 => wishes.min_reputation = Some(BasisPoints::new(w.rng.gen_range(7_500..=8_500))),
        2 => wishes.max_distance = Some(DistanceTier::TransformerCircuit),
        _ => wishes.country = Country::parse("CH"),
    }
    wishes
}

/// Breaks one rule.
fn spoil(w: &mut Workload, order: &mut PlaceOrder) {
    match w.rng.gen_range(0..7) {
        0 => order.quantity = Quantity::new(order.quantity.get() + 1),
        1 => order.limit = Price::from_micro_chf(order.limit.micro_chf() + 1),
        2 => order.limit = Price::from_micro_chf(order.limit.micro_chf() * 100),
        3 => order.quantity = Quantity::new(1_000_000_000),
        4 => order.min_fill = Quantity::new(order.quantity.get() + LOT),
        5 => order.settlement = SettlementMethod::Chf.only(),
        _ => order.constraints.require_hub = true,
    }
}

/// An open order: mostly the member's own.
fn some_order(w: &mut Workload, state: &State, member: MemberId) -> Option<Order> {
    let others = w.once_in(20);
    let found: Vec<Order> = state.range::<Orders>(..).map(|(_, order)| order).filter(|o| others || o.member == member).cloned().collect();
    w.pick(&found)
}

fn replace(w: &mut Workload, order: &Order) -> Action {
    let quantity = order.terms.quantity.get();
    let (quantity, limit) = match w.rng.gen_range(0..3) {
        0 => (quantity / 2 / LOT * LOT, order.terms.limit),
        1 => (quantity + 5 * LOT, order.terms.limit),
        _ => (quantity, Price::from_micro_chf(order.terms.limit.micro_chf() + TICK)),
    };
    Action::ReplaceOrder(ReplaceOrder { order: order.id, quantity: Quantity::new(quantity), limit })
}

fn forecast(w: &mut Workload, now: MarketTime) -> Action {
    let first = now.slot().get() + w.rng.gen_range(0..4);
    let slots = (first..first + w.rng.gen_range(1..=8)).map(|slot| (Slot::new(slot), Quantity::new(w.rng.gen_range(0..=9_000)))).collect();
    Action::ForecastSolar { slots }
}

/// The grid operator's report for a slot in which trades wait for one.
fn exchange(w: &mut Workload, state: &State) -> Option<Action> {
    let waiting: Vec<(LegId, Slot)> = state.range::<Exchanges>(..).filter(|(_, e)| e.reported.is_none()).map(|(key, _)| *key).collect();
    let (leg, slot) = w.pick(&waiting)?;
    Some(Action::ReportExchange { leg, slot, energy: Quantity::new(w.rng.gen_range(0..=5_000)) })
}
