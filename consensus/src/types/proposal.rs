//! What a proposer signs.

use super::{Address, EngineHeight};
use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use arc_malachitebft_core_types::Round;
use leg_ledger::ids::BlockId;

/// The engine's value: a block's id. The id commits to every byte of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockValue(BlockId);

impl BlockValue {
    /// The value of a block.
    pub const fn new(id: BlockId) -> Self {
        BlockValue(id)
    }
}

impl engine::Value for BlockValue {
    type Id = BlockId;

    fn id(&self) -> BlockId {
        self.0
    }
}

/// A proposal: the proposer of (height, round) stands for a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockProposal {
    /// Height of the block.
    pub height: EngineHeight,
    /// Round of the proposal, which may be later than the block's creation round.
    pub round: Round,
    /// The block.
    pub value: BlockValue,
    /// Earlier round in which a quorum prevoted the block; `Nil` for a fresh one.
    pub pol_round: Round,
    /// The proposer of (height, round).
    pub proposer: Address,
}

impl engine::Proposal<LegContext> for BlockProposal {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &BlockValue {
        &self.value
    }

    fn take_value(self) -> BlockValue {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}
