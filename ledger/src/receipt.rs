//! What became of each action, and what happened without a signature: receipts with stable codes, and events.
//!
//! Codes are hashed into the receipts root, so a number never changes its meaning; prose for people is [`Code::message`] and is not hashed.

mod code;

pub use code::Code;

use crate::amount::{MicroChf, Price, Quantity};
use crate::hash::Hash;
use crate::ids::{Height, MemberId, OrderId, PlaceId, ProposalId, TradeId, TransactionId};
use crate::member::MemberStatus;
use crate::params::ProtocolVersion;
use crate::state::{HeatLotKey, OracleInput, PriceParts, StorageEnd};
use crate::time::{MarketTime, Slot};
use crate::transaction::{HeatPurpose, Market};
use serde::{Deserialize, Serialize};

/// What became of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The transaction.
    pub transaction: TransactionId,
    /// Index of the action.
    pub action: u16,
    /// Outcome.
    pub code: Code,
    /// The order that it placed or replaced by.
    pub order: Option<OrderId>,
}

/// Why an open order left the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderEnd {
    /// Nothing is left of it.
    Filled,
    /// By its owner.
    Cancelled,
    /// Replaced by another.
    Replaced,
    /// Its time ran out.
    Expired,
    /// Immediate-or-cancel or fill-or-kill without a (full) fill.
    Unfilled,
    /// The remainder fell under the minimum fill or the minimum notional.
    Remainder,
    /// Its owner was suspended or left.
    Withdrawn,
    /// The forecast or the heat behind it fell away.
    Shrunk,
}

/// Why a trade ended without settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// The seller did not start in time.
    NotStarted,
    /// The seller did not complete in time.
    NotCompleted,
    /// The seller cancelled before the start.
    BySeller,
    /// The buyer withdrew before its content was stored.
    ByBuyer,
    /// The buyer did not announce its content in time.
    NotAnnounced,
    /// The seller could not get the announced content; counts against nobody.
    ContentMissing,
    /// The seller missed too many storage challenges in a row.
    ProofsMissed,
    /// A dispute found that nothing was delivered.
    Disputed,
}

/// What decided a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictBasis {
    /// The registers of the meter: they differ from what the trade claimed.
    Registers,
    /// The entitled hubs of the committee.
    Vote,
    /// The other party gave in.
    Conceded,
    /// Nobody: too few entitled, no quorum or a tie; the metered amount stands.
    Undecided,
}

/// How a dispute ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What counts as delivered.
    pub quantity: Quantity,
    /// What decided.
    pub basis: VerdictBasis,
    /// Whose side did not prevail; `None` where a party gave in.
    pub loser: Option<MemberId>,
}

/// What a settlement moved, micro-CHF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// What was delivered and is paid.
    pub quantity: Quantity,
    /// Price x quantity: what the buyer pays.
    pub gross: MicroChf,
    /// Network fee, part of gross.
    pub fee: MicroChf,
    /// What the seller receives: gross - fee - penalty + bonus.
    pub seller: MicroChf,
    /// Penalty for under-delivery, taken from the seller.
    pub penalty: MicroChf,
    /// Bonus, paid from penalties.
    pub bonus: MicroChf,
    /// Escrow returned to the buyer.
    pub refund: MicroChf,
    /// Heat credited to the seller.
    pub heat: Quantity,
}

/// What happened in a block, in order; hashed into the receipts root after the receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An order left the book.
    OrderEnded {
        /// The order.
        order: OrderId,
        /// Why.
        end: OrderEnd,
        /// What was still open.
        open: Quantity,
    },
    /// A trade began.
    Matched {
        /// The trade.
        trade: TradeId,
        /// The bid.
        bid: OrderId,
        /// Buyer.
        buyer: MemberId,
        /// Seller.
        seller: MemberId,
        /// The market.
        market: Market,
        /// Total quantity of its fills.
        quantity: Quantity,
        /// Price of its first fill.
        price: Price,
    },
    /// The seller started.
    Started {
        /// The trade.
        trade: TradeId,
    },
    /// The seller's meter completed.
    Delivered {
        /// The trade.
        trade: TradeId,
        /// What was delivered.
        quantity: Quantity,
    },
    /// The buyer confirmed, or was silent.
    Confirmed {
        /// The trade.
        trade: TradeId,
        /// True if by silence.
        silent: bool,
    },
    /// Settled in credits.
    Settled {
        /// The trade.
        trade: TradeId,
        /// What moved.
        settlement: Settlement,
    },
    /// Ended without settlement.
    Cancelled {
        /// The trade.
        trade: TradeId,
        /// Why.
        reason: CancelReason,
    },
    /// A market's reference price for a slot.
    Reference {
        /// The market.
        market: Market,
        /// The slot.
        slot: Slot,
        /// The price.
        price: Price,
        /// What moved it.
        parts: PriceParts,
    },
    /// A market's auction had fills.
    Auction {
        /// The market.
        market: Market,
        /// Clearing price (uniform), or the price of the last fill.
        price: Price,
        /// Quantity filled.
        quantity: Quantity,
    },
    /// Half of the committee halted the markets of a resource.
    Halted {
        /// The resource.
        resource: crate::transaction::Resource,
    },
    /// A member's key changed, in force from the next block.
    KeyRotated {
        /// The member.
        member: MemberId,
        /// Which key.
        role: crate::member::KeyRole,
    },
    /// An ask shrank because its solar forecast fell, or heat behind it expired.
    Shrunk {
        /// The order.
        order: OrderId,
        /// What is still open.
        open: Quantity,
    },
    /// A month of a storage contract began; the first with the match.
    StorageMonth {
        /// The contract.
        contract: TradeId,
        /// From 1.
        month: u32,
        /// The month's trade.
        trade: TradeId,
        /// Set aside for it.
        escrow: MicroChf,
    },
    /// The buyer announced what is to be stored.
    StorageAnnounced {
        /// The contract.
        contract: TradeId,
        /// Root of the encrypted content.
        root: Hash,
        /// Its bytes.
        size: u64,
    },
    /// A challenge was drawn.
    StorageChallenged {
        /// The contract.
        contract: TradeId,
        /// Its day; 0 for the first proof.
        day: u32,
        /// What picks the chunks.
        seed: Hash,
        /// A proof at this time or later comes too late.
        due: MarketTime,
    },
    /// A challenge was answered in full.
    StorageProved {
        /// The contract.
        contract: TradeId,
        /// Its day.
        day: u32,
    },
    /// A challenge was not answered in full.
    StorageMissed {
        /// The contract.
        contract: TradeId,
        /// Its day.
        day: u32,
        /// Missed since the last one that was answered.
        in_row: u32,
    },
    /// A party gave notice: the contract ends with the running month.
    StorageNotice {
        /// The contract.
        contract: TradeId,
        /// Who.
        party: MemberId,
    },
    /// A storage contract ended.
    StorageEnded {
        /// The contract.
        contract: TradeId,
        /// Why.
        end: StorageEnd,
    },
    /// Heat credits changed hands without a trade.
    HeatTransferred {
        /// Who gave them.
        from: MemberId,
        /// Who has them now.
        to: MemberId,
        /// Wh thermal.
        quantity: Quantity,
    },
    /// Heat credits were retired; the certificate is in the history log.
    HeatRetired {
        /// Who retired them.
        member: MemberId,
        /// Who used the heat.
        used_by: MemberId,
        /// What for.
        purpose: HeatPurpose,
        /// Wh thermal.
        quantity: Quantity,
    },
    /// What was left of a heat lot expired.
    HeatExpired {
        /// The lot.
        lot: HeatLotKey,
        /// Wh thermal.
        quantity: Quantity,
    },
    /// A price input had too few fresh sources in a slot: its adjustment is 0.
    InputMissing {
        /// Which.
        input: OracleInput,
        /// Of which zone.
        zone: PlaceId,
        /// In which slot.
        slot: Slot,
        /// Sources that counted.
        sources: u32,
    },
    /// The grid operator corrected what a register increased in a slot.
    Corrected {
        /// Whose register.
        member: MemberId,
        /// Which.
        register: crate::transaction::Resource,
        /// The slot.
        slot: Slot,
        /// What it truly increased.
        increase: Quantity,
        /// Booked back from the member to buyers of settled trades.
        booked: MicroChf,
    },
    /// A dispute was opened.
    Disputed {
        /// The trade.
        trade: TradeId,
        /// By whom.
        opener: MemberId,
        /// What the opener says was delivered.
        claimed: Quantity,
        /// Frozen until the verdict.
        value: MicroChf,
    },
    /// A dispute ended.
    Decided {
        /// The trade.
        trade: TradeId,
        /// How.
        verdict: Verdict,
    },
    /// A proposal entered.
    Proposed {
        /// The proposal.
        proposal: ProposalId,
        /// Who proposed it.
        member: MemberId,
    },
    /// A member voted.
    Voted {
        /// The proposal.
        proposal: ProposalId,
        /// Who.
        member: MemberId,
        /// For it or against it.
        approve: bool,
    },
    /// Two thirds approve; the change comes at its height.
    Passed {
        /// The proposal.
        proposal: ProposalId,
    },
    /// A proposal left the state.
    ProposalEnded {
        /// The proposal.
        proposal: ProposalId,
        /// How.
        end: ProposalEnd,
    },
    /// A member joined, or its status changed.
    MemberStatus {
        /// The member.
        member: MemberId,
        /// What it is now.
        status: MemberStatus,
    },
    /// Another committee, or other keys of it, decide from a height on.
    CommitteeChanged {
        /// The first height.
        height: Height,
    },
    /// The markets of a resource accept orders again.
    Reopened {
        /// The resource.
        resource: crate::transaction::Resource,
    },
    /// A protocol version is announced.
    VersionAnnounced {
        /// The version.
        version: ProtocolVersion,
        /// First height under it.
        height: Height,
    },
    /// The month's charges of a member.
    Charged {
        /// The member.
        member: MemberId,
        /// What is charged.
        amount: MicroChf,
        /// The part of it that the free balance did not cover, now debt.
        debt: MicroChf,
    },
    /// The balance of a member that left was paid out, in whole Rappen.
    PaidOut {
        /// The member.
        member: MemberId,
        /// How much.
        amount: MicroChf,
    },
}

/// How a proposal left the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalEnd {
    /// The change was made.
    Activated,
    /// Two thirds cannot be reached any more.
    Rejected,
    /// Two thirds were not reached by the deadline.
    Expired,
    /// Taken back by its proposer.
    Withdrawn,
    /// It passed, but when its height came the change was not possible any more.
    Failed(Code),
}
