//! Seeded histories of a small community: what members, meters and a grid operator could sign, right and wrong, block after block.
//!
//! ```text
//! Workload (seed) ──transactions──> LocalChain ──state──> Workload picks the next ones
//! ```
//!
//! The same seed gives the same bytes. A workload looks at the state to find orders, trades and registers to act on, as a hub's program
//! would look at its node; it predicts nothing, so that it cannot agree with a wrong ledger.

mod chain;
mod coverage;
mod disputes;
mod generator;
mod governance;
mod heat;
mod oracles;
mod orders;
mod steps;
mod storage;

pub use chain::{LocalChain, Outcome};
pub use coverage::Coverage;
pub use generator::{Batch, Workload};
