//! What votes and proposals sign, and who signs and verifies them.
//!
//! ```text
//! precommit   leg_ledger::block::precommit_bytes            the bytes of the ledger's certificates: a light client needs no engine
//! prevote     "leg ledger v1 consensus" 0 (0, chain, height, round, block or nil)
//! proposal    "leg ledger v1 consensus" 0 (1, chain, height, round, block, pol round or none)
//! ```
//!
//! Signing asks no guard: the guard stands where messages leave ([`crate::guard`]), so that refusing one never stops the engine.

use crate::context::LegContext;
use crate::signature_check::SignatureCheck;
use crate::types::{BlockProposal, BlockVote, ledger_round};
use crate::voter::VotingKeys;
use arc_malachitebft_core_types::{NilOrVal, SignedMessage, SigningScheme, ValidatorProof, Value as _, VoteExtensionScope, VoteType};
use arc_malachitebft_signing::{Error, Signer, VerificationResult, Verifier};
use async_trait::async_trait;
use leg_ledger::block::precommit_bytes;
use leg_ledger::codec;
use leg_ledger::hash::Domain;
use leg_ledger::ids::{BlockId, ChainId, Height, Round};
use leg_ledger::signature::{PublicKey, SecretKey, Signature, signing_bytes};
use serde::Serialize;

#[derive(Serialize)]
enum Message {
    Prevote(ChainId, Height, Round, Option<BlockId>),
    Proposal(ChainId, Height, Round, BlockId, Option<Round>),
}

/// The bytes that a prevote signs.
pub fn prevote_bytes(chain: ChainId, height: Height, round: Round, block: Option<BlockId>) -> Vec<u8> {
    let message = Message::Prevote(chain, height, round, block);
    signing_bytes(Domain::Consensus, &codec::encode(&message))
}

/// The bytes that a proposal signs.
pub fn proposal_bytes(chain: ChainId, height: Height, round: Round, block: BlockId, pol_round: Option<Round>) -> Vec<u8> {
    let message = Message::Proposal(chain, height, round, block, pol_round);
    signing_bytes(Domain::Consensus, &codec::encode(&message))
}

/// The bytes that a vote signs. The engine never votes outside of a round.
pub fn vote_sign_bytes(chain: ChainId, vote: &BlockVote) -> Vec<u8> {
    let round = ledger_round(vote.round).unwrap_or_default();
    let block = match vote.value {
        NilOrVal::Nil => None,
        NilOrVal::Val(id) => Some(id),
    };
    match vote.kind {
        VoteType::Prevote => prevote_bytes(chain, vote.height.ledger(), round, block),
        VoteType::Precommit => precommit_bytes(chain, vote.height.ledger(), round, block),
    }
}

/// The bytes that a proposal signs.
pub fn proposal_sign_bytes(chain: ChainId, proposal: &BlockProposal) -> Vec<u8> {
    proposal_bytes(
        chain,
        proposal.height.ledger(),
        ledger_round(proposal.round).unwrap_or_default(),
        proposal.value.id(),
        ledger_round(proposal.pol_round),
    )
}

/// Verifies what peers signed, by the ledger's one rule (ZIP-215).
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    chain: ChainId,
    signatures: SignatureCheck,
}

impl ChainVerifier {
    /// A verifier for one network, which knows what the rest of the process verified.
    pub const fn new(chain: ChainId, signatures: SignatureCheck) -> Self {
        ChainVerifier { chain, signatures }
    }

    fn check(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> VerificationResult {
        VerificationResult::from_bool(self.signatures.verifies(key, bytes, signature))
    }
}

#[async_trait]
impl Verifier<LegContext> for ChainVerifier {
    async fn verify_signed_vote(&self, vote: &BlockVote, signature: &Signature, key: &PublicKey) -> Result<VerificationResult, Error> {
        Ok(self.check(key, &vote_sign_bytes(self.chain, vote), signature))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &BlockProposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(self.check(key, &proposal_sign_bytes(self.chain, proposal), signature))
    }

    async fn verify_signed_vote_extension(
        &self,
        _scope: &VoteExtensionScope<LegContext>,
        _extension: &(),
        _signature: &Signature,
        _key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        // Extensions are disabled at every height: whoever sends one is wrong.
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<LegContext>) -> Result<VerificationResult, Error> {
        let Ok(key) = crate::types::Ed25519::decode_public_key(&proof.public_key) else {
            return Ok(VerificationResult::Invalid);
        };
        Ok(self.check(&key, &proof.preimage(), &proof.signature))
    }
}

/// Signs with the key that this node's seat names at the message's height.
#[derive(Clone, Debug)]
pub struct MemberSigner {
    chain: ChainId,
    keys: VotingKeys,
}

impl MemberSigner {
    /// A signer for one network.
    pub fn new(chain: ChainId, keys: VotingKeys) -> Self {
        MemberSigner { chain, keys }
    }

    fn key(&self, height: Height) -> Result<SecretKey, Error> {
        self.keys.at(height).ok_or_else(|| Error::from_source(NoSeat(height)))
    }
}

/// The engine wants to vote where this node was not told to: a bug.
#[derive(Debug, thiserror::Error)]
#[error("this node has no seat at height {0}")]
struct NoSeat(Height);

/// Nodes know each other by their network keys.
#[derive(Debug, thiserror::Error)]
#[error("validator proofs are not used")]
struct NoProofs;

/// Vote extensions are not used on this network.
#[derive(Debug, thiserror::Error)]
#[error("vote extensions are not used")]
struct NoExtensions;

#[async_trait]
impl Signer<LegContext> for MemberSigner {
    async fn sign_vote(&self, vote: BlockVote) -> Result<SignedMessage<LegContext, BlockVote>, Error> {
        let signature = self.key(vote.height.ledger())?.sign(&vote_sign_bytes(self.chain, &vote));
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: BlockProposal) -> Result<SignedMessage<LegContext, BlockProposal>, Error> {
        let signature = self.key(proposal.height.ledger())?.sign(&proposal_sign_bytes(self.chain, &proposal));
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        _scope: VoteExtensionScope<LegContext>,
        _extension: (),
    ) -> Result<SignedMessage<LegContext, ()>, Error> {
        Err(Error::from_source(NoExtensions))
    }

    async fn sign_validator_proof(&self, _public_key: Vec<u8>, _peer_id: Vec<u8>) -> Result<ValidatorProof<LegContext>, Error> {
        Err(Error::from_source(NoProofs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Hash;

    fn chain() -> ChainId {
        ChainId::from_hash(Hash::from_bytes([1; 32]))
    }

    fn block() -> BlockId {
        BlockId::from_hash(Hash::from_bytes([2; 32]))
    }

    #[test]
    fn sign_bytes_are_frozen() {
        let prefix = hex::encode(b"leg ledger v1 consensus\0");
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let (height, round) = (Height::new(7), Round::new(3));
        assert_eq!(
            hex::encode(prevote_bytes(chain(), height, round, Some(block()))),
            format!("{prefix}00000000{one}07000000000000000300000001{two}")
        );
        assert_eq!(hex::encode(prevote_bytes(chain(), height, round, None)), format!("{prefix}00000000{one}07000000000000000300000000"));
        assert_eq!(
            hex::encode(proposal_bytes(chain(), height, round, block(), Some(Round::new(2)))),
            format!("{prefix}01000000{one}070000000000000003000000{two}0102000000")
        );
    }

    #[test]
    fn a_precommit_signs_the_bytes_of_the_ledgers_certificate() {
        let vote = BlockVote {
            kind: VoteType::Precommit,
            height: crate::types::EngineHeight::new(Height::new(7)),
            round: arc_malachitebft_core_types::Round::new(3),
            value: NilOrVal::Val(block()),
            voter: crate::types::Address::new(leg_ledger::ids::MemberId::parse("hub-1").expect("a slug")),
        };
        assert_eq!(vote_sign_bytes(chain(), &vote), precommit_bytes(chain(), Height::new(7), Round::new(3), Some(block())));
    }
}
