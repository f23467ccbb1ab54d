//! Proposals, departures and the run of monthly charges (MARKET 11).

use crate::ids::{Height, MemberId, ProposalId};
use crate::time::MarketTime;
use crate::transaction::Change;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A proposal that is open, or has passed and waits for its height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// Who proposed it.
    pub proposer: MemberId,
    /// What is to change.
    pub change: Change,
    /// Votes count before this time.
    pub deadline: MarketTime,
    /// First height at which the change is in force, if it can be.
    pub activation: Height,
    /// Block in which it entered.
    pub entered: Height,
    /// The committee's hubs when it entered: who votes.
    pub entitled: BTreeSet<MemberId>,
    /// Who voted for it.
    pub yes: BTreeSet<MemberId>,
    /// Who voted against it.
    pub no: BTreeSet<MemberId>,
    /// The block whose last step makes the change; `None` while it is open.
    pub due: Option<Height>,
}

impl Proposal {
    /// More than two thirds of the entitled are for it.
    pub fn has_passed(&self) -> bool {
        self.yes.len().saturating_mul(3) > self.entitled.len().saturating_mul(2)
    }

    /// So many are against it that it cannot pass.
    pub fn has_failed(&self) -> bool {
        let most = self.entitled.len().saturating_sub(self.no.len());
        most.saturating_mul(3) <= self.entitled.len().saturating_mul(2)
    }
}

/// A member that left and whose balance is not paid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// When it left.
    pub since: MarketTime,
    /// When it is looked at next.
    pub due: MarketTime,
}

/// The run of the monthly charges. Months are counted from the market clock's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRun {
    /// Months that were charged, or passed without charges.
    pub months: u32,
    /// When the month after them ends.
    pub due: MarketTime,
    /// The last member that was charged for the month that is being charged.
    pub cursor: Option<MemberId>,
}
