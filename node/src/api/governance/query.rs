//! Proposals, whether open, waiting for their height or ended, and the committee.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, page_limit};
use super::super::order::leaf_cursor;
use super::super::service::Api;
use super::super::time;
use super::proposal_id;
use crate::storage::Finished;
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::block::Committee;
use leg_ledger::execute::HistoryRecord;
use leg_ledger::receipt::ProposalEnd;
use leg_ledger::reputation;
use leg_ledger::state::{Committees, Proposal, Proposals, View};
use leg_ledger::transaction::Change;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProposalStatus {
    /// Votes count.
    Open,
    /// Two thirds approve; the change comes at its height.
    Passed,
    /// The change was made.
    Activated,
    /// Two thirds could not be reached any more.
    Rejected,
    /// Two thirds were not reached by the deadline.
    Expired,
    /// Its proposer took it back.
    Withdrawn,
    /// It passed, but when its height came the change was not possible any more.
    Failed,
}

impl From<ProposalEnd> for ProposalStatus {
    fn from(end: ProposalEnd) -> Self {
        match end {
            ProposalEnd::Activated => ProposalStatus::Activated,
            ProposalEnd::Rejected => ProposalStatus::Rejected,
            ProposalEnd::Expired => ProposalStatus::Expired,
            ProposalEnd::Withdrawn => ProposalStatus::Withdrawn,
            ProposalEnd::Failed(_) => ProposalStatus::Failed,
        }
    }
}

/// A proposal.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalAnswer {
    /// Its id.
    pub proposal_id: String,
    /// Who proposed it.
    pub proposer: String,
    /// Where it is.
    pub status: ProposalStatus,
    /// What it changes.
    #[schema(value_type = Object)]
    pub change: Change,
    /// Votes count before this time.
    pub deadline: String,
    /// First height at which the change is in force, if it has passed by then.
    pub activation_height: u64,
    /// Block in which it entered.
    pub entered_height: u64,
    /// Who votes.
    pub entitled: Vec<String>,
    /// Votes for it.
    pub yes: Vec<String>,
    /// Votes against it.
    pub no: Vec<String>,
    /// Block in which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_height: Option<u64>,
    /// Why the change was not possible, as a receipt's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'static str>,
    /// Its leaf of the history log, for proofs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

impl ProposalAnswer {
    fn new(proposal: &Proposal) -> Self {
        let names = |set: &std::collections::BTreeSet<leg_ledger::ids::MemberId>| set.iter().map(ToString::to_string).collect();
        ProposalAnswer {
            proposal_id: proposal.id.to_string(),
            proposer: proposal.proposer.to_string(),
            status: if proposal.due.is_some() { ProposalStatus::Passed } else { ProposalStatus::Open },
            change: proposal.change.clone(),
            deadline: time::text(proposal.deadline),
            activation_height: proposal.activation.get(),
            entered_height: proposal.entered.get(),
            entitled: names(&proposal.entitled),
            yes: names(&proposal.yes),
            no: names(&proposal.no),
            ended_height: None,
            failure: None,
            leaf: None,
        }
    }

    fn ended(finished: &Finished) -> Option<Self> {
        let HistoryRecord::Proposal { proposal, end, height } = &finished.record else { return None };
        Some(ProposalAnswer {
            status: (*end).into(),
            ended_height: Some(height.get()),
            failure: if let ProposalEnd::Failed(code) = end { Some(code.name()) } else { None },
            leaf: Some(finished.leaf),
            ..ProposalAnswer::new(proposal)
        })
    }
}

/// All proposals that have not ended; there are at most 128.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProposalList {
    /// By id.
    pub proposals: Vec<ProposalAnswer>,
    /// After which block.
    pub height: u64,
}

/// Proposals that are open or wait for their height.
#[utoipa::path(
    get, path = "/api/governance/proposals", tag = "governance",
    responses((status = 200, description = "All of them.", body = ProposalList))
)]
pub async fn list_proposals(State(api): State<Api>) -> Result<Json<ProposalList>, ApiError> {
    let list = api.blocking(|api| {
        api.read(|ledger| ProposalList {
            proposals: ledger.state().range::<Proposals>(..).map(|(_, proposal)| ProposalAnswer::new(proposal)).collect(),
            height: ledger.tip().height.get(),
        })
    });
    list.await.map(Json)
}

/// Which proposals that ended.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndedParams {
    /// Most proposals of the page.
    pub limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of proposals that ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EndedList {
    /// The newest first.
    pub proposals: Vec<ProposalAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Proposals that ended, by page.
#[utoipa::path(
    get, path = "/api/governance/proposals/ended", tag = "governance", params(EndedParams),
    responses(
        (status = 200, description = "A page of proposals.", body = EndedList),
        (status = "4XX", description = "A wrong query.", body = ErrorAnswer),
    )
)]
pub async fn list_ended(State(api): State<Api>, Params(params): Params<EndedParams>) -> Result<Json<EndedList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let below = leaf_cursor(params.cursor.as_deref())?;
    let page = api.blocking(move |api| Ok(api.chain().ended_proposals(below, limit)?)).await?;
    let next = page.last().filter(|_| page.len() == limit).map(|finished| finished.leaf.to_string());
    Ok(Json(EndedList { proposals: page.iter().filter_map(ProposalAnswer::ended).collect(), next }))
}

/// One proposal, whether it has ended or not.
#[utoipa::path(
    get, path = "/api/governance/proposals/{id}", tag = "governance", params(("id" = String, Path, description = "Id of the proposal.")),
    responses(
        (status = 200, description = "The proposal.", body = ProposalAnswer),
        (status = 404, description = "There is none.", body = ErrorAnswer),
    )
)]
pub async fn get_proposal(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<ProposalAnswer>, ApiError> {
    let id = proposal_id(&id, "id")?;
    let found = api.blocking(move |api| {
        let waiting = api.read(|ledger| ledger.state().get::<Proposals>(&id).map(ProposalAnswer::new))?;
        match waiting {
            Some(waiting) => Ok(Some(waiting)),
            // It ends before it leaves the state, so there is no moment at which it is nowhere.
            None => Ok(api.chain().finished_proposal(id)?.as_ref().and_then(ProposalAnswer::ended)),
        }
    });
    let message = "no proposal has this id; GET /api/governance/proposals and /api/governance/proposals/ended list all";
    found.await?.map(Json).ok_or_else(|| ApiError::not_found("unknown_proposal", message).at("id"))
}

/// A seat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatAnswer {
    /// The hub.
    pub hub_id: String,
    /// The key that signs its votes, hex.
    pub consensus_key: String,
    /// When it last showed a sign of life, if it ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
}

/// The committee.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitteeAnswer {
    /// The height that it decides.
    pub height: u64,
    /// Its seats by id.
    pub seats: Vec<SeatAnswer>,
    /// The seats of the height after it, as announced.
    pub next: Vec<SeatAnswer>,
}

/// Who decides the next block and the one after it.
#[utoipa::path(
    get, path = "/api/governance/committee", tag = "governance",
    responses((status = 200, description = "Both committees.", body = CommitteeAnswer))
)]
pub async fn get_committee(State(api): State<Api>) -> Result<Json<CommitteeAnswer>, ApiError> {
    let found = api.blocking(|api| {
        api.read(|ledger| {
            let seen = |member| reputation::last_seen(ledger.state(), member).map(time::text);
            let seats = |committee: &Committee| {
                let seat = |m: &leg_ledger::block::CommitteeMember| SeatAnswer {
                    hub_id: m.member.to_string(),
                    consensus_key: m.key.to_string(),
                    last_seen: seen(m.member),
                };
                committee.members().iter().map(seat).collect()
            };
            let committees = ledger.state().get::<Committees>(&())?;
            let height = ledger.next_height().get();
            Some(CommitteeAnswer { height, seats: seats(&committees.current), next: seats(&committees.next) })
        })
    });
    found.await?.map(Json).ok_or_else(|| ApiError::internal(&"the state has no committees"))
}
