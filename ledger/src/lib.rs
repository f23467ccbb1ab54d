//! The LEG ledger as a pure state machine: what every node computes to the same byte.
//!
//! Design:
//! * no clock, randomness, thread, file, network, async, float, hash-ordered iteration or logging; block time arrives in the block;
//! * one door: [`execute::execute_block`] takes the state after the parent and a block and returns an [`execute::Outcome`]; it never writes;
//! * only [`codec`] makes bytes that are hashed or signed; every hash and signature carries a namespace ([`hash`]);
//! * amounts are integers in the units of MARKET 1 ([`amount`]); every arithmetic is checked.
//!
//! ```
//! use leg_ledger::amount::{MicroChf, Price, Quantity};
//! // 10 kWh at CHF 0.15 per kWh are CHF 1.50 (MARKET 1).
//! let gross = Price::from_micro_chf(150_000).gross(Quantity::new(10_000));
//! assert_eq!(gross, Some(MicroChf::new(1_500_000)));
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic
    )
)]
#![deny(missing_docs)]

pub mod amount;
pub mod block;
mod calendar;
pub mod codec;
pub mod decimal;
pub mod dispute;
pub mod execute;
pub mod governance;
pub mod hash;
pub mod heat;
pub mod history;
pub mod ids;
pub mod limits;
pub mod market;
pub mod member;
pub mod meter;
pub mod oracle;
pub mod params;
pub mod receipt;
pub mod reputation;
pub mod signature;
pub mod state;
pub mod storage;
#[cfg(test)]
#[allow(dead_code)] // a kit: each room's tests use a part of it
pub(crate) mod testing;
pub mod time;
pub mod trade;
pub mod transaction;
pub mod tree;

#[cfg(test)]
mod vectors;
