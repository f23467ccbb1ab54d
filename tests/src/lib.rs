//! Tests across crates: the cluster of real processes.
