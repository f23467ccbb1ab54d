//! Heat credits (MARKET 8): issued for settled, metered compute into lots that expire.
//!
//! * Per (meter, slot), cumulatively over all trades: issued = floor(settled compute Wh x heat factor / 10 000), and for each trade at most
//!   the thermal Wh that it claimed, which the thermal register's increase bounds. So splitting a delivery into many trades issues neither
//!   more nor less.
//! * A lot is keyed by (holder, producer, slot, trade); it expires `params.heat_expiry_months` calendar months after its issue.
//! * Conservation: heat issued = held by accounts + pooled + retired + expired; the lots of a holder sum up to what the account holds.

mod expire;
mod issue;

pub use expire::expire_heat_lot;
pub use issue::issue;

#[cfg(test)]
mod tests;
