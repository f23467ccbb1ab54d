//! A chain in this process: blocks with real certificates and a real store, without a network.

use anyhow::{Context, Result, ensure};
use leg_genesis::{Genesis, MemberSecrets};
use leg_ledger::block::{Block, Body, Certificate, CommitSignature, precommit_bytes};
use leg_ledger::execute::{Executed, Ledger, ProposalFacts};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, Round, TransactionId};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use leg_node::storage::{BlockRecord, Store};
use std::collections::BTreeMap;
use std::path::Path;

/// Every block is decided in its first round.
const ROUND: Round = Round::new(0);

/// The chain, and the committee's keys to certify its blocks.
pub struct LocalChain {
    ledger: Ledger,
    store: Store,
    voters: Vec<(MemberId, MemberSecrets)>,
    certificate: Option<Certificate>,
}

impl LocalChain {
    /// Founds a chain with its store in the folder `path`.
    ///
    /// # Errors
    /// The genesis is not whole, or the folder cannot be written.
    pub fn found(genesis: &Genesis, secrets: &BTreeMap<MemberId, MemberSecrets>, path: &Path) -> Result<Self> {
        let ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).context("the genesis state")?;
        let store = Store::open(path, genesis.chain_id())?;
        store.found(genesis.chain_id(), ledger.tip(), ledger.state())?;
        let keys = |id: MemberId| secrets.get(&id).cloned().with_context(|| format!("no keys of {id}"));
        let voters = genesis.committee().members().iter().map(|m| Ok((m.member, keys(m.member)?))).collect::<Result<_>>()?;
        Ok(LocalChain { ledger, store, voters, certificate: None })
    }

    /// The ledger after the last block.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A block of these transactions on the tip, in this order.
    pub fn block(&self, time: BlockTime, transactions: Vec<SignedTransaction>) -> Block {
        let facts = ProposalFacts {
            time,
            creation_round: ROUND,
            proposer: self.voters[0].0,
            parent_certificate: self.certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
            commitments: transactions.iter().map(SignedTransaction::commitment).collect(),
        };
        Block { header: self.ledger.header(&facts), body: Body { parent_certificate: self.certificate.clone(), transactions } }
    }

    /// The committee's certificate of a block.
    pub fn certify(&self, block: &Block) -> Certificate {
        let (height, id) = (block.header.height, block.id());
        let message = precommit_bytes(self.ledger.chain(), height, ROUND, Some(id));
        let sign =
            |(member, keys): &(MemberId, MemberSecrets)| CommitSignature { member: *member, signature: keys.consensus.sign(&message) };
        Certificate::new(height, ROUND, id, self.voters.iter().map(sign).collect())
    }

    /// Makes an executed block durable.
    ///
    /// # Errors
    /// The store's.
    pub fn keep(&self, block: &Block, certificate: &Certificate, transactions: &[TransactionId], executed: &Executed) -> Result<()> {
        let record = BlockRecord {
            block,
            certificate,
            transactions,
            tip: &executed.tip,
            entries: &executed.entries,
            records: &executed.records,
            encoded: &executed.encoded,
            history_nodes: &executed.history_nodes,
            peaks: &executed.peaks,
        };
        Ok(self.store.commit(&record)?)
    }

    /// Moves on to an executed block, which MUST have been kept.
    ///
    /// # Errors
    /// It was executed on another tip.
    pub fn move_on(&mut self, executed: Executed, certificate: Certificate) -> Result<()> {
        ensure!(self.ledger.commit(executed), "a block was executed on another tip");
        self.certificate = Some(certificate);
        Ok(())
    }

    /// The height of the last block.
    pub fn height(&self) -> Height {
        self.ledger.tip().height
    }
}
