//! A hub outside of the committee says by itself that it is there: one heartbeat in each attendance period (MARKET 11).
//!
//! ```text
//! every block ─▶ due: does this period still want a sign of life? ─▶ sign with the operator key ─▶ mempool
//! ```
//!
//! Invariants:
//! * none for members that need none: hubs of the committee show themselves by votes and proposals, others have no uptime;
//! * one for each period: what was sent is given until it expires before it is sent again, and only while the period still wants it;
//! * none while the node is behind: it would vouch for a hub that does not follow.

mod agent;
mod due;

pub use agent::Agent;
pub use due::due;
