//! A running storage contract (MARKET 7).

use super::Fill;
use crate::amount::{BasisPoints, MicroChf, Quantity};
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId, TradeId};
use crate::time::MarketTime;
use crate::transaction::{SettlementMethod, StorageManifest};
use serde::{Deserialize, Serialize};

/// What a contract waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageStage {
    /// The buyer has not announced its content.
    Matched {
        /// Deadline of the announcement.
        until: MarketTime,
    },
    /// The seller fetches the content and proves that it has it.
    Announced {
        /// Deadline of the first proof.
        until: MarketTime,
    },
    /// The content is stored; months run.
    Stored {
        /// When the first proof was complete: the start of the first month.
        since: MarketTime,
    },
}

/// An open challenge: chunks that the seller has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Day of the contract it is for; 0 for the first proof.
    pub day: u32,
    /// What picks the chunks.
    pub seed: Hash,
    /// A proof at this time or later comes too late.
    pub due: MarketTime,
    /// Chunks proved so far, one bit each, by their place among the challenge's chunks.
    pub proved: u32,
}

/// A month that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidMonth {
    /// Its trade.
    pub trade: TradeId,
    /// Challenges of the month.
    pub asked: u32,
    /// Those that the seller answered.
    pub answered: u32,
    /// What the buyer paid.
    pub gross: MicroChf,
    /// The network's fee, part of it.
    pub fee: MicroChf,
}

/// A storage contract. Its id is the id of its first month's trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageContract {
    /// Its id.
    pub id: TradeId,
    /// Who stores its content.
    pub buyer: MemberId,
    /// Where.
    pub seller: MemberId,
    /// The bid.
    pub bid: OrderId,
    /// Fills: prices and quantities of every month of the term.
    pub fills: Vec<Fill>,
    /// Sum of the fills: MB held, and MB-months of each month.
    pub quantity: Quantity,
    /// Calendar months of the term.
    pub months: u32,
    /// Fee rate of the term.
    pub fee: BasisPoints,
    /// How months are paid.
    pub settlement: SettlementMethod,
    /// Market time of the match.
    pub matched_at: MarketTime,
    /// What it waits for.
    pub stage: StorageStage,
    /// What is stored, once announced.
    pub manifest: Option<StorageManifest>,
    /// The running month, from 1; 1 before the content is stored.
    pub month: u32,
    /// The running month's trade, which holds its escrow.
    pub trade: TradeId,
    /// Months paid so far.
    pub paid: Vec<PaidMonth>,
    /// Challenges of the running month that were answered or missed.
    pub asked: u32,
    /// Those of them that were answered in full.
    pub answered: u32,
    /// Challenges missed since the last one that was answered.
    pub missed_in_row: u32,
    /// The open challenge.
    pub challenge: Option<Challenge>,
    /// Day of the next challenge.
    pub next_day: u32,
    /// When it is drawn, with the first block from then on that the seller's owner did not propose; `None` while none is to be drawn.
    pub next_draw: Option<MarketTime>,
    /// Who gave notice: the contract ends with the running month.
    pub notice: Option<MemberId>,
    /// When its next step is due.
    pub due: MarketTime,
}

/// Why a storage contract ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageEnd {
    /// Its term is over.
    Completed,
    /// The buyer did not announce its content in time.
    NotAnnounced,
    /// The seller did not prove in time that it has the content.
    NotStored,
    /// A party withdrew before the content was stored.
    Withdrawn,
    /// The buyer gave notice.
    BuyerNotice,
    /// The seller gave notice.
    SellerNotice,
    /// The seller missed too many challenges in a row.
    SellerMissing,
    /// The buyer could not fund the next month.
    BuyerFunds,
}
