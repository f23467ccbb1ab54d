mod histories;
mod issue;
mod market;
mod moves;
mod swaps;

use crate::execute::{Context, Envelope};
use crate::ids::{Nonce, OrderId};
use crate::market::{place, run_auctions};
use crate::receipt::Code;
use crate::state::{HeatLot, HeatLotKey, HeatLots, Order, Orders, TotalsTable, View};
use crate::testing;
use crate::time::MarketTime;
use crate::trade::trade_id;
use crate::trade::world::{World, member, slot, wh};
use crate::transaction::{PlaceOrder, Product, Side};

/// Gives `name` a lot of `quantity` Wh that expires `days` days after the start, as issue would.
fn give(world: &mut World, name: &str, number: u64, quantity: u64, days: u64) -> HeatLotKey {
    let trade = trade_id(OrderId::from_hash(crate::hash::Hash::from_bytes([7; 32])), member(name), crate::ids::Height::new(number));
    let key = HeatLotKey { holder: member(name), producer: member(name), slot: slot(number), trade };
    let expires_at = MarketTime::from_ms(testing::START + days * crate::time::DAY_MS);
    world.run(|ctx| {
        super::lots::add_free(ctx, key, wh(quantity), expires_at).unwrap();
        let mut totals = *ctx.state.get::<TotalsTable>(&()).unwrap();
        totals.heat_issued = totals.heat_issued.checked_add(wh(quantity)).unwrap();
        ctx.state.put::<TotalsTable>((), totals);
    });
    key
}

fn lot(world: &World, key: HeatLotKey) -> Option<HeatLot> {
    world.state().get::<HeatLots>(&key).copied()
}

fn heat(side: Side, wh: u64, limit: u64) -> PlaceOrder {
    testing::order(side, Product::Heat, wh, limit)
}

fn envelope(name: &str, nonce: u64) -> Envelope {
    Envelope { nonce: Nonce::new(nonce), ..testing::envelope(name, nonce) }
}

/// Places orders in one block and holds its auctions; what became of each.
fn block(world: &mut World, first_nonce: u64, orders: &[(&str, PlaceOrder)]) -> Vec<Result<OrderId, Code>> {
    let results = world.run(|ctx| {
        let one = |ctx: &mut Context<'_>, (n, (name, terms)): (u64, &(&str, PlaceOrder))| {
            ctx.attempt(|ctx| place(ctx, &envelope(name, first_nonce + n), terms))
        };
        let results: Vec<_> = (0..).zip(orders).map(|order| one(ctx, order)).collect();
        run_auctions(ctx).unwrap();
        results
    });
    world.check();
    world.check_index();
    results
}

fn open(world: &World, order: OrderId) -> Option<Order> {
    world.state().get::<Orders>(&order).cloned()
}
