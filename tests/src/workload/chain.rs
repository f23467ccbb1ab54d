//! A chain in this process: blocks with real certificates, checked and executed as a node does it, without a network or a store.

use leg_genesis::{Genesis, MemberSecrets};
use leg_ledger::block::{Block, Body, Certificate, CommitSignature, Committee, precommit_bytes};
use leg_ledger::execute::{Executed, HistoryRecord, Ledger, ProposalFacts, Tip};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, Round};
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::signature::{PublicKey, SecretKey};
use leg_ledger::state::{Committees, State, View};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::collections::BTreeMap;

/// Every block is decided in its first round.
const ROUND: Round = Round::new(0);

/// What a block left behind, apart from the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The tip after it, with the three roots.
    pub tip: Tip,
    /// One an action.
    pub receipts: Vec<Receipt>,
    /// In order.
    pub events: Vec<Event>,
    /// What was finished, in order.
    pub records: Vec<HistoryRecord>,
}

/// A ledger, and the keys of whoever may sit in its committee.
#[derive(Debug)]
pub struct LocalChain {
    ledger: Ledger,
    voters: BTreeMap<PublicKey, SecretKey>,
}

impl LocalChain {
    /// The chain before its first block, with the founders' keys and those that `others` may vote with later.
    pub fn new(genesis: &Genesis, secrets: &BTreeMap<MemberId, MemberSecrets>, others: &[SecretKey]) -> Self {
        let ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).expect("a checked genesis starts a chain");
        let keys = secrets.values().map(|s| &s.consensus).chain(others);
        LocalChain { ledger, voters: keys.map(|key| (key.public(), key.clone())).collect() }
    }

    /// The ledger after the last block.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A block of these transactions on the tip, in this order. The committee's members propose in turns.
    pub fn block(&self, time: BlockTime, transactions: Vec<SignedTransaction>) -> Block {
        let parent_certificate = self.certificate();
        let committee = &self.ledger.state().get::<Committees>(&()).expect("every state has committees").current;
        let facts = ProposalFacts {
            time,
            creation_round: ROUND,
            proposer: committee.proposer(self.ledger.next_height(), ROUND).expect("a committee is not empty").member,
            parent_certificate: parent_certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
            commitments: transactions.iter().map(SignedTransaction::commitment).collect(),
        };
        Block { header: self.ledger.header(&facts), body: Body { parent_certificate, transactions } }
    }

    /// The certificate of the tip by those that decided it; genesis has none. Now and then one of them is late.
    fn certificate(&self) -> Option<Certificate> {
        let tip = self.ledger.tip();
        if tip.height == Height::GENESIS {
            return None;
        }
        let committee = &self.ledger.state().get::<Committees>(&()).expect("every state has committees").previous;
        let message = precommit_bytes(self.ledger.chain(), tip.height, ROUND, Some(tip.block));
        let sign = |(_, m): (usize, &leg_ledger::block::CommitteeMember)| CommitSignature {
            member: m.member,
            signature: self.voters[&m.key].sign(&message),
        };
        let late = late(tip, committee);
        let signatures = committee.members().iter().enumerate().filter(|(place, _)| Some(*place) != late).map(sign).collect();
        Some(Certificate::new(tip.height, ROUND, tip.block, signatures))
    }

    /// Checks and executes a block without moving the chain.
    ///
    /// # Panics
    /// The block is not valid, or the ledger found a fault.
    pub fn try_block(&self, block: &Block) -> Outcome {
        outcome(&self.execute(block))
    }

    /// Checks, executes and commits a block.
    ///
    /// # Panics
    /// As [`LocalChain::try_block`].
    pub fn apply(&mut self, block: &Block) -> Outcome {
        let executed = self.execute(block);
        let outcome = outcome(&executed);
        assert!(self.ledger.commit(executed), "an execution on the tip is committed");
        outcome
    }

    /// Stops and starts: the state is loaded from its flat entries, as from a store, and the roots are compared.
    ///
    /// # Panics
    /// The entries do not give the same state and root.
    #[must_use]
    pub fn restarted(&self) -> LocalChain {
        let state = State::load(self.ledger.state().entries()).expect("the entries of a state load");
        assert!(&state == self.ledger.state(), "a state that is loaded, with its index, is the one that was stored");
        let (history, replay) = (self.ledger.history().clone(), self.ledger.replay().clone());
        let ledger = Ledger::resume(self.ledger.chain(), *self.ledger.tip(), state, history, replay).expect("the stored chain resumes");
        LocalChain { ledger, voters: self.voters.clone() }
    }

    fn execute(&self, block: &Block) -> Executed {
        let verified = self.ledger.verify_transactions(&block.body.transactions, &|_, _| false).expect("all signatures hold");
        self.ledger.check_block(block, &verified).expect("the block is valid");
        self.ledger.execute(block, verified).expect("a valid block executes")
    }
}

/// Whose signature the certificate does without, if a quorum is left; the block's hash picks it.
fn late(tip: &Tip, committee: &Committee) -> Option<usize> {
    let picks = tip.block.hash();
    let [turn, place, ..] = *picks.as_bytes();
    let spare = committee.is_quorum(committee.len() - 1) && turn.is_multiple_of(4);
    spare.then_some(usize::from(place) % committee.len())
}

fn outcome(executed: &Executed) -> Outcome {
    let (receipts, events, records) = (executed.receipts.clone(), executed.events.clone(), executed.records.clone());
    Outcome { tip: executed.tip, receipts, events, records }
}
