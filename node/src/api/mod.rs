//! The HTTP API of a node: marketplace, ledger, status (DESIGN, promises 4 and 8).
//!
//! ```text
//! request ─> guard (time-out, metrics) ─> handler ─> ports (chain, mempool, network, idempotency, clock)
//!               handler: extract (body, query, token) ─> shapes to ledger types ─> submit ─> ledger types to shapes
//! ```
//!
//! * One resource a file; the shapes of requests and answers stand apart from the ledger's types. Of those only closed lists of names
//!   (side, resource, settlement, pricing, distance) are used as they are, since they are written for people there.
//! * Amounts are read as decimal text and answered as exact number literals; there is no binary float on the way.
//! * Every answer that is not a success is `{code, message, field}` ([`error`]).
//! * What signs with the hub's key needs the bearer token ([`auth`]); reading and transactions signed elsewhere do not.
//! * Handlers reach the rest of the node through [`ports`] only.

mod adapters;
mod auth;
mod compute;
mod conduct;
mod error;
mod extract;
mod governance;
mod heat;
mod ledger;
mod limiter;
mod markets;
mod metering;
mod number;
mod openapi;
mod oracles;
mod order;
pub mod ports;
mod references;
mod router;
mod service;
mod signer;
mod status;
mod storage;
mod submit;
mod time;
mod trade;
mod waiters;

pub use auth::Token;
pub use error::{ApiError, ErrorAnswer};
pub use ledger::{BatchAnswer, BatchedAnswer, FinalBlock, MAX_BATCH};
pub use openapi::Document;
pub use order::ExplainAnswer;
pub use ports::{ChainPort, ClockPort, MempoolPort, read, read_away};
pub use router::{router, serve};
pub use service::{Api, ApiLimits, ApiParts};
pub use signer::{Moment, Signer};

#[cfg(test)]
mod tests;
