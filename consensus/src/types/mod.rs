//! What the engine is generic over, as thin newtypes of the ledger's own types.
//!
//! The engine's value is the block's id: votes carry 32 bytes, the block itself travels in parts ([`part`]).

mod address;
mod height;
mod part;
mod proposal;
mod signing_scheme;
mod validator_set;
mod vote;

pub use address::Address;
pub use height::EngineHeight;
pub(crate) use part::chunk_hash;
pub use part::{BlockPart, Manifest, SignedManifest};
pub use proposal::{BlockProposal, BlockValue};
pub use signing_scheme::{Ed25519, MalformedKey};
pub use validator_set::{CommitteeView, Validator};
pub use vote::BlockVote;

use arc_malachitebft_core_types as engine;
use leg_ledger::ids::Round;

/// The engine's round as the ledger's; `None` for the engine's "no round".
pub fn ledger_round(round: engine::Round) -> Option<Round> {
    round.as_u32().map(Round::new)
}

/// The ledger's round as the engine's.
pub fn engine_round(round: Option<Round>) -> engine::Round {
    engine::Round::from(round.map(Round::get))
}
