//! Header and body of a block.

use super::Certificate;
use crate::codec;
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, ChainId, Height, MemberId, Round};
use crate::params::ProtocolVersion;
use crate::time::BlockTime;
use crate::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};

/// What the committee signs, through its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The rules that this block is executed under.
    pub version: ProtocolVersion,
    /// The network.
    pub chain: ChainId,
    /// Height, one more than the parent's.
    pub height: Height,
    /// The proposer's clock, after the parent's time.
    pub time: BlockTime,
    /// The round in which the block was first proposed; selects its proposer together with the height.
    pub creation_round: Round,
    /// The committee member that built it.
    pub proposer: MemberId,
    /// Id of the parent; for height 1 the chain id's hash.
    pub parent: BlockId,
    /// Hash of the parent's certificate in the body; [`Hash::ZERO`] at height 1.
    pub parent_certificate: Hash,
    /// Commitment to the transactions with their signatures, in order.
    pub transactions_root: Hash,
    /// Root of the state after the parent.
    pub state_root: Hash,
    /// Hash of the receipts and events of the parent.
    pub receipts_root: Hash,
    /// Root of the history log after the parent.
    pub history_root: Hash,
    /// Hash of the committee that decides this height.
    pub committee: Hash,
    /// Hash of the committee that decides the next height.
    pub next_committee: Hash,
}

impl Header {
    /// The block's id.
    pub fn id(&self) -> BlockId {
        BlockId::from_hash(Hash::of(Domain::Header, &codec::encode(self)))
    }
}

/// What a header commits to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// A valid certificate of the parent; `None` at height 1 only. Only this one feeds reputation and history.
    pub parent_certificate: Option<Certificate>,
    /// Full transactions, in the proposer's order; execution brings them into canonical order (MARKET 2).
    pub transactions: Vec<SignedTransaction>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What is signed.
    pub header: Header,
    /// What it commits to.
    pub body: Body,
}

impl Block {
    /// The block's id.
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// Bytes of the encoded block, summed up from what its transactions remember.
    pub fn encoded_len(&self) -> usize {
        let transactions = &self.body.transactions;
        // The number of transactions stands before them as a `u64`.
        let frame = codec::encoded_len(&(&self.header, &self.body.parent_certificate, 0_u64));
        transactions.iter().fold(frame, |sum, transaction| sum.saturating_add(transaction.encoded_len()))
    }
}

/// The commitment to a list of transactions: a hash over their commitments (body and signature) in order, and their number.
pub fn transactions_root<I: IntoIterator<Item = Hash>>(commitments: I) -> Hash {
    let mut hasher = Domain::TransactionList.hasher();
    let mut count = 0_u64;
    for commitment in commitments {
        hasher.update(commitment.as_bytes());
        count = count.saturating_add(1);
    }
    hasher.update(&count.to_le_bytes());
    Hash::from_bytes(*hasher.finalize().as_bytes())
}
