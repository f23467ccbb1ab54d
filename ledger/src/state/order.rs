//! An open order.

use crate::amount::{MicroChf, Price, Quantity};
use crate::ids::{Height, MemberId, Nonce, OrderId, OwnerId};
use crate::time::MarketTime;
use crate::transaction::{Market, PlaceOrder, SettlementMethod};
use serde::{Deserialize, Serialize};

/// An open order as the state holds it. What was placed stays as it was signed; what changes stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who placed it.
    pub member: MemberId,
    /// The member's owner when it was placed.
    pub owner: OwnerId,
    /// The book it stands in.
    pub market: Market,
    /// What was signed (for a replacement: with the new quantity and limit).
    pub terms: PlaceOrder,
    /// Still open, a multiple of the lot, never zero.
    pub open: Quantity,
    /// Credits reserved behind a bid.
    pub reserved: MicroChf,
    /// The seller at which a bid that may not split has filled; the rest of it fills there too (MARKET 5).
    pub seller: Option<MemberId>,
    /// Block that admitted it, for priority.
    pub height: Height,
    /// Market time of that block.
    pub placed_at: MarketTime,
    /// Nonce of its transaction, for the tie-break.
    pub nonce: Nonce,
    /// Index of its action, for the tie-break.
    pub action: u16,
    /// When it expires by itself, whatever its time in force: the end of its product's window, or its GTT.
    pub expires_at: Option<MarketTime>,
}

impl Order {
    /// What filled so far.
    pub fn filled(&self) -> Quantity {
        self.terms.quantity.saturating_sub(self.open)
    }

    /// The one member that it exchanges heat against heat with; `None` for every other order. Such orders stand in no book (MARKET 8).
    pub fn swap_partner(&self) -> Option<MemberId> {
        self.terms.constraints.hub.filter(|_| self.terms.settlement.as_slice() == [SettlementMethod::Heat])
    }

    /// Limit of a bid or an ask.
    pub fn limit(&self) -> Price {
        self.terms.limit
    }
}
