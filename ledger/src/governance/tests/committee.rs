//! Committees, decided, announced and in force.

use super::*;

fn hashes(world: &Community) -> [Hash; 3] {
    let c = world.state.get::<Committees>(&()).unwrap();
    [c.previous.hash(), c.current.hash(), c.next.hash()]
}

#[test]
fn a_hub_with_a_fresh_heartbeat_joins_at_the_height_that_was_voted() {
    let mut world = Community::new();
    let five = ["hub-1", "hub-2", "hub-3", "hub-4", "hub-5"];
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    let proposal = world.propose("hub-1", committee_of(&five)).unwrap();
    let activation = world.state.get::<Proposals>(&proposal).unwrap().activation;
    world.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
    let old = hashes(&world)[1];
    while world.end(proposal).is_none() {
        assert_eq!(hashes(&world), [old; 3]);
        world.idle(1);
    }
    assert!(world.events.contains(&Event::CommitteeChanged { height: activation }));
    // After block h the next header announces it; it decides h + 2.
    assert_eq!(world.height, activation.get() - 1);
    let [_, _, new] = hashes(&world);
    assert_eq!((hashes(&world), world.seated().len()), ([old, old, new], 4));
    world.idle(1);
    assert_eq!((hashes(&world), world.seated().len()), ([old, new, new], 5));
    world.idle(1);
    assert_eq!(hashes(&world), [new; 3]);
    assert_eq!(world.seated(), five);
}

#[test]
fn a_member_that_lost_its_seat_may_leave() {
    let mut world = Community::new();
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    assert_eq!(world.adopt(committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"])), ProposalEnd::Activated);
    assert_eq!(world.propose("hub-1", status("hub-4", MemberStatus::Left)), Err(Code::Seated), "it decides one more block");
    world.idle(2);
    assert_eq!(world.adopt(status("hub-4", MemberStatus::Left)), ProposalEnd::Activated);
}

#[test]
fn a_new_consensus_key_takes_its_seat_with_it() {
    let mut world = Community::new();
    let consensus = Some(proven("hub-2", KeyRole::Consensus, 1));
    let change = KeyChange { member: id("hub-2"), operator: None, meter: None, consensus, network: None };
    assert_eq!(world.adopt(Change::Keys(Box::new(change))), ProposalEnd::Activated);
    let key = |c: &Committee| c.key(id("hub-2")).unwrap();
    let (old, new) = (secret("hub-2", KeyRole::Consensus, 0).public(), secret("hub-2", KeyRole::Consensus, 1).public());
    let committees = world.state.get::<Committees>(&()).unwrap().clone();
    assert_eq!((key(&committees.current), key(&committees.next)), (old, new));
    world.idle(1);
    assert_eq!(key(&world.state.get::<Committees>(&()).unwrap().current), new);
}

#[test]
fn changes_that_meet_are_made_one_after_the_other() {
    let mut world = Community::new();
    let propose = |world: &mut Community, name: &str, by: &str| {
        let consensus = Some(proven(name, KeyRole::Consensus, 1));
        let change = KeyChange { member: id(name), operator: None, meter: None, consensus, network: None };
        world.propose(by, Change::Keys(Box::new(change))).unwrap()
    };
    let ids = [propose(&mut world, "hub-1", "hub-1"), propose(&mut world, "hub-2", "hub-2"), propose(&mut world, "hub-3", "hub-3")];
    let votes: Vec<_> = SEATED[..3].iter().flat_map(|n| ids.map(|proposal| (*n, Action::Vote(Vote { proposal, approve: true })))).collect();
    world.block(votes);
    let mut before = world.state.get::<Committees>(&()).unwrap().clone();
    for _ in 0..12 {
        world.idle(1);
        let after = world.state.get::<Committees>(&()).unwrap().clone();
        assert_eq!((&after.previous, &after.current), (&before.current, &before.next), "announced before it is in force");
        let kept = after.next.members().iter().filter(|m| before.next.key(m.member) == Some(m.key)).count();
        assert!(kept >= 3, "one seat of four at a time");
        before = after;
    }
    assert!(ids.iter().all(|id| world.end(*id) == Some(ProposalEnd::Activated)));
    assert_eq!(before.previous, before.next);
}

#[test]
fn a_committee_whose_member_became_unable_meanwhile_fails() {
    let mut world = Community::new();
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    let seats = world.propose("hub-1", committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"])).unwrap();
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Suspended)), ProposalEnd::Activated);
    world.vote(seats, &["hub-1", "hub-2", "hub-3"], true);
    world.idle(4);
    assert_eq!(world.end(seats), Some(ProposalEnd::Failed(Code::CannotVote)));
    assert_eq!(world.seated(), SEATED);
}
