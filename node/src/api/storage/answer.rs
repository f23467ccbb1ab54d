//! A storage contract as a client reads it.

use super::super::number::Exact;
use super::super::time;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, OrderId};
use leg_ledger::state::{PaidMonth, StorageContract, StorageEnd, StorageStage};
use leg_ledger::transaction::{StorageManifest, StorageTier};
use serde::Serialize;
use utoipa::ToSchema;

/// What is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ManifestAnswer {
    /// BLAKE3 root of the encrypted content.
    pub root: String,
    /// Its bytes.
    pub bytes: u64,
    /// `hot` or `cold`.
    #[schema(value_type = String)]
    pub tier: StorageTier,
    /// Which replica, from 0.
    pub replica: u8,
    /// Of how many.
    pub replicas: u8,
}

impl ManifestAnswer {
    fn new(manifest: &StorageManifest) -> Self {
        let StorageManifest { root, size, tier, replica, replicas, .. } = *manifest;
        ManifestAnswer { root: root.to_string(), bytes: size, tier, replica, replicas }
    }
}

/// A month that was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonthAnswer {
    /// From 1.
    pub month: usize,
    /// Its transaction.
    pub transaction_id: String,
    /// Challenges of the month.
    pub asked: u32,
    /// Those that were answered.
    pub answered: u32,
    /// What the buyer paid.
    #[schema(value_type = f64)]
    pub gross_chf: Exact,
    /// Network fee, part of it.
    #[schema(value_type = f64)]
    pub fee_chf: Exact,
}

impl MonthAnswer {
    fn new((index, paid): (usize, &PaidMonth)) -> Self {
        MonthAnswer {
            month: index + 1,
            transaction_id: paid.trade.to_string(),
            asked: paid.asked,
            answered: paid.answered,
            gross_chf: Exact::chf(paid.gross),
            fee_chf: Exact::chf(paid.fee),
        }
    }
}

/// An open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChallengeAnswer {
    /// The contract's day; 0 for the first proof.
    pub day: u32,
    /// A proof at this time or later comes too late.
    pub due: String,
    /// Chunks proved so far.
    pub proved: u32,
}

/// A storage contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageAnswer {
    /// The contract.
    pub storage_id: String,
    /// Its bid.
    pub order_id: String,
    /// Who stores its content.
    pub buyer: String,
    /// Where.
    pub seller: String,
    /// `matched`, `announced`, `stored` or `ended`.
    pub status: &'static str,
    /// GB held.
    #[schema(value_type = f64)]
    pub quantity_gb: Exact,
    /// Francs per GB-month, of the first fill.
    #[schema(value_type = Option<f64>)]
    pub price_per_gb_month: Option<Exact>,
    /// Fee rate of the term.
    #[schema(value_type = f64)]
    pub fee_rate: Exact,
    /// Calendar months of the term.
    pub months: u32,
    /// The running month, from 1.
    pub month: u32,
    /// The running month's transaction.
    pub transaction_id: String,
    /// Market time of the match.
    pub matched_at: String,
    /// Since when the content is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_since: Option<String>,
    /// What is stored, once announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestAnswer>,
    /// The open challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeAnswer>,
    /// Challenges missed since the last answered one.
    pub missed_in_row: u32,
    /// Who gave notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Months paid so far.
    pub paid: Vec<MonthAnswer>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub end: Option<StorageEnd>,
    /// Height at which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at_height: Option<u64>,
}

impl StorageAnswer {
    /// A contract, with its end if it ended.
    pub fn new(contract: &StorageContract, ended: Option<(StorageEnd, Height)>) -> Self {
        let (status, since) = match contract.stage {
            _ if ended.is_some() => ("ended", None),
            StorageStage::Matched { .. } => ("matched", None),
            StorageStage::Announced { .. } => ("announced", None),
            StorageStage::Stored { since } => ("stored", Some(since)),
        };
        let challenge = contract.challenge.filter(|_| ended.is_none());
        StorageAnswer {
            storage_id: contract.id.to_string(),
            order_id: contract.bid.to_string(),
            buyer: contract.buyer.to_string(),
            seller: contract.seller.to_string(),
            status,
            quantity_gb: Exact::quantity(contract.quantity),
            price_per_gb_month: contract.fills.first().map(|fill| Exact::price(fill.price)),
            fee_rate: Exact::share(contract.fee),
            months: contract.months,
            month: contract.month,
            transaction_id: contract.trade.to_string(),
            matched_at: time::text(contract.matched_at),
            stored_since: since.map(time::text),
            manifest: contract.manifest.as_ref().map(ManifestAnswer::new),
            challenge: challenge.map(|c| ChallengeAnswer { day: c.day, due: time::text(c.due), proved: c.proved.count_ones() }),
            missed_in_row: contract.missed_in_row,
            notice: contract.notice.map(|party| party.to_string()),
            paid: contract.paid.iter().enumerate().map(MonthAnswer::new).collect(),
            end: ended.map(|(end, _)| end),
            ended_at_height: ended.map(|(_, height)| height.get()),
        }
    }
}

/// One bought replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaAnswer {
    /// The bid; the contract is also found by it.
    pub order_id: String,
    /// The contract, once a seller was matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_id: Option<String>,
    /// BLAKE3 root of the encrypted replica.
    pub root: String,
}

/// What became of a wish for storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoughtAnswer {
    /// One bid a replica.
    pub replicas: Vec<ReplicaAnswer>,
    /// The ledger transaction that placed them.
    pub ledger_transaction: String,
    /// Height of its block; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

impl ReplicaAnswer {
    /// A replica with the contract of its bid, if there is one.
    pub fn new(order: OrderId, root: Hash, contract: Option<&StorageContract>) -> Self {
        ReplicaAnswer { order_id: order.to_string(), storage_id: contract.map(|c| c.id.to_string()), root: root.to_string() }
    }
}
