//! What hubs propose and vote: mostly what can be, some that cannot.

use super::generator::{Mood, Workload};
use leg_genesis::MemberSecrets;
use leg_ledger::amount::{BasisPoints, Price};
use leg_ledger::execute::Ledger;
use leg_ledger::governance::possession_message;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, LegId, MemberId, OwnerId, PlaceId, ProposalId};
use leg_ledger::member::{Capacity, KeyRole, Location, MemberStatus, Role};
use leg_ledger::params::{Parameter, PriceRule, ProtocolVersion};
use leg_ledger::signature::SecretKey;
use leg_ledger::state::{Committees, Members, Parameters, Proposals, References, State, View};
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{Action, Change, KeyChange, NewMember, Propose, ProvenKey, Resource, Vote};
use rand::Rng;

/// Who may join beside the founders.
const NEWCOMERS: [(&str, Role); 5] =
    [("hub-07", Role::Hub), ("hub-08", Role::Hub), ("hub-09", Role::Hub), ("customer-02", Role::Customer), ("oracle-04", Role::Oracle)];
/// Consensus keys that each hub may still bring.
const SPARES: u64 = 3;
const RESOURCES: [Resource; 5] = [Resource::Compute, Resource::ComputeHours, Resource::Storage, Resource::Heat, Resource::Energy];

/// Parameters with a value that changes little, and one out of bounds.
const PARAMETERS: [(Parameter, u64, u64); 21] = [
    (Parameter::Fee, 300, 100),
    (Parameter::PriceCollar, 50_000, 19_999),
    (Parameter::MinNotional, 20_000, 0),
    (Parameter::MaxBlockBytes, 400_000, 100_000),
    (Parameter::MaxTimers, 20_000, 63),
    (Parameter::MaxMemberTransactions, 500, 0),
    (Parameter::MaxOpenOrders, 6, 0),
    (Parameter::StartWindow, 2 * 3_600_000, 0),
    (Parameter::ConfirmWindow, 3_600_000, 31 * DAY_MS),
    (Parameter::ReadingsWindow, 2 * DAY_MS, 0),
    (Parameter::UnderDeliveryTolerance, 500, 10_001),
    (Parameter::UnderDeliveryPenalty, 3_000, 10_001),
    (Parameter::SolarBonus, 250, 10_001),
    (Parameter::CappedReputation, 8_400, 1_999),
    (Parameter::BarredReputation, 4_000, 9_999),
    (Parameter::HeatExpiryMonths, 1, 121),
    (Parameter::StorageMissingDays, 2, 367),
    (Parameter::StorageAnswerWindow, 3_600_000, 0),
    (Parameter::OracleMinSources, 2, 33),
    (Parameter::Support, 40_000_000, 10_000_000_001),
    (Parameter::ApiAccess, 900_000_000, u64::MAX),
];

/// A key that a hub may bring to the committee.
fn spare(seed: &str, member: MemberId, number: u64) -> SecretKey {
    MemberSecrets::from_seed(&format!("{seed} spare {number}"), member).consensus
}

/// All keys that hubs may bring to the committee.
pub(super) fn spares(seed: &str, founders: &[MemberId]) -> Vec<SecretKey> {
    let newcomers = NEWCOMERS.iter().map(|(name, _)| MemberId::parse(name).expect("a name"));
    let members: Vec<MemberId> = founders.iter().copied().chain(newcomers).collect();
    members.iter().flat_map(|member| (0..SPARES).map(|number| spare(seed, *member, number))).collect()
}

/// Heartbeats, proposals, votes, second thoughts, and halts that a vote may end.
pub(super) fn steps(w: &mut Workload, ledger: &Ledger, now: MarketTime, member: MemberId, role: Role) -> Vec<Action> {
    let (state, often) = (ledger.state(), if w.mood == Mood::Governs { 1 } else { 8 });
    let mut actions = Vec::new();
    let sits = state.get::<Committees>(&()).is_some_and(|c| c.current.key(member).is_some());
    if (sits && w.once_in(3 * often)) || w.once_in(60 * often) {
        let deadline = now.ms() + if w.once_in(12) { 31 * DAY_MS } else { w.rng.gen_range(600_000..3 * DAY_MS) };
        let ahead = if w.once_in(15) { 0 } else { w.rng.gen_range(1..=6) };
        let mut activation = Height::new(ledger.next_height().get() + ahead);
        let change = change(w, state);
        if matches!(change, Change::Version { .. }) {
            // Nobody here knows another version: it is announced, and never comes.
            activation = Height::new(1_000_000 + w.rng.gen_range(0..1_000));
        }
        let deadline = MarketTime::from_ms(if w.once_in(20) { now.ms() } else { deadline });
        actions.push(Action::Propose(Box::new(Propose { change, deadline, activation })));
    }
    for (id, proposal) in state.range::<Proposals>(..) {
        let voted = proposal.yes.contains(&member) || proposal.no.contains(&member);
        let may = proposal.entitled.contains(&member) && !voted && proposal.due.is_none();
        if (may && !w.once_in(4)) || w.once_in(60) {
            let [first, ..] = *id.hash().as_bytes();
            actions.push(Action::Vote(Vote { proposal: *id, approve: !w.once_in(if first.is_multiple_of(4) { 2 } else { 20 }) }));
        }
        if w.once_in(if proposal.proposer == member { 30 } else { 200 }) {
            actions.push(Action::WithdrawProposal { proposal: *id });
        }
    }
    if w.once_in(300) {
        actions.push(Action::Vote(Vote { proposal: ProposalId::from_hash(Hash::MAX), approve: true }));
    }
    if role == Role::Hub && !sits && w.once_in(4 * often) {
        actions.push(Action::Heartbeat);
    }
    if sits && w.once_in(25 * often) {
        actions.extend(w.pick(&RESOURCES).map(|resource| Action::HaltMarket { resource }));
    }
    actions
}

fn change(w: &mut Workload, state: &State) -> Change {
    let halted: Vec<Resource> = state.range::<References>(..).filter(|(_, r)| r.halted).map(|((resource, _), _)| *resource).collect();
    if let Some(resource) = w.pick(&halted)
        && w.once_in(2)
    {
        return Change::Reopen { resource };
    }
    let members: Vec<MemberId> = w.members.iter().map(|(id, _)| *id).collect();
    let member = w.pick(&members).expect("a community has members");
    let resource = w.pick(&RESOURCES).expect("not empty");
    match w.rng.gen_range(0..20) {
        0..=4 => {
            let (parameter, value, wrong) = w.pick(&PARAMETERS).expect("not empty");
            Change::Parameter { parameter, value: if w.once_in(6) { wrong } else { value } }
        }
        5 => base_price(w, state, resource),
        6 => Change::PriceRule { resource, rule: if w.once_in(2) { PriceRule::Seller } else { PriceRule::Uniform } },
        7..=8 => join(w),
        9..=10 => {
            let status = [MemberStatus::Active, MemberStatus::Active, MemberStatus::Suspended, MemberStatus::Left];
            Change::Status { member, status: w.pick(&status).expect("not empty") }
        }
        11 => Change::Role { member, role: if w.once_in(2) { Role::Customer } else { Role::Hub } },
        12 => Change::Capacity { member, capacity: capacity(w) },
        13 => Change::Location { member, location: Box::new(location(w)) },
        14..=15 => Change::Keys(Box::new(keys(w, member))),
        16 => Change::Reopen { resource },
        17..=18 => committee(w, state),
        _ => Change::Version { version: ProtocolVersion::new(w.rng.gen_range(1..=4)) },
    }
}

fn base_price(w: &mut Workload, state: &State, resource: Resource) -> Change {
    let rules = *state.get::<Parameters>(&()).expect("every state has parameters").resources.of(resource);
    let base = rules.base.micro_chf() * w.rng.gen_range(80..=125) / 100 / rules.tick.micro_chf() * rules.tick.micro_chf();
    Change::BasePrice { resource, base: Price::from_micro_chf(if w.once_in(8) { base * 10 + 1 } else { base }) }
}

fn prove(w: &mut Workload, member: MemberId, role: KeyRole, key: &SecretKey) -> ProvenKey {
    // Now and then the proof is for another role.
    let signed_for = if w.once_in(40) { KeyRole::Network } else { role };
    ProvenKey { key: key.public(), possession: key.sign(&possession_message(member, signed_for, &key.public())) }
}

fn fresh(w: &mut Workload, member: MemberId, role: KeyRole) -> ProvenKey {
    let key = w.new_key();
    prove(w, member, role, &key)
}

/// A key of the few with which a hub may vote.
fn consensus(w: &mut Workload, member: MemberId) -> ProvenKey {
    let key = spare(&w.seed.clone(), member, w.rng.gen_range(0..SPARES));
    prove(w, member, KeyRole::Consensus, &key)
}

fn join(w: &mut Workload) -> Change {
    let (name, role) = w.pick(&NEWCOMERS).expect("not empty");
    let id = MemberId::parse(name).expect("a name");
    let is_hub = role == Role::Hub;
    let own = OwnerId::parse(&format!("owner-of-{name}")).expect("a name");
    let shared = OwnerId::parse("owner-of-hub-01").expect("a name");
    let consensus = if is_hub || w.once_in(20) { Some(consensus(w, id)) } else { None };
    Change::Join(Box::new(NewMember {
        id,
        owner: if w.once_in(4) { shared } else { own },
        name: if w.once_in(20) { String::new() } else { name.to_owned() },
        role,
        location: location(w),
        capacity: if is_hub { capacity(w) } else { Capacity::default() },
        operator: fresh(w, id, KeyRole::Operator),
        meter: if is_hub { Some(fresh(w, id, KeyRole::Meter)) } else { None },
        consensus,
        network: vec![fresh(w, id, KeyRole::Network)],
    }))
}

fn capacity(w: &mut Workload) -> Capacity {
    Capacity {
        compute_watts: w.rng.gen_range(6_000..=24_000),
        storage_gb: if w.once_in(10) { u64::MAX } else { w.rng.gen_range(1_000..=20_000) },
        solar_peak_watts: w.rng.gen_range(0..=80_000),
        heat_factor: BasisPoints::new(w.rng.gen_range(5_000..=9_500)),
        machines: w.rng.gen_range(0..=6),
    }
}

fn location(w: &mut Workload) -> Location {
    let place = |w: &mut Workload, names: [&str; 2]| PlaceId::parse(names[usize::from(w.once_in(3))]).expect("a name");
    let leg = LegId::parse(if w.once_in(2) { "leg-stadt" } else { leg_genesis::DEVNET_LEG });
    Location {
        country: leg_ledger::member::Country::parse("CH").expect("a country"),
        canton: place(w, ["zh", "be"]),
        municipality: place(w, ["dorf", "stadt"]),
        grid_operator: place(w, ["ew-dorf", "ew-stadt"]),
        transformer_circuit: place(w, ["trafo-1", "trafo-2"]),
        leg: leg.filter(|_| !w.once_in(6)),
        building: place(w, ["haus-01", "haus-99"]),
    }
}

fn keys(w: &mut Workload, member: MemberId) -> KeyChange {
    let mut change = KeyChange { member, operator: None, meter: None, consensus: None, network: None };
    match w.rng.gen_range(0..6) {
        0 => change.operator = Some(fresh(w, member, KeyRole::Operator)),
        1 => change.meter = Some(fresh(w, member, KeyRole::Meter)),
        2 | 3 => change.consensus = Some(consensus(w, member)),
        4 => change.network = Some((0..w.rng.gen_range(0..=2)).map(|_| fresh(w, member, KeyRole::Network)).collect()),
        _ => {}
    }
    change
}

/// The committee with one more, one less or another, now and then quite another one.
fn committee(w: &mut Workload, state: &State) -> Change {
    let seats = &state.get::<Committees>(&()).expect("every state has committees").next;
    let mut members: Vec<MemberId> = seats.members().iter().map(|m| m.member).collect();
    let hubs: Vec<MemberId> =
        state.range::<Members>(..).filter(|(id, m)| m.role == Role::Hub && seats.key(**id).is_none()).map(|(id, _)| *id).collect();
    let joins = w.rng.gen_range(0..3) > 0;
    if let Some(hub) = w.pick(&hubs).filter(|_| joins) {
        members.push(hub);
    }
    if !joins || w.once_in(3) {
        members.remove(w.rng.gen_range(0..members.len()));
    }
    if !w.once_in(12) {
        members.sort();
    }
    Change::Committee { members }
}
