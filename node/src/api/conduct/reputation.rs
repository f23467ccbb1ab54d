//! A member's reputation, its four parts, and heartbeats.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Fingerprint, Sending, WaitParams, member_id};
use super::super::metering::{ReportAnswer, report};
use super::super::number::Exact;
use super::super::service::Api;
use super::super::time;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::amount::MicroChf;
use leg_ledger::member::KeyRole;
use leg_ledger::reputation::{PartReport, Report, report as reputation_of};
use leg_ledger::transaction::Action;
use serde::Serialize;
use utoipa::ToSchema;

/// One part of a reputation: (good + 8) / (total + 10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartAnswer {
    /// 0..1.
    #[schema(value_type = f64)]
    pub value: Exact,
    /// What went well, each counterparty limited to its share: CHF, for uptime attendance periods.
    #[schema(value_type = f64)]
    pub good: Exact,
    /// What there was in all.
    #[schema(value_type = f64)]
    pub total: Exact,
    /// Weight of the part in the whole, 0..1.
    #[schema(value_type = f64)]
    pub weight: Exact,
    /// Owners of counterparties that are kept apart.
    pub counterparties: usize,
}

impl PartAnswer {
    fn new(part: &PartReport) -> Self {
        // Sums of a few u64 that came from the ledger's amounts; the whole of all deposits fits by far.
        let amount = |millionths: u128| Exact::chf(MicroChf::new(u64::try_from(millionths).unwrap_or(u64::MAX)));
        PartAnswer {
            value: Exact::share(part.value),
            good: amount(part.good),
            total: amount(part.total),
            weight: Exact::share(part.weight),
            counterparties: part.counterparties,
        }
    }
}

/// A member's reputation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReputationAnswer {
    /// The member.
    pub hub_id: String,
    /// The weighted sum of the parts, 0..1: what the markets use from the next block on.
    #[schema(value_type = f64)]
    pub reputation: Exact,
    /// Presence.
    pub uptime: PartAnswer,
    /// Completed trades.
    pub completion: PartAnswer,
    /// Obligations met on time.
    pub settlement: PartAnswer,
    /// Disputes not lost.
    pub disputes: PartAnswer,
    /// When the hub was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// State after this block.
    pub height: u64,
}

impl ReputationAnswer {
    fn new(hub_id: String, report: &Report, height: u64) -> Self {
        ReputationAnswer {
            hub_id,
            reputation: Exact::share(report.reputation),
            uptime: PartAnswer::new(&report.uptime),
            completion: PartAnswer::new(&report.completion),
            settlement: PartAnswer::new(&report.settlement),
            disputes: PartAnswer::new(&report.disputes),
            last_seen: report.last_seen.map(time::text),
            height,
        }
    }
}

/// A member's reputation with its four parts.
#[utoipa::path(
    get, path = "/api/reputation/{id}", tag = "disputes", params(("id" = String, Path, description = "The member.")),
    responses(
        (status = 200, description = "The reputation.", body = ReputationAnswer),
        (status = 404, description = "No such member.", body = ErrorAnswer),
    )
)]
pub async fn get_reputation(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<ReputationAnswer>, ApiError> {
    let member = member_id(&id, "id")?;
    let found = api.blocking(move |api| {
        api.read(|ledger| {
            let report = ledger.params().and_then(|params| reputation_of(ledger.state(), params, member));
            report.map(|report| ReputationAnswer::new(member.to_string(), &report, ledger.tip().height.get()))
        })
    });
    let unknown = || ApiError::not_found("unknown_member", "there is no such member").at("id");
    found.await?.map(Json).ok_or_else(unknown)
}

/// This hub says that it is there. Hubs of the committee show it by their votes.
#[utoipa::path(
    post, path = "/api/heartbeats", tag = "disputes", params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn send_heartbeat(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<(StatusCode, Json<ReportAnswer>), ApiError> {
    report(api, sending, Action::Heartbeat, KeyRole::Operator, fingerprint, |_| None).await
}
