//! Storage that stores (MARKET 7): a contract from the match to its end, with months as trades and daily challenges as evidence.
//!
//! ```text
//! match -> Matched --announce (buyer)--> Announced --first proof (seller)--> Stored --month ends--> Stored ... -> ended
//!             |                             |                                  |
//!             deadline, withdrawal          deadline, withdrawal               challenges missed, notice, no funds
//!             +-> cancelled, refund         +-> cancelled, refund              +-> ended
//! ```
//!
//! * A storage order's quantity is what is held, in MB: MB-months of each month. A bid reserves one month. The fills of one bid with one
//!   seller make one contract; its price and fee hold for the whole term.
//! * Each month is a [`crate::state::Trade`] of its own, with the month's escrow: the first from the match on, each other from the end of the
//!   month before. At a month's end it settles for the share of its challenges that were answered in full.
//! * Replicas are contracts of their own, each with its own key, so its own root; the ledger refuses two of one content at one owner.
//! * A contract has one timer, its `due`: the earliest of deadline, end of month and next challenge. Of what is due at once a missed challenge
//!   comes first, then the end of the month, then the next challenge.
//! * A contract's days and months begin with the first proof, so that a month has a whole number of days and challenges of different
//!   contracts are spread over the day.
//!
//! Where MARKET is silent:
//! * The manifest is announced after the match: a bid stays a plain order, and no content is named before somebody is to store it.
//! * A day's chunks are proved all or not at all; a day on which only the seller's owner proposed blocks has no challenge.
//! * A challenge that is open at a month's end counts for the next month, at the last month's end for none. A month without any is paid whole.
//! * A run of missed days refunds the running month whole.
//! * Notice of either party ends a contract with the running month; the reason says whose it was.

mod announce;
mod capacity;
mod challenge;
mod due;
mod end;
mod month;
mod open;
mod proof;

pub use announce::announce;
pub use capacity::held;
pub use challenge::{CHUNK_BYTES, challenged_chunks};
pub use due::on_due;
pub use end::terminate;
pub(crate) use open::open;
pub use proof::prove;

use crate::execute::Context;
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{StorageContract, StorageContracts, View};

#[cfg(test)]
mod tests;

/// A running contract.
fn contract(ctx: &Context<'_>, id: TradeId) -> Result<StorageContract, Code> {
    ctx.state.get::<StorageContracts>(&id).cloned().ok_or(Code::UnknownContract)
}

/// Writes a contract back with the time of its next step.
fn put(ctx: &mut Context<'_>, mut contract: StorageContract) -> Result<(), Code> {
    contract.due = due::next(&contract)?;
    ctx.state.put::<StorageContracts>(contract.id, contract);
    Ok(())
}
