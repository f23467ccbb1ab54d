//! Proposals and votes (MARKET 11), and the changes whose block has come.

use super::changes::Step;
use super::state::{Origin, Proposal, Seats};
use super::{DAY_MS, Model, hash};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, ProposalId};
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Change, Propose, Vote};
use std::collections::BTreeSet;

const MAX_VOTING_MS: u64 = 30 * DAY_MS;
const MAX_AHEAD: u64 = 5_000_000;
const MAX_OWN: usize = 4;
const MAX_ALL: usize = 128;
const MAX_ACTIVATIONS: usize = 16;

impl Model {
    pub(super) fn propose(&mut self, origin: &Origin, propose: &Propose) -> Result<(), Code> {
        if !self.committees.current.contains_key(&origin.signer) {
            return Err(Code::NotCommittee);
        }
        let (deadline, activation) = (propose.deadline.ms(), propose.activation.get());
        if deadline <= self.now || deadline > self.now + MAX_VOTING_MS {
            return Err(Code::BadDeadline);
        }
        if activation <= self.height || activation > self.height + MAX_AHEAD {
            return Err(Code::BadActivation);
        }
        let own = self.proposals.values().filter(|p| p.proposer == origin.signer).count();
        if own >= MAX_OWN || self.proposals.len() >= MAX_ALL {
            return Err(Code::TooManyProposals);
        }
        self.prepare(&propose.change, activation)?;
        let id = hash("governance", &[origin.transaction.as_bytes(), &origin.action.to_le_bytes()]);
        let proposal = Proposal {
            proposer: origin.signer,
            change: propose.change.clone(),
            deadline,
            activation,
            entitled: self.committees.current.keys().copied().collect(),
            yes: BTreeSet::new(),
            no: BTreeSet::new(),
            due: None,
        };
        self.proposals.insert(ProposalId::from_hash(Hash::from_bytes(id)), proposal);
        Ok(())
    }

    fn undecided(&mut self, id: ProposalId) -> Result<&mut Proposal, Code> {
        let now = self.now;
        let proposal = self.proposals.get_mut(&id).ok_or(Code::UnknownProposal)?;
        if proposal.due.is_some() || proposal.deadline <= now { Err(Code::ProposalDecided) } else { Ok(proposal) }
    }

    pub(super) fn vote(&mut self, origin: &Origin, vote: &Vote) -> Result<(), Code> {
        let proposal = self.undecided(vote.proposal)?;
        let voter = origin.signer;
        if !proposal.entitled.contains(&voter) {
            return Err(Code::NotAVoter);
        }
        if proposal.yes.contains(&voter) || proposal.no.contains(&voter) {
            return Err(Code::VotedAlready);
        }
        let side = if vote.approve { &mut proposal.yes } else { &mut proposal.no };
        side.insert(voter);
        let (all, yes, no) = (proposal.entitled.len(), proposal.yes.len(), proposal.no.len());
        if 3 * (all - no) <= 2 * all {
            self.proposals.remove(&vote.proposal);
        } else if 3 * yes > 2 * all {
            // A version is announced at once; a committee is announced two blocks before it decides; all else is made the block before.
            let ahead = match &proposal.change {
                Change::Version { .. } => proposal.activation,
                Change::Committee { .. } => 2,
                Change::Keys(keys) if keys.consensus.is_some() => 2,
                _ => 1,
            };
            proposal.due = Some(proposal.activation.saturating_sub(ahead));
        }
        Ok(())
    }

    pub(super) fn withdraw_proposal(&mut self, origin: &Origin, id: ProposalId) -> Result<(), Code> {
        if self.undecided(id)?.proposer != origin.signer {
            return Err(Code::NotProposer);
        }
        self.proposals.remove(&id);
        Ok(())
    }

    /// Between transactions and auctions. What has become impossible fails; a committee waits until the one before it is in force.
    pub(super) fn activate(&mut self) {
        let mut due: Vec<(u64, ProposalId)> = self.proposals.iter().filter_map(|(id, p)| Some((p.due?, *id))).collect();
        due.retain(|(block, _)| *block <= self.height);
        due.sort();
        for (_, id) in due.into_iter().take(MAX_ACTIVATIONS) {
            let proposal = self.proposals[&id].clone();
            let steps = self.prepare(&proposal.change, proposal.activation).unwrap_or_default();
            let seats = steps.iter().any(|step| matches!(step, Step::Seats(_)));
            if seats && (self.announced.is_some() || self.committees.current != self.committees.next) {
                continue;
            }
            steps.into_iter().for_each(|step| self.make(step));
            self.proposals.remove(&id);
        }
    }

    /// The newest committee, in force or announced.
    pub(super) fn newest(&self) -> &Seats {
        self.announced.as_ref().unwrap_or(&self.committees.next)
    }

    pub(super) fn is_seated(&self, id: MemberId) -> bool {
        self.committees.current.contains_key(&id) || self.newest().contains_key(&id)
    }

    pub(super) fn rotate_committees(&mut self) {
        let next = self.announced.take().unwrap_or_else(|| self.committees.next.clone());
        self.committees.previous = std::mem::replace(&mut self.committees.current, std::mem::replace(&mut self.committees.next, next));
    }
}
