//! Random lives: whatever members, meters and the grid operator do in whatever order, nothing appears or vanishes.

use crate::execute::HistoryRecord;
use crate::ids::TradeId;
use crate::state::{Register, Registers, Trades, View};
use crate::time::{DAY_MS, Slot};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, Reading, Resource};
use proptest::prelude::*;

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
        4 => (open.clone(), prop::collection::vec((0_u64..4, 0_u64..9_000, 0_u64..9_000), 0..4))
            .prop_map(|(trade, slots)| Step::Complete { trade, slots }),
        2 => open.clone().prop_map(Step::Confirm),
        1 => open.prop_map(Step::Cancel),
        4 => (seller, register, 0_u64..3, 0_u64..9_000)
            .prop_map(|(seller, register, back, increase)| Step::Read { seller, register, back, increase }),
        2 => (0_u64..4, 0_u64..9_000).prop_map(|(back, energy)| Step::Report { back, energy }),
        4 => prop_oneof![4 => 1_u64..3 * SLOT, 1 => 1_u64..3 * DAY_MS].prop_map(Step::Wait),
    ]
}

fn pick(world: &World, index: usize) -> Option<TradeId> {
    let ids: Vec<TradeId> = world.state().range::<Trades>(..).map(|(id, _)| *id).collect();
    (!ids.is_empty()).then(|| ids[index % ids.len()])
}

fn next_reading(world: &World, seller: usize, register: Resource, slot: Slot, increase: u64) -> Reading {
    let last = world.state().get::<Registers>(&(member(TRADERS[seller]), register));
    let (sequence, before) = last.map_or((0, 0), |r: &Register| (r.sequence, r.register_wh.get()));
    reading(register, sequence + 1, slot, before + increase)
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
        Step::Wait(ms) => {
            world.wait_ms(*ms);
            world.timers(10_000);
        }
        Step::Read { seller, register, back, increase } => {
            let next = next_reading(world, *seller, *register, Slot::new(current.get() - back), *increase);
            world.read(TRADERS[*seller], &[next]);
        }
        Step::Report { back, energy } => {
            world.report("grid-1", Slot::new(current.get() - back), *energy);
        }
        Step::Start(index) | Step::Confirm(index) | Step::Cancel(index) | Step::Complete { trade: index, .. } => {
            let Some(id) = pick(world, *index) else { return };
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

/// Claims what one new reading each of compute and heat shows, in the slots back from now.
fn complete(world: &mut World, id: TradeId, seller: &str, slots: &[(u64, u64, u64)]) -> crate::receipt::Code {
    let index = TRADERS.iter().position(|name| *name == seller).unwrap();
    let current = world.now().slot().get();
    let mut claims: Vec<(Slot, u64, u64)> = slots.iter().map(|(back, c, h)| (Slot::new(current - back), *c, *h)).collect();
    claims.sort_unstable();
    claims.dedup_by_key(|claim| claim.0);
    let sum = |f: fn(&(Slot, u64, u64)) -> u64| claims.iter().map(f).sum::<u64>();
    let now = Slot::new(current);
    let readings = vec![
        next_reading(world, index, Resource::Compute, now, sum(|c| c.1)),
        next_reading(world, index, Resource::Heat, now, sum(|c| c.2)),
    ];
    let delivered = claims.iter().map(|(slot, c, _)| (*slot, wh(*c))).collect();
    let heat = claims.iter().map(|(slot, _, h)| (*slot, wh(*h))).collect();
    world.complete(seller, &CompleteTrade { trade: id, delivered, heat, readings, result: None })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_appears_or_vanishes(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        world.at(slot(8), 0);
        let mut opened = 0;
        for step in &steps {
            apply(&mut world, step);
            opened += usize::from(matches!(step, Step::Compute { .. } | Step::Energy { .. }));
            world.check();
        }
        world.wait_ms(40 * DAY_MS);
        // Energy that settles when its last readings were missed becomes due within the same block.
        for _ in 0..3 {
            world.timers(10_000);
            world.check();
        }
        prop_assert_eq!(world.state().range::<Trades>(..).count(), 0, "every trade ends, by a party or by a deadline");
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
