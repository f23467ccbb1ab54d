//! Proposing, voting, withdrawing.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Fingerprint, Sending, WaitParams};
use super::super::service::Api;
use super::super::submit::{Outcome, ToSign, sign_and_submit};
use super::super::time::TimeText;
use super::proposal_id;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::governance;
use leg_ledger::ids::{Height, ProposalId};
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Action, Change, Propose, Vote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A change that the community is to vote on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposalRequest {
    /// The change, as `{"parameter": {"parameter": "fee", "value": 300}}`; docs/api.md lists the kinds.
    #[schema(value_type = Object)]
    pub change: Change,
    /// Votes count before this time; at most 30 days ahead.
    pub deadline: TimeText,
    /// First height at which the change is in force, if it has passed by then.
    pub activation_height: u64,
}

/// A vote.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteRequest {
    /// The proposal.
    pub proposal_id: String,
    /// For it or against it.
    pub approve: bool,
}

/// What was sent is on the ledger, or waits for its block.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GovernanceAnswer {
    /// The proposal.
    pub proposal_id: String,
    /// The ledger transaction.
    pub ledger_transaction: String,
    /// Height of its block; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

type Answer = (StatusCode, Json<GovernanceAnswer>);

/// Proposes a change; only a hub of the committee may.
#[utoipa::path(
    post, path = "/api/governance/proposals", tag = "governance", request_body = ProposalRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block: open for votes.", body = GovernanceAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = GovernanceAnswer),
        (status = "4XX", description = "Refused; nothing changes.", body = ErrorAnswer),
    )
)]
pub async fn post_proposal(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<ProposalRequest>,
) -> Result<Answer, ApiError> {
    let ProposalRequest { change, deadline, activation_height } = body.value;
    let deadline = deadline.market_time("deadline")?;
    let propose = Propose { change, deadline, activation: Height::new(activation_height) };
    let outcome = send(&api, sending, Action::Propose(Box::new(propose)), body.fingerprint).await?;
    outcome.check(|code| match code {
        Code::BadDeadline => Some("deadline"),
        Code::BadActivation => Some("activationHeight"),
        Code::NotCommittee | Code::MemberInactive | Code::TooManyProposals => None,
        _ => Some("change"),
    })?;
    Ok(answer(&outcome, governance::proposal_id(outcome.id, 0)))
}

/// Votes on a proposal, once.
#[utoipa::path(
    post, path = "/api/governance/votes", tag = "governance", request_body = VoteRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = GovernanceAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = GovernanceAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn post_vote(_: Authorized, State(api): State<Api>, sending: Sending, body: Body<VoteRequest>) -> Result<Answer, ApiError> {
    let proposal = proposal_id(&body.value.proposal_id, "proposalId")?;
    let vote = Vote { proposal, approve: body.value.approve };
    let outcome = send(&api, sending, Action::Vote(vote), body.fingerprint).await?;
    outcome.check(|code| (code != Code::MemberInactive).then_some("proposalId"))?;
    Ok(answer(&outcome, proposal))
}

/// Takes back one's own proposal while it is open.
#[utoipa::path(
    delete, path = "/api/governance/proposals/{id}", tag = "governance", params(("id" = String, Path, description = "Id of the proposal."), WaitParams),
    security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = GovernanceAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = GovernanceAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn withdraw_proposal(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let proposal = proposal_id(&id, "id")?;
    let outcome = send(&api, sending, Action::WithdrawProposal { proposal }, fingerprint).await?;
    outcome.check(|code| (code != Code::MemberInactive).then_some("id"))?;
    Ok(answer(&outcome, proposal))
}

async fn send(api: &Api, sending: Sending, action: Action, fingerprint: Vec<u8>) -> Result<Outcome, ApiError> {
    sign_and_submit(api, sending, ToSign { role: KeyRole::Operator, atomic: false, actions: vec![action], fingerprint }).await
}

fn answer(outcome: &Outcome, proposal: ProposalId) -> Answer {
    let height = outcome.results.as_ref().map(|results| results.height.get());
    let proposal_id = proposal.to_string();
    (outcome.status(), Json(GovernanceAnswer { proposal_id, ledger_transaction: outcome.id.to_string(), height }))
}
