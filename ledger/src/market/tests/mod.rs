//! Tests of the market room as a whole.

mod admission;
mod auctions;
mod book;
mod model;
mod properties;
mod rest;
mod rounds;
mod solar;
mod told;

use super::*;
use crate::amount::{MicroChf, Price, Quantity};
use crate::ids::OrderId;
use crate::params::PriceRule;
use crate::receipt::{Code, Event, OrderEnd};
use crate::state::{Accounts, Fill, IndexKey, Markets, Order, Orders, State, Trade, TradeStatus, Trades, View};
use crate::testing::{World, ask, bid, day, envelope, hub, id, leg, order};
use crate::transaction::{Market, PlaceOrder, Product, ReplaceOrder, Side, TimeInForce};

/// Events and receipts of one block.
struct Seen {
    orders: Vec<Result<OrderId, Code>>,
    events: Vec<Event>,
}

impl Seen {
    /// Id of the order placed at a position.
    fn id(&self, position: usize) -> OrderId {
        self.orders[position].unwrap()
    }

    /// How an order ended, if it did.
    fn end(&self, order: OrderId) -> Option<OrderEnd> {
        self.events.iter().find_map(|event| match event {
            Event::OrderEnded { order: o, end, .. } if *o == order => Some(*end),
            _ => None,
        })
    }
}

/// Places orders in one block and holds its auctions.
fn play(world: &mut World, orders: &[(&str, PlaceOrder)]) -> Seen {
    let envelopes: Vec<_> = orders.iter().map(|(name, _)| world.envelope(name)).collect();
    let seen = world.block(|ctx| {
        let orders = envelopes.iter().zip(orders).map(|(env, (_, terms))| ctx.attempt(|ctx| place(ctx, env, terms))).collect();
        run_auctions(ctx).unwrap();
        Seen { orders, events: ctx.events.clone() }
    });
    check_reservations(&world.state);
    seen
}

/// The start of an auction over all bids.
fn whole() -> auction::Start<'static> {
    auction::Start { round: None, changed: true, checks: crate::limits::MAX_AUCTION_CHECKS }
}

/// Every order of the book, whatever it is.
fn all_orders(state: &State) -> Vec<Order> {
    state.range::<Orders>(..).map(|(_, order)| order.clone()).collect()
}

/// (buyer, seller, [(Wh, price)]).
type Deals = Vec<(String, String, Vec<(u64, u64)>)>;

/// One of [`Deals`].
fn deal(buyer: &str, seller: &str, fills: &[(u64, u64)]) -> (String, String, Vec<(u64, u64)>) {
    (buyer.into(), seller.into(), fills.to_vec())
}

/// All trades as (buyer, seller, [(quantity, price)]), by buyer and seller.
fn trades(state: &State) -> Deals {
    let fills = |trade: &Trade| trade.fills.iter().map(|f: &Fill| (f.quantity.get(), f.price.micro_chf())).collect();
    let mut list: Vec<_> = state.range::<Trades>(..).map(|(_, t)| (t.buyer.to_string(), t.seller.to_string(), fills(t))).collect();
    list.sort();
    list
}

/// reserved = sum of the open bids' limit x open; escrow = sum of the trades'; load = what is open and running; money is conserved.
fn check_reservations(state: &State) {
    let mut money = 0;
    for (member, account) in state.range::<Accounts>(..) {
        let bids = state.range::<Orders>(..).filter(|(_, o)| o.member == *member && o.terms.side == Side::Bid);
        let reserved: u64 = bids
            .map(|(_, o)| {
                assert_eq!(o.reserved, o.limit().gross(o.open).unwrap(), "limit x open");
                o.reserved.get()
            })
            .sum();
        let escrow: u64 = state.range::<Trades>(..).filter(|(_, t)| t.buyer == *member).map(|(_, t)| t.escrow.get()).sum();
        assert_eq!((account.reserved.get(), account.escrow.get()), (reserved, escrow), "{member}");
        let asks =
            state.range::<Orders>(..).filter(|(_, o)| o.member == *member && o.terms.side == Side::Ask && o.market == Market::Compute);
        let running = |t: &Trade| matches!(t.status, TradeStatus::Pending | TradeStatus::Running) && t.market == Market::Compute;
        let sold = state.range::<Trades>(..).filter(|(_, t)| t.seller == *member && running(t));
        let load: u64 = asks.map(|(_, o)| o.open.get()).chain(sold.map(|(_, t)| t.quantity.get())).sum();
        assert_eq!(state.load(*member, crate::transaction::Resource::Compute), load, "{member} owes");
        money += account.money().unwrap().get();
    }
    let totals = state.get::<crate::state::TotalsTable>(&()).unwrap();
    assert_eq!(money + totals.fee.get() + totals.penalties.get(), totals.deposited.get());
}

/// An energy order of `leg-1` four hours after the start of the network.
fn energy(side: Side, wh: u64, limit: u64) -> PlaceOrder {
    let slot = crate::time::MarketTime::from_ms(crate::testing::START).slot().get() + 16;
    order(side, Product::Energy { slot: crate::time::Slot::new(slot) }, wh, limit)
}

fn energy_market() -> Market {
    let Product::Energy { slot } = energy(Side::Bid, 10, 100).product else { unreachable!() };
    Market::Energy { leg: leg(), slot }
}
