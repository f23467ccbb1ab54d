//! What is stored under storage contracts: files, keys, their way between buyer and seller, and the answers to challenges (MARKET 7).
//!
//! ```text
//! buyer   upload ─▶ store ─▶ cipher, a key for each replica ─▶ store ─┐            keys (records) ◀─ API
//!                                                                      ▼ slices        │ decrypt
//! seller            agent: fetch ◀─ verified streaming over the swarm ─┘   ─▶ read back ┘
//!                   agent: challenge ─▶ slices of the store ─▶ signed proof ─▶ mempool
//! ```
//!
//! Invariants:
//! * a file of the store has the name of its BLAKE3 root and is complete; what is fetched grows beside it and is verified chunk by chunk;
//! * all files together stay within the quota; writing is temporary file, fsync, rename;
//! * a slice that leaves the store was verified: damage on the disk is found here, not at whoever asked;
//! * keys never leave the buyer's node.

mod agent;
mod cipher;
mod error;
mod plan;
mod records;
mod serve;
mod store;
mod transfer;
mod turns;

pub use agent::{Agent, Desk, contracts_of};
pub use cipher::{MAX_CONTENT_BYTES, ReplicaKey};
pub use error::ContentError;
pub use records::{Record, Records};
pub use serve::serve;
pub use store::{ContentStore, SLICE_BYTES};
pub use transfer::{SliceRequest, Slices, fetch, read_slice};

#[cfg(test)]
mod tests;
