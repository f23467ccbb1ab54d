//! Accounts and the totals that conservation is checked against (MARKET 1).

use crate::amount::{MicroChf, Quantity};
use serde::{Deserialize, Serialize};

/// What a member holds. Each micro-CHF is in exactly one of the fields (debt is a claim, not money).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Can be spent.
    pub free: MicroChf,
    /// Behind open bids.
    pub reserved: MicroChf,
    /// Behind running trades as their buyer.
    pub escrow: MicroChf,
    /// Margin of futures.
    pub margin: MicroChf,
    /// Bonds of disputes.
    pub bond: MicroChf,
    /// Owed from later proceeds; taken before anything becomes free.
    pub debt: MicroChf,
    /// Heat that can be sold, transferred or retired, Wh thermal.
    pub heat_free: Quantity,
    /// Heat behind open asks.
    pub heat_reserved: Quantity,
    /// Heat in escrow.
    pub heat_escrow: Quantity,
}

impl Account {
    /// All money in the account; `None` on overflow.
    pub fn money(&self) -> Option<MicroChf> {
        [self.reserved, self.escrow, self.margin, self.bond].into_iter().try_fold(self.free, MicroChf::checked_add)
    }

    /// All heat in the account.
    pub fn heat(&self) -> Option<Quantity> {
        self.heat_free.checked_add(self.heat_reserved)?.checked_add(self.heat_escrow)
    }
}

/// Network-wide sums. Conservation: the money of all accounts + pool + fee + penalties = deposited - withdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All deposits ever.
    pub deposited: MicroChf,
    /// All withdrawals ever.
    pub withdrawn: MicroChf,
    /// Fees collected.
    pub fee: MicroChf,
    /// Penalties collected, less bonuses paid.
    pub penalties: MicroChf,
    /// Credits in pools.
    pub pool: MicroChf,
    /// Heat issued ever, Wh thermal.
    pub heat_issued: Quantity,
    /// Heat retired.
    pub heat_retired: Quantity,
    /// Heat expired.
    pub heat_expired: Quantity,
    /// Heat in pools.
    pub heat_pooled: Quantity,
}
