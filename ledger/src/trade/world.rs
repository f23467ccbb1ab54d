//! Test support: a small community, blocks that are applied, timers, and the checks that hold after every block.

use super::*;
use crate::amount::{MicroChf, Price, Quantity};
use crate::block::{Committee, CommitteeMember};
use crate::execute::{self, Envelope, Fault, HistoryRecord};
use crate::hash::Hash;
use crate::ids::{Height, MemberId, Nonce, OrderId, OwnerId, PlaceId};
use crate::member::{KeyRole, Member, Role};
use crate::receipt::{Event, Settlement, Verdict};
use crate::signature::SecretKey;
use crate::state::*;
use crate::testing::{self, hub, meter_key, operator_key};
use crate::time::{MarketTime, SLOT_MS, Slot};
use crate::transaction::*;

pub(crate) use crate::testing::{id as member, leg};

/// What every trading member starts with, micro-CHF.
pub(crate) const FUNDS: u64 = 10_000_000_000;
/// Milliseconds of a slot.
pub(crate) const SLOT: u64 = SLOT_MS;
/// The traders of a world: three hubs with a heat factor of 0.9 and a customer.
pub(crate) const TRADERS: [&str; 4] = ["hub-1", "hub-2", "hub-3", "buyer"];

/// Committee members that own themselves and trade nothing.
pub(crate) const JUDGES: [&str; 3] = ["judge-1", "judge-2", "judge-3"];

pub(crate) struct World {
    base: testing::World,
    pub(crate) events: Vec<Event>,
    pub(crate) finished: Vec<HistoryRecord>,
}

/// The slot `offset` slots after the start of every test.
pub(crate) fn slot(offset: u64) -> Slot {
    Slot::new(testing::START / SLOT_MS + offset)
}

pub(crate) fn wh(wh: u64) -> Quantity {
    Quantity::new(wh)
}

pub(crate) fn envelope(signer: MemberId) -> Envelope {
    testing::envelope(signer.as_str(), 1)
}

/// The secret key of a member's role.
pub(crate) fn secret(name: &str, role: KeyRole) -> SecretKey {
    if role == KeyRole::Meter { meter_key(name) } else { operator_key(name) }
}

/// A member without a meter.
fn other(name: &str, role: Role, grid: &str) -> Member {
    let mut member = Member { role, ..hub(name) };
    member.keys.meter = None;
    member.location.grid_operator = PlaceId::parse(grid).unwrap();
    member
}

impl World {
    pub(crate) fn new() -> World {
        let mut base = testing::World::with_hubs(&[]);
        for name in &TRADERS[..3] {
            base.add(hub(name), FUNDS);
        }
        base.add(other("buyer", Role::Customer, "ewz"), FUNDS);
        base.add(other("grid-1", Role::GridOperator, "ewz"), 0);
        base.add(other("grid-2", Role::GridOperator, "other"), 0);
        let members: Vec<Member> = base.state.range::<Members>(..).map(|(_, m)| m.clone()).collect();
        base.edit(|overlay| {
            for entry in members {
                for (role, key) in entry.keys.all() {
                    overlay.put::<Keys>(key, (entry.id, role));
                }
            }
            let one = Committee::new(vec![CommitteeMember { member: member("hub-1"), key: hub("c").keys.operator }]).unwrap();
            overlay.put::<Committees>((), CommitteeState { previous: one.clone(), current: one.clone(), next: one });
        });
        World { base, events: Vec::new(), finished: Vec::new() }
    }

    /// [`World::new`] with a committee that can judge a dispute of `buyer` and `hub-1`: [`JUDGES`], and `hub-1` itself.
    pub(crate) fn with_judges() -> World {
        let mut world = World::new();
        for name in JUDGES {
            world.base.add(hub(name), FUNDS);
        }
        let seats = JUDGES.iter().chain(&["hub-1"]);
        let seat = |name: &&str| CommitteeMember { member: member(name), key: operator_key(&format!("consensus {name}")).public() };
        let committee = Committee::new(seats.map(seat).collect()).unwrap();
        world.base.edit(|overlay| {
            let committees = CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee };
            overlay.put::<Committees>((), committees);
        });
        world
    }

    pub(crate) fn dispute(&mut self, by: &str, id: TradeId, claimed: u64) -> Code {
        self.act(|ctx| crate::dispute::open(ctx, &envelope(member(by)), id, wh(claimed)))
    }

    pub(crate) fn evidence(&mut self, by: &str, id: TradeId, hashes: &[Hash]) -> Code {
        self.act(|ctx| crate::dispute::submit_evidence(ctx, &envelope(member(by)), id, hashes))
    }

    pub(crate) fn concede(&mut self, by: &str, id: TradeId) -> Code {
        self.act(|ctx| crate::dispute::concede(ctx, &envelope(member(by)), id))
    }

    pub(crate) fn vote(&mut self, by: &str, id: TradeId, for_opener: bool) -> Code {
        self.act(|ctx| crate::dispute::vote(ctx, &envelope(member(by)), id, for_opener))
    }

    /// A grid operator's correction of a register's increase in a slot.
    pub(crate) fn correct(&mut self, operator: &str, correction: CorrectReading) -> Code {
        self.act(|ctx| crate::meter::correct(ctx, &envelope(member(operator)), &correction))
    }

    /// What the dispute about a trade came to.
    pub(crate) fn verdict(&self, id: TradeId) -> Option<Verdict> {
        self.finished.iter().find_map(|record| match record {
            HistoryRecord::Dispute { dispute, verdict, .. } if dispute.trade == id => Some(*verdict),
            _ => None,
        })
    }

    pub(crate) fn state(&self) -> &State {
        &self.base.state
    }

    pub(crate) fn now(&self) -> MarketTime {
        self.base.time()
    }

    pub(crate) fn edit_params(&mut self, f: impl FnOnce(&mut crate::params::Params)) {
        self.base.edit_params(f);
    }

    pub(crate) fn edit_member(&mut self, name: &str, f: impl FnOnce(&mut Member)) {
        self.base.edit_member(name, f);
    }

    /// Runs `f` as a block of its own; no time passes.
    pub(crate) fn run<R>(&mut self, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let facts = self.base.facts();
        let mut ctx = Context::new(Overlay::new(&self.base.state), facts, self.base.params());
        let result = f(&mut ctx);
        self.events.append(&mut ctx.events);
        self.finished.append(&mut ctx.finished);
        let changes = ctx.state.into_changes();
        self.base.apply(changes);
        self.base.height += 1;
        result
    }

    /// Runs one action as a block executes it: undone when rejected.
    pub(crate) fn act(&mut self, f: impl FnOnce(&mut Context<'_>) -> Result<(), Code>) -> Code {
        match self.run(|ctx| ctx.attempt(f)) {
            Ok(()) => Code::Ok,
            Err(code) => code,
        }
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.base.now += ms;
    }

    /// Moves to `ms` after the start of a slot, without running timers.
    pub(crate) fn at(&mut self, slot: Slot, ms: u64) {
        self.base.now = slot.start().unwrap().ms() + ms;
    }

    /// Phase 1: runs what is due, at most `most` timers; returns how many ran.
    pub(crate) fn timers(&mut self, most: usize) -> usize {
        let now = self.now();
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
    pub(crate) fn matched(&mut self, buyer: &str, seller: &str, fills: &[(u64, u64)], product: Product, solar: bool) -> TradeId {
        let (buyer, seller, number) = (member(buyer), member(seller), self.base.height);
        self.run(|ctx| {
            let fills: Vec<Fill> = fills.iter().map(|(q, p)| fill(*q, *p)).collect();
            let escrow: u64 = fills.iter().map(|f| f.price.gross(f.quantity).unwrap().get()).sum();
            execute::reserve(ctx, buyer, MicroChf::new(escrow)).unwrap();
            execute::escrow_reserved(ctx, buyer, MicroChf::new(escrow)).unwrap();
            let bid = order(buyer, number, &fills, product);
            open(ctx, Match { bid: &bid, seller, fills, product, settlement: SettlementMethod::Credits, solar }).unwrap()
        })
    }

    /// A compute trade over the next four slots.
    pub(crate) fn compute(&mut self, fills: &[(u64, u64)]) -> TradeId {
        self.matched("buyer", "hub-1", fills, window(0, 4), false)
    }

    pub(crate) fn start(&mut self, seller: &str, id: TradeId) -> Code {
        self.act(|ctx| start(ctx, &envelope(member(seller)), id))
    }

    pub(crate) fn complete(&mut self, seller: &str, done: &CompleteTrade) -> Code {
        self.act(|ctx| complete(ctx, &envelope(member(seller)), done))
    }

    pub(crate) fn confirm(&mut self, buyer: &str, id: TradeId) -> Code {
        self.act(|ctx| confirm(ctx, &envelope(member(buyer)), id))
    }

    pub(crate) fn cancel(&mut self, seller: &str, id: TradeId) -> Code {
        self.act(|ctx| cancel(ctx, &envelope(member(seller)), id))
    }

    pub(crate) fn read(&mut self, seller: &str, readings: &[Reading]) -> Code {
        self.act(|ctx| submit_readings(ctx, &envelope(member(seller)), readings))
    }

    pub(crate) fn report(&mut self, operator: &str, slot: Slot, energy: u64) -> Code {
        self.act(|ctx| report_exchange(ctx, &envelope(member(operator)), leg(), slot, wh(energy)))
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        self.state().get::<Accounts>(&member(name)).copied().unwrap_or_default()
    }

    pub(crate) fn totals(&self) -> Totals {
        *self.state().get::<TotalsTable>(&()).unwrap()
    }

    pub(crate) fn status(&self, id: TradeId) -> Option<TradeStatus> {
        self.state().get::<Trades>(&id).map(|t| t.status)
    }

    /// What the trade settled to.
    pub(crate) fn settlement(&self, id: TradeId) -> Option<Settlement> {
        self.finished.iter().find_map(|record| match record {
            HistoryRecord::Settled { trade, settlement, .. } if trade.id == id => Some(*settlement),
            _ => None,
        })
    }

    /// What must hold after every block.
    pub(crate) fn check(&self) {
        execute::invariants::check_state(self.state()).unwrap();
        let totals = self.totals();
        let accounts: Vec<Account> = self.state().range::<Accounts>(..).map(|(_, a)| *a).collect();
        let money: u64 = accounts.iter().map(|a| a.money().unwrap().get()).sum();
        assert_eq!(money + totals.fee.get() + totals.penalties.get(), totals.deposited.get(), "money is conserved");
        let heat: u64 = accounts.iter().map(|a| a.heat().unwrap().get()).sum();
        let lots: u64 = self.state().range::<HeatLots>(..).map(|(_, lot)| lot.quantity.get()).sum();
        let gone = totals.heat_expired.get() + totals.heat_retired.get();
        assert_eq!(heat + gone, totals.heat_issued.get(), "heat is conserved");
        assert_eq!(heat, lots, "lots make up the accounts' heat");
        let escrow: u64 = accounts.iter().map(|a| a.escrow.get()).sum();
        let open: u64 = self.state().range::<Trades>(..).map(|(_, t)| t.escrow.get()).sum();
        let bond: u64 = accounts.iter().map(|a| a.bond.get()).sum();
        let disputes: Vec<&Dispute> = self.state().range::<Disputes>(..).map(|(_, d)| d).collect();
        let posted = disputes.iter().map(|d| d.opener_bond.get() + d.respondent_bond.get());
        assert_eq!(bond, posted.sum::<u64>(), "bonds stand behind open disputes");
        for dispute in disputes {
            let trade = self.state().get::<Trades>(&dispute.trade).unwrap();
            assert_eq!((trade.status, trade.escrow), (TradeStatus::Disputed, dispute.value), "the disputed share is frozen");
        }
        assert_eq!(escrow, open, "escrow stands behind open trades");
        for (key, entry) in self.state().range::<SlotReadings>(..) {
            assert!(entry.claimed <= entry.increase && entry.settled <= entry.claimed, "{key:?} {entry:?}");
        }
        for (key, _) in self.state().range::<SlotSales>(..) {
            assert!(self.state().get::<SlotReadings>(key).is_some(), "{key:?}: sales leave the state with their slot");
        }
        let mut owed = std::collections::BTreeMap::<MemberId, u64>::new();
        for ((debtor, creditor), amount) in self.state().range::<Owed>(..) {
            assert!(!amount.is_zero() && debtor != creditor);
            *owed.entry(*debtor).or_default() += amount.get();
        }
        for (debtor, sum) in owed {
            assert!(sum <= self.account(debtor.as_str()).debt.get(), "{debtor}: what is owed is part of the debt");
        }
        for record in &self.finished {
            if let HistoryRecord::Settled { trade, settlement: s, .. } = record {
                assert_eq!(s.gross.get() + s.refund.get(), trade.escrow.get(), "settled + refunded = escrow");
                let delivered: u64 = trade.delivered.iter().map(|(_, quantity)| quantity.get()).sum();
                let judged = self.verdict(trade.id).is_some();
                assert!(s.quantity <= trade.quantity && (s.quantity.get() <= delivered || judged) && s.fee <= s.gross);
            }
        }
        for (key, exchange) in self.state().range::<Exchanges>(..) {
            let of_slot = self.state().range::<Trades>(..).filter(|(_, t)| t.market == Market::Energy { leg: key.0, slot: key.1 });
            assert_eq!(exchange.waiting + exchange.ready, u64::try_from(of_slot.count()).unwrap(), "{key:?}");
            let market = Market::Energy { leg: key.0, slot: key.1 };
            let paid = self.finished.iter().filter_map(|record| match record {
                HistoryRecord::Settled { trade, settlement, .. } if trade.market == market => Some(settlement.quantity.get()),
                _ => None,
            });
            assert!(paid.sum::<u64>() <= exchange.reported.unwrap_or(exchange.metered).get(), "{key:?} {exchange:?}");
        }
    }

    /// The index is what the entries alone make of it.
    pub(crate) fn check_index(&self) {
        assert_eq!(&State::load(self.state().entries()).unwrap(), self.state());
    }
}

fn fire(ctx: &mut Context<'_>, id: TimerId) -> Result<(), Fault> {
    match id {
        TimerId::Trade(id) => on_deadline(ctx, id),
        TimerId::HeatLot(key) => crate::heat::expire_heat_lot(ctx, key),
        TimerId::Exchange(leg, slot) => on_exchange_due(ctx, leg, slot),
        TimerId::SlotReading(key) => crate::meter::expire_slot_reading(ctx, key),
        TimerId::Forecast(member, slot) => crate::meter::expire_forecast(ctx, member, slot),
        TimerId::Dispute(trade) => crate::dispute::on_due(ctx, trade),
        TimerId::Storage(id) => crate::storage::on_due(ctx, id),
        TimerId::Order(order) => crate::market::expire_order(ctx, order),
        TimerId::OracleReports(key) => {
            crate::oracle::expire_reports(ctx, key);
            Ok(())
        }
        TimerId::Market(market) => {
            crate::market::expire_market(ctx, market);
            Ok(())
        }
        TimerId::Standing(member) => {
            crate::reputation::on_day(ctx, member);
            Ok(())
        }
        TimerId::Proposal(_) | TimerId::Departure(_) | TimerId::Charges => Err(Fault::Missing("votes in these tests")),
    }
}

pub(crate) fn window(from: u64, until: u64) -> Product {
    Product::Compute { from: slot(from).start().unwrap(), until: slot(until).start().unwrap() }
}

pub(crate) fn hours(from: u64, until: u64) -> Product {
    Product::ComputeHours { from: slot(from).start().unwrap(), until: slot(until).start().unwrap() }
}

pub(crate) fn energy(offset: u64) -> Product {
    Product::Energy { slot: slot(offset) }
}

/// A fill of Wh at micro-CHF per kWh.
pub(crate) fn fill(quantity: u64, price: u64) -> Fill {
    let ask = OrderId::from_hash(Hash::ZERO);
    Fill { ask, quantity: wh(quantity), price: Price::from_micro_chf(price) }
}

fn order(buyer: MemberId, number: u64, fills: &[Fill], product: Product) -> Order {
    let id = OrderId::from_hash(Hash::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes()));
    let market = match product {
        Product::Energy { slot } => Market::Energy { leg: leg(), slot },
        Product::ComputeHours { .. } => Market::ComputeHours,
        _ => Market::Compute,
    };
    let quantity = fills.iter().map(|f| f.quantity.get()).sum();
    let terms = testing::order(Side::Bid, product, quantity, 200_000);
    Order {
        id,
        member: buyer,
        owner: OwnerId::parse(buyer.as_str()).unwrap(),
        market,
        terms,
        open: Quantity::ZERO,
        reserved: MicroChf::ZERO,
        seller: None,
        height: Height::new(1),
        placed_at: MarketTime::from_ms(0),
        nonce: Nonce::new(number),
        action: 0,
        expires_at: None,
    }
}

pub(crate) fn reading(register: Resource, sequence: u64, slot: Slot, register_wh: u64) -> Reading {
    Reading { register, sequence, slot, register_wh: wh(register_wh), quality: ReadingQuality::Measured }
}

/// A completion that claims what its readings show: compute and heat of one slot.
pub(crate) fn completion(trade: TradeId, slot: Slot, compute: u64, heat: u64) -> CompleteTrade {
    CompleteTrade {
        trade,
        delivered: vec![(slot, wh(compute))],
        heat: vec![(slot, wh(heat))],
        readings: vec![reading(Resource::Compute, 1, slot, compute), reading(Resource::Heat, 1, slot, heat)],
        result: Some(Hash::MAX),
    }
}
