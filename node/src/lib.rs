//! The node of one hub: all input and output around the pure ledger.

pub mod api;
pub mod page;
pub mod telemetry;
