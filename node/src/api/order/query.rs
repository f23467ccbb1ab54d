//! Reading orders.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, order_id, page_limit};
use super::super::service::Api;
use super::super::trade::trades_of_member;
use super::answer::{OrderAnswer, fills, find_order};
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::execute::HistoryRecord;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId};
use leg_ledger::receipt::OrderEnd;
use leg_ledger::state::{IndexKey, Order, Orders, State as LedgerState, View};
use leg_ledger::transaction::{Market, Resource, Side};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which orders.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderParams {
    /// Orders of this member; of all when it is absent.
    pub hub_id: Option<String>,
    /// Orders for this resource.
    #[param(value_type = Option<String>)]
    pub resource: Option<Resource>,
    /// `open` (default), or `finished`, which needs `hubId`.
    #[serde(default)]
    pub state: OrderState,
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// In the book or out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// In the book.
    #[default]
    Open,
    /// Out of it.
    Finished,
}

/// A page of orders.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderList {
    /// Open ones by id, finished ones the newest first. Their `transactions` are left out; ask for one order to read them.
    pub orders: Vec<OrderAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One order, open or finished, with the transactions that filled it.
#[utoipa::path(
    get, path = "/api/marketplace/orders/{id}", tag = "orders", params(("id" = String, Path, description = "The order.")),
    responses((status = 200, description = "The order.", body = OrderAnswer), (status = 404, description = "No such order.", body = ErrorAnswer))
)]
pub async fn get_order(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<OrderAnswer>, ApiError> {
    let id = order_id(&id)?;
    let answer = api.blocking(move |api| {
        let unknown = || ApiError::not_found("unknown_order", "there is no such order").at("id");
        let (order, end) = find_order(api.chain(), id)?.ok_or_else(unknown)?;
        let trades = trades_of_member(api.chain(), order.member, &|trade| fills(id, trade))?;
        Ok(OrderAnswer::admitted(&order, end, &trades))
    });
    answer.await.map(Json)
}

/// Orders of a hub or of all, by page.
#[utoipa::path(
    get, path = "/api/marketplace/orders", tag = "orders", params(OrderParams),
    responses((status = 200, description = "A page of orders.", body = OrderList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_orders(State(api): State<Api>, Params(params): Params<OrderParams>) -> Result<Json<OrderList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let member = params.hub_id.as_deref().map(|text| member_id(text, "hubId")).transpose()?;
    let answer = match params.state {
        OrderState::Open => {
            let bad = || ApiError::bad_value("cursor", "not a cursor of this list");
            let after = params.cursor.as_deref().map(|text| OrderId::from_hex(text).ok_or_else(bad)).transpose()?;
            api.blocking(move |api| api.read(|ledger| open_orders(ledger.state(), member, params.resource, after, limit))).await?
        }
        OrderState::Finished => {
            let member = member.ok_or_else(|| ApiError::missing("hubId"))?;
            let below = leaf_cursor(params.cursor.as_deref())?;
            api.blocking(move |api| finished_orders(api, member, params.resource, below, limit)).await?
        }
    };
    Ok(Json(answer))
}

/// The leaf below which a page of the history starts.
///
/// # Errors
/// 422 that names the field `cursor`.
pub fn leaf_cursor(cursor: Option<&str>) -> Result<u64, ApiError> {
    cursor.map_or(Ok(u64::MAX), |text| text.parse().map_err(|_| ApiError::bad_value("cursor", "not a cursor of this list")))
}

fn open_orders(
    state: &LedgerState,
    member: Option<MemberId>,
    resource: Option<Resource>,
    after: Option<OrderId>,
    limit: usize,
) -> OrderList {
    let wanted = |order: &&Order| resource.is_none_or(|resource| order.market.resource() == resource);
    let mut found: Vec<&Order> = match member {
        Some(member) => {
            let mut ids = member_orders(state, member);
            ids.sort_unstable();
            let later = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after));
            later.filter_map(|id| state.get::<Orders>(&id)).filter(wanted).take(limit + 1).collect()
        }
        None => {
            let orders = state.range::<Orders>(after.unwrap_or(OrderId::from_hash(Hash::ZERO))..);
            orders.map(|(_, order)| order).filter(|order| Some(order.id) != after).filter(wanted).take(limit + 1).collect()
        }
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|order| order.id.to_string());
    OrderList { orders: found.into_iter().map(|order| OrderAnswer::admitted(order, None, &[])).collect(), next }
}

/// Ids of a member's open orders.
fn member_orders(state: &LedgerState, member: MemberId) -> Vec<OrderId> {
    let first = IndexKey::MemberOrder { member, market: Market::Compute, order: OrderId::from_hash(Hash::ZERO) };
    let keys = state.index(first..).map_while(|key| match key {
        IndexKey::MemberOrder { member: of, order, .. } if of == member => Some(order),
        _ => None,
    });
    keys.collect()
}

/// The first key that an order of a book's side could have in the index.
pub fn book_start(market: Market, side: Side) -> IndexKey {
    IndexKey::Book { market, side, rank: 0, height: Height::GENESIS, order: OrderId::from_hash(Hash::ZERO) }
}

fn finished_orders(api: &Api, member: MemberId, resource: Option<Resource>, below: u64, limit: usize) -> Result<OrderList, ApiError> {
    let page = api.chain().finished_orders(member, below, limit)?;
    let next = page.last().filter(|_| page.len() == limit).map(|finished| finished.leaf.to_string());
    let ended = page.into_iter().filter_map(|finished| match finished.record {
        HistoryRecord::Order { order, end, .. } => Some((*order, end)),
        _ => None,
    });
    let wanted = ended.filter(|(order, _): &(Order, OrderEnd)| resource.is_none_or(|resource| order.market.resource() == resource));
    Ok(OrderList { orders: wanted.map(|(order, end)| OrderAnswer::admitted(&order, Some(end), &[])).collect(), next })
}
