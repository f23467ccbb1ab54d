//! The engine's context: which types it works on and how it builds them.

use crate::timeouts::Timeouts;
use crate::types::{
    Address, BlockPart, BlockProposal, BlockValue, BlockVote, CommitteeView, Ed25519, EngineHeight, Validator, ledger_round,
};
use arc_malachitebft_core_types::{Context, NilOrVal, Round, VoteType};
use leg_ledger::ids::BlockId;

/// Binds the engine to this ledger. Holds nothing: the network's name is in the sign-bytes ([`crate::signing`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct LegContext;

fn vote(kind: VoteType, height: EngineHeight, round: Round, value: NilOrVal<BlockId>, voter: Address) -> BlockVote {
    BlockVote { kind, height, round, value, voter }
}

impl Context for LegContext {
    type Address = Address;
    type Height = EngineHeight;
    type ProposalPart = BlockPart;
    type Proposal = BlockProposal;
    type Validator = Validator;
    type ValidatorSet = CommitteeView;
    type Timeouts = Timeouts;
    type Value = BlockValue;
    type Vote = BlockVote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, validator_set: &'a CommitteeView, height: EngineHeight, round: Round) -> &'a Validator {
        validator_set.proposer(height.ledger(), ledger_round(round).unwrap_or_default())
    }

    fn new_proposal(&self, height: EngineHeight, round: Round, value: BlockValue, pol_round: Round, proposer: Address) -> BlockProposal {
        BlockProposal { height, round, value, pol_round, proposer }
    }

    fn new_prevote(&self, height: EngineHeight, round: Round, value: NilOrVal<BlockId>, voter: Address) -> BlockVote {
        vote(VoteType::Prevote, height, round, value, voter)
    }

    fn new_precommit(&self, height: EngineHeight, round: Round, value: NilOrVal<BlockId>, voter: Address) -> BlockVote {
        vote(VoteType::Precommit, height, round, value, voter)
    }
}
