//! Every table of the store, declared once: name, key, value, what it is for.
//!
//! Values are canonical bytes ([`leg_ledger::codec`]) but where the table says raw.

use super::idempotency::{IdempotencyKey, IdempotencyRecord};
use super::key::StoreKey;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::HistoryRecord;
use leg_ledger::ids::{BlockId, Height, MemberId, OrderId, ProposalId, TradeId, TransactionId};
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::time::BlockTime;
use serde::{Deserialize, Serialize};

/// Version of everything in this file. A store of another version is not opened.
pub const FORMAT: u32 = 2;

/// One table.
pub trait Table {
    /// Name of its column family; never reused for something else.
    const NAME: &'static str;
    /// Key, ordered as bytes.
    type Key: StoreKey;
    /// Value.
    type Value;
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $name:literal: $key:ty => $value:ty;)+) => {
        $($(#[$doc])*
        pub enum $table {}

        impl Table for $table {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
        })+

        /// Names of all tables.
        pub const TABLES: &[&str] = &[$($name,)+];
    };
}

/// Bytes that are stored as they are.
pub enum Raw {}

tables! {
    /// Settings and the tip: see [`Setting`]. Raw: each setting has its own type.
    Meta = "meta": Vec<u8> => Raw;
    /// The state after the tip, flat: table id and canonical key => canonical value. Raw: the ledger reads it.
    Entries = "state": Vec<u8> => Raw;
    /// Committed blocks, whole.
    Blocks = "blocks": Height => Block;
    /// The certificate with which each block was committed.
    Certificates = "certificates": Height => Certificate;
    /// Receipts of each block, in canonical order.
    Receipts = "receipts": Height => Vec<Receipt>;
    /// Events of each block, in order.
    Events = "events": Height => Vec<Event>;
    /// Where a committed transaction is.
    TransactionIndex = "transactions": TransactionId => TransactionPlace;
    /// Nodes of the history log, in runs by the position of the first. Raw: hash after hash.
    HistoryNodes = "history-nodes": u64 => Raw;
    /// Leaves of the history log, in runs by the first leaf: what is finished.
    HistoryRecords = "history-records": u64 => Vec<HistoryRecord>;
    /// Leaf of each finished trade.
    FinishedTrades = "finished-trades": TradeId => u64;
    /// Finished trades of each member, buyer or seller: leaves, old first, in runs by the first leaf.
    MemberTrades = "member-trades": (MemberId, u64) => Vec<(u64, FinishedTrade)>;
    /// Finished trades of all: leaves, old first, in runs by the first leaf.
    AllTrades = "all-trades": u64 => Vec<(u64, FinishedTrade)>;
    /// Leaf of each finished order; a replaced order's id may finish once only.
    FinishedOrders = "finished-orders": OrderId => u64;
    /// Finished orders of each member: leaves, old first, in runs by the first leaf.
    MemberOrders = "member-orders": (MemberId, u64) => Vec<u64>;
    /// Leaf of each storage contract that ended.
    FinishedContracts = "finished-contracts": TradeId => u64;
    /// Leaf of each proposal that ended.
    FinishedProposals = "finished-proposals": ProposalId => u64;
    /// Proposals that ended by leaf, old first.
    EndedProposals = "ended-proposals": u64 => ProposalId;
    /// Certificates of retired heat by leaf, old first, and who retired it.
    HeatCertificates = "heat-certificates": u64 => MemberId;
    /// Certificates of retired heat of each member by leaf, old first.
    MemberHeatCertificates = "member-heat-certificates": (MemberId, u64) => ();
    /// Which transaction was signed for a client's idempotency key.
    Idempotency = "idempotency": IdempotencyKey => IdempotencyRecord;
    /// When idempotency keys are forgotten.
    IdempotencyExpiry = "idempotency-expiry": (BlockTime, IdempotencyKey) => ();
    /// Blocks that are valid but not decided. Raw: the encoded block.
    Proposals = "proposals": (Height, BlockId) => Raw;
}

/// Keys of [`Meta`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// [`FORMAT`], `u32`.
    Format,
    /// The network, `ChainId`.
    Chain,
    /// The newest committed block, `Tip`.
    Tip,
    /// Peaks of the history log after the tip, `Peaks`.
    Peaks,
}

impl Setting {
    /// All settings; any other key is refused at start.
    pub const ALL: [Setting; 4] = [Setting::Format, Setting::Chain, Setting::Tip, Setting::Peaks];

    /// Its key.
    pub const fn name(self) -> &'static str {
        match self {
            Setting::Format => "format",
            Setting::Chain => "chain",
            Setting::Tip => "tip",
            Setting::Peaks => "peaks",
        }
    }
}

/// Where a committed transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionPlace {
    /// Height of its block.
    pub height: Height,
    /// Index in the block's body.
    pub index: u32,
}

/// How a trade finished, for filters that need not read the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishedTrade {
    /// Paid.
    Settled,
    /// Refunded.
    Cancelled,
}
