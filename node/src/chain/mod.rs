//! The chain of this node: owner of the committed state and of the store.
//!
//! ```text
//! consensus ──ports──▶ Service ──execute──▶ Ledger          one thread: it validates, builds, commits
//!                         │  1 one synced batch ──▶ Store
//!                         │  2 the ledger moves on
//!                         │  3 the pool forgets, tip and block are published
//!                         ▼
//!                     ChainHandle ◀── API, mempool, network: any thread, reads only
//!
//! synced blocks ──▶ Prefetch ──verified signatures──▶ pool      beside the thread, before it judges them
//! ```
//!
//! Invariants:
//! * what a handle shows is durable: the ledger moves on after the batch is synced, never before;
//! * a block is executed once, on the state after its parent; to explain one of the last ones, it is executed again on a copy;
//! * an error of [`Service`] is fatal: the caller stops the process, and the next start finds the block before or the block.

mod handle;
mod open;
mod pool;
mod ports;
mod prefetch;
mod recent;
mod service;
mod verify;
mod watchdog;

pub use handle::{ChainHandle, Committed};
pub use open::{ChainError, Founding, open};
pub use pool::{TakeBudget, TransactionPool};
pub use prefetch::Prefetch;
pub use recent::{NotKept, Recent};
pub use service::{CommitError, Service};
pub use watchdog::{Stalled, watch_progress};

#[cfg(test)]
mod tests;
