//! A trade's life from the match to its settlement in credits (MARKET 6).
//!
//! ```text
//! compute,  match -> Pending --start--> Running --complete--> Delivered --confirm or silence--> Confirmed -> Settled
//!                      |  |                |
//!                      |  cancel           deadline
//!                      deadline            v
//!                      +---------------> Cancelled, refund
//!
//!           Delivered --dispute--> Disputed --verdict--> Settled, or Cancelled where nothing counts as delivered   (`crate::dispute`)
//!           Running --completion by a meter with a gap--> Disputed
//!
//! energy    match -> Pending --seller's readings of the slot--> Settling --report or its deadline--> Settled
//!                      |  |
//!                      |  cancel before the slot
//!                      deadline
//!                      +---------------> Cancelled, refund
//!
//! heat      match -> Settled: the lots move, the escrow pays
//! ```
//!
//! * A deadline is in `Trade::deadline`; at that time or later a party's step is too late, whether the timer has run yet or not.
//! * Storage has contracts whose months are trades ([`crate::storage`]); no step here is theirs.
//! * Energy takes no signature of the parties: the seller's meter and the grid operator are the evidence, so it is confirmed by rule.
//! * What ends leaves the state as a `HistoryRecord`; an `Event` tells it. What either party did well or badly is noted for its
//!   reputation (the module `conduct`).
//! * Money: the buyer's escrow of a trade is the sum of its fills' gross from the match until the end, and then paid + refunded.
//! * Functions that return a [`crate::receipt::Code`] may have changed something before they reject: the caller MUST run them in
//!   [`crate::execute::Context::attempt`].

mod complete;
mod conduct;
mod confirm;
mod deadline;
mod end;
mod energy;
mod exchange;
mod open;
mod readings;
mod settle;
mod share;
mod start;

pub use complete::{complete, delivered, supported};
pub use confirm::confirm;
pub use deadline::on_deadline;
pub(crate) use end::cancelled as refund_month;
pub use end::cancelled_by_verdict;
pub use exchange::{on_exchange_due, report_exchange};
pub use open::{Match, open, trade_id};
pub use readings::submit_readings;
pub(crate) use settle::settle_month;
pub use settle::{gross, settle_rest, settle_undisputed};
pub use start::{cancel, start};

use crate::execute::Context;
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{Trade, Trades, View};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

/// An open trade.
fn trade(ctx: &Context<'_>, id: TradeId) -> Result<Trade, Code> {
    ctx.state.get::<Trades>(&id).cloned().ok_or(Code::UnknownTrade)
}

/// Refuses a step at or after the trade's deadline.
fn check_in_time(ctx: &Context<'_>, trade: &Trade) -> Result<(), Code> {
    if is_late(ctx, trade) { Err(Code::TooLate) } else { Ok(()) }
}

/// True at or after the trade's deadline: only its timer acts then.
fn is_late(ctx: &Context<'_>, trade: &Trade) -> bool {
    trade.deadline.is_some_and(|due| due <= ctx.facts.market_time)
}
