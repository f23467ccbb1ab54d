//! The market: order books, one call auction per changed market and block, reference prices (MARKET 4, 5).
//!
//! ```text
//! phase 1   expire_order, expire_market                       ending
//! phase 2   place, replace -> admission (terms, capacity, solar, reservation); cancel -> ending; forecast; halt
//! phase 3   run_auctions -> swap (heat against heat), then auction: bids x ladder of asks -> pair, backing, pro_rata, uniform -> clearing -> trade::open
//! phase 4   update_references -> reference; expect_auctions -> due
//! ```
//!
//! Invariants:
//! * An auction reads the book through the index, best first, and only as far as prices cross; it changes nothing until it has cleared.
//! * Whether a pair may trade is decided in one place, `pair::check_pair`, for auctions and for [`explain`]; of plain orders an auction asks only
//!   what can fail, `pair::plain_room`.
//! * The reserved credits of a member are the sum of `reserved` of its open bids, and that is limit x open of each; its reserved heat is what is
//!   open of its asks.
//! * Members, parameters and reference prices are read as after h-1 (MARKET 3).
//!
//! Where MARKET is silent:
//! * A bid that may not split fills at one seller for all its life; a fill-or-kill bid that may not split takes the first seller, in
//!   candidate order, that fills it whole.
//! * Asks of one seller join one transaction when they cover the window agreed with its first fill; others wait for the next block.
//! * What counts towards the 1 024 candidates is every open ask within the price that is looked at, passed over or not.
//! * Of a pro-rata group with more asks than the bid has fills left, as many of the first in tie-break share; the rest forms the next group.
//! * A fill never exceeds what the certified power makes within the agreed window from now on.
//! * An auction has a bound on its checks; what it does not come to waits for later blocks, in rounds (see `auction`).
//! * A market in which a pair may have become tradable since its last auction is auctioned again (see `due`).
//! * Settlement in francs is refused until settlement agents exist.
//! * Heat against heat stands in no book: only the two that name each other see it, at price 0 (see `swap`).

mod admission;
mod asks;
mod auction;
mod backing;
mod bids;
mod capacity;
mod clearing;
mod due;
mod ending;
mod explain;
mod forecast;
mod halt;
mod indicative;
mod ladder;
mod level;
mod lists;
mod named;
mod pair;
mod parties;
mod price;
mod pro_rata;
mod query;
mod reference;
mod reservation;
mod selection;
mod solar;
mod swap;
mod terms;
mod uniform;

pub use admission::{order_id, place, replace};
pub use clearing::run_auctions;
pub use due::{backing_freed, expect_auctions};
pub use ending::{cancel, expire_market, expire_order, shrink_order, withdraw_member};
pub use explain::{Candidate, explain};
pub use forecast::{cap_forecast, forecast};
pub use halt::{halt, is_halted, reopen};
pub use indicative::{Indicative, indicative};
pub use pair::{PairTerms, PassedOver};
pub use price::effective_price;
pub use query::{DepthLevel, best, depth, open_orders_of};
pub use reference::{Demand, reference_formula, reference_price, update_references};

#[cfg(test)]
mod tests;
