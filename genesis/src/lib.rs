//! Genesis documents: what a network agrees on before its first block.
//!
//! Design:
//! * a document is JSON that people read and exchange: amounts are decimals in CHF, kWh and shares (MARKET 1), unknown fields are refused, an
//!   error names the field; [`Genesis::from_json`] is the only way in and yields a checked value;
//! * the chain id is the hash of the canonical bytes of the checked content, so two spellings of one document are one network;
//! * [`Genesis::state`] is the state before block 1: parameters, registry, committee, accounts with their opening balances. Each opening
//!   balance counts as deposited, so that conservation holds from the start.
//!
//! There is no proof of possession in a document, since nobody has the chain id yet that it would sign: each operator MUST find its own keys in
//! the document before it starts a node (`leg start` compares them).
//!
//! ```
//! use leg_genesis::{DevnetSpec, Genesis};
//! let (genesis, _keys) = DevnetSpec::new("seed of the example", 1_760_000_000_000).build()?;
//! let same = Genesis::from_json(&genesis.to_json())?;
//! assert_eq!(same.chain_id(), genesis.chain_id());
//! # Ok::<(), leg_genesis::GenesisError>(())
//! ```

#![deny(missing_docs)]

mod build;
mod check;
mod conduct;
mod decimal;
mod document;
mod error;
mod member;
mod params;
mod preset;

pub use build::{Content, Genesis, GenesisMember};
pub use error::{GenesisError, Problem};
pub use member::MemberDocument;
pub use preset::{DEVNET_LEG, DevnetSpec, MemberSecrets, STANDARD_SOLAR_PEAK_WATTS, first_network};
