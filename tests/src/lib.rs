//! What tests across crates share: seeded histories of a community, and clusters of real node processes.

#![deny(missing_docs)]

pub mod cluster;
pub mod workload;
