//! leg-node
pub mod mempool;
