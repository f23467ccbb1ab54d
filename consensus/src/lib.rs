//! The binding of the BFT engine (malachite 0.8.2, Tendermint in Rust) to the ledger.
//!
//! Design:
//! * the engine decides ids of blocks; blocks travel in parts that prove themselves ([`types`], [`parts`], [`assembly`]);
//! * handlers decide, a thin loop does ([`handle`], [`app`]): no channel and no clock in a handler, so that a simulator can drive it;
//! * the node implements [`ports`]; it names few types of the engine, all in [`network`];
//! * nothing this node signed leaves before it is marked durably ([`guard`]).
//!
//! ```text
//!            node                                  this crate                                engine
//! swarm <-> network actor <-- NetworkMsg --- outbound (guard) <------------------------- consensus, sync
//!                 |---------- NetworkEvent -- tap --------------------------------------->    |
//! chain, store <-- ports <-- handlers <-- app (own thread) <-- HostMsg -- host actor <--------|
//! ```
//!
//! # What the node's network actor owes the engine
//!
//! * It keeps the subscriber boxes of `NetworkMsg::Subscribe` and calls `send` on each, in order of arrival; an output port loses messages.
//! * It emits `Listening` once, when a quorum of the committee is connected or a short time has passed: what is published before peers
//!   listen is lost. A subscriber that comes later gets `Listening` and the connected peers at once.
//! * For each peer it emits `PeerConnected`, then `PeerSubscribed(peer, Channel::Sync)`, which makes the engine tell its height; after a
//!   connection is lost `PeerDisconnected`.
//! * `BroadcastStatus` goes to all peers; the status of a peer arrives as `Status` with the id of the connection it came on.
//! * It answers `OutgoingRequest` with an id, and later emits `SyncResponse` or `SyncRequestFailed` for it; each inbound request gets one
//!   `OutgoingResponse` or `CancelInboundRequest`. Sizes: [`codec::MAX_SYNC_REQUEST_BYTES`], [`codec::MAX_SYNC_RESPONSE_BYTES`].
//! * Votes, proposals, liveness certificates and parts go out as [`codec::WireMessage`]; relaying one is safe, each proves itself. A member
//!   relays a message that it sees for the first time; bytes that do not decode count against the peer that sent them.
#![cfg_attr(not(test), deny(clippy::panic, clippy::indexing_slicing))]
#![deny(missing_docs)]

pub mod action;
mod app;
pub mod assembly;
pub mod attendance;
#[cfg(test)]
mod cluster_tests;
pub mod codec;
pub mod context;
pub mod engine;
pub mod guard;
pub mod handle;
pub mod metrics;
pub mod network;
mod outbound;
pub mod parts;
pub mod ports;
#[cfg(test)]
mod replay_tests;
pub mod signature_check;
pub mod signing;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod testkit;
pub mod timeouts;
pub mod types;
mod voter;
mod wal_check;

pub use action::Fatal;
pub use context::LegContext;
pub use engine::{Config, Ended, Engine, Ports, Presence, StartError, WorkBell, start};
pub use handle::{Handler, Settings};
pub use signature_check::SignatureCheck;
pub use voter::{Voter, VotingKeys};
