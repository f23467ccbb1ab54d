//! What a voter signs.

use super::{Address, EngineHeight};
use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use arc_malachitebft_core_types::{NilOrVal, Round, SignedExtension, VoteType};
use leg_ledger::ids::BlockId;

/// A prevote or precommit for a block or for nil. Vote extensions are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockVote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// Height.
    pub height: EngineHeight,
    /// Round.
    pub round: Round,
    /// The block, or nil.
    pub value: NilOrVal<BlockId>,
    /// Who votes.
    pub voter: Address,
}

impl engine::Vote<LegContext> for BlockVote {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.voter
    }

    fn extension(&self) -> Option<&SignedExtension<LegContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<LegContext>> {
        None
    }

    fn extend(self, _extension: SignedExtension<LegContext>) -> Self {
        // The policy handed over at each height disables extensions, so the engine has none to add.
        self
    }
}
