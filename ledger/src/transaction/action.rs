//! The actions a member can sign. Each yields one receipt.

use super::storage::{AnnounceManifest, ProveStorage};
use crate::amount::{BasisPoints, Price, Quantity};
use crate::hash::Hash;
use crate::ids::{LegId, MemberId, OrderId, PlaceId, ProposalId, TradeId};
use crate::limits::MAX_SETTLEMENT_METHODS;
use crate::member::{Country, DistanceTier, KeyRole};
use crate::signature::{PublicKey, Signature};
use crate::time::{MarketTime, Slot};
use crate::transaction::{Propose, Vote};
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// What is traded (MARKET 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Computation, measured in Wh.
    Compute,
    /// Machine time, milli-hours.
    ComputeHours,
    /// Storage, MB-months.
    Storage,
    /// Heat, Wh thermal.
    Heat,
    /// Electricity, Wh.
    Energy,
}

/// One order book: the resource, for energy with community and slot (MARKET 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    /// All compute.
    Compute,
    /// All compute-hours.
    ComputeHours,
    /// All storage.
    Storage,
    /// All heat.
    Heat,
    /// Energy of one community in one slot.
    Energy {
        /// The community.
        leg: LegId,
        /// The slot of delivery.
        slot: Slot,
    },
}

impl Market {
    /// The one market of a resource; `None` for energy, which has one for each community and slot.
    pub const fn single(resource: Resource) -> Option<Market> {
        match resource {
            Resource::Compute => Some(Market::Compute),
            Resource::ComputeHours => Some(Market::ComputeHours),
            Resource::Storage => Some(Market::Storage),
            Resource::Heat => Some(Market::Heat),
            Resource::Energy => None,
        }
    }

    /// The resource that is traded in it.
    pub const fn resource(&self) -> Resource {
        match self {
            Market::Compute => Resource::Compute,
            Market::ComputeHours => Resource::ComputeHours,
            Market::Storage => Resource::Storage,
            Market::Heat => Resource::Heat,
            Market::Energy { .. } => Resource::Energy,
        }
    }
}

/// What exactly an order is for. Times are market time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Product {
    /// Compute within a window [from, until).
    Compute {
        /// Earliest start.
        from: MarketTime,
        /// End; completion is due an hour later.
        until: MarketTime,
    },
    /// Machine time within a window [from, until).
    ComputeHours {
        /// Earliest start.
        from: MarketTime,
        /// End.
        until: MarketTime,
    },
    /// Storage; the quantity is what is held, MB: MB-months of each month.
    Storage {
        /// Calendar months: the term of a bid, the longest term of an ask.
        months: u32,
    },
    /// Heat, delivered by transfer at the match.
    Heat,
    /// Energy of one slot in the signer's community.
    Energy {
        /// The slot.
        slot: Slot,
    },
}

impl Product {
    /// The resource.
    pub const fn resource(&self) -> Resource {
        match self {
            Product::Compute { .. } => Resource::Compute,
            Product::ComputeHours { .. } => Resource::ComputeHours,
            Product::Storage { .. } => Resource::Storage,
            Product::Heat => Resource::Heat,
            Product::Energy { .. } => Resource::Energy,
        }
    }

    /// The window of what is made by servers on demand: compute and compute-hours.
    pub const fn window(&self) -> Option<(MarketTime, MarketTime)> {
        match *self {
            Product::Compute { from, until } | Product::ComputeHours { from, until } => Some((from, until)),
            Product::Storage { .. } | Product::Heat | Product::Energy { .. } => None,
        }
    }
}

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Buys at the limit or below.
    Bid,
    /// Sells at the limit or above.
    Ask,
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Bid => Side::Ask,
            Side::Ask => Side::Bid,
        }
    }
}

/// How long an order stays (MARKET 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Until cancelled, or its product's window has passed.
    GoodTillCancelled,
    /// Until a market time.
    GoodTillTime(MarketTime),
    /// What does not fill in its first auction is cancelled.
    ImmediateOrCancel,
    /// Fills whole in its first auction or not at all; bids only.
    FillOrKill,
}

/// How a trade is paid (MARKET 4, 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettlementMethod {
    /// On the ledger, at once.
    Credits,
    /// In francs over a settlement agent; the reservation is collateral.
    Chf,
    /// Heat against heat.
    Heat,
}

/// Settlement methods in an order's own bytes: every auction reads them of every order. Encoded as any list; a longer one cannot be decoded.
pub type SettlementMethods = ArrayVec<SettlementMethod, MAX_SETTLEMENT_METHODS>;

impl SettlementMethod {
    /// A list of this one.
    pub fn only(self) -> SettlementMethods {
        std::iter::once(self).collect()
    }
}

/// How an ask's price is found (MARKET 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pricing {
    /// At its limit.
    Fixed,
    /// max(limit, reference price with the seller's premium); asks only, the limit is the floor.
    Dynamic,
}

/// Whom an order is willing to trade with (MARKET 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Constraints {
    /// Preferred counterparty.
    pub hub: Option<MemberId>,
    /// Only the preferred counterparty.
    pub require_hub: bool,
    /// Least reputation of the counterparty.
    pub min_reputation: Option<BasisPoints>,
    /// Furthest distance tier.
    pub max_distance: Option<DistanceTier>,
    /// Only counterparties in this country.
    pub country: Option<Country>,
}

/// Places an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Buy or sell.
    pub side: Side,
    /// What.
    pub product: Product,
    /// How much, in state units; a multiple of the lot.
    pub quantity: Quantity,
    /// Highest price of a bid, lowest of an ask; a multiple of the tick.
    pub limit: Price,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Least size of each fill; zero for any.
    pub min_fill: Quantity,
    /// Accepted settlement methods, preferred first; not empty.
    pub settlement: SettlementMethods,
    /// Fixed or dynamic.
    pub pricing: Pricing,
    /// A bid may fill at several sellers (always so for heat and energy).
    pub split: bool,
    /// An ask that is backed by the hub's solar forecast.
    pub solar: bool,
    /// With whom.
    pub constraints: Constraints,
    /// Hash of the description of the job that a bid for compute or compute-hours is for; the description itself is kept off the ledger.
    pub job: Option<Hash>,
}

/// Replaces an open order: cancel and new in one step. Age is kept only when the price stays and the quantity falls (MARKET 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceOrder {
    /// The open order.
    pub order: OrderId,
    /// The new total, what already filled included.
    pub quantity: Quantity,
    /// The new limit.
    pub limit: Price,
}

/// How sure a meter is of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadingQuality {
    /// Read from the register.
    Measured,
    /// Estimated by the meter's operator.
    Estimated,
}

/// What a register of a meter shows at the end of a slot (MARKET 6). Registers only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Which register of the member's meter: compute, compute-hours, heat or energy fed in.
    pub register: Resource,
    /// Grows by one with each reading of the register. Reading 1 counts from zero; a meter that already ran starts with a reading 0, which
    /// only tells where its register stands.
    pub sequence: u64,
    /// The slot at whose end it was read; compute and heat may also be read within the running slot.
    pub slot: Slot,
    /// The register since the meter was installed, Wh; of compute-hours milli-hours.
    pub register_wh: Quantity,
    /// How sure.
    pub quality: ReadingQuality,
}

/// Completes a running trade; signed by the seller's meter key (MARKET 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteTrade {
    /// The trade.
    pub trade: TradeId,
    /// What was delivered by slot, state units of the resource, ascending slots; claims against the register's increases.
    pub delivered: Vec<(Slot, Quantity)>,
    /// Heat given off by slot, Wh thermal, at most the thermal register's increases.
    pub heat: Vec<(Slot, Quantity)>,
    /// New readings that the claims rest on; may be empty when they are on the ledger already.
    pub readings: Vec<Reading>,
    /// Salted hash of the job's result, kept off the ledger.
    pub result: Option<Hash>,
}

/// Replaces the signer's operator or meter key from the next block on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateKey {
    /// Operator or Meter.
    pub role: KeyRole,
    /// The new key.
    pub key: PublicKey,
    /// The new key's signature over (member id, role, key): proof of possession (`governance::possession_message`).
    pub possession: Signature,
}

/// A part of a heat lot, without its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatPart {
    /// Who produced it.
    pub producer: MemberId,
    /// The slot of the thermal reading.
    pub slot: Slot,
    /// The trade whose compute made it.
    pub trade: TradeId,
    /// Wh thermal.
    pub quantity: Quantity,
}

/// Which heat credits an action takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeatSelection {
    /// This much, Wh thermal, from the lots that expire first.
    Earliest(Quantity),
    /// These parts, at most [`crate::limits::MAX_HEAT_PARTS`].
    Parts(Vec<HeatPart>),
}

/// What retired heat was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeatPurpose {
    /// Heating of rooms.
    SpaceHeating,
    /// Hot water.
    HotWater,
    /// A heat network.
    DistrictHeating,
    /// A process of industry or trade.
    Process,
    /// Anything else; the document says what.
    Other,
}

/// Retires heat credits: final (MARKET 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetireHeat {
    /// Which.
    pub heat: HeatSelection,
    /// Who used the heat.
    pub used_by: MemberId,
    /// What for.
    pub purpose: HeatPurpose,
    /// Salted hash of a document that says more, kept off the ledger.
    pub document: Option<Hash>,
}

/// A grid operator's correction of what a register increased in a slot (MARKET 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectReading {
    /// Whose meter; connected to the signer's grid.
    pub member: MemberId,
    /// Which register.
    pub register: Resource,
    /// The slot; it has ended.
    pub slot: Slot,
    /// What the register truly increased in it, Wh.
    pub increase: Quantity,
    /// Sequence and register, Wh, from which its next reading counts: takes a meter out of a gap.
    pub stand: Option<(u64, Quantity)>,
}

/// Everything that can be signed. New families are appended, never inserted: the variant number is part of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Places an order (operator key).
    PlaceOrder(PlaceOrder),
    /// Cancels an open order (operator key).
    CancelOrder {
        /// The order.
        order: OrderId,
    },
    /// Replaces an open order (operator key).
    ReplaceOrder(ReplaceOrder),
    /// The seller starts (operator key).
    StartTrade {
        /// The trade.
        trade: TradeId,
    },
    /// The seller's meter completes (meter key).
    CompleteTrade(CompleteTrade),
    /// The buyer confirms (operator key).
    ConfirmTrade {
        /// The trade.
        trade: TradeId,
    },
    /// The seller cancels before it starts; refund, counts against the seller (operator key).
    CancelTrade {
        /// The trade.
        trade: TradeId,
    },
    /// Readings of the member's meter (meter key).
    SubmitReadings {
        /// Ascending in (register, sequence).
        readings: Vec<Reading>,
    },
    /// Energy exchanged within a community in a slot, by its grid operator (operator key).
    ReportExchange {
        /// The community.
        leg: LegId,
        /// The slot.
        slot: Slot,
        /// Wh exchanged locally.
        energy: Quantity,
    },
    /// A hub's forecast of its own solar energy, by slot (operator key).
    ForecastSolar {
        /// Ascending slots.
        slots: Vec<(Slot, Quantity)>,
    },
    /// Rotates a key (current operator key).
    RotateKey(RotateKey),
    /// A committee member asks to halt a market at once; halted when half of the committee did (MARKET 4).
    HaltMarket {
        /// The market's resource.
        resource: Resource,
    },
    /// The buyer announces what a storage contract is to store (operator key).
    AnnounceManifest(AnnounceManifest),
    /// The seller answers a storage challenge (operator key).
    ProveStorage(ProveStorage),
    /// A party ends a storage contract: at once before its content is stored, else with the running month (operator key).
    TerminateStorage {
        /// The contract.
        contract: TradeId,
    },
    /// Gives heat credits to another member without payment (operator key).
    TransferHeat {
        /// To whom.
        to: MemberId,
        /// Which.
        heat: HeatSelection,
    },
    /// Retires heat credits (operator key).
    RetireHeat(RetireHeat),
    /// An oracle's forecast of the solar energy of a zone, by slot (operator key).
    ReportSolar {
        /// The zone: a canton.
        zone: PlaceId,
        /// Wh by slot, ascending.
        slots: Vec<(Slot, Quantity)>,
    },
    /// The level of a zone's grid by slot, by an oracle or the zone's grid operator (operator key).
    ReportGridLevel {
        /// The zone: a canton.
        zone: PlaceId,
        /// -1 to 3 by slot, ascending.
        levels: Vec<(Slot, i32)>,
    },
    /// A hub says that it is there; hubs of the committee show it by their votes (operator key).
    Heartbeat,
    /// Either party disputes how much of a delivered trade was delivered, within the confirmation window (operator key).
    DisputeTrade {
        /// The trade.
        trade: TradeId,
        /// What the signer says was delivered: a buyer less than the meter shows, a seller more.
        claimed: Quantity,
    },
    /// A party of a dispute names its evidence (operator key).
    SubmitEvidence {
        /// The disputed trade.
        trade: TradeId,
        /// Salted hashes; the content stays off the ledger.
        hashes: Vec<Hash>,
    },
    /// A party of a dispute gives in to the other side (operator key).
    ConcedeDispute {
        /// The disputed trade.
        trade: TradeId,
    },
    /// A hub that is entitled to it votes on a dispute (operator key).
    VoteDispute {
        /// The disputed trade.
        trade: TradeId,
        /// For the opener, else for the respondent.
        for_opener: bool,
    },
    /// A grid operator corrects what a register increased in a slot (operator key).
    CorrectReading(CorrectReading),
    /// A hub of the committee proposes a change (operator key, MARKET 11).
    Propose(Box<Propose>),
    /// A hub votes on a proposal (operator key).
    Vote(Vote),
    /// The proposer takes back a proposal that is not decided (operator key).
    WithdrawProposal {
        /// The proposal.
        proposal: ProposalId,
    },
}
