//! What parties of a storage contract sign (MARKET 7).

use crate::hash::Hash;
use crate::ids::TradeId;
use serde::{Deserialize, Serialize};

/// How the buyer means to use the content; tells the seller on what to keep it, and changes no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageTier {
    /// Read often.
    Hot,
    /// Read rarely.
    Cold,
}

/// What is to be stored under a contract. Its content is encrypted at the buyer, with a key of its own for each replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageManifest {
    /// BLAKE3 root of the encrypted content, the root of its Bao tree.
    pub root: Hash,
    /// Bytes of the encrypted content; at most the contract's quantity, 1 MB = 1 000 000 bytes.
    pub size: u64,
    /// How it will be used.
    pub tier: StorageTier,
    /// Groups the replicas of one content: any hash that the buyer uses for no other content.
    pub content: Hash,
    /// Which replica, from 0.
    pub replica: u8,
    /// How many replicas the buyer keeps of this content, 1 to [`crate::limits::MAX_REPLICAS`].
    pub replicas: u8,
}

/// The buyer names what is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnounceManifest {
    /// The contract.
    pub contract: TradeId,
    /// The content.
    pub manifest: StorageManifest,
}

/// One chunk of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkProof {
    /// Which of the challenge's chunks, by its place in [`crate::storage::challenged_chunks`].
    pub pick: u8,
    /// The Bao slice of that chunk: length of the content (8 bytes), tree nodes from the root, the chunk.
    pub slice: Vec<u8>,
}

/// The seller proves that it holds chunks of a challenge. Several actions may answer one challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProveStorage {
    /// The contract.
    pub contract: TradeId,
    /// The challenge's day.
    pub day: u32,
    /// 1 to [`crate::limits::MAX_CHUNK_PROOFS`] chunks.
    pub chunks: Vec<ChunkProof>,
}
