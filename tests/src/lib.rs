//! What tests across crates share: seeded histories of a community, a model of the market beside the ledger, and clusters of real node processes.

#![deny(missing_docs)]

pub mod cluster;
pub mod model;
pub mod rules;
pub mod workload;
