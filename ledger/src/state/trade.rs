//! A running trade (the API's "transaction", MARKET 6).

use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::hash::Hash;
use crate::ids::{Height, MemberId, OrderId, TradeId};
use crate::time::{MarketTime, Slot};
use crate::transaction::{Market, Product, SettlementMethod};
use serde::{Deserialize, Serialize};

/// Where a trade is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TradeStatus {
    /// Matched; the seller has not started.
    Pending,
    /// The seller started.
    Running,
    /// The seller's meter completed; the buyer may confirm or dispute.
    Delivered,
    /// Confirmed, by the buyer or by silence.
    Confirmed,
    /// Waits for francs, or for the slot's readings and local-exchange report.
    Settling,
    /// Paid. Leaves the state for the history log.
    Settled,
    /// Refunded. Leaves the state for the history log.
    Cancelled,
    /// A dispute is open.
    Disputed,
}

/// One fill of a trade's bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The ask.
    pub ask: OrderId,
    /// How much.
    pub quantity: Quantity,
    /// At what price.
    pub price: Price,
}

/// Fills of one bid with one seller in one auction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its id.
    pub id: TradeId,
    /// The book it was matched in.
    pub market: Market,
    /// Buyer.
    pub buyer: MemberId,
    /// Seller.
    pub seller: MemberId,
    /// The bid.
    pub bid: OrderId,
    /// Fills in the order in which they were made; partial delivery pays them in this order.
    pub fills: Vec<Fill>,
    /// Sum of the fills.
    pub quantity: Quantity,
    /// What exactly: the intersection of the windows.
    pub product: Product,
    /// How it is paid.
    pub settlement: SettlementMethod,
    /// The seller's ask was backed by solar forecast.
    pub solar: bool,
    /// In escrow at the buyer: the sum of the fills' gross.
    pub escrow: MicroChf,
    /// Fee rate, frozen at the match.
    pub fee: BasisPoints,
    /// Status.
    pub status: TradeStatus,
    /// Block of the match.
    pub height: Height,
    /// Market time of the match.
    pub matched_at: MarketTime,
    /// When silence acts on the present status; `None` when nothing is waited for.
    pub deadline: Option<MarketTime>,
    /// What the meter claimed so far, by slot; of heat what changed hands, by the slot in which it was made.
    pub delivered: Vec<(Slot, Quantity)>,
    /// Heat by slot, from the thermal register.
    pub heat: Vec<(Slot, Quantity)>,
    /// Salted hash of the result.
    pub result: Option<Hash>,
}
