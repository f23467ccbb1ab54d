//! Executing a block: the phases of MARKET 3, and the validity of a block on the state after its parent.

mod balance;
mod context;

pub use balance::{collect_debt, collect_penalty, escrow_reserved, pay_bonus, refund_escrow, release, reserve, settle_escrow};
pub use context::{BlockFacts, Context, Envelope, Fault, HistoryRecord};
