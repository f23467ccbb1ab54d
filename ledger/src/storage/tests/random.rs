//! Random lives of several contracts: what [`World`] checks after every block holds, and nothing is left when all have ended.

use super::world::*;
use crate::amount::Quantity;
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{StorageContracts, Trades, View};
use crate::storage::held;
use crate::testing::id;
use crate::time::DAY_MS;
use crate::transaction::Side;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Ask { seller: bool, gb: u64, price: u64 },
    Bid { gb: u64, months: u32, price: u64 },
    Announce(usize),
    Answer { contract: usize, whole: bool },
    Terminate { contract: usize, party: usize },
    Wait { hours: u64 },
    Propose(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (any::<bool>(), 1..1_500_u64, 40_000..60_000_u64).prop_map(|(seller, gb, price)| Step::Ask { seller, gb, price }),
        2 => (1..900_u64, 1..4_u32, 40_000..60_000_u64).prop_map(|(gb, months, price)| Step::Bid { gb, months, price }),
        3 => (0..8_usize).prop_map(Step::Announce),
        6 => (0..8_usize, prop::bool::weighted(0.9)).prop_map(|(contract, whole)| Step::Answer { contract, whole }),
        1 => (0..8_usize, 0..3_usize).prop_map(|(contract, party)| Step::Terminate { contract, party }),
        6 => (0..60_u64).prop_map(|hours| Step::Wait { hours }),
        1 => (0..3_usize).prop_map(Step::Propose),
    ]
}

fn pick(world: &World, number: usize) -> Option<TradeId> {
    let open: Vec<TradeId> = world.state().range::<StorageContracts>(..).map(|(id, _)| *id).collect();
    open.get(number.checked_rem(open.len())?).copied()
}

fn take(world: &mut World, step: &Step, content: &[u8]) {
    match *step {
        Step::Ask { seller, gb, price } => {
            world.place(if seller { "seller" } else { "other" }, Side::Ask, gb * 1_000, 3, price);
        }
        Step::Bid { gb, months, price } => {
            world.place("buyer", Side::Bid, gb * 1_000, months, price);
        }
        Step::Announce(number) => {
            if let Some(contract) = pick(world, number) {
                world.announce("buyer", contract, crate::transaction::StorageManifest { content: contract.hash(), ..manifest(content) });
            }
        }
        Step::Answer { contract, whole } => {
            let Some(contract) = pick(world, contract).filter(|c| world.contract(*c).challenge.is_some()) else { return };
            let seller = world.contract(contract).seller;
            for mut proof in world.proofs(contract, content) {
                if !whole {
                    proof.chunks.pop();
                }
                world.prove(seller.as_str(), &proof);
            }
        }
        Step::Terminate { contract, party } => {
            if let Some(contract) = pick(world, contract) {
                world.terminate(["buyer", "seller", "other"][party], contract);
            }
        }
        Step::Wait { hours } => {
            world.wait_ms(hours * 3_600_000);
            world.pass();
        }
        Step::Propose(who) => world.proposer = id(["proposer", "seller", "other"][who]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn money_reservations_and_capacity_hold_over_random_lives(steps in prop::collection::vec(step(), 120)) {
        let mut world = World::new();
        let bytes = content(6_000);
        for step in &steps {
            take(&mut world, step, &bytes);
        }
        // Nobody answers any more: everything ends by itself.
        world.proposer = id("proposer");
        for _ in 0..2_000 {
            let Some(due) = world.state().range::<StorageContracts>(..).map(|(_, c)| c.due).min() else { break };
            world.at(due.max(world.now()));
            world.pass();
        }
        prop_assert_eq!(world.state().range::<StorageContracts>(..).count(), 0, "every contract ends");
        prop_assert_eq!(world.state().range::<Trades>(..).count(), 0);
        world.wait_ms(400 * DAY_MS);
        world.pass();
        for name in ["buyer", "seller", "other"] {
            let account = world.account(name);
            prop_assert_eq!((account.reserved.get(), account.escrow.get(), account.debt.get()), (0, 0, 0), "{}", name);
            prop_assert_eq!(held(world.state(), id(name), true).0, Quantity::ZERO);
        }
        for settlement in world.settlements() {
            prop_assert!(settlement.penalty.is_zero() && settlement.gross.get() == settlement.fee.get() + settlement.seller.get());
        }
        prop_assert_eq!(world.terminate("buyer", TradeId::from_hash(crate::hash::Hash::ZERO)), Code::UnknownContract);
    }
}
