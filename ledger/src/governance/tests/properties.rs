//! Random histories: whatever is proposed and voted, every proposal ends, money is conserved and the order of transactions does not matter
//! (each block of a [`Community`] checks both).

use super::*;
use crate::params::Parameter;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["hub-1", "hub-2", "hub-3", "hub-4", "hub-5", "buyer"];

#[derive(Clone, Debug)]
enum Move {
    Propose(usize, u8, u64, u64),
    Vote(usize, usize, bool),
    Withdraw(usize, usize),
    Heartbeat(usize),
    Order(usize, bool, u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..4_usize, any::<u8>(), 1..40_u64, 1..20_u64).prop_map(|(who, what, time, ahead)| Move::Propose(who, what, time, ahead)),
        8 => (0..5_usize, any::<usize>(), prop::bool::weighted(0.9)).prop_map(|(who, which, yes)| Move::Vote(who, which, yes)),
        1 => (0..4_usize, any::<usize>()).prop_map(|(who, which)| Move::Withdraw(who, which)),
        1 => (0..5_usize).prop_map(Move::Heartbeat),
        3 => (0..6_usize, any::<bool>(), 10..20_u64).prop_map(|(who, bid, price)| Move::Order(who, bid, price * 10_000)),
    ]
}

fn change(what: u8) -> Change {
    let name = NAMES[usize::from(what) % NAMES.len()];
    let (member, number) = (id(name), what / 16);
    match what % 12 {
        0 => Change::Parameter { parameter: Parameter::ALL[usize::from(what) % Parameter::ALL.len()], value: u64::from(what) * 7 },
        1 => status(name, MemberStatus::Suspended),
        2 => status(name, MemberStatus::Active),
        3 => status(name, MemberStatus::Left),
        4 => Change::Join(Box::new(newcomer(&format!("hub-{}", 6 + number % 3)))),
        5 => committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"]),
        6 => committee_of(&["hub-1", "hub-2", "hub-3", "hub-4", "hub-5"]),
        7 => committee_of(&SEATED),
        8 => {
            let consensus = Some(proven(name, KeyRole::Consensus, number));
            Change::Keys(Box::new(KeyChange { member, operator: None, meter: None, consensus, network: None }))
        }
        9 => Change::Role { member, role: if number % 2 == 0 { Role::Customer } else { Role::Hub } },
        10 => Change::Parameter { parameter: Parameter::Support, value: u64::from(what) * 1_000_000 },
        _ => Change::Reopen { resource: Resource::Compute },
    }
}

fn play(world: &mut Community, known: &mut Vec<ProposalId>, block: &[Move]) {
    let pick =
        |known: &[ProposalId], which: usize| known.get(which % known.len().max(1)).copied().unwrap_or(ProposalId::from_hash(Hash::ZERO));
    let action = |m: &Move| match *m {
        Move::Propose(who, what, time, ahead) => {
            let deadline = world.time().checked_add_ms(time * 1_000).unwrap();
            let activation = Height::new(world.height + ahead);
            (NAMES[who], Action::Propose(Box::new(Propose { change: change(what), deadline, activation })))
        }
        Move::Vote(who, which, approve) => (NAMES[who], Action::Vote(Vote { proposal: pick(known, which), approve })),
        Move::Withdraw(who, which) => (NAMES[who], Action::WithdrawProposal { proposal: pick(known, which) }),
        Move::Heartbeat(who) => (NAMES[who], Action::Heartbeat),
        Move::Order(who, bid, price) => (NAMES[who], order(if bid { Side::Bid } else { Side::Ask }, 1_000, price)),
    };
    let actions: Vec<_> = block.iter().map(action).collect();
    let receipts = world.block(actions);
    let entered = receipts.iter().zip(block).filter(|(r, m)| r.code == Code::Ok && matches!(m, Move::Propose(..)));
    known.extend(entered.map(|(r, _)| proposal_id(r.transaction, r.action)));
    // Recent proposals are the ones worth a vote.
    let old = known.len().saturating_sub(6);
    known.drain(..old);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_proposal_ends_once_and_money_is_conserved(history in prop::collection::vec(prop::collection::vec(moves(), 0..8), 1..30)) {
        let mut world = Community::new();
        let (total, mut known) = (money(&world.state), Vec::new());
        for block in &history {
            play(&mut world, &mut known, block);
            prop_assert!(world.state.range::<Proposals>(..).count() <= crate::limits::MAX_PROPOSALS);
        }
        // Deadlines are at most 40 s, heights at most 20 blocks ahead; committees follow one another.
        world.idle(100);
        prop_assert_eq!(world.state.range::<Proposals>(..).count(), 0);
        let mut ended = std::collections::BTreeSet::new();
        for record in &world.records {
            if let HistoryRecord::Proposal { proposal, .. } = record {
                prop_assert!(ended.insert(proposal.id), "ended twice");
            }
        }
        let totals = world.state.get::<TotalsTable>(&()).unwrap();
        prop_assert_eq!(money(&world.state) + totals.withdrawn.get(), total);
        prop_assert!(world.seated().len() >= crate::limits::MIN_COMMITTEE);
    }
}
