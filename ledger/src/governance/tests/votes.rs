//! How proposals are decided.

use super::*;
use crate::params::Parameter;

fn fee(value: u64) -> Change {
    Change::Parameter { parameter: Parameter::Fee, value }
}

#[test]
fn more_than_two_thirds_pass_a_proposal_at_once_and_its_height_brings_it_into_force() {
    let mut world = Community::new();
    let proposal = world.propose("hub-1", fee(300)).unwrap();
    let activation = world.state.get::<Proposals>(&proposal).unwrap().activation.get();
    assert_eq!(world.vote(proposal, &["hub-1", "hub-2"], true), [Code::Ok, Code::Ok]);
    assert!(world.state.get::<Proposals>(&proposal).unwrap().due.is_none(), "two of four are not two thirds");
    assert_eq!(world.vote(proposal, &["hub-3"], true), [Code::Ok]);
    assert!(world.events.contains(&Event::Passed { proposal }));
    while world.height < activation {
        assert_eq!(world.params().fee.get(), 500, "before block {}", world.height);
        world.idle(1);
    }
    assert_eq!(world.params().fee.get(), 300, "read by block {activation}");
    assert_eq!(world.end(proposal), Some(ProposalEnd::Activated));
}

#[test]
fn a_proposal_that_passes_after_its_height_is_in_force_in_the_next_block() {
    let mut world = Community::new();
    let proposal = world.propose("hub-1", fee(300)).unwrap();
    world.idle(10);
    world.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
    assert_eq!((world.params().fee.get(), world.end(proposal)), (300, Some(ProposalEnd::Activated)));
}

#[test]
fn a_proposal_ends_as_soon_as_two_thirds_are_out_of_reach() {
    let mut world = Community::new();
    let proposal = world.propose("hub-1", fee(300)).unwrap();
    assert_eq!(world.vote(proposal, &["hub-2"], false), [Code::Ok]);
    assert_eq!(world.end(proposal), None, "three of four may still come");
    assert_eq!(world.vote(proposal, &["hub-1"], true), [Code::Ok]);
    assert_eq!(world.vote(proposal, &["hub-3"], false), [Code::Ok]);
    assert_eq!(world.end(proposal), Some(ProposalEnd::Rejected));
    assert_eq!(world.vote(proposal, &["hub-4"], true), [Code::UnknownProposal]);
}

#[test]
fn a_vote_at_the_deadline_is_late_and_the_proposal_expires() {
    let mut world = Community::new();
    let proposal = world.propose("hub-1", fee(300)).unwrap();
    world.vote(proposal, &["hub-1", "hub-2"], true);
    let deadline = world.state.get::<Proposals>(&proposal).unwrap().deadline;
    world.now = deadline.ms();
    assert_eq!(world.vote(proposal, &["hub-3"], true), [Code::UnknownProposal]);
    assert_eq!(world.end(proposal), Some(ProposalEnd::Expired));
}

#[test]
fn what_passed_before_the_deadline_waits_for_its_height_beyond_it() {
    let mut world = Community::new();
    let deadline = world.time().checked_add_ms(5_000).unwrap();
    let change = Box::new(Propose { change: fee(300), deadline, activation: Height::new(world.height + 20) });
    let receipt = world.block(vec![("hub-1", Action::Propose(change))])[0];
    let proposal = proposal_id(receipt.transaction, receipt.action);
    world.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
    world.idle(10);
    assert_eq!((world.end(proposal), world.params().fee.get()), (None, 500));
    world.idle(10);
    assert_eq!((world.end(proposal), world.params().fee.get()), (Some(ProposalEnd::Activated), 300));
}

#[test]
fn a_withdrawn_proposal_is_gone() {
    let mut world = Community::new();
    let proposal = world.propose("hub-1", fee(300)).unwrap();
    assert_eq!(world.act("hub-1", Action::WithdrawProposal { proposal }), Code::Ok);
    assert_eq!(world.end(proposal), Some(ProposalEnd::Withdrawn));
    assert_eq!(world.state.range::<Proposals>(..).count(), 0);
}

#[test]
fn of_two_votes_for_one_change_the_second_fails_with_its_reason() {
    let mut world = Community::new();
    let first = world.propose("hub-1", fee(300)).unwrap();
    let second = world.propose("hub-2", fee(300)).unwrap();
    let votes = SEATED.iter().flat_map(|name| [first, second].map(|proposal| (*name, Action::Vote(Vote { proposal, approve: true }))));
    let votes: Vec<_> = votes.collect();
    world.block(votes);
    world.idle(6);
    assert_eq!(world.end(first), Some(ProposalEnd::Activated));
    assert_eq!(world.end(second), Some(ProposalEnd::Failed(Code::NothingChanges)));
}
