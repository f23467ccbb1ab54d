//! Certificates of retired heat, from the history log.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, page_limit};
use super::super::number::Exact;
use super::super::order::leaf_cursor;
use super::super::service::Api;
use super::super::time;
use super::moves::PartAnswer;
use axum::Json;
use axum::extract::State;
use leg_ledger::execute::HistoryRecord;
use leg_ledger::heat::HeatCertificate;
use leg_ledger::ids::Height;
use leg_ledger::transaction::HeatPurpose;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which certificates.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateParams {
    /// Retired by this member; by all when it is absent.
    pub hub_id: Option<String>,
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Heat that was used, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAnswer {
    /// Ledger transaction that retired it.
    pub ledger_transaction: String,
    /// Index of its action.
    pub action: u16,
    /// Who retired it.
    pub hub_id: String,
    /// Who used the heat.
    pub used_by: String,
    /// What for.
    #[schema(value_type = String)]
    pub purpose: HeatPurpose,
    /// Hash of a document that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// kWh thermal in all.
    #[schema(value_type = f64)]
    pub quantity_kwh: Exact,
    /// The parts of lots that it is made of.
    pub parts: Vec<PartAnswer>,
    /// Market time of its block.
    pub retired_at: String,
    /// Its block.
    pub height: u64,
    /// Its leaf in the history log.
    pub leaf: u64,
}

impl CertificateAnswer {
    fn new(certificate: &HeatCertificate, height: Height, leaf: u64) -> Self {
        CertificateAnswer {
            ledger_transaction: certificate.transaction.to_string(),
            action: certificate.action,
            hub_id: certificate.member.to_string(),
            used_by: certificate.used_by.to_string(),
            purpose: certificate.purpose,
            document: certificate.document.map(|hash| hash.to_string()),
            quantity_kwh: Exact::quantity(certificate.quantity),
            parts: certificate.parts.iter().map(PartAnswer::from).collect(),
            retired_at: time::text(certificate.retired_at),
            height: height.get(),
            leaf,
        }
    }
}

/// A page of certificates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CertificateList {
    /// The newest first.
    pub certificates: Vec<CertificateAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Certificates of retired heat, by page.
#[utoipa::path(
    get, path = "/api/heat/certificates", tag = "heat", params(CertificateParams),
    responses(
        (status = 200, description = "A page of certificates.", body = CertificateList),
        (status = "4XX", description = "A wrong query.", body = ErrorAnswer),
    )
)]
pub async fn list_certificates(
    State(api): State<Api>,
    Params(params): Params<CertificateParams>,
) -> Result<Json<CertificateList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let member = params.hub_id.as_deref().map(|text| member_id(text, "hubId")).transpose()?;
    let below = leaf_cursor(params.cursor.as_deref())?;
    let page = api.blocking(move |api| Ok(api.chain().heat_certificates(member, below, limit)?)).await?;
    let next = page.last().filter(|_| page.len() == limit).map(|finished| finished.leaf.to_string());
    let certificates = page.iter().filter_map(|finished| match &finished.record {
        HistoryRecord::HeatRetired { certificate, height } => Some(CertificateAnswer::new(certificate, *height, finished.leaf)),
        _ => None,
    });
    Ok(Json(CertificateList { certificates: certificates.collect(), next }))
}
