//! The `leg` program's parts: everything a person types, and the development network.

#![deny(missing_docs)]

pub mod client;
pub mod devnet;
