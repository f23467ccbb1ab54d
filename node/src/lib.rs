//! One hub's node: everything that the ledger is not - the swarm, the mempool, the chain service, the store, the API.

pub mod mempool;
pub mod network;
