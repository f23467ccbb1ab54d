//! Whole blocks of a community: four hubs in the committee, a fifth outside of it, a customer.

mod changes;
mod codes;
mod committee;
mod money;
mod properties;
mod rotation;
mod votes;

use super::{possession_message, proposal_id};
use crate::amount::BasisPoints;
use crate::block::{Committee, CommitteeMember, Signers};
use crate::execute::{self, BlockFacts, HistoryRecord, Rules, execute_block, invariants};
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, ChainId, Height, MemberId, Nonce, OwnerId, ProposalId};
use crate::member::{Capacity, KeyRole, Member, MemberStatus, Role};
use crate::params::Params;
use crate::receipt::{Code, Event, ProposalEnd, Receipt};
use crate::signature::{SecretKey, Signature};
use crate::state::*;
use crate::testing::{self, START, hub, id};
use crate::time::{BlockTime, DAY_MS, MarketTime};
use crate::transaction::*;

/// Who sits in the committee.
pub(super) const SEATED: [&str; 4] = ["hub-1", "hub-2", "hub-3", "hub-4"];
/// What each member starts with, micro-CHF.
pub(super) const FUNDS: u64 = 100_000_000;

pub(super) struct Community {
    pub state: State,
    pub height: u64,
    pub now: u64,
    nonce: u64,
    pub events: Vec<Event>,
    pub records: Vec<HistoryRecord>,
}

/// A member's key in a role; `number` tells its successors apart.
pub(super) fn secret(name: &str, role: KeyRole, number: u8) -> SecretKey {
    SecretKey::from_bytes(Hash::of(Domain::Possession, format!("{name} {role:?} {number}").as_bytes()).as_bytes())
}

pub(super) fn proven(name: &str, role: KeyRole, number: u8) -> ProvenKey {
    let secret = secret(name, role, number);
    let key = secret.public();
    ProvenKey { key, possession: secret.sign(&possession_message(id(name), role, &key)) }
}

/// A hub with all keys.
pub(super) fn full_hub(name: &str) -> Member {
    let mut member = hub(name);
    member.keys.operator = secret(name, KeyRole::Operator, 0).public();
    member.keys.meter = Some(secret(name, KeyRole::Meter, 0).public());
    member.keys.consensus = Some(secret(name, KeyRole::Consensus, 0).public());
    member.keys.network = vec![secret(name, KeyRole::Network, 0).public()];
    member
}

/// What a hub hands in to join.
pub(super) fn newcomer(name: &str) -> NewMember {
    let member = full_hub(name);
    NewMember {
        id: member.id,
        owner: OwnerId::parse("newcomer").unwrap(),
        name: "A new hub".to_owned(),
        role: Role::Hub,
        location: member.location,
        capacity: Capacity { compute_watts: 5_000, storage_gb: 10, solar_peak_watts: 0, heat_factor: BasisPoints::new(9_000), machines: 1 },
        operator: proven(name, KeyRole::Operator, 0),
        meter: Some(proven(name, KeyRole::Meter, 0)),
        consensus: Some(proven(name, KeyRole::Consensus, 0)),
        network: vec![proven(name, KeyRole::Network, 0)],
    }
}

pub(super) fn committee_of(names: &[&str]) -> Change {
    Change::Committee { members: names.iter().map(|name| id(name)).collect() }
}

pub(super) fn status(name: &str, status: MemberStatus) -> Change {
    Change::Status { member: id(name), status }
}

impl Community {
    pub fn new() -> Community {
        let mut base = testing::World::new();
        for name in SEATED.iter().chain(&["hub-5"]) {
            base.add(full_hub(name), FUNDS);
        }
        let mut buyer = Member { role: Role::Customer, ..hub("buyer") };
        buyer.keys.meter = None;
        buyer.keys.operator = secret("buyer", KeyRole::Operator, 0).public();
        base.add(buyer, FUNDS);
        let members: Vec<Member> = base.state.range::<Members>(..).map(|(_, m)| m.clone()).collect();
        base.edit(|overlay| {
            for (member, (role, key)) in members.iter().flat_map(|m| m.keys.all().into_iter().map(move |k| (m, k))) {
                overlay.put::<Keys>(key, (member.id, role));
            }
            let seat = |name: &&str| CommitteeMember { member: id(name), key: secret(name, KeyRole::Consensus, 0).public() };
            let committee = Committee::new(SEATED.iter().map(seat).collect()).unwrap();
            overlay.put::<Committees>((), CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee });
        });
        Community { state: base.state, height: 1, now: START + 1_000, nonce: 0, events: Vec::new(), records: Vec::new() }
    }

    pub fn params(&self) -> &Params {
        self.state.get::<Parameters>(&()).unwrap()
    }

    pub fn time(&self) -> MarketTime {
        MarketTime::from_ms(self.now)
    }

    pub fn member(&self, name: &str) -> &Member {
        self.state.get::<Members>(&id(name)).unwrap()
    }

    pub fn account(&self, name: &str) -> Account {
        self.state.get::<Accounts>(&id(name)).copied().unwrap_or_default()
    }

    /// Names of the committee that decides the next height.
    pub fn seated(&self) -> Vec<String> {
        let committees = self.state.get::<Committees>(&()).unwrap();
        committees.current.members().iter().map(|m| m.member.to_string()).collect()
    }

    fn transaction(&mut self, signer: MemberId, action: Action) -> Verified {
        self.nonce += 1;
        let body = TransactionBody {
            version: 1,
            chain: ChainId::from_hash(Hash::ZERO),
            signer,
            role: KeyRole::Operator,
            nonce: Nonce::new(self.nonce),
            last_valid: Height::new(self.height + 10),
            atomic: false,
            actions: vec![action],
        };
        let key = self.state.get::<Members>(&signer).map_or(secret("nobody", KeyRole::Operator, 0).public(), |m| m.keys.operator);
        // Signatures are the business of validity; here the block is executed.
        let signed = SignedTransaction::new(body, Signature::from_bytes([0; 64]));
        signed.assume_verified(ChainId::from_hash(Hash::ZERO), key).unwrap()
    }

    fn facts(&self) -> BlockFacts {
        BlockFacts {
            height: Height::new(self.height),
            time: BlockTime::from_ms(self.now),
            market_time: self.time(),
            block: BlockId::from_hash(Hash::of(Domain::Header, &(self.height + 1).to_le_bytes())),
            proposer: id("hub-1"),
            parent: BlockId::from_hash(Hash::of(Domain::Header, &self.height.to_le_bytes())),
            version: crate::params::ProtocolVersion::V1,
            signers: Signers::default(),
        }
    }

    /// Executes one block, a second after the last; checks what always holds. Receipts are in the order of `actions`.
    pub fn block(&mut self, actions: Vec<(&str, Action)>) -> Vec<Receipt> {
        let transactions: Vec<Verified> = actions.into_iter().map(|(name, action)| self.transaction(id(name), action)).collect();
        let outcome = execute_block(&Rules::default(), &self.state, self.facts(), &transactions).unwrap();
        let shuffled: Vec<Verified> = transactions.iter().rev().cloned().collect();
        let other = execute_block(&Rules::default(), &self.state, self.facts(), &shuffled).unwrap();
        assert_eq!((outcome.changes.entries(), outcome.encoded()), (other.changes.entries(), other.encoded()));
        self.events = outcome.events;
        self.records.extend(outcome.records);
        self.state.apply(outcome.changes);
        invariants::check_state(&self.state).unwrap();
        assert_eq!(State::load(self.state.entries()).unwrap(), self.state, "the index is what the entries make of it");
        self.check_registry();
        self.height += 1;
        self.now += 1_000;
        let receipt = |t: &Verified| *outcome.receipts.iter().find(|r| r.transaction == t.id()).unwrap();
        transactions.iter().map(receipt).collect()
    }

    /// Keys and their index agree; each seat is an active hub's with its registered key.
    fn check_registry(&self) {
        let registered: usize = self.state.range::<Members>(..).map(|(_, m)| m.keys.all().len()).sum();
        assert_eq!(self.state.range::<Keys>(..).count(), registered);
        for (id, member) in self.state.range::<Members>(..) {
            assert!(member.keys.all().iter().all(|(role, key)| self.state.get::<Keys>(key) == Some(&(*id, *role))), "{id}");
        }
        let next = &self.state.get::<Committees>(&()).unwrap().next;
        for seat in next.members() {
            let member = self.state.get::<Members>(&seat.member).unwrap();
            assert_eq!((member.role, member.status, member.keys.consensus), (Role::Hub, MemberStatus::Active, Some(seat.key)));
        }
    }

    pub fn act(&mut self, name: &str, action: Action) -> Code {
        self.block(vec![(name, action)]).first().unwrap().code
    }

    pub fn idle(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.block(vec![]);
        }
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.now += ms;
    }

    /// A proposal with a day for votes, in force four blocks from now.
    pub fn proposal(&self, change: Change) -> Action {
        let deadline = self.time().checked_add_ms(DAY_MS).unwrap();
        Action::Propose(Box::new(Propose { change, deadline, activation: Height::new(self.height + 4) }))
    }

    pub fn propose(&mut self, name: &str, change: Change) -> Result<ProposalId, Code> {
        let action = self.proposal(change);
        let receipt = *self.block(vec![(name, action)]).first().unwrap();
        if receipt.code == Code::Ok { Ok(proposal_id(receipt.transaction, receipt.action)) } else { Err(receipt.code) }
    }

    pub fn vote(&mut self, proposal: ProposalId, names: &[&str], approve: bool) -> Vec<Code> {
        let votes = names.iter().map(|name| (*name, Action::Vote(Vote { proposal, approve }))).collect();
        self.block(votes).iter().map(|r| r.code).collect()
    }

    /// How a proposal ended, if it did.
    pub fn end(&self, id: ProposalId) -> Option<ProposalEnd> {
        self.records.iter().find_map(|record| match record {
            HistoryRecord::Proposal { proposal, end, .. } if proposal.id == id => Some(*end),
            _ => None,
        })
    }

    /// Proposes, votes with all entitled that are asked for, and waits for the end.
    pub fn adopt(&mut self, change: Change) -> ProposalEnd {
        let proposal = self.propose("hub-1", change).unwrap();
        let voters: Vec<String> = self.state.get::<Proposals>(&proposal).unwrap().entitled.iter().map(ToString::to_string).collect();
        let enough = voters.len() * 2 / 3 + 1;
        let voters: Vec<&str> = voters.iter().take(enough).map(String::as_str).collect();
        assert!(self.vote(proposal, &voters, true).iter().all(|code| *code == Code::Ok));
        for _ in 0..8 {
            if let Some(end) = self.end(proposal) {
                return end;
            }
            self.idle(1);
        }
        panic!("a proposal that passed has no end");
    }
}

/// A compute order of the community.
pub(super) fn order(side: Side, wh: u64, limit: u64) -> Action {
    Action::PlaceOrder(testing::order(side, testing::day(), wh, limit))
}

/// Money of all accounts, fee and penalties.
pub(super) fn money(state: &State) -> u64 {
    let accounts: u64 = state.range::<Accounts>(..).map(|(_, a)| a.money().unwrap().get()).sum();
    let totals = state.get::<TotalsTable>(&()).unwrap();
    execute::invariants::check_state(state).unwrap();
    accounts + totals.fee.get() + totals.penalties.get()
}
