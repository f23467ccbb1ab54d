//! An open dispute (MARKET 11).

use super::{IndexKey, TimerId};
use crate::amount::{MicroChf, Quantity};
use crate::hash::Hash;
use crate::ids::{MemberId, TradeId};
use crate::receipt::Settlement;
use crate::time::{MarketTime, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a dispute is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// How much of what was agreed was delivered.
    Quantity,
    /// The seller's meter left a gap or went back, so that it cannot show what was delivered.
    Meter,
}

/// A salted hash of evidence, which stays off the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The party that has it.
    pub by: MemberId,
    /// Salted hash.
    pub hash: Hash,
}

/// A dispute about a delivered trade. The trade waits in `Disputed` with the frozen share in escrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The trade.
    pub trade: TradeId,
    /// Who opened it.
    pub opener: MemberId,
    /// The other party.
    pub respondent: MemberId,
    /// What it is about.
    pub ground: Ground,
    /// What the opener says was delivered.
    pub claimed: Quantity,
    /// What the meter shows: the respondent's side, and what stands when nobody decides.
    pub metered: Quantity,
    /// Slots that a meter with a gap claims; empty for other grounds.
    pub claims: Vec<(Slot, Quantity)>,
    /// The trade's escrow before the dispute.
    pub escrow: MicroChf,
    /// What the share out of dispute moved when the dispute opened.
    pub settled: Settlement,
    /// Frozen: the value of what lies between `claimed` and `metered`.
    pub value: MicroChf,
    /// Bond of the opener.
    pub opener_bond: MicroChf,
    /// Bond of the respondent, from its first evidence on.
    pub respondent_bond: MicroChf,
    /// Market time of the opening.
    pub opened_at: MarketTime,
    /// Evidence is taken before it, votes from it on.
    pub evidence_until: MarketTime,
    /// The verdict falls at this time at the latest.
    pub verdict_until: MarketTime,
    /// Hubs of the committee of the opening, those of the parties' owners left out; ascending.
    pub entitled: Vec<MemberId>,
    /// Their votes: true for the opener.
    pub votes: BTreeMap<MemberId, bool>,
    /// Evidence in the order of its arrival.
    pub evidence: Vec<Evidence>,
}

pub(super) fn of_dispute(trade: &TradeId, dispute: &Dispute, out: &mut Vec<IndexKey>) {
    out.push(IndexKey::Timer { due: dispute.verdict_until, id: TimerId::Dispute(*trade) });
}
