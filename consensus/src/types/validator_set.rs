//! The committee as the engine sees it at one height.

use super::Address;
use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use arc_malachitebft_core_types::VotingPower;
use leg_ledger::block::Committee;
use leg_ledger::ids::{Height, Round};
use leg_ledger::signature::PublicKey;

/// A committee member: one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    address: Address,
    key: PublicKey,
}

impl engine::Validator<LegContext> for Validator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn voting_power(&self) -> VotingPower {
        1
    }
}

/// A committee, and whether this node votes in it.
///
/// The engine asks for its own address to learn whether it votes. This node does not vote when its key is not the committee's key of
/// its member (a follower, a rotated key), or while the double-sign guard is ahead of the write-ahead log ([`crate::guard`]). The
/// committee itself, its quorum and its proposers are the same either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeView {
    committee: Committee,
    validators: Vec<Validator>,
    votes_here: bool,
}

impl CommitteeView {
    /// Dresses a committee; `votes_here` says whether this node votes.
    pub fn new(committee: Committee, votes_here: bool) -> Self {
        let validators = committee.members().iter().map(|m| Validator { address: Address::new(m.member), key: m.key }).collect();
        CommitteeView { committee, validators, votes_here }
    }

    /// The ledger's committee.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Whether this node votes.
    pub fn votes_here(&self) -> bool {
        self.votes_here
    }

    /// The proposer of (height, round): members take turns, by the ledger's rule.
    pub fn proposer(&self, height: Height, round: Round) -> &Validator {
        let chosen = self.committee.proposer(height, round);
        self.validators
            .iter()
            .find(|v| chosen.is_some_and(|c| c.member == v.address.member()))
            .expect("a committee has members, and the proposer is one of them")
    }
}

impl engine::ValidatorSet<LegContext> for CommitteeView {
    fn count(&self) -> usize {
        self.validators.len()
    }

    fn total_voting_power(&self) -> VotingPower {
        self.validators.len() as VotingPower
    }

    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        if address.is_local() && !self.votes_here {
            return None;
        }
        self.validators.iter().find(|v| v.address == *address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.validators.get(index)
    }
}
