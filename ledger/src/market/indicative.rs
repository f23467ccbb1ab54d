//! What a market's next auction would yield if it began with the book as it is (exchanges call it the indicative price and volume).

use super::auction::{self, Start};
use crate::amount::{Price, Quantity};
use crate::execute::{BlockFacts, Fault};
use crate::limits::MAX_AUCTION_CHECKS;
use crate::params::Params;
use crate::state::View;
use crate::transaction::Market;

/// What an auction would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indicative {
    /// The uniform price, or that of the last fill; `None` without a fill.
    pub price: Option<Price>,
    /// Everything that would fill.
    pub quantity: Quantity,
    /// Bids that would fill, wholly or in part.
    pub bids: usize,
    /// Asks that would.
    pub asks: usize,
}

/// Decides a whole auction of `market` on `view` in the block of `facts`, from the first bid, and changes nothing. Its bound on checks holds
/// (MARKET 5).
///
/// # Errors
/// [`Fault`]: the index and the state disagree.
pub fn indicative<V: View>(view: &V, facts: &BlockFacts, params: &Params, market: Market) -> Result<Indicative, Fault> {
    let start = Start { round: None, changed: false, checks: MAX_AUCTION_CHECKS };
    let cleared = auction::clear(view, facts, params, market, start)?;
    Ok(Indicative { price: cleared.price, quantity: cleared.quantity, bids: cleared.matches.len(), asks: cleared.asks.len() })
}
