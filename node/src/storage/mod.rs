//! The durable store of a node: everything that must survive a crash, in one RocksDB and one file.
//!
//! ```text
//! Store ── schema (every table, declared once) ── Database (typed access; RocksDB behind it)
//!   ├─ commit: block, certificate, state entries, receipts, events, history, indexes, tip  in ONE synced write batch
//!   ├─ recover: flat entries -> State and Tree, the tip, the peaks, the blocks of the replay window
//!   ├─ proposals: undecided blocks, synced before a vote leaves
//!   └─ idempotency: a client's retry finds the transaction that was signed for it
//! MarkFile: the double-sign guard's mark, in a file of its own that no backup or rollback touches
//! ```
//!
//! Invariants:
//! * After a crash at any moment the store holds the state after some committed block, whole; the newest block whose commit returned is
//!   part of it.
//! * A durable write that failed makes the store unusable ([`StoreError::Failed`]): nothing is written after it, and the process stops.
//! * A store of another network, another format or with tables that this program does not know is not opened.

mod database;
mod error;
mod finished;
mod idempotency;
mod key;
mod mark;
mod options;
mod proposals;
mod recovery;
mod schema;
mod store;
mod views;

pub use error::StoreError;
pub use finished::Finished;
pub use idempotency::{IdempotencyKey, IdempotencyRecord};
pub use mark::{MarkError, MarkFile};
pub use proposals::Proposals;
pub use schema::{FORMAT, FinishedTrade, TransactionPlace};
pub use store::{BlockRecord, Recovered, Store};
pub use views::StoredBlock;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod finished_tests;
#[cfg(test)]
mod tests;
