//! Cutting a block into parts.

use crate::types::{BlockPart, Manifest, SignedManifest, chunk_hash};
use bytes::Bytes;
use leg_ledger::ids::{BlockId, ChainId, Height, MemberId, Round};
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::signature::SecretKey;
use std::sync::Arc;

/// Bytes of a chunk; only the last one of a block is shorter.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of the largest block.
pub const MAX_CHUNKS: usize = HARD_BLOCK_BYTES.div_ceil(CHUNK_BYTES);

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Height of the block.
    pub height: Height,
    /// Round for which it is streamed.
    pub round: Round,
    /// Earlier round with a quorum of prevotes, for a block that is proposed again.
    pub pol_round: Option<Round>,
    /// The block.
    pub block: BlockId,
    /// This node's member.
    pub streamer: MemberId,
    /// Unique among this node's streams ([`StreamNumbers`]).
    pub stream: u64,
}

/// Cuts an encoded block of 1 to [`HARD_BLOCK_BYTES`] bytes into signed parts.
pub fn split(chain: ChainId, info: StreamInfo, block: &Bytes, key: &SecretKey) -> Vec<BlockPart> {
    let chunks: Vec<Bytes> =
        (0..block.len()).step_by(CHUNK_BYTES).map(|start| block.slice(start..block.len().min(start + CHUNK_BYTES))).collect();
    let manifest = Manifest {
        height: info.height,
        round: info.round,
        pol_round: info.pol_round,
        block: info.block,
        streamer: info.streamer,
        stream: info.stream,
        length: u32::try_from(block.len()).expect("a block is far below 4 GiB"),
        chunks: chunks.iter().map(|c| chunk_hash(c)).collect(),
    };
    let signature = key.sign(&manifest.signing_bytes(chain));
    let signed = Arc::new(SignedManifest { manifest, signature });
    (0_u32..).zip(chunks).map(|(index, chunk)| BlockPart { signed: Arc::clone(&signed), index, chunk }).collect()
}

/// Numbers for this node's streams that never repeat, also over restarts: relays that remember what they forwarded would drop a repetition.
#[derive(Clone, Copy, Debug)]
pub struct StreamNumbers {
    next: u64,
}

impl StreamNumbers {
    /// Numbers of a process that started at `started_ms` (Unix milliseconds): a million a second before they meet the next start's.
    pub const fn starting_at(started_ms: u64) -> Self {
        StreamNumbers { next: started_ms.wrapping_mul(1_000) }
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }
}
