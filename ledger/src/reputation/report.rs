//! A reputation and its four parts, for readers.

use super::formula;
use crate::amount::BasisPoints;
use crate::ids::MemberId;
use crate::params::Params;
use crate::state::{Members, Standing, Standings, View};
use crate::time::MarketTime;

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartReport {
    /// 10 000 x (good + 8) / (total + 10).
    pub value: BasisPoints,
    /// What counts as good, in millionths of a unit: of CHF, or of an attendance period for uptime.
    pub good: u128,
    /// What counts in all.
    pub total: u128,
    /// Weight of the part in the whole.
    pub weight: BasisPoints,
    /// Counterparties that are kept apart, by owner.
    pub counterparties: usize,
}

/// A reputation as of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The weighted sum, as the registry has it.
    pub reputation: BasisPoints,
    /// Presence.
    pub uptime: PartReport,
    /// Completed trades.
    pub completion: PartReport,
    /// Obligations met on time.
    pub settlement: PartReport,
    /// Disputes not lost.
    pub disputes: PartReport,
    /// When the hub was last seen, if it ever showed a sign of life.
    pub last_seen: Option<MarketTime>,
}

/// The reputation of a member with its parts; `None` for strangers. Signs of life of the running period that a later block will
/// count are not in it, nor are periods missed since the standing was last touched (at most a day).
pub fn report(view: &impl View, params: &Params, member: MemberId) -> Option<Report> {
    let reputation = view.get::<Members>(&member)?.reputation;
    let blank = Standing::default();
    let standing = view.get::<Standings>(&member).unwrap_or(&blank);
    let [uptime, completion, settlement, disputes] = formula::parts(standing, params.reputation.unit.get());
    let [of_uptime, of_completion, of_settlement, of_disputes] = formula::weights();
    let part = |(counted, unit): (formula::Counted, u64), weight, counterparties| PartReport {
        value: formula::part(counted, unit),
        good: counted.good,
        total: counted.total,
        weight,
        counterparties,
    };
    Some(Report {
        reputation,
        uptime: part(uptime, of_uptime, 0),
        completion: part(completion, of_completion, standing.completion.owners.len()),
        settlement: part(settlement, of_settlement, standing.settlement.owners.len()),
        disputes: part(disputes, of_disputes, standing.disputes.owners.len()),
        last_seen: standing.uptime.and_then(|presence| presence.seen_at),
    })
}
