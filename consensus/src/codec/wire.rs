//! What peers gossip: votes, proposals, liveness certificates, parts of blocks, status.

use super::raw::Raw;
use super::{EngineCodec, EngineCodecError, mirror};
use crate::context::LegContext;
use crate::parts::{CHUNK_BYTES, MAX_CHUNKS};
use crate::types::{BlockPart, SignedManifest};
use arc_malachitebft_app_channel::app::consensus::LivenessMsg;
use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_codec::Codec;
use arc_malachitebft_core_types::ValidatorProof;
use bytes::Bytes;
use leg_ledger::codec;
use leg_ledger::signature::Signature;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most bytes of a vote, a proposal or a liveness certificate: 48 votes of a committee of 24, with room.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// Most bytes of a part: a chunk, its manifest with the hashes of all chunks, and frames around them.
pub const MAX_PART_BYTES: usize = CHUNK_BYTES + MAX_CHUNKS * 32 + 1024;
/// Most bytes of any gossiped message.
pub const MAX_WIRE_BYTES: usize = MAX_PART_BYTES + 16;
/// Most bytes of a validator proof, which only the engine's own swarm sends.
const MAX_PROOF_BYTES: usize = 1024;

#[derive(Serialize, Deserialize)]
enum Liveness {
    Vote(mirror::Vote),
    Polka(mirror::Polka),
    Round(mirror::RoundProof),
}

#[derive(Serialize, Deserialize)]
struct Part {
    signed: SignedManifest,
    index: u32,
    chunk: Raw,
}

impl From<&BlockPart> for Part {
    fn from(part: &BlockPart) -> Self {
        Part { signed: SignedManifest::clone(&part.signed), index: part.index, chunk: Raw(part.chunk.clone()) }
    }
}

impl TryFrom<Part> for BlockPart {
    type Error = EngineCodecError;

    fn try_from(part: Part) -> Result<Self, EngineCodecError> {
        let chunks = part.signed.manifest.chunks.len();
        if chunks > MAX_CHUNKS {
            return Err(EngineCodecError::List { actual: chunks, limit: MAX_CHUNKS });
        }
        Ok(BlockPart { signed: Arc::new(part.signed), index: part.index, chunk: part.chunk.0 })
    }
}

/// A part in its stream: the stream's id and the part's place follow from the manifest.
pub(crate) fn stream_message(part: BlockPart) -> StreamMessage<BlockPart> {
    let id = Bytes::copy_from_slice(part.signed.manifest.id().as_bytes());
    let sequence = u64::from(part.index);
    StreamMessage::new(StreamId::new(id), sequence, StreamContent::Data(part))
}

#[derive(Serialize, Deserialize)]
struct Proof {
    public_key: Vec<u8>,
    peer_id: Vec<u8>,
    signature: Signature,
}

impl Codec<SignedConsensusMsg<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<SignedConsensusMsg<LegContext>, EngineCodecError> {
        Ok(codec::decode::<mirror::Consensus>(&bytes, MAX_MESSAGE_BYTES)?.into())
    }

    fn encode(&self, message: &SignedConsensusMsg<LegContext>) -> Result<Bytes, EngineCodecError> {
        Ok(codec::encode(&mirror::Consensus::from(message)).into())
    }
}

impl Codec<LivenessMsg<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<LivenessMsg<LegContext>, EngineCodecError> {
        Ok(match codec::decode::<Liveness>(&bytes, MAX_MESSAGE_BYTES)? {
            Liveness::Vote(vote) => LivenessMsg::Vote(vote.into()),
            Liveness::Polka(polka) => LivenessMsg::PolkaCertificate(polka.try_into()?),
            Liveness::Round(proof) => LivenessMsg::SkipRoundCertificate(proof.try_into()?),
        })
    }

    fn encode(&self, message: &LivenessMsg<LegContext>) -> Result<Bytes, EngineCodecError> {
        let message = match message {
            LivenessMsg::Vote(vote) => Liveness::Vote(vote.into()),
            LivenessMsg::PolkaCertificate(polka) => Liveness::Polka(polka.into()),
            LivenessMsg::SkipRoundCertificate(proof) => Liveness::Round(proof.into()),
        };
        Ok(codec::encode(&message).into())
    }
}

impl Codec<BlockPart> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<BlockPart, EngineCodecError> {
        codec::decode::<Part>(&bytes, MAX_PART_BYTES)?.try_into()
    }

    fn encode(&self, part: &BlockPart) -> Result<Bytes, EngineCodecError> {
        Ok(codec::encode(&Part::from(part)).into())
    }
}

impl Codec<StreamMessage<BlockPart>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<StreamMessage<BlockPart>, EngineCodecError> {
        Codec::<BlockPart>::decode(self, bytes).map(stream_message)
    }

    fn encode(&self, message: &StreamMessage<BlockPart>) -> Result<Bytes, EngineCodecError> {
        let part = message.content.as_data().ok_or(EngineCodecError::Foreign("an end of stream"))?;
        Codec::<BlockPart>::encode(self, part)
    }
}

impl Codec<ValidatorProof<LegContext>> for EngineCodec {
    type Error = EngineCodecError;

    fn decode(&self, bytes: Bytes) -> Result<ValidatorProof<LegContext>, EngineCodecError> {
        let proof: Proof = codec::decode(&bytes, MAX_PROOF_BYTES)?;
        Ok(ValidatorProof::new(proof.public_key, proof.peer_id, proof.signature))
    }

    fn encode(&self, proof: &ValidatorProof<LegContext>) -> Result<Bytes, EngineCodecError> {
        let proof = Proof { public_key: proof.public_key.clone(), peer_id: proof.peer_id.clone(), signature: proof.signature };
        Ok(codec::encode(&proof).into())
    }
}

/// Any message that consensus gossips: one frame format for direct streams between committee members.
///
/// A byte says which kind follows; the rest is the message's own canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireMessage {
    /// A vote or a proposal.
    Consensus(SignedConsensusMsg<LegContext>),
    /// A vote sent again, or a certificate that moves peers to a later round.
    Liveness(LivenessMsg<LegContext>),
    /// A part of a block.
    Part(StreamMessage<BlockPart>),
}

impl WireMessage {
    const CONSENSUS: u8 = 0;
    const LIVENESS: u8 = 1;
    const PART: u8 = 2;

    /// The frame.
    ///
    /// # Errors
    /// For an end of stream, which this network never sends.
    pub fn encode(&self) -> Result<Bytes, EngineCodecError> {
        let (kind, bytes) = match self {
            WireMessage::Consensus(message) => (Self::CONSENSUS, EngineCodec.encode(message)?),
            WireMessage::Liveness(message) => (Self::LIVENESS, EngineCodec.encode(message)?),
            WireMessage::Part(message) => (Self::PART, EngineCodec.encode(message)?),
        };
        let mut frame = Vec::with_capacity(bytes.len() + 1);
        frame.push(kind);
        frame.extend_from_slice(&bytes);
        Ok(frame.into())
    }

    /// The message of a frame.
    ///
    /// # Errors
    /// [`EngineCodecError`]: the sender's fault.
    pub fn decode(mut frame: Bytes) -> Result<Self, EngineCodecError> {
        if frame.is_empty() {
            return Err(EngineCodecError::Foreign("an empty frame"));
        }
        let bytes = frame.split_off(1);
        match frame.first() {
            Some(&Self::CONSENSUS) => EngineCodec.decode(bytes).map(WireMessage::Consensus),
            Some(&Self::LIVENESS) => EngineCodec.decode(bytes).map(WireMessage::Liveness),
            Some(&Self::PART) => EngineCodec.decode(bytes).map(WireMessage::Part),
            _ => Err(EngineCodecError::Foreign("an unknown kind of frame")),
        }
    }
}
