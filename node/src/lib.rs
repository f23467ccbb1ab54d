//! The node of one hub: all input and output around the pure ledger.
//!
//! Design: each service is the only owner of what it changes and is spoken to through a handle.
//!
//! ```text
//! api ──submit──> mempool ──batches──> network <──gossip, votes, parts──> other nodes
//!  │                 ▲ take │ committed      ▲
//!  │ queries         │      ▼                │
//!  └──────────────> chain <──ports── consensus (the BFT engine)
//!                    │ one synced batch a block
//!                    ▼
//!                 storage
//! ```
//!
//! Invariants: only [`clock`] reads the time; only [`storage`] names RocksDB; a block is published only after it is durable; a failed
//! durable write stops the process.
#![deny(missing_docs)]

pub mod api;
mod away;
pub mod chain;
pub mod clock;
pub mod config;
pub mod content;
pub mod heartbeat;
pub mod keys;
pub mod mempool;
pub mod network;
pub mod node;
pub mod page;
pub mod shutdown;
pub mod storage;
pub mod telemetry;

#[cfg(test)]
mod fixture;
