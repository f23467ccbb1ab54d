//! Random lives: whatever members, meters and the grid operator do in whatever order, nothing appears or vanishes.

use crate::execute::HistoryRecord;
use crate::hash::Hash;
use crate::ids::TradeId;
use crate::receipt::Event;
use crate::state::{Disputes, Register, Registers, SlotReadings, Trade, TradeStatus, Trades, View};
use crate::time::{DAY_MS, Slot};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, CorrectReading, Market, Product, Reading, Resource};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Compute { seller: usize, fills: Vec<(u64, u64)>, solar: bool },
    Energy { seller: usize, quantity: u64, ahead: u64 },
    Start(usize),
    Complete { trade: usize, slots: Vec<(u64, u64, u64)> },
    Confirm(usize),
    Cancel(usize),
    Read { seller: usize, register: Resource, back: u64, increase: u64 },
    Report { back: u64, energy: u64 },
    Dispute { trade: usize, by_seller: bool, permille: u64 },
    Gap { trade: usize, permille: u64 },
    Correct { seller: usize, register: Resource, back: u64, permille: u64 },
    Evidence { trade: usize, by_seller: bool, hash: u8 },
    Concede { trade: usize, by_seller: bool },
    Vote { trade: usize, judge: usize, for_opener: bool },
    Wait(u64),
}

fn fills() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((1_u64..2_000).prop_map(|lots| lots * 10), 1..4).prop_flat_map(|quantities| {
        quantities.into_iter().map(|q| (Just(q), (150_u64..2_000).prop_map(|p| p * 100 + 1))).collect::<Vec<_>>()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let (seller, open) = (0_usize..3, 0_usize..64);
    let register = prop_oneof![Just(Resource::Compute), Just(Resource::Heat), Just(Resource::Energy), Just(Resource::Energy)];
    prop_oneof![
        3 => (seller.clone(), fills(), any::<bool>()).prop_map(|(seller, fills, solar)| Step::Compute { seller, fills, solar }),
        3 => (seller.clone(), 1_u64..500, 1_u64..4).prop_map(|(seller, lots, ahead)| Step::Energy { seller, quantity: lots * 10, ahead }),
        3 => open.clone().prop_map(Step::Start),
        4 => (open.clone(), prop::collection::vec((0_u64..4, 0_u64..1_200, 0_u64..1_200), 0..4))
            .prop_map(|(trade, slots)| Step::Complete { trade, slots }),
        2 => open.clone().prop_map(Step::Confirm),
        1 => open.prop_map(Step::Cancel),
        4 => (seller, register, 0_u64..3, 0_u64..9_000)
            .prop_map(|(seller, register, back, increase)| Step::Read { seller, register, back, increase }),
        2 => (0_u64..4, 0_u64..9_000).prop_map(|(back, energy)| Step::Report { back, energy }),
        4 => (0_usize..64, any::<bool>(), 0_u64..1_100).prop_map(|(trade, by_seller, permille)| Step::Dispute { trade, by_seller, permille }),
        1 => (0_usize..64, 0_u64..1_100).prop_map(|(trade, permille)| Step::Gap { trade, permille }),
        2 => (0_usize..3, prop_oneof![3 => Just(Resource::Compute), 1 => Just(Resource::Energy)], 0_u64..4, 0_u64..1_200)
            .prop_map(|(seller, register, back, permille)| Step::Correct { seller, register, back, permille }),
        1 => (0_usize..64, any::<bool>(), any::<u8>()).prop_map(|(trade, by_seller, hash)| Step::Evidence { trade, by_seller, hash }),
        1 => (0_usize..64, any::<bool>()).prop_map(|(trade, by_seller)| Step::Concede { trade, by_seller }),
        8 => (0_usize..64, 0_usize..3, any::<bool>()).prop_map(|(trade, judge, for_opener)| Step::Vote { trade, judge, for_opener }),
        3 => prop_oneof![12 => 1_u64..2 * SLOT, 1 => 1_u64..2 * DAY_MS].prop_map(Step::Wait),
    ]
}

/// A trade in the state that a step needs, sometimes or when there is none another one.
fn pick(world: &World, index: usize, wanted: TradeStatus) -> Option<TradeId> {
    let all: Vec<&Trade> = world.state().range::<Trades>(..).map(|(_, trade)| trade).collect();
    let fitting: Vec<&Trade> = all.iter().copied().filter(|t| t.status == wanted && t.market == Market::Compute).collect();
    let from = if fitting.is_empty() || index.is_multiple_of(8) { all } else { fitting };
    (!from.is_empty()).then(|| from[index % from.len()].id)
}

/// The first slot that ended with energy trades in a state, of one seller or of any.
fn ended_slot(world: &World, status: TradeStatus, seller: Option<usize>) -> Option<Slot> {
    let of_seller = |t: &&Trade| seller.is_none_or(|s| t.seller == member(TRADERS[s]));
    let slots = world.state().range::<Trades>(..).map(|(_, t)| t).filter(of_seller).filter(|t| t.status == status);
    let ended = slots.filter_map(|t| match t.product {
        Product::Energy { slot } if slot.end().unwrap() <= world.now() => Some(slot),
        _ => None,
    });
    ended.min()
}

fn next_reading(world: &World, seller: usize, register: Resource, slot: Slot, increase: u64) -> Reading {
    let last = world.state().get::<Registers>(&(member(TRADERS[seller]), register));
    let (sequence, before) = last.map_or((0, 0), |r: &Register| (r.sequence, r.register_wh.get()));
    reading(register, sequence + 1, slot, before + increase)
}

/// A step of a dispute, or the opening of one.
fn apply_to_dispute(world: &mut World, step: &Step) {
    let (index, wanted) = match step {
        Step::Dispute { trade, .. } => (*trade, TradeStatus::Delivered),
        Step::Gap { trade, .. } => (*trade, TradeStatus::Running),
        Step::Evidence { trade, .. } | Step::Concede { trade, .. } | Step::Vote { trade, .. } => (*trade, TradeStatus::Disputed),
        _ => return,
    };
    let Some(id) = pick(world, index, wanted) else { return };
    let trade = world.state().get::<Trades>(&id).unwrap().clone();
    let party = |by_seller: &bool| if *by_seller { trade.seller.as_str() } else { trade.buyer.as_str() };
    let part = |permille: &u64| trade.quantity.get() * permille / 1_000;
    match step {
        Step::Dispute { by_seller, permille, .. } => world.dispute(party(by_seller), id, part(permille)),
        Step::Gap { permille, .. } => {
            let seller = TRADERS.iter().position(|name| *name == trade.seller.as_str()).unwrap();
            let slot = world.now().slot();
            let mut gap = next_reading(world, seller, Resource::Compute, slot, part(permille));
            gap.sequence += 3;
            let delivered = vec![(slot, wh(part(permille)))];
            world.complete(trade.seller.as_str(), &CompleteTrade { trade: id, delivered, heat: vec![], readings: vec![gap], result: None })
        }
        Step::Evidence { by_seller, hash, .. } => world.evidence(party(by_seller), id, &[Hash::from_bytes([*hash; 32])]),
        Step::Concede { by_seller, .. } => world.concede(party(by_seller), id),
        Step::Vote { judge, for_opener, .. } => world.vote(JUDGES[*judge], id, *for_opener),
        _ => unreachable!(),
    };
}

fn apply(world: &mut World, step: &Step) {
    let current = world.now().slot();
    let ahead = |slots: u64| current.get() - slot(0).get() + slots;
    match step {
        Step::Compute { seller, fills, solar } => {
            let product = window(ahead(0), ahead(4));
            world.matched(if *seller == 0 { "hub-2" } else { "buyer" }, TRADERS[*seller], fills, product, *solar);
        }
        Step::Energy { seller, quantity, ahead: slots } => {
            world.matched("buyer", TRADERS[*seller], &[(*quantity, 180_100)], energy(ahead(*slots)), false);
        }
        Step::Dispute { .. } | Step::Gap { .. } | Step::Evidence { .. } | Step::Concede { .. } | Step::Vote { .. } => {
            apply_to_dispute(world, step);
        }
        Step::Correct { seller, register, back, permille } => {
            let of = Slot::new(current.get() - back);
            let key = (member(TRADERS[*seller]), *register, of);
            let before = world.state().get::<SlotReadings>(&key).map_or(0, |entry| entry.increase.get());
            let increase = wh(before * permille / 1_000);
            world.correct("grid-1", CorrectReading { member: key.0, register: *register, slot: of, increase, stand: None });
        }
        Step::Wait(ms) => {
            world.wait_ms(*ms);
            world.timers(10_000);
        }
        Step::Read { seller, register, back, increase } => {
            let due = if *register == Resource::Energy { ended_slot(world, TradeStatus::Pending, Some(*seller)) } else { None };
            let slot = due.unwrap_or(Slot::new(current.get() - back));
            let next = next_reading(world, *seller, *register, slot, *increase);
            world.read(TRADERS[*seller], &[next]);
        }
        Step::Report { back, energy } => {
            let due = ended_slot(world, TradeStatus::Settling, None);
            world.report("grid-1", due.unwrap_or(Slot::new(current.get() - back)), *energy);
        }
        Step::Start(index) | Step::Confirm(index) | Step::Cancel(index) | Step::Complete { trade: index, .. } => {
            let wanted = match step {
                Step::Complete { .. } => TradeStatus::Running,
                Step::Confirm(_) => TradeStatus::Delivered,
                _ => TradeStatus::Pending,
            };
            let Some(id) = pick(world, *index, wanted) else { return };
            let trade = world.state().get::<Trades>(&id).unwrap().clone();
            let (seller, buyer) = (trade.seller.as_str(), trade.buyer.as_str());
            match step {
                Step::Start(_) => world.start(seller, id),
                Step::Confirm(_) => world.confirm(buyer, id),
                Step::Cancel(_) => world.cancel(seller, id),
                Step::Complete { slots, .. } => complete(world, id, seller, slots),
                _ => unreachable!(),
            };
        }
    }
}

/// Claims thousandths of the ordered quantity in slots of the window up to now, each shown by a reading of compute and one of heat.
fn complete(world: &mut World, id: TradeId, seller: &str, slots: &[(u64, u64, u64)]) -> crate::receipt::Code {
    let index = TRADERS.iter().position(|name| *name == seller).unwrap();
    let trade = world.state().get::<Trades>(&id).unwrap();
    let (ordered, first, now) = (trade.quantity.get(), trade.matched_at.slot().get(), world.now().slot());
    let part = |permille: &u64| ordered * permille / 1_000;
    let claims = slots.iter().map(|(offset, c, h)| (Slot::new(first + offset).min(now), part(c), part(h)));
    let claims: BTreeMap<Slot, (u64, u64)> = claims.map(|(slot, c, h)| (slot, (c, h))).collect();
    let mut readings = Vec::new();
    for (register, of) in [(Resource::Compute, 0), (Resource::Heat, 1)] {
        let mut sum = 0;
        for (number, (slot, (c, h))) in (0_u64..).zip(&claims) {
            sum += [c, h][of];
            let mut next = next_reading(world, index, register, *slot, sum);
            next.sequence += number;
            readings.push(next);
        }
    }
    let delivered = claims.iter().map(|(slot, (c, _))| (*slot, wh(*c))).collect();
    let heat = claims.iter().map(|(slot, (_, h))| (*slot, wh(*h))).collect();
    world.complete(seller, &CompleteTrade { trade: id, delivered, heat, readings, result: None })
}

/// Runs the steps, checks after each, and lets every deadline pass.
fn live(steps: &[Step]) -> World {
    let mut world = World::with_judges();
    world.edit_params(|params| (params.disputes.evidence_window_ms, params.disputes.verdict_window_ms) = (2 * SLOT, 12 * SLOT));
    world.at(slot(8), 0);
    for step in steps {
        apply(&mut world, step);
        world.check();
    }
    world.check_index();
    world.wait_ms(40 * DAY_MS);
    // Energy that settles when its last readings were missed becomes due within the same block.
    for _ in 0..3 {
        world.timers(10_000);
        world.check();
    }
    world.check_index();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_appears_or_vanishes(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = live(&steps);
        prop_assert_eq!(world.state().range::<Trades>(..).count(), 0, "every trade ends, by a party or by a deadline");
        prop_assert_eq!(world.state().range::<Disputes>(..).count(), 0, "every dispute ends");
        let opened = steps.iter().filter(|s| matches!(s, Step::Compute { .. } | Step::Energy { .. })).count();
        let ended = |record: &&HistoryRecord| matches!(record, HistoryRecord::Settled { .. } | HistoryRecord::Cancelled { .. });
        prop_assert_eq!(world.finished.iter().filter(ended).count(), opened);
        let escrow: u64 = TRADERS.iter().map(|name| world.account(name).escrow.get()).sum();
        prop_assert_eq!(escrow, 0);
        world.wait_ms(366 * DAY_MS);
        world.timers(10_000);
        prop_assert_eq!(world.totals().heat_expired, world.totals().heat_issued);
        world.check();
    }
}

#[test]
fn random_lives_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let (mut heat, mut penalties, mut bonuses, mut energy_cut, mut silent) = (0, 0, 0, 0, 0);
    let mut reasons = [0; 8];
    let mut verdicts = [0; 4];
    for _ in 0..96 {
        let steps = prop::collection::vec(step(), 200).new_tree(&mut runner).unwrap().current();
        let world = live(&steps);
        for record in &world.finished {
            match record {
                HistoryRecord::Settled { trade, settlement: s, .. } => {
                    heat += usize::from(!s.heat.is_zero());
                    penalties += usize::from(!s.penalty.is_zero());
                    bonuses += usize::from(!s.bonus.is_zero());
                    let cut = trade.market.resource() == Resource::Energy && !s.quantity.is_zero() && s.quantity < trade.delivered[0].1;
                    energy_cut += usize::from(cut);
                }
                HistoryRecord::Cancelled { reason, .. } => reasons[usize::try_from(*reason as u32).unwrap()] += 1,
                HistoryRecord::Dispute { verdict, .. } => verdicts[usize::try_from(verdict.basis as u32).unwrap()] += 1,
                HistoryRecord::Order { .. }
                | HistoryRecord::Receipt { .. }
                | HistoryRecord::Storage { .. }
                | HistoryRecord::HeatRetired { .. }
                | HistoryRecord::Proposal { .. } => {}
            }
        }
        silent += world.events.iter().filter(|event| matches!(event, Event::Confirmed { silent: true, .. })).count();
    }
    let reached = [heat, penalties, bonuses, energy_cut, silent];
    // Storage has its own random lives, and its own ends.
    let [not_started, not_completed, by_seller, _, _, _, _, disputed] = reasons;
    let ends = [not_started, not_completed, by_seller, disputed];
    assert!(reached.iter().chain(&ends).all(|count| *count > 4), "{reached:?} {ends:?}");
    let [registers, vote, conceded, undecided] = verdicts;
    assert!(vote > 4 && conceded > 4 && undecided > 4 && registers > 0, "{verdicts:?}");
}
