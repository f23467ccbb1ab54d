//! A piece of a block on its way to the committee.
//!
//! ```text
//! Manifest { height, round, pol_round, block, streamer, stream, length, chunks: [hash] }   signed once by the streamer
//! BlockPart { manifest, signature, index, chunk }                                           blake3(chunk) == chunks[index]
//! ```
//!
//! Each part proves itself: whoever relays it, in whatever order, nobody but the streamer can spoil its stream, and a part that does
//! not belong is refused before a byte of it is kept.

use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use bytes::Bytes;
use leg_ledger::codec;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{BlockId, ChainId, Height, MemberId, Round};
use leg_ledger::signature::{Signature, signing_bytes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Height of the block.
    pub height: Height,
    /// Round for which it is streamed; at least the block's creation round.
    pub round: Round,
    /// Earlier round in which a quorum is claimed to have prevoted the block. A claim: it proves nothing.
    pub pol_round: Option<Round>,
    /// The block's id.
    pub block: BlockId,
    /// The committee member that streams it.
    pub streamer: MemberId,
    /// Unique among the streamer's streams, also over restarts.
    pub stream: u64,
    /// Bytes of the encoded block.
    pub length: u32,
    /// Hash of each chunk, in order.
    pub chunks: Vec<Hash>,
}

impl Manifest {
    /// The stream's id: hash of the manifest.
    pub fn id(&self) -> Hash {
        Hash::of(Domain::Proposal, &codec::encode(self))
    }

    /// The bytes that the streamer signs.
    pub fn signing_bytes(&self, chain: ChainId) -> Vec<u8> {
        signing_bytes(Domain::Proposal, &codec::encode(&(chain, self)))
    }
}

/// A manifest with its streamer's signature; shared by all parts of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    /// What the stream carries.
    pub manifest: Manifest,
    /// By the streamer's consensus key over [`Manifest::signing_bytes`].
    pub signature: Signature,
}

/// One chunk of a block with the manifest that vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockPart {
    /// The stream.
    pub signed: Arc<SignedManifest>,
    /// Which chunk this is.
    pub index: u32,
    /// Its bytes.
    pub chunk: Bytes,
}

/// The hash of a chunk as manifests list it.
pub(crate) fn chunk_hash(chunk: &[u8]) -> Hash {
    Hash::of(Domain::Proposal, chunk)
}

impl engine::ProposalPart<LegContext> for BlockPart {
    fn is_first(&self) -> bool {
        self.index == 0
    }

    fn is_last(&self) -> bool {
        usize::try_from(self.index).is_ok_and(|index| index.saturating_add(1) == self.signed.manifest.chunks.len())
    }
}
