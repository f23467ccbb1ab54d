//! Executing a block: the phases of MARKET 3, and the validity of a block on the state after its parent.
//!
//! ```text
//! check_block(state after h-1, block h)   valid or not          validity
//! execute_block(state after h-1, block h) timers, transactions, auctions, references, invariants   phases
//! encoded                                 what a block brought, as bytes
//! commit                                  the only step that changes a Ledger                      chain
//! past, explain                           a block of the past once more, and what it did with an order   explain
//! ```

mod balance;
mod chain;
mod changed;
mod context;
mod encoded;
mod explain;
pub mod invariants;
mod phases;
mod replay;
mod rules;
mod validity;

pub use balance::{
    collect_charge, collect_debt, collect_penalty, escrow_reserved, forfeit_bond, pay_back, pay_bonus, post_bond, refund_escrow, release,
    reserve, return_bond, settle_escrow, withdraw_rappen,
};
pub use chain::{Advance, Executed, Ledger, ResumeError, Tip};
pub use changed::ChangedMarkets;
pub use context::{BlockFacts, Context, Envelope, Fault, HistoryRecord};
pub use encoded::Encoded;
pub use explain::{Explanation, OrderFill, Past};
pub use phases::{Outcome, execute_block};
pub use replay::ReplayWindow;
pub use rules::{Migration, Recovery, Rules};
pub use validity::{Inadmissible, Invalid, ProposalFacts, genesis_parent};

#[cfg(test)]
mod tests;
