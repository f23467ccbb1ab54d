//! Transactions that wait for a block: admission (form, member, expiry, replay, signature), fair choice for a proposer, removal.
//!
//! ```text
//!  API, peers ──submit──▶ mailbox ──▶ service: gather ≤ 3 ms (50 ms under load) ──▶ blocking threads: check, verify all sources together, bisect
//!                                                                              │
//!  proposer ◀──take── Pool (by member and nonce, capped) ◀────insert───────────┘──▶ fresh transactions to gossip
//!  chain ────on_committed──▶ Pool                         KnownSignatures ◀── remembers (body, key, signature)
//! ```
//!
//! Invariants:
//! * what is in the pool had a valid signature of the key that the registry held at admission; [`Mempool::take`] asks again whether it is
//!   still that key, so a rotation between the two costs the transaction, never the block;
//! * a signature is verified once: [`Mempool::find`] finds what waits, [`Mempool::is_known`] what verified and does not wait. Both compare
//!   body, signature and key, so a garbage signature on a known body is not known (DESIGN, Ids and signatures);
//! * every queue is bounded; a full one refuses with a stable code, and nothing that was admitted is evicted.

mod admission;
mod counters;
mod error;
mod gather;
mod known;
mod mailbox;
mod pool;
mod ports;
mod service;

pub use counters::MempoolCounts;
pub use error::AdmitError;
pub use mailbox::{Mempool, Source};
pub use pool::{NoRoom, Pool, PoolError, PoolLimits};
pub use ports::LedgerView;

/// What a proposer asks for, as the chain says it.
pub use crate::chain::TakeBudget as TakeRequest;

use std::time::Duration;

/// Settings of the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolConfig {
    /// Caps of the pool.
    pub limits: PoolLimits,
    /// Submissions that wait for verification; beyond it a submission is refused as [`AdmitError::Busy`].
    pub mailbox: usize,
    /// Signatures that are gathered before a verification starts.
    pub gather: usize,
    /// Longest that the first of them waits for company.
    pub gather_delay: Duration,
    /// The same when so many arrive that company is sure to come, unless a batch is full before; see [`MempoolConfig::busy`].
    pub busy_delay: Duration,
    /// Transactions a second up to which the shorter delay holds; from twice as many on it is the longer one, between them in proportion.
    pub busy: u32,
    /// Signatures verified in one batch on one core, whatever peers they came from.
    pub batch: usize,
    /// Bad signatures after which the rest of a peer's batch is dropped unseen: bisecting costs more with each.
    pub max_bad: usize,
    /// Verified (body, signature, key) triples that are remembered; the oldest is forgotten first.
    pub known: usize,
    /// Fresh transactions that wait to be gossiped; beyond it they are left to the next repetition.
    pub outgoing: usize,
    /// How often waiting transactions of this node's own clients are gossiped again.
    pub repeat: Duration,
    /// How many of them each time.
    pub repeat_batch: usize,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        MempoolConfig {
            limits: PoolLimits::default(),
            mailbox: 8_192,
            gather: 4_096,
            gather_delay: Duration::from_millis(3),
            busy_delay: Duration::from_millis(100),
            busy: 2_000,
            batch: 2_048,
            max_bad: 8,
            known: 131_072,
            outgoing: 16_384,
            repeat: Duration::from_secs(5),
            repeat_batch: 512,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
