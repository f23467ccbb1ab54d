//! What the model knows of the market. Times are market ms; quantities Wh, of storage MB, of compute-hours milli-hours; money micro-CHF.

use super::settle::Moved;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{LegId, MemberId, PlaceId};
use leg_ledger::signature::PublicKey;
use leg_ledger::state::{OracleInput, TradeStatus};
use leg_ledger::transaction::{Change, Market, PlaceOrder, Product, Resource, SettlementMethod, StorageManifest};
use std::collections::{BTreeMap, BTreeSet};

/// Money and heat of a member. What it owes in all is `debt`; to whom is the model's `owed` and `arrears`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purse {
    pub free: u64,
    pub reserved: u64,
    pub escrow: u64,
    /// Behind disputes.
    pub bond: u64,
    pub debt: u64,
    pub heat_free: u64,
    pub heat_reserved: u64,
}

/// What belongs to nobody, or to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Common {
    pub fee: u64,
    pub penalties: u64,
    pub withdrawn: u64,
    pub heat_issued: u64,
    pub heat_retired: u64,
    pub heat_expired: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub member: MemberId,
    pub market: Market,
    pub terms: PlaceOrder,
    pub open: u64,
    pub reserved: u64,
    pub seller: Option<MemberId>,
    pub height: u64,
    pub placed_at: u64,
    pub nonce: u64,
    pub action: u16,
    pub expires: u64,
}

impl Order {
    /// Heat against heat: whom it names (MARKET 8).
    pub(super) fn partner(&self) -> Option<MemberId> {
        self.terms.constraints.hub.filter(|_| self.terms.settlement.as_slice() == [SettlementMethod::Heat])
    }
}

/// (quantity, price) in the order in which they were made.
pub(super) type Fills = Vec<(u64, u64)>;

#[derive(Clone, Debug)]
pub(super) struct Trade {
    pub market: Market,
    pub buyer: MemberId,
    pub seller: MemberId,
    pub fills: Fills,
    pub quantity: u64,
    pub product: Product,
    pub solar: bool,
    pub escrow: u64,
    pub fee: u64,
    pub status: TradeStatus,
    pub matched_at: u64,
    pub deadline: Option<u64>,
    pub delivered: Vec<(u64, u64)>,
    pub heat: Vec<(u64, u64)>,
}

/// What a storage contract waits for, until when or since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Matched { until: u64 },
    Announced { until: u64 },
    Stored { since: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub day: u32,
    pub seed: [u8; 32],
    pub due: u64,
    pub proved: BTreeSet<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub buyer: MemberId,
    pub seller: MemberId,
    pub fills: Fills,
    pub quantity: u64,
    pub months: u32,
    pub fee: u64,
    pub stage: Stage,
    pub manifest: Option<StorageManifest>,
    /// The running month, from 1, and its trade.
    pub month: u32,
    pub trade: leg_ledger::ids::TradeId,
    /// (asked, answered, gross) of each month that was paid.
    pub paid: Vec<(u32, u32, u64)>,
    pub asked: u32,
    pub answered: u32,
    pub missed: u32,
    pub challenge: Option<Challenge>,
    pub next_day: u32,
    pub draw: Option<u64>,
    pub notice: Option<MemberId>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    pub sequence: u64,
    pub slot: u64,
    pub wh: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotReading {
    pub increase: u64,
    pub claimed: u64,
    pub settled: u64,
    pub issued: u64,
    /// What the grid operator found, once.
    pub corrected: Option<u64>,
}

/// What settled trades of a buyer took of a slot's increase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sale {
    pub buyer: Option<MemberId>,
    pub claimed: u64,
    pub paid: u64,
    pub gross: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Dispute {
    pub opener: MemberId,
    pub respondent: MemberId,
    pub claimed: u64,
    pub metered: u64,
    /// What a failed meter claims by slot.
    pub claims: Option<Vec<(u64, u64)>>,
    pub escrow: u64,
    pub moved: Moved,
    pub value: u64,
    /// Of opener and respondent.
    pub bonds: [u64; 2],
    pub evidence_until: u64,
    pub verdict_until: u64,
    pub entitled: BTreeSet<MemberId>,
    pub votes: BTreeMap<MemberId, bool>,
    pub evidence: Vec<(MemberId, Hash)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub reported: Option<u64>,
    pub report_deadline: u64,
    pub waiting: u64,
    pub ready: u64,
    pub metered: u64,
    pub settled: u64,
    pub due: Option<u64>,
}

/// A part of what was produced in a slot for a trade, in one hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lot {
    pub quantity: u64,
    /// What of it stands behind open asks.
    pub reserved: u64,
    pub expires: u64,
}

/// Value and time of the latest report of each member, by what is reported, where, and of which slot.
pub(super) type Reports = BTreeMap<(OracleInput, PlaceId, u64), BTreeMap<MemberId, (i64, u64)>>;

/// A reference price with s, g and d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub price: u64,
    pub supply: i64,
    pub grid: i64,
    pub demand: i64,
}

/// By resource, of energy by community.
pub(super) type References = BTreeMap<(Resource, Option<LegId>), Reference>;

/// Where an action comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub transaction: Hash,
    pub signer: MemberId,
    pub nonce: u64,
    pub action: u16,
}

#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub proposer: MemberId,
    pub change: Change,
    pub deadline: u64,
    pub activation: u64,
    pub entitled: BTreeSet<MemberId>,
    pub yes: BTreeSet<MemberId>,
    pub no: BTreeSet<MemberId>,
    /// The block that makes the change, once it has passed.
    pub due: Option<u64>,
}

/// Who decides blocks, with which key.
pub(super) type Seats = BTreeMap<MemberId, PublicKey>;

/// Seats of the parent, of this block, and of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committees {
    pub previous: Seats,
    pub current: Seats,
    pub next: Seats,
}
