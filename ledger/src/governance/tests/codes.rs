//! Every rejection of governance, with the state that brings it about.

use super::*;
use crate::amount::Price;
use crate::params::{Parameter, ProtocolVersion};

type Row = (&'static str, Code, fn(&mut Community) -> Code);

fn code(result: Result<ProposalId, Code>) -> Code {
    result.err().unwrap_or(Code::Ok)
}

fn propose(world: &mut Community, change: Change) -> Code {
    code(world.propose("hub-1", change))
}

fn at(world: &mut Community, deadline_ms: u64, activation: u64) -> Code {
    let change = Change::Parameter { parameter: Parameter::Fee, value: 300 };
    let deadline = MarketTime::from_ms(world.now + deadline_ms);
    let activation = Height::new(world.height + activation);
    world.act("hub-1", Action::Propose(Box::new(Propose { change, deadline, activation })))
}

fn opened(world: &mut Community) -> ProposalId {
    world.propose("hub-1", Change::Parameter { parameter: Parameter::Fee, value: 300 }).unwrap()
}

fn join(world: &mut Community, edit: impl FnOnce(&mut NewMember)) -> Code {
    let mut new = newcomer("hub-6");
    edit(&mut new);
    propose(world, Change::Join(Box::new(new)))
}

fn keys(name: &str) -> KeyChange {
    KeyChange { member: id(name), operator: None, meter: None, consensus: None, network: None }
}

fn rekey(world: &mut Community, change: KeyChange) -> Code {
    propose(world, Change::Keys(Box::new(change)))
}

const VOTES: &[Row] = &[
    ("the reference proposal enters", Code::Ok, |w| at(w, DAY_MS, 1)),
    ("by a hub outside of the committee", Code::NotCommittee, |w| {
        let action = w.proposal(status("buyer", MemberStatus::Suspended));
        w.act("hub-5", action)
    }),
    ("by a customer", Code::NotCommittee, |w| {
        let action = w.proposal(status("hub-5", MemberStatus::Suspended));
        w.act("buyer", action)
    }),
    ("deadline now", Code::BadDeadline, |w| at(w, 0, 1)),
    ("deadline in 31 days", Code::BadDeadline, |w| at(w, 31 * DAY_MS, 1)),
    ("in force in its own block", Code::BadActivation, |w| at(w, DAY_MS, 0)),
    ("in force in a year", Code::BadActivation, |w| at(w, DAY_MS, crate::limits::MAX_ACTIVATION_AHEAD + 1)),
    ("a fifth of one member", Code::TooManyProposals, |w| {
        (0..4).for_each(|_| assert_eq!(at(w, DAY_MS, 1), Code::Ok));
        at(w, DAY_MS, 1)
    }),
    ("a vote on nothing", Code::UnknownProposal, |w| w.vote(ProposalId::from_hash(Hash::ZERO), &["hub-1"], true)[0]),
    ("a vote from outside of the committee", Code::NotAVoter, |w| {
        let id = opened(w);
        w.vote(id, &["hub-5"], true)[0]
    }),
    ("a second vote", Code::VotedAlready, |w| {
        let id = opened(w);
        w.vote(id, &["hub-2"], true);
        w.vote(id, &["hub-2"], false)[0]
    }),
    ("a vote after two thirds", Code::ProposalDecided, |w| {
        let id = opened(w);
        w.vote(id, &["hub-1", "hub-2", "hub-3"], true);
        w.vote(id, &["hub-4"], false)[0]
    }),
    ("taken back by another", Code::NotProposer, |w| {
        let proposal = opened(w);
        w.act("hub-2", Action::WithdrawProposal { proposal })
    }),
    ("taken back after two thirds", Code::ProposalDecided, |w| {
        let proposal = opened(w);
        w.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
        w.act("hub-1", Action::WithdrawProposal { proposal })
    }),
    ("a vote of a suspended member", Code::MemberInactive, |w| {
        assert_eq!(w.adopt(status("hub-5", MemberStatus::Suspended)), ProposalEnd::Activated);
        w.act("hub-5", Action::Heartbeat)
    }),
    ("a heartbeat of a customer", Code::WrongRole, |w| w.act("buyer", Action::Heartbeat)),
];

const PARAMETERS: &[Row] = &[
    ("at the last of all heights", Code::Overflow, |w| {
        w.height = u64::MAX - 100;
        at(w, DAY_MS, 1)
    }),
    ("a fee of six per cent", Code::ParameterBounds, |w| propose(w, Change::Parameter { parameter: Parameter::Fee, value: 600 })),
    ("a bar above the cap", Code::ParameterBounds, |w| {
        propose(w, Change::Parameter { parameter: Parameter::BarredReputation, value: 5_000 })
    }),
    ("the fee that is in force", Code::NothingChanges, |w| propose(w, Change::Parameter { parameter: Parameter::Fee, value: 500 })),
    ("a base price off the tick", Code::ParameterBounds, |w| {
        propose(w, Change::BasePrice { resource: Resource::Compute, base: Price::from_micro_chf(150_001) })
    }),
    ("a base price of nothing", Code::ParameterBounds, |w| {
        propose(w, Change::BasePrice { resource: Resource::Compute, base: Price::from_micro_chf(0) })
    }),
    ("markets that are open", Code::NotHalted, |w| propose(w, Change::Reopen { resource: Resource::Compute })),
    ("version 1 again", Code::BadVersion, |w| propose(w, Change::Version { version: ProtocolVersion::V1 })),
    ("a version below one that is announced", Code::BadVersion, |w| {
        assert_eq!(w.adopt(Change::Version { version: ProtocolVersion::new(3) }), ProposalEnd::Activated);
        propose(w, Change::Version { version: ProtocolVersion::new(2) })
    }),
];

const MEMBERS: &[Row] = &[
    ("the reference newcomer joins", Code::Ok, |w| join(w, |_| {})),
    ("under a name that is taken", Code::MemberExists, |w| join(w, |m| *m = newcomer("hub-5"))),
    ("without a name for people", Code::BadMember, |w| join(w, |m| m.name = " ".to_owned())),
    ("certified for too much", Code::BadMember, |w| join(w, |m| m.capacity.compute_watts = u64::MAX)),
    ("a customer with a consensus key", Code::BadMember, |w| join(w, |m| m.role = Role::Customer)),
    ("with another's key", Code::BadKey, |w| join(w, |m| m.operator = proven("hub-1", KeyRole::Operator, 0))),
    ("with a proof for another role", Code::BadKey, |w| join(w, |m| m.meter = Some(m.operator))),
    ("with one network key twice", Code::BadKey, |w| join(w, |m| m.network.push(m.network[0]))),
    ("nobody is suspended", Code::UnknownMember, |w| propose(w, status("hub-6", MemberStatus::Suspended))),
    ("a member stays as it is", Code::NothingChanges, |w| propose(w, status("hub-5", MemberStatus::Active))),
    ("a seated member is suspended", Code::Seated, |w| propose(w, status("hub-4", MemberStatus::Suspended))),
    ("a seated member leaves", Code::Seated, |w| propose(w, status("hub-4", MemberStatus::Left))),
    ("a seated member becomes a customer", Code::Seated, |w| propose(w, Change::Role { member: id("hub-4"), role: Role::Customer })),
    ("who left comes back", Code::UnknownMember, |w| {
        assert_eq!(w.adopt(status("hub-5", MemberStatus::Left)), ProposalEnd::Activated);
        propose(w, status("hub-5", MemberStatus::Active))
    }),
    ("a certificate like the old one", Code::NothingChanges, |w| {
        let capacity = w.member("hub-5").capacity;
        propose(w, Change::Capacity { member: id("hub-5"), capacity })
    }),
    ("a move to the same place", Code::NothingChanges, |w| {
        let location = Box::new(w.member("hub-5").location.clone());
        propose(w, Change::Location { member: id("hub-5"), location })
    }),
    ("no new key", Code::NothingChanges, |w| rekey(w, keys("hub-5"))),
    ("a key of another", Code::BadKey, |w| {
        rekey(w, KeyChange { consensus: Some(proven("hub-4", KeyRole::Consensus, 0)), ..keys("hub-5") })
    }),
    ("a seat without a node", Code::CannotVote, |w| rekey(w, KeyChange { network: Some(vec![]), ..keys("hub-4") })),
    ("a customer with a meter", Code::BadMember, |w| {
        rekey(w, KeyChange { meter: Some(proven("buyer", KeyRole::Meter, 0)), ..keys("buyer") })
    }),
];

const SEATS: &[Row] = &[
    ("three members", Code::CommitteeSize, |w| propose(w, committee_of(&SEATED[..3]))),
    ("in no order", Code::CommitteeSize, |w| propose(w, committee_of(&["hub-2", "hub-1", "hub-3", "hub-4"]))),
    ("the same members", Code::NothingChanges, |w| propose(w, committee_of(&SEATED))),
    ("two of four replaced", Code::CommitteeOverlap, |w| propose(w, committee_of(&["hub-1", "hub-2", "hub-5", "hub-6"]))),
    ("somebody unknown", Code::UnknownMember, |w| propose(w, committee_of(&["hub-1", "hub-2", "hub-3", "hub-6"]))),
    ("a customer", Code::CannotVote, |w| propose(w, committee_of(&["buyer", "hub-1", "hub-2", "hub-3"]))),
    ("a hub that was never heard of", Code::NoHeartbeat, |w| propose(w, committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"]))),
    ("a hub that fell silent", Code::NoHeartbeat, |w| {
        assert_eq!(w.act("hub-5", Action::Heartbeat), Code::Ok);
        w.wait_ms(crate::limits::HEARTBEAT_MS);
        propose(w, committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"]))
    }),
    ("the reference change", Code::Ok, |w| {
        assert_eq!(w.act("hub-5", Action::Heartbeat), Code::Ok);
        propose(w, committee_of(&["hub-1", "hub-2", "hub-3", "hub-5"]))
    }),
];

#[test]
fn every_rejection_has_its_code_and_changes_nothing() {
    for (name, expected, step) in [VOTES, PARAMETERS, MEMBERS, SEATS].concat() {
        let mut world = Community::new();
        assert_eq!(step(&mut world), expected, "{name}");
    }
}

#[test]
fn no_code_of_governance_is_without_a_row() {
    let rows: Vec<Code> = [VOTES, PARAMETERS, MEMBERS, SEATS].concat().iter().map(|row| row.1).collect();
    for code in Code::ALL.iter().filter(|code| (160..=179).contains(&code.number())) {
        assert!(rows.contains(code), "{code:?}");
    }
}

#[test]
fn the_registry_of_proposals_is_bounded_in_all() {
    let mut world = Community::new();
    let template = opened(&mut world);
    let template = world.state.get::<Proposals>(&template).unwrap().clone();
    let mut overlay = Overlay::new(&world.state);
    for index in 1..crate::limits::MAX_PROPOSALS as u64 {
        let id = ProposalId::from_hash(Hash::of(Domain::Governance, &index.to_le_bytes()));
        overlay.put::<Proposals>(id, Proposal { id, proposer: id_of_former(), ..template.clone() });
    }
    let changes = overlay.into_changes();
    world.state.apply(changes);
    assert_eq!(at(&mut world, DAY_MS, 1), Code::TooManyProposals);
}

fn id_of_former() -> MemberId {
    id("hub-5")
}
