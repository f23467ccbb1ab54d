//! What the members decide about themselves and the network (MARKET 2, 11).
//!
//! ```text
//! Propose --> open --votes--> passed --its height--> activated | failed        a record in the history log
//!               |--> rejected (two thirds are out of reach), expired (deadline), withdrawn (proposer)
//! ```
//!
//! * A hub of the committee proposes; who sat in the committee when the proposal entered votes, once. It passes as soon as three times the
//!   votes for it exceed twice the entitled, and is rejected as soon as that is out of reach. So each proposal ends by its deadline or, when it
//!   passed, at its height.
//! * A change is *prepared* (steps, from the state as it is) before anything is written: when the proposal enters, so that nobody votes
//!   on what is impossible, and again when its height comes.
//! * Changes are made between the transactions and the auctions of the block before their height, at most
//!   [`crate::limits::MAX_ACTIVATIONS`] a block: parameters, members and keys are read as after the parent, so they are in force from that
//!   height on. A committee is announced a block earlier. A protocol version is announced as soon as it has passed.

mod activate;
mod charges;
mod committee;
mod decide;
mod departure;
mod member;
mod propose;
mod rotate_key;
mod step;
mod vote;

pub use activate::activate;
pub use charges::on_charges_due;
pub use decide::on_deadline;
pub use departure::on_departure_due;
pub use propose::{proposal_id, propose};
pub use rotate_key::{possession_message, rotate_key};
pub use vote::{vote, withdraw};

#[cfg(test)]
mod tests;
