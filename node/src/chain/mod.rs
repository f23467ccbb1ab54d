//! The chain of this node: owner of the committed state and of the store.
//!
//! ```text
//! consensus ──ports──▶ Service ──execute──▶ Ledger          one thread: it validates, builds, commits
//!                         │  1 one synced batch ──▶ Store   by a thread of its own for a large block, and, several together, in catching up
//!                         │  2 the ledger moves on          beside it then, with the gate closed for readers
//!                         │  3 the pool forgets, tip and block are published
//!                         ▼
//!                     ChainHandle ◀── API, mempool, network: any thread, reads only
//!
//! synced blocks ──▶ Prefetch ──verified signatures──▶ pool      beside the thread, before it judges them
//!                         └────decoded blocks──▶ Ahead           the one on the tip is executed, before it is decided
//! ```
//!
//! Invariants:
//! * what a handle shows is durable: while the ledger is ahead of the store, the gate is closed;
//! * while this node votes, consensus goes on only with a durable block; in catching up a bounded number of blocks is ahead of the store;
//! * what is executed ahead of its decision shows nowhere, and is dropped if another block is decided;
//! * a block is executed once, on the state after its parent; to explain one of the last ones, it is executed again on a copy;
//! * an error of [`Service`] is fatal: the caller stops the process, and the next start finds the block before or the block.

mod ahead;
mod behind;
mod executing;
mod gate;
mod handle;
mod judging;
mod open;
mod outgoing;
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
mod ahead_tests;
#[cfg(test)]
mod behind_tests;
#[cfg(test)]
mod outgoing_tests;
#[cfg(test)]
mod tests;
