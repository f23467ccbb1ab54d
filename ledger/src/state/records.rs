//! The smaller entries of the state: committee, markets, reference prices, meters, forecasts, heat.

use crate::amount::{MicroChf, Price, Quantity};
use crate::block::Committee;
use crate::ids::{BlockId, Height, MemberId, Nonce, OrderId, TradeId};
use crate::time::{MarketTime, Slot};
use crate::transaction::Resource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Committees in force and announced. A change decided at h is in force at h + 2 (DESIGN).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteeState {
    /// Decided the height of this state; checks the parent certificate in the next block.
    pub previous: Committee,
    /// Decides the next height after this state.
    pub current: Committee,
    /// Decides the height after that.
    pub next: Committee,
}

/// One market beside its orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketState {
    /// Last clearing price of its auctions.
    pub last_price: Option<Price>,
    /// Height of the last auction with fills.
    pub last_height: Height,
    /// The next block holds an auction even if no order changes: the last one did not reach all bids, or a pair may have become tradable since
    /// (MARKET 5).
    pub auction_due: bool,
    /// Where the next auction goes on; `None`: at the first bid.
    pub round: Option<AuctionRound>,
}

/// A round over the bids of a market that takes several auctions: the place of its next bid in the bid order, whether that bid is still there
/// or not (MARKET 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuctionRound {
    /// Parent of the block that began it: the bids' tie-break until it ends, so that their order stays.
    pub parent: BlockId,
    /// Limit of the bid.
    pub limit: Price,
    /// Its buyer's reputation bucket.
    pub bucket: u32,
    /// Block that admitted it.
    pub height: Height,
    /// Its buyer.
    pub member: MemberId,
    /// Nonce of its transaction.
    pub nonce: Nonce,
    /// Index of its action.
    pub action: u16,
    /// Another round follows: something filled or changed in this one.
    pub again: bool,
}

/// Reference price of a resource (of a community for energy), and who asked to halt its markets (MARKET 4, 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceState {
    /// The slot it was computed for.
    pub slot: Slot,
    /// The price.
    pub price: Price,
    /// The demand part d, basis points.
    pub demand: i32,
    /// Committee members that asked for a halt.
    pub halt_votes: BTreeSet<MemberId>,
    /// Halted: only cancels; only governance reopens.
    pub halted: bool,
    /// The supply part s, basis points.
    pub supply: i32,
    /// The grid part g, basis points.
    pub grid: i32,
}

/// Key of a register: a member's meter and what it measures.
pub type RegisterKey = (MemberId, Resource);

/// Last state of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Sequence of its last reading.
    pub sequence: u64,
    /// Slot of its last reading.
    pub slot: Slot,
    /// Register, Wh.
    pub register_wh: Quantity,
}

/// Key of a slot's increase.
pub type SlotReadingKey = (MemberId, Resource, Slot);

/// What a register increased in a slot, and what trades claimed of it. Claimed never exceeds the increase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReading {
    /// Increase of the register in the slot.
    pub increase: Quantity,
    /// Claimed over all trades.
    pub claimed: Quantity,
    /// Claimed by trades that were settled, as far as they were paid (compute registers).
    pub settled: Quantity,
    /// Heat issued for what was settled, over all trades (compute registers; MARKET 8).
    pub issued: Quantity,
    /// What the grid operator found that the register increased, where that is less than `increase` (MARKET 6).
    pub corrected: Option<Quantity>,
}

/// Energy of a community in a slot: what its grid operator reported, and how far the slot's trades are (MARKET 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Wh exchanged locally, as reported.
    pub reported: Option<Quantity>,
    /// A report at this time or later comes too late; fixed with the slot's first trade or report.
    pub report_deadline: MarketTime,
    /// Trades whose seller's readings are not in.
    pub waiting: u64,
    /// Trades whose seller's readings are in, not settled yet.
    pub ready: u64,
    /// Wh that the readings gave to trades, before the report limits them.
    pub metered: Quantity,
    /// Wh of `metered` whose trades were settled.
    pub settled: Quantity,
    /// When the next step is due: settling what is ready, or, with no trade open, forgetting the slot. `None` while trades wait for
    /// readings.
    pub due: Option<MarketTime>,
}

/// What settled trades of a buyer took of a (meter, register, slot), and paid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The buyer; `None` for all beyond the bound.
    pub buyer: Option<MemberId>,
    /// Claimed in the slot.
    pub claimed: Quantity,
    /// Paid of it.
    pub paid: Quantity,
    /// Gross of what was paid.
    pub gross: MicroChf,
}

/// A hub's solar forecast for a slot. What is promised of it stands in the index ([`super::IndexKey::Solar`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastEntry {
    /// Forecast energy, Wh.
    pub energy: Quantity,
}

/// Identity of a heat lot (MARKET 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeatLotKey {
    /// Who holds it.
    pub holder: MemberId,
    /// Who produced it.
    pub producer: MemberId,
    /// The slot of the thermal reading.
    pub slot: Slot,
    /// The trade whose compute made it.
    pub trade: TradeId,
}

impl HeatLotKey {
    /// The same origin in the hands of another holder.
    pub fn held_by(self, holder: MemberId) -> Self {
        HeatLotKey { holder, ..self }
    }
}

/// A heat lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatLot {
    /// Wh thermal that its holder has of it, what is reserved included; never zero.
    pub quantity: Quantity,
    /// What of it stands behind the holder's open asks.
    pub reserved: Quantity,
    /// When what is left of it expires.
    pub expires_at: MarketTime,
}

impl HeatLot {
    /// What of it can be sold, transferred or retired.
    pub fn free(&self) -> Quantity {
        self.quantity.saturating_sub(self.reserved)
    }
}

/// Key of what an open ask reserved of a lot: the ask, when the lot expires, the lot. So an ask's lots lie side by side, the earliest expiry first.
pub type HeatReservationKey = (OrderId, MarketTime, HeatLotKey);
