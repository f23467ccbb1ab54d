//! Benchmarks: what this program reaches on this machine, beside what the machine allows, measured in the same run.
//!
//! ```text
//! community ─ genesis        mix ─ orders ─> signer ─ just in time ─> load ─ open loop ─> door (HTTP or gossip) ─> nodes (processes)
//!                                                                      ▲ latencies                                    │
//!                                                                      └──────────── follow: final blocks <───────────┘
//! yardstick ─ CPU of an order beside each load ─> ceiling ─> report <─ usage ─ CPU, memory and disk of every process
//! ```
//!
//! One file a benchmark ([`signatures`], [`tree`], [`matching`], [`ledger`], [`network`], [`sync`], [`restart`]), beside them the rooms that they share. A benchmark asserts nothing about speed: it measures
//! and prints. Figures of what was not measured in a run are not in its report.

pub mod all;
pub mod books;
pub mod ceiling;
pub mod chain;
pub mod community;
pub mod door;
pub mod follow;
pub mod goals;
pub mod latency;
pub mod ledger;
pub mod load;
pub mod matching;
pub mod mix;
pub mod network;
pub mod pace;
pub mod plot;
pub mod points;
pub mod report;
pub mod restart;
pub mod screen;
pub mod signatures;
pub mod signer;
pub mod sync;
pub mod tree;
pub mod usage;
pub mod yardstick;
