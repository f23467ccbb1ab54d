//! The `leg` program's parts: everything a person types, and the development network.
//!
//! ```text
//! leg keys      make, show, encrypt and decrypt the keys of a hub
//! leg init      make the home folder of a node
//! leg genesis   build and check what a network agrees on before its first block
//! leg start     run a node
//! leg order     place, list and cancel orders through a node
//! leg governance  propose changes, vote, list proposals
//! leg devnet    run a whole network on this machine and replay a real Swiss week
//! leg bench     measure what it reaches on this machine, beside what the machine allows
//! ```
//!
//! Each command is a file of [`commands`]; the development network and the benchmarks have rooms of their own, [`devnet`] and [`bench`]. Errors say what to do next.

#![deny(missing_docs)]

pub mod bench;
pub mod client;
pub mod commands;
pub mod devnet;
pub mod home;
pub mod signals;
