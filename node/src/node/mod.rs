//! Building, starting and stopping a node.
//!
//! ```text
//! home/  node.toml  token  keys/  data/{db, wal, guard}
//!   └─ Setup ──start──▶ Node ── chain, mempool, network, consensus, API, and the tasks between them
//!                        └─ run: until it is asked to stop (Ok) or something fails that it cannot live with (Err)
//! ```
//!
//! Invariants:
//! * the order of starting is that of dependence, the order of stopping the reverse: nobody speaks to what is gone;
//! * any part that ends by itself ends the node, with an error;
//! * a fatal error reaches [`Node::run`], and the process MUST then end with a failure, also when a part does not stop in time.

mod identity;
mod mempool_ports;
mod metrics;
mod setup;
mod start;
mod tasks;

pub use identity::{Identity, IdentityError};
pub use setup::{Home, Setup, SetupError};
pub use start::{Node, NodeError, StartError};

#[cfg(test)]
mod tests;
