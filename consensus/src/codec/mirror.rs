//! Shapes of engine types for serde. Changing one changes the protocol and the write-ahead log.

use super::EngineCodecError;
use crate::context::LegContext;
use crate::types::{Address, BlockProposal, BlockValue, BlockVote, EngineHeight, engine_round, ledger_round};
use arc_malachitebft_app_channel::app::types::{ProposedValue, SignedConsensusMsg};
use arc_malachitebft_core_types::{
    ExtendedCommitCertificate, ExtendedCommitSignature, NilOrVal, PolkaCertificate, PolkaSignature, RoundCertificate, RoundCertificateType,
    RoundSignature, SignedMessage, Validity, Value as _, VoteType,
};
use leg_ledger::block::{Certificate, CommitSignature};
use leg_ledger::ids::{BlockId, Height, MemberId, Round};
use leg_ledger::limits::MAX_COMMITTEE;
use leg_ledger::signature::Signature;
use serde::{Deserialize, Serialize};

/// Signatures of one certificate: each member at most twice (a prevote and a precommit witness a round).
const MAX_SIGNATURES: usize = 2 * MAX_COMMITTEE;

fn bounded<T>(list: Vec<T>, limit: usize) -> Result<Vec<T>, EngineCodecError> {
    if list.len() > limit {
        return Err(EngineCodecError::List { actual: list.len(), limit });
    }
    Ok(list)
}

fn option(value: &NilOrVal<BlockId>) -> Option<BlockId> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(id) => Some(*id),
    }
}

fn nil_or(value: Option<BlockId>) -> NilOrVal<BlockId> {
    value.map_or(NilOrVal::Nil, NilOrVal::Val)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Prevote,
    Precommit,
}

impl From<VoteType> for Kind {
    fn from(kind: VoteType) -> Self {
        match kind {
            VoteType::Prevote => Kind::Prevote,
            VoteType::Precommit => Kind::Precommit,
        }
    }
}

impl From<Kind> for VoteType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Prevote => VoteType::Prevote,
            Kind::Precommit => VoteType::Precommit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vote {
    kind: Kind,
    height: Height,
    round: Option<Round>,
    value: Option<BlockId>,
    voter: MemberId,
    signature: Signature,
}

impl From<&SignedMessage<LegContext, BlockVote>> for Vote {
    fn from(vote: &SignedMessage<LegContext, BlockVote>) -> Self {
        Vote {
            kind: vote.message.kind.into(),
            height: vote.message.height.ledger(),
            round: ledger_round(vote.message.round),
            value: option(&vote.message.value),
            voter: vote.message.voter.member(),
            signature: vote.signature,
        }
    }
}

impl From<Vote> for SignedMessage<LegContext, BlockVote> {
    fn from(vote: Vote) -> Self {
        let message = BlockVote {
            kind: vote.kind.into(),
            height: EngineHeight::new(vote.height),
            round: engine_round(vote.round),
            value: nil_or(vote.value),
            voter: Address::new(vote.voter),
        };
        SignedMessage::new(message, vote.signature)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal {
    height: Height,
    round: Option<Round>,
    value: BlockId,
    pol_round: Option<Round>,
    proposer: MemberId,
    signature: Signature,
}

impl From<&SignedMessage<LegContext, BlockProposal>> for Proposal {
    fn from(proposal: &SignedMessage<LegContext, BlockProposal>) -> Self {
        Proposal {
            height: proposal.message.height.ledger(),
            round: ledger_round(proposal.message.round),
            value: proposal.message.value.id(),
            pol_round: ledger_round(proposal.message.pol_round),
            proposer: proposal.message.proposer.member(),
            signature: proposal.signature,
        }
    }
}

impl From<Proposal> for SignedMessage<LegContext, BlockProposal> {
    fn from(proposal: Proposal) -> Self {
        let message = BlockProposal {
            height: EngineHeight::new(proposal.height),
            round: engine_round(proposal.round),
            value: BlockValue::new(proposal.value),
            pol_round: engine_round(proposal.pol_round),
            proposer: Address::new(proposal.proposer),
        };
        SignedMessage::new(message, proposal.signature)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Consensus {
    Vote(Vote),
    Proposal(Proposal),
}

impl From<&SignedConsensusMsg<LegContext>> for Consensus {
    fn from(message: &SignedConsensusMsg<LegContext>) -> Self {
        match message {
            SignedConsensusMsg::Vote(vote) => Consensus::Vote(vote.into()),
            SignedConsensusMsg::Proposal(proposal) => Consensus::Proposal(proposal.into()),
        }
    }
}

impl From<Consensus> for SignedConsensusMsg<LegContext> {
    fn from(message: Consensus) -> Self {
        match message {
            Consensus::Vote(vote) => SignedConsensusMsg::Vote(vote.into()),
            Consensus::Proposal(proposal) => SignedConsensusMsg::Proposal(proposal.into()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Polka {
    height: Height,
    round: Option<Round>,
    value: BlockId,
    signatures: Vec<CommitSignature>,
}

impl From<&PolkaCertificate<LegContext>> for Polka {
    fn from(certificate: &PolkaCertificate<LegContext>) -> Self {
        let signatures =
            certificate.polka_signatures.iter().map(|s| CommitSignature { member: s.address.member(), signature: s.signature });
        Polka {
            height: certificate.height.ledger(),
            round: ledger_round(certificate.round),
            value: certificate.value_id,
            signatures: signatures.collect(),
        }
    }
}

impl TryFrom<Polka> for PolkaCertificate<LegContext> {
    type Error = EngineCodecError;

    fn try_from(polka: Polka) -> Result<Self, EngineCodecError> {
        let signatures = bounded(polka.signatures, MAX_COMMITTEE)?;
        Ok(PolkaCertificate {
            height: EngineHeight::new(polka.height),
            round: engine_round(polka.round),
            value_id: polka.value,
            polka_signatures: signatures.into_iter().map(|s| PolkaSignature::new(Address::new(s.member), s.signature)).collect(),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum RoundKind {
    Skip,
    Precommit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RoundVote {
    kind: Kind,
    value: Option<BlockId>,
    voter: MemberId,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RoundProof {
    height: Height,
    round: Option<Round>,
    kind: RoundKind,
    votes: Vec<RoundVote>,
}

impl From<&RoundCertificate<LegContext>> for RoundProof {
    fn from(certificate: &RoundCertificate<LegContext>) -> Self {
        let votes = certificate.round_signatures.iter().map(|s| RoundVote {
            kind: s.vote_type.into(),
            value: option(&s.value_id),
            voter: s.address.member(),
            signature: s.signature,
        });
        RoundProof {
            height: certificate.height.ledger(),
            round: ledger_round(certificate.round),
            kind: match certificate.cert_type {
                RoundCertificateType::Skip => RoundKind::Skip,
                RoundCertificateType::Precommit => RoundKind::Precommit,
            },
            votes: votes.collect(),
        }
    }
}

impl TryFrom<RoundProof> for RoundCertificate<LegContext> {
    type Error = EngineCodecError;

    fn try_from(proof: RoundProof) -> Result<Self, EngineCodecError> {
        let votes = bounded(proof.votes, MAX_SIGNATURES)?;
        Ok(RoundCertificate {
            height: EngineHeight::new(proof.height),
            round: engine_round(proof.round),
            cert_type: match proof.kind {
                RoundKind::Skip => RoundCertificateType::Skip,
                RoundKind::Precommit => RoundCertificateType::Precommit,
            },
            round_signatures: votes
                .into_iter()
                .map(|v| RoundSignature::new(v.kind.into(), nil_or(v.value), Address::new(v.voter), v.signature))
                .collect(),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Value {
    height: Height,
    round: Option<Round>,
    valid_round: Option<Round>,
    proposer: MemberId,
    value: BlockId,
    valid: bool,
}

impl From<&ProposedValue<LegContext>> for Value {
    fn from(value: &ProposedValue<LegContext>) -> Self {
        Value {
            height: value.height.ledger(),
            round: ledger_round(value.round),
            valid_round: ledger_round(value.valid_round),
            proposer: value.proposer.member(),
            value: value.value.id(),
            valid: value.validity.is_valid(),
        }
    }
}

impl From<Value> for ProposedValue<LegContext> {
    fn from(value: Value) -> Self {
        ProposedValue {
            height: EngineHeight::new(value.height),
            round: engine_round(value.round),
            valid_round: engine_round(value.valid_round),
            proposer: Address::new(value.proposer),
            value: BlockValue::new(value.value),
            validity: Validity::from_bool(value.valid),
        }
    }
}

/// The engine's certificate as the ledger's. Vote extensions do not exist on this network, so none is lost.
pub(crate) fn to_ledger(certificate: &ExtendedCommitCertificate<LegContext>) -> Certificate {
    let signatures = certificate.commit_signatures.iter().map(|s| CommitSignature { member: s.address.member(), signature: s.signature });
    Certificate::new(
        certificate.height.ledger(),
        ledger_round(certificate.round).unwrap_or_default(),
        certificate.value_id,
        signatures.collect(),
    )
}

/// The ledger's certificate as the engine's.
pub(crate) fn to_engine(certificate: &Certificate) -> ExtendedCommitCertificate<LegContext> {
    ExtendedCommitCertificate {
        height: EngineHeight::new(certificate.height),
        round: engine_round(Some(certificate.round)),
        value_id: certificate.block,
        commit_signatures: certificate
            .signatures
            .iter()
            .map(|s| ExtendedCommitSignature::new(Address::new(s.member), s.signature, None))
            .collect(),
    }
}
