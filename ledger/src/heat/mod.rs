//! Heat credits (MARKET 8): issued for settled, metered compute into lots, sold, transferred, retired, expired.
//!
//! ```text
//! settlement of compute -> issue -> lot (free) --ask--> reserved --match--> lot of the buyer (free)
//!                                       |                   |
//!                                       +-- transfer -> lot of the recipient
//!                                       +-- retire -> certificate in the history log
//!                                       +-------------------+-- expire
//! ```
//!
//! * Per (meter, slot), cumulatively over all trades: issued = floor(settled compute Wh x heat factor / 10 000), and for each trade at most
//!   the thermal Wh that it claimed, which the thermal register's increase bounds. So splitting a delivery into many trades issues neither
//!   more nor less.
//! * A lot is keyed by (holder, producer, slot, trade); it expires `params.heat_expiry_months` calendar months after its issue. Parts that
//!   come together again in one hand are one lot.
//! * An open ask holds parts of lots, the earliest expiry first, that make up what is open of it to the Wh. A lot that expires shrinks the asks that hold of it; what no
//!   longer makes a whole trading lot becomes free again.
//! * What is overdue is inactive, whether its timer has run or not: it is not sold, transferred or retired any more.
//! * Conservation: heat issued = held by accounts + pooled + retired + expired; the lots of a holder sum up to what its account holds, the
//!   reserved parts to its reserved heat, and those of an ask to what is open of it ([`check_changes`], [`check_state`]).
//! * Functions that return a [`crate::receipt::Code`] may have changed something before they reject: the caller MUST run them in
//!   [`crate::execute::Context::attempt`].

mod audit;
mod expire;
mod issue;
mod lots;
mod reserve;
mod retire;
mod transfer;

pub use audit::{check_changes, check_state};
pub use expire::expire_heat_lot;
pub use issue::issue;
pub use lots::{free_lots, lots_of};
pub use reserve::{deliver, release, reserve, sellable};
pub use retire::{HeatCertificate, retire};
pub use transfer::transfer;

#[cfg(test)]
mod tests;
