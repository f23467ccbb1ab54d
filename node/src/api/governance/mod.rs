//! What the community votes on: proposals and votes, and who decides blocks (MARKET 11).
//!
//! A change is written as the ledger keeps it, one shape for requests and answers: `{"parameter": {"parameter": "fee", "value": 300}}`. Its numbers
//! are integers in the ledger's units (basis points, micro-CHF, milliseconds of market time), since a vote is on exactly these.

mod act;
mod query;

pub use act::{__path_post_proposal, __path_post_vote, __path_withdraw_proposal, post_proposal, post_vote, withdraw_proposal};
pub use query::{
    __path_get_committee, __path_get_proposal, __path_list_ended, __path_list_proposals, get_committee, get_proposal, list_ended,
    list_proposals,
};

use super::error::ApiError;
use leg_ledger::ids::ProposalId;

/// A proposal's id.
fn proposal_id(text: &str, field: &str) -> Result<ProposalId, ApiError> {
    let message = "a proposal's id has 64 lower-case hex digits";
    ProposalId::from_hex(text).ok_or_else(|| ApiError::not_found("unknown_proposal", message).at(field))
}
