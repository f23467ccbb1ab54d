//! Proposals that are open or wait for their height, and the committee.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::service::Api;
use super::super::time;
use super::proposal_id;
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::block::Committee;
use leg_ledger::reputation;
use leg_ledger::state::{Committees, Proposal, Proposals, View};
use leg_ledger::transaction::Change;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProposalStatus {
    /// Votes count.
    Open,
    /// Two thirds approve; the change comes at its height.
    Passed,
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
        }
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

/// One proposal. One that has ended is in the events of the block that ended it.
#[utoipa::path(
    get, path = "/api/governance/proposals/{id}", tag = "governance", params(("id" = String, Path, description = "Id of the proposal.")),
    responses(
        (status = 200, description = "The proposal.", body = ProposalAnswer),
        (status = 404, description = "There is none, or it has ended.", body = ErrorAnswer),
    )
)]
pub async fn get_proposal(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<ProposalAnswer>, ApiError> {
    let id = proposal_id(&id, "id")?;
    let found = api.blocking(move |api| api.read(|ledger| ledger.state().get::<Proposals>(&id).map(ProposalAnswer::new))).await?;
    let message = "no proposal of this id is open or waits for its height; the events of a block say how one ended";
    found.map(Json).ok_or_else(|| ApiError::not_found("unknown_proposal", message).at("id"))
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
