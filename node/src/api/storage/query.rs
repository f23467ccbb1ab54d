//! Storage contracts: one, those of this hub, and ending one.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Fingerprint, Sending, WaitParams};
use super::super::service::Api;
use super::super::submit::{ToSign, sign_and_submit};
use super::answer::StorageAnswer;
use crate::content::contracts_of;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::execute::HistoryRecord;
use leg_ledger::ids::{Height, TradeId};
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::state::{StorageContract, StorageContracts, StorageEnd, View};
use leg_ledger::transaction::Action;
use serde::Serialize;
use utoipa::ToSchema;

/// A contract with its end, by its id or by the id of a bid of this hub.
///
/// # Errors
/// 404.
pub fn find(api: &Api, id: &str) -> Result<(StorageContract, Option<(StorageEnd, Height)>), ApiError> {
    let unknown = || ApiError::not_found("unknown_storage_contract", "there is no such storage contract").at("id");
    let id = TradeId::from_hex(id).ok_or_else(unknown)?;
    let own = api.own().map(|signer| signer.member());
    let running = api.read(|ledger| {
        let state = ledger.state();
        let by_bid = || own.and_then(|own| contracts_of(state, own).into_iter().find(|contract| contract.bid.hash() == id.hash()));
        state.get::<StorageContracts>(&id).cloned().or_else(by_bid)
    })?;
    if let Some(contract) = running {
        return Ok((contract, None));
    }
    match api.chain().finished_contract(id)?.map(|finished| finished.record) {
        Some(HistoryRecord::Storage { contract, end, height }) => Ok((*contract, Some((end, height)))),
        _ => Err(unknown()),
    }
}

/// A storage contract.
#[utoipa::path(
    get, path = "/api/storage/{id}", tag = "storage",
    params(("id" = String, Path, description = "The contract, or the bid of a running one of this hub.")),
    responses((status = 200, description = "The contract.", body = StorageAnswer), (status = 404, description = "None.", body = ErrorAnswer))
)]
pub async fn get_storage(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<StorageAnswer>, ApiError> {
    let (contract, ended) = api.blocking(move |api| find(api, &id)).await?;
    Ok(Json(StorageAnswer::new(&contract, ended)))
}

/// Running contracts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StorageList {
    /// By id.
    pub contracts: Vec<StorageAnswer>,
}

/// The running storage contracts of this node's hub, as buyer or seller.
#[utoipa::path(
    get, path = "/api/storage", tag = "storage",
    responses((status = 200, description = "The contracts.", body = StorageList), (status = 403, description = "No hub's node.", body = ErrorAnswer))
)]
pub async fn list_storage(State(api): State<Api>) -> Result<Json<StorageList>, ApiError> {
    let own = api.signer()?.member();
    let contracts = api.blocking(move |api| api.read(|ledger| contracts_of(ledger.state(), own))).await?;
    Ok(Json(StorageList { contracts: contracts.iter().map(|contract| StorageAnswer::new(contract, None)).collect() }))
}

/// Ends a storage contract: at once with refund before its content is stored, else with the running month.
#[utoipa::path(
    delete, path = "/api/storage/{id}", tag = "storage", security(("token" = [])),
    params(("id" = String, Path, description = "The contract, or its bid."), WaitParams),
    responses(
        (status = 200, description = "In a final block; the contract as it is now.", body = StorageAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StorageAnswer),
        (status = "4XX", description = "Not ended.", body = ErrorAnswer),
    )
)]
pub async fn terminate_storage(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<(StatusCode, Json<StorageAnswer>), ApiError> {
    let contract = api.blocking(move |api| find(api, &id)).await?.0.id;
    let actions = vec![Action::TerminateStorage { contract }];
    let outcome = sign_and_submit(&api, sending, ToSign { role: KeyRole::Operator, atomic: false, actions, fingerprint }).await?;
    outcome.check(|code| (code == Code::UnknownContract).then_some("id"))?;
    let (found, ended) = api.blocking(move |api| find(api, &contract.to_string())).await?;
    Ok((outcome.status(), Json(StorageAnswer::new(&found, ended))))
}
