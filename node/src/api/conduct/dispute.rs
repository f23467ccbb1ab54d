//! Reading disputes.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, page_limit, trade_id};
use super::super::number::Exact;
use super::super::service::Api;
use super::super::time;
use super::find::{FoundDispute, find_dispute};
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::ids::TradeId;
use leg_ledger::receipt::VerdictBasis;
use leg_ledger::state::{Disputes, Ground, View};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use utoipa::{IntoParams, ToSchema};

/// Which page of the open disputes.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DisputeParams {
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A party's evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceAnswer {
    /// Whose.
    pub hub_id: String,
    /// Salted hash.
    pub hash: String,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoteAnswer {
    /// Whose.
    pub hub_id: String,
    /// For the opener, else for the respondent.
    pub for_opener: bool,
}

/// How a dispute ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictAnswer {
    /// What counts as delivered.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// `registers`, `vote`, `conceded` or `undecided` (the metered amount stands).
    #[schema(value_type = String)]
    pub basis: VerdictBasis,
    /// Whose side did not prevail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loser: Option<String>,
    /// Block of the verdict.
    pub height: u64,
}

/// A dispute about what was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeAnswer {
    /// The transaction.
    pub transaction_id: String,
    /// Who opened it.
    pub opener: String,
    /// The other party.
    pub respondent: String,
    /// `quantity`, or `meter` where the seller's meter left a gap or went back.
    #[schema(value_type = String)]
    pub ground: Ground,
    /// What the opener says was delivered.
    #[schema(value_type = f64)]
    pub claimed: Exact,
    /// What the meter shows.
    #[schema(value_type = f64)]
    pub metered: Exact,
    /// Frozen until the verdict.
    #[schema(value_type = f64)]
    pub value_chf: Exact,
    /// Paid when it was opened: what both parties agree on.
    #[schema(value_type = f64)]
    pub paid_chf: Exact,
    /// Refunded when it was opened: what neither party claims.
    #[schema(value_type = f64)]
    pub refunded_chf: Exact,
    /// Bond of the opener.
    #[schema(value_type = f64)]
    pub opener_bond_chf: Exact,
    /// Bond of the respondent, from its first evidence on.
    #[schema(value_type = f64)]
    pub respondent_bond_chf: Exact,
    /// When it was opened.
    pub opened_at: String,
    /// Evidence is taken before it, votes from it on.
    pub evidence_until: String,
    /// The verdict falls at this time at the latest.
    pub verdict_until: String,
    /// Who may vote.
    pub entitled: Vec<String>,
    /// Who has.
    pub votes: Vec<VoteAnswer>,
    /// Evidence by hash.
    pub evidence: Vec<EvidenceAnswer>,
    /// How it ended; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictAnswer>,
}

impl DisputeAnswer {
    fn new(found: &FoundDispute) -> Self {
        let dispute = &found.dispute;
        DisputeAnswer {
            transaction_id: dispute.trade.to_string(),
            opener: dispute.opener.to_string(),
            respondent: dispute.respondent.to_string(),
            ground: dispute.ground,
            claimed: Exact::quantity(dispute.claimed),
            metered: Exact::quantity(dispute.metered),
            value_chf: Exact::chf(dispute.value),
            paid_chf: Exact::chf(dispute.settled.gross),
            refunded_chf: Exact::chf(dispute.settled.refund),
            opener_bond_chf: Exact::chf(dispute.opener_bond),
            respondent_bond_chf: Exact::chf(dispute.respondent_bond),
            opened_at: time::text(dispute.opened_at),
            evidence_until: time::text(dispute.evidence_until),
            verdict_until: time::text(dispute.verdict_until),
            entitled: dispute.entitled.iter().map(ToString::to_string).collect(),
            votes: dispute.votes.iter().map(|(hub, side)| VoteAnswer { hub_id: hub.to_string(), for_opener: *side }).collect(),
            evidence: dispute.evidence.iter().map(|e| EvidenceAnswer { hub_id: e.by.to_string(), hash: e.hash.to_string() }).collect(),
            verdict: found.decided.map(|(verdict, height)| VerdictAnswer {
                quantity: Exact::quantity(verdict.quantity),
                basis: verdict.basis,
                loser: verdict.loser.map(|loser| loser.to_string()),
                height: height.get(),
            }),
        }
    }
}

/// A page of open disputes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DisputeList {
    /// By transaction.
    pub disputes: Vec<DisputeAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The dispute about a transaction, open or decided.
#[utoipa::path(
    get, path = "/api/marketplace/transactions/{id}/dispute", tag = "disputes",
    params(("id" = String, Path, description = "The transaction.")),
    responses(
        (status = 200, description = "The dispute.", body = DisputeAnswer),
        (status = 404, description = "No such transaction, or it was never disputed.", body = ErrorAnswer),
    )
)]
pub async fn get_dispute(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<DisputeAnswer>, ApiError> {
    let id = trade_id(&id)?;
    let found = api.blocking(move |api| find_dispute(api.chain(), id)).await?;
    let unknown = || ApiError::not_found("unknown_dispute", "there is no dispute about this transaction").at("id");
    found.map(|found| Json(DisputeAnswer::new(&found))).ok_or_else(unknown)
}

/// Open disputes, by page.
#[utoipa::path(
    get, path = "/api/disputes", tag = "disputes", params(DisputeParams),
    responses((status = 200, description = "A page of disputes.", body = DisputeList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_disputes(State(api): State<Api>, Params(params): Params<DisputeParams>) -> Result<Json<DisputeList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let bad = || ApiError::bad_value("cursor", "not a cursor of this list");
    let after = params.cursor.as_deref().map(|text| TradeId::from_hex(text).ok_or_else(bad)).transpose()?;
    let list = api.blocking(move |api| {
        api.read(|ledger| {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut open: Vec<TradeId> =
                ledger.state().range::<Disputes>((start, Bound::Unbounded)).map(|(id, _)| *id).take(limit + 1).collect();
            let more = open.len() > limit;
            open.truncate(limit);
            let next = open.last().filter(|_| more).map(ToString::to_string);
            let found = open.iter().filter_map(|id| ledger.state().get::<Disputes>(id));
            let disputes = found.map(|dispute| DisputeAnswer::new(&FoundDispute { dispute: dispute.clone(), decided: None })).collect();
            DisputeList { disputes, next }
        })
    });
    list.await.map(Json)
}
