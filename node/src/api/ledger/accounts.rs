//! Accounts.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use super::members::{MemberParams, page_of_members};
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::amount::{MicroChf, Quantity};
use leg_ledger::execute::Ledger;
use leg_ledger::member::{Member, Role};
use leg_ledger::state::{Account, Accounts, Members, View};
use serde::Serialize;
use utoipa::ToSchema;

/// What a member holds. Each franc is in exactly one of free, reserved, escrow, margin and bond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountAnswer {
    /// The member.
    pub hub_id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    #[schema(value_type = String)]
    pub role: Role,
    /// Can be spent.
    #[schema(value_type = f64)]
    pub free_chf: Exact,
    /// Behind open bids.
    #[schema(value_type = f64)]
    pub reserved_chf: Exact,
    /// Behind running transactions.
    #[schema(value_type = f64)]
    pub escrow_chf: Exact,
    /// Margin of futures.
    #[schema(value_type = f64)]
    pub margin_chf: Exact,
    /// Bonds of disputes.
    #[schema(value_type = f64)]
    pub bond_chf: Exact,
    /// All of it.
    #[schema(value_type = f64)]
    pub total_chf: Exact,
    /// Owed from later proceeds.
    #[schema(value_type = f64)]
    pub debt_chf: Exact,
    /// Heat that can be sold, transferred or retired, kWh thermal.
    #[schema(value_type = f64)]
    pub heat_free_kwh: Exact,
    /// Heat behind open asks.
    #[schema(value_type = f64)]
    pub heat_reserved_kwh: Exact,
    /// Heat in escrow.
    #[schema(value_type = f64)]
    pub heat_escrow_kwh: Exact,
    /// State after this block.
    pub height: u64,
}

impl AccountAnswer {
    fn new(member: &Member, account: &Account, height: u64) -> Self {
        AccountAnswer {
            hub_id: member.id.to_string(),
            name: member.name.clone(),
            role: member.role,
            free_chf: Exact::chf(account.free),
            reserved_chf: Exact::chf(account.reserved),
            escrow_chf: Exact::chf(account.escrow),
            margin_chf: Exact::chf(account.margin),
            bond_chf: Exact::chf(account.bond),
            // All deposits together fit, so that no account overflows.
            total_chf: Exact::chf(account.money().unwrap_or(MicroChf::ZERO)),
            debt_chf: Exact::chf(account.debt),
            heat_free_kwh: heat(account.heat_free),
            heat_reserved_kwh: heat(account.heat_reserved),
            heat_escrow_kwh: heat(account.heat_escrow),
            height,
        }
    }
}

fn heat(wh: Quantity) -> Exact {
    Exact::quantity(wh)
}

/// A page of accounts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountList {
    /// By member id.
    pub accounts: Vec<AccountAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A member's account.
#[utoipa::path(
    get, path = "/api/accounts/{id}", tag = "ledger", params(("id" = String, Path, description = "The member.")),
    responses((status = 200, description = "The account.", body = AccountAnswer), (status = 404, description = "No such member.", body = ErrorAnswer))
)]
pub async fn get_account(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<AccountAnswer>, ApiError> {
    let unknown = || ApiError::not_found("unknown_member", "there is no such member").at("id");
    let member = member_id(&id, "id").map_err(|_| unknown())?;
    let found = api.blocking(move |api| api.read(|ledger| ledger.state().get::<Members>(&member).map(|member| account(ledger, member))));
    found.await?.map(Json).ok_or_else(unknown)
}

/// All accounts, by page.
#[utoipa::path(
    get, path = "/api/accounts", tag = "ledger", params(MemberParams),
    responses((status = 200, description = "A page of accounts.", body = AccountList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_accounts(State(api): State<Api>, Params(params): Params<MemberParams>) -> Result<Json<AccountList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let after = params.after()?;
    let list = api.blocking(move |api| {
        api.read(|ledger| {
            let (members, next) = page_of_members(ledger.state(), after, limit);
            AccountList { accounts: members.into_iter().map(|member| account(ledger, member)).collect(), next }
        })
    });
    list.await.map(Json)
}

fn account(ledger: &Ledger, member: &Member) -> AccountAnswer {
    let account = ledger.state().get::<Accounts>(&member.id).copied().unwrap_or_default();
    AccountAnswer::new(member, &account, ledger.tip().height.get())
}
