//! Disputes about what was delivered (MARKET 6, 11).
//!
//! ```text
//! Delivered --DisputeTrade--> Disputed --registers, vote, concession or deadline--> settled, or cancelled where nothing counts as delivered
//! Running --completion by a meter with a gap or rollback--> Disputed
//! ```
//!
//! * **Who and when.** Either party, before the confirmation deadline. A buyer claims less than the meter shows, a seller more. Energy is
//!   confirmed by its meters and takes no dispute; a missed deadline is refunded by its timer and needs none.
//! * **The disputed share alone is frozen.** What both sides agree on is paid at once, what neither claims is refunded at once. Between them
//!   lies the disputed value; penalty, bonus and heat follow with the verdict, for the whole trade.
//! * **By rule.** Where the registers, as they stand, differ from what the trade claimed of them by more than
//!   `params.disputes.metered_tolerance`, they decide: at the opening, else at the verdict. With fewer than two entitled hubs the metered amount
//!   stands at once. Both without a bond.
//! * **Else by vote.** The opener posts a bond: a share of the disputed value, at least a minimum. Until `evidence_until` the parties name salted
//!   hashes of their evidence; with its first one the respondent posts the same bond. From then to `verdict_until` the entitled vote:
//!   the hubs of the committee of the opening, whatever becomes of it, without those of either party's owner. More than half of the entitled
//!   on one side decide at once. At `verdict_until` the majority of the votes decides if more than half have voted; otherwise, and at a tie, the
//!   metered amount stands.
//! * **A party may concede** at any time; bonds go back and nobody's reputation suffers.
//! * **The loser's bond** goes to `penalties`; the loser is whose side the outcome is not, the opener also where nobody decided. Reputation
//!   counts only what registers or a vote decided.
//! * **A meter that left a gap or went back**: its readings are not taken. The metered amount is what its earlier readings still support of what
//!   it claims; the rest of that is disputed. A correction by the grid operator ([`crate::meter::correct`]) decides.
//! * Every dispute ends: its timer stands in the index from the opening on.
//!
//! Invariants: the disputed trade's escrow is [`crate::state::Dispute::value`]; bonds of all open disputes are the accounts' bonds.

mod claims;
mod evidence;
mod open;
mod verdict;
mod vote;

pub use evidence::{concede, submit_evidence};
pub use open::{open, open_for_meter};
pub use verdict::on_due;
pub use vote::vote;

use crate::execute::Context;
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::state::{Dispute, Disputes, View};

#[cfg(test)]
mod tests;

/// An open dispute whose verdict is not due.
fn open_dispute(ctx: &Context<'_>, trade: TradeId) -> Result<Dispute, Code> {
    let dispute = ctx.state.get::<Disputes>(&trade).ok_or(Code::UnknownDispute)?;
    if dispute.verdict_until <= ctx.facts.market_time { Err(Code::TooLate) } else { Ok(dispute.clone()) }
}
