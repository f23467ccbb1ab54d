//! Bytes of everything that the engine sends, logs or answers, in the ledger's canonical codec.
//!
//! Engine types have no serde: `mirror` holds their shapes, which are the format. `wire` is what peers gossip, `wal` what the
//! write-ahead log keeps, `sync` what nodes that catch up ask and are answered. Every decoder has a limit of its own kind, refuses
//! trailing bytes and second spellings, and bounds every list.

mod mirror;
mod raw;
mod sync;
mod wal;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use mirror::to_engine as certificate_to_engine;
pub use sync::{MAX_SYNC_BLOCK_BYTES, MAX_SYNC_REQUEST_BYTES, MAX_SYNC_RESPONSE_BYTES, SYNC_BATCH};
pub(crate) use wire::stream_message;
pub use wire::{MAX_MESSAGE_BYTES, MAX_PART_BYTES, MAX_WIRE_BYTES, WireMessage};

use leg_ledger::codec::CodecError;

/// Encodes and decodes all messages of the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineCodec;

/// Why a peer's bytes were refused, or (never, for our own types) could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineCodecError {
    /// Not the canonical bytes of such a message, or too many of them.
    #[error(transparent)]
    Bytes(#[from] CodecError),
    /// A list with more entries than a committee can cause.
    #[error("{actual} entries in a list that has at most {limit}")]
    List {
        /// Entries given.
        actual: usize,
        /// Entries allowed.
        limit: usize,
    },
    /// The vote of a message does not belong to it.
    #[error("a message carries what is not part of it: {0}")]
    Foreign(&'static str),
    /// An answer whose block is not the one of its certificate (DESIGN, Divergence).
    #[error("the block of height {height} is not the certificate's")]
    NotCertified {
        /// Height of the certificate.
        height: leg_ledger::ids::Height,
    },
    /// Heights of an answer do not follow each other.
    #[error("heights of the answer do not follow each other")]
    Gap,
}
