//! Test support: a small community, blocks that are applied, timers, and the checks that hold after every block.

use super::*;
use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::block::{Committee, CommitteeMember};
use crate::execute::{self, BlockFacts, Envelope, Fault, HistoryRecord};
use crate::hash::Hash;
use crate::ids::{BlockId, Height, LegId, MemberId, Nonce, OrderId, OwnerId, PlaceId, TransactionId};
use crate::member::{Capacity, Country, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use crate::params::{Params, ProtocolVersion};
use crate::receipt::{Event, Settlement};
use crate::signature::SecretKey;
use crate::state::*;
use crate::time::{BlockTime, MarketClock, MarketTime, SLOT_MS, Slot};
use crate::transaction::*;

/// Market time of slot 1 000 000, the start of every test.
pub const START: u64 = 1_000_000;
/// Heat factor of the hubs, basis points.
pub const HEAT_FACTOR: u32 = 9_000;
/// What every trading member starts with, micro-CHF.
pub const FUNDS: u64 = 10_000_000_000;

pub struct World {
    pub state: State,
    pub now: MarketTime,
    pub params: Params,
    pub events: Vec<Event>,
    pub finished: Vec<HistoryRecord>,
    pub height: u64,
}

pub fn member(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

pub fn leg() -> LegId {
    LegId::parse("leg-1").unwrap()
}

pub fn slot(offset: u64) -> Slot {
    Slot::new(START + offset)
}

pub fn wh(wh: u64) -> Quantity {
    Quantity::new(wh)
}

/// The secret key of a member's role.
pub fn secret(name: &str, role: KeyRole) -> SecretKey {
    SecretKey::from_bytes(blake3::hash(format!("{name} {role:?}").as_bytes()).as_bytes())
}

pub fn envelope(signer: MemberId) -> Envelope {
    Envelope { transaction: TransactionId::from_hash(Hash::ZERO), signer, nonce: Nonce::new(1), action: 0 }
}

fn registered(name: &str, role: Role) -> Member {
    let place = |text| PlaceId::parse(text).unwrap();
    Member {
        id: member(name),
        owner: OwnerId::parse(name).unwrap(),
        name: name.to_owned(),
        role,
        status: MemberStatus::Active,
        keys: MemberKeys {
            operator: secret(name, KeyRole::Operator).public(),
            meter: (role == Role::Hub).then(|| secret(name, KeyRole::Meter).public()),
            consensus: None,
            network: Vec::new(),
        },
        location: Location {
            country: Country::parse("CH").unwrap(),
            canton: place("zh"),
            municipality: place("zurich"),
            grid_operator: place(if name == "grid-2" { "other" } else { "ewz" }),
            transformer_circuit: place("t1"),
            leg: Some(leg()),
            building: place(name),
        },
        capacity: Capacity { heat_factor: BasisPoints::new(HEAT_FACTOR), compute_watts: 100_000, ..Capacity::default() },
        reputation: BasisPoints::new(8_000),
    }
}

/// The traders of a world.
pub const TRADERS: [&str; 4] = ["hub-1", "hub-2", "hub-3", "buyer"];

impl World {
    pub fn new() -> World {
        let clock = MarketClock { origin: BlockTime::from_ms(0), scale: 1 };
        let now = Slot::new(START).start().unwrap();
        let mut world =
            World { state: State::default(), now, params: Params::standard(clock), events: Vec::new(), finished: Vec::new(), height: 0 };
        let hubs = TRADERS[..3].iter().map(|name| registered(name, Role::Hub));
        let others = [("buyer", Role::Customer), ("grid-1", Role::GridOperator), ("grid-2", Role::GridOperator)];
        let members: Vec<Member> = hubs.chain(others.map(|(name, role)| registered(name, role))).collect();
        world.run(|ctx| {
            let hub = CommitteeMember { member: member("hub-1"), key: secret("hub-1", KeyRole::Consensus).public() };
            let committee = Committee::new(vec![hub]).unwrap();
            ctx.state.put::<Committees>((), CommitteeState { current: committee.clone(), next: committee });
            ctx.state.put::<Parameters>((), ctx.params.clone());
            for entry in members {
                if TRADERS.contains(&entry.id.as_str()) {
                    let account = Account { free: MicroChf::new(FUNDS), ..Account::default() };
                    ctx.state.put::<Accounts>(entry.id, account);
                }
                for (role, key) in entry.keys.all() {
                    ctx.state.put::<Keys>(key, (entry.id, role));
                }
                ctx.state.put::<Members>(entry.id, entry);
            }
            let deposited = MicroChf::new(FUNDS * 4);
            ctx.state.put::<TotalsTable>((), Totals { deposited, ..Totals::default() });
        });
        world
    }

    /// Runs `f` as a block of its own.
    pub fn run<R>(&mut self, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        self.height += 1;
        let facts = BlockFacts {
            height: Height::new(self.height),
            time: BlockTime::from_ms(self.now.ms()),
            market_time: self.now,
            parent: BlockId::from_hash(Hash::ZERO),
            version: ProtocolVersion::V1,
        };
        let mut ctx = Context::new(Overlay::new(&self.state), facts, self.params.clone());
        let result = f(&mut ctx);
        self.events.append(&mut ctx.events);
        self.finished.append(&mut ctx.finished);
        let changes = ctx.state.into_changes();
        self.state.apply(changes);
        result
    }

    /// Runs one action as a block executes it: undone when rejected.
    pub fn act(&mut self, f: impl FnOnce(&mut Context<'_>) -> Result<(), Code>) -> Code {
        match self.run(|ctx| ctx.attempt(f)) {
            Ok(()) => Code::Ok,
            Err(code) => code,
        }
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.now = self.now.checked_add_ms(ms).unwrap();
    }

    /// Moves to `ms` after the start of a slot, without running timers.
    pub fn at(&mut self, slot: Slot, ms: u64) {
        self.now = slot.start().unwrap().checked_add_ms(ms).unwrap();
    }

    /// Phase 1: runs what is due, at most `most` timers; returns how many ran.
    pub fn timers(&mut self, most: usize) -> usize {
        let now = self.now;
        self.run(|ctx| {
            for ran in 0..most {
                let first = ctx.state.index(..).find_map(|key| match key {
                    IndexKey::Timer { due, id } => Some((due, id)),
                    _ => None,
                });
                match first {
                    Some((due, id)) if due <= now => fire(ctx, id).unwrap(),
                    _ => return ran,
                }
            }
            most
        })
    }

    /// Opens a trade of `buyer` with `seller`; each fill is (quantity, price).
    pub fn matched(&mut self, buyer: &str, seller: &str, fills: &[(u64, u64)], product: Product, solar: bool) -> TradeId {
        let (buyer, seller, number) = (member(buyer), member(seller), self.height);
        self.run(|ctx| {
            let fills: Vec<Fill> = fills.iter().map(|(q, p)| fill(*q, *p)).collect();
            let escrow: u64 = fills.iter().map(|f| f.price.gross(f.quantity).unwrap().get()).sum();
            execute::reserve(ctx, buyer, MicroChf::new(escrow)).unwrap();
            execute::escrow_reserved(ctx, buyer, MicroChf::new(escrow)).unwrap();
            let bid = order(buyer, number, &fills, product);
            open(ctx, Match { bid, seller, fills, product, settlement: SettlementMethod::Credits, solar }).unwrap()
        })
    }

    /// A compute trade over the next four slots.
    pub fn compute(&mut self, fills: &[(u64, u64)]) -> TradeId {
        self.matched("buyer", "hub-1", fills, window(0, 4), false)
    }

    pub fn start(&mut self, seller: &str, id: TradeId) -> Code {
        self.act(|ctx| start(ctx, &envelope(member(seller)), id))
    }

    pub fn complete(&mut self, seller: &str, done: &CompleteTrade) -> Code {
        self.act(|ctx| complete(ctx, &envelope(member(seller)), done))
    }

    pub fn confirm(&mut self, buyer: &str, id: TradeId) -> Code {
        self.act(|ctx| confirm(ctx, &envelope(member(buyer)), id))
    }

    pub fn cancel(&mut self, seller: &str, id: TradeId) -> Code {
        self.act(|ctx| cancel(ctx, &envelope(member(seller)), id))
    }

    pub fn read(&mut self, seller: &str, readings: &[Reading]) -> Code {
        self.act(|ctx| submit_readings(ctx, &envelope(member(seller)), readings))
    }

    pub fn report(&mut self, operator: &str, slot: Slot, energy: u64) -> Code {
        self.act(|ctx| report_exchange(ctx, &envelope(member(operator)), leg(), slot, wh(energy)))
    }

    pub fn account(&self, name: &str) -> Account {
        self.state.get::<Accounts>(&member(name)).copied().unwrap_or_default()
    }

    pub fn totals(&self) -> Totals {
        *self.state.get::<TotalsTable>(&()).unwrap()
    }

    pub fn status(&self, id: TradeId) -> Option<TradeStatus> {
        self.state.get::<Trades>(&id).map(|t| t.status)
    }

    /// What the trade settled to.
    pub fn settlement(&self, id: TradeId) -> Option<Settlement> {
        self.finished.iter().find_map(|record| match record {
            HistoryRecord::Settled { trade, settlement, .. } if trade.id == id => Some(*settlement),
            _ => None,
        })
    }

    /// What must hold after every block.
    pub fn check(&self) {
        let totals = self.totals();
        let accounts: Vec<Account> = self.state.range::<Accounts>(..).map(|(_, a)| *a).collect();
        let money: u64 = accounts.iter().map(|a| a.money().unwrap().get()).sum();
        assert_eq!(money + totals.fee.get() + totals.penalties.get(), totals.deposited.get(), "money is conserved");
        let heat: u64 = accounts.iter().map(|a| a.heat().unwrap().get()).sum();
        let lots: u64 = self.state.range::<HeatLots>(..).map(|(_, lot)| lot.quantity.get()).sum();
        assert_eq!(heat + totals.heat_expired.get(), totals.heat_issued.get(), "heat is conserved");
        assert_eq!(heat, lots, "lots make up the accounts' heat");
        let escrow: u64 = accounts.iter().map(|a| a.escrow.get()).sum();
        let open: u64 = self.state.range::<Trades>(..).map(|(_, t)| t.escrow.get()).sum();
        assert_eq!(escrow, open, "escrow stands behind open trades");
        for (key, entry) in self.state.range::<SlotReadings>(..) {
            assert!(entry.claimed <= entry.increase && entry.settled <= entry.claimed, "{key:?} {entry:?}");
        }
        for record in &self.finished {
            if let HistoryRecord::Settled { trade, settlement: s, .. } = record {
                assert_eq!(s.gross.get() + s.refund.get(), trade.escrow.get(), "settled + refunded = escrow");
                assert!(s.quantity <= trade.quantity && s.fee <= s.gross);
            }
        }
        for (key, exchange) in self.state.range::<Exchanges>(..) {
            let of_slot = self.state.range::<Trades>(..).filter(|(_, t)| t.market == Market::Energy { leg: key.0, slot: key.1 });
            assert_eq!(exchange.waiting + exchange.ready, u64::try_from(of_slot.count()).unwrap(), "{key:?}");
        }
        assert_eq!(State::load(self.state.entries()).unwrap(), self.state, "the index follows from the entries");
    }
}

fn fire(ctx: &mut Context<'_>, id: TimerId) -> Result<(), Fault> {
    match id {
        TimerId::Trade(id) => on_deadline(ctx, id),
        TimerId::HeatLot(key) => crate::heat::expire_heat_lot(ctx, key),
        TimerId::Exchange(leg, slot) => on_exchange_due(ctx, leg, slot),
        TimerId::SlotReading(key) => crate::meter::expire_slot_reading(ctx, key),
        TimerId::Forecast(member, slot) => crate::meter::expire_forecast(ctx, member, slot),
        TimerId::Order(_) => Err(Fault::Missing("orders in these tests")),
    }
}

pub fn window(from: u64, until: u64) -> Product {
    Product::Compute { from: slot(from).start().unwrap(), until: slot(until).start().unwrap() }
}

pub fn energy(offset: u64) -> Product {
    Product::Energy { slot: slot(offset) }
}

/// A fill of Wh at micro-CHF per kWh.
pub fn fill(quantity: u64, price: u64) -> Fill {
    let ask = OrderId::from_hash(Hash::ZERO);
    Fill { ask, quantity: wh(quantity), price: Price::from_micro_chf(price) }
}

fn order(buyer: MemberId, number: u64, fills: &[Fill], product: Product) -> Order {
    let id = OrderId::from_hash(Hash::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes()));
    let market = match product {
        Product::Energy { slot } => Market::Energy { leg: leg(), slot },
        _ => Market::Compute,
    };
    let terms = PlaceOrder {
        side: Side::Bid,
        product,
        quantity: wh(fills.iter().map(|f| f.quantity.get()).sum()),
        limit: Price::from_micro_chf(200_000),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: vec![SettlementMethod::Credits],
        pricing: Pricing::Fixed,
        split: true,
        solar: false,
        constraints: Constraints::default(),
    };
    Order {
        id,
        member: buyer,
        owner: OwnerId::parse(buyer.as_str()).unwrap(),
        market,
        terms,
        open: Quantity::ZERO,
        reserved: MicroChf::ZERO,
        height: Height::new(1),
        placed_at: MarketTime::from_ms(0),
        nonce: Nonce::new(number),
        action: 0,
        expires_at: None,
    }
}

pub fn reading(register: Resource, sequence: u64, slot: Slot, register_wh: u64) -> Reading {
    Reading { register, sequence, slot, register_wh: wh(register_wh), quality: ReadingQuality::Measured }
}

/// A completion that claims what its readings show: compute and heat of one slot.
pub fn completion(trade: TradeId, slot: Slot, compute: u64, heat: u64) -> CompleteTrade {
    CompleteTrade {
        trade,
        delivered: vec![(slot, wh(compute))],
        heat: vec![(slot, wh(heat))],
        readings: vec![reading(Resource::Compute, 1, slot, compute), reading(Resource::Heat, 1, slot, heat)],
        result: Some(Hash::MAX),
    }
}

/// Milliseconds of a slot.
pub const SLOT: u64 = SLOT_MS;
