//! Reading trades.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, page_limit, trade_id};
use super::super::service::Api;
use super::answer::TradeAnswer;
use super::find::{FoundTrade, StatusName, find_trade, running_ids};
use crate::storage::FinishedTrade;
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, TradeId};
use leg_ledger::state::{State as LedgerState, Trade, Trades, View};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which trades.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TradeParams {
    /// Transactions of this member, as buyer or seller; of all when it is absent.
    pub hub_id: Option<String>,
    /// `pending`, `confirmed`, `settled` or `cancelled`; all when it is absent.
    #[param(value_type = Option<String>)]
    pub status: Option<StatusName>,
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of transactions.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TradeList {
    /// Running ones by id, then ended ones, the newest first.
    pub transactions: Vec<TradeAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// Running trades after this one, which was matched in this block.
    Running(Option<(Height, TradeId)>),
    /// Ended trades below this leaf.
    Ended(u64),
}

impl Cursor {
    fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        let Some(text) = text else { return Ok(Cursor::Running(None)) };
        let parsed = match text.split_once('-') {
            Some(("running", place)) => place
                .split_once('-')
                .and_then(|(height, id)| Some((Height::new(height.parse().ok()?), TradeId::from_hex(id)?)))
                .map(|place| Cursor::Running(Some(place))),
            Some(("ended", leaf)) => leaf.parse().ok().map(Cursor::Ended),
            _ => None,
        };
        parsed.ok_or_else(|| ApiError::bad_value("cursor", "not a cursor of this list"))
    }

    fn text(self) -> String {
        match self {
            Cursor::Running(place) => {
                let (height, id) = place.unwrap_or((Height::GENESIS, TradeId::from_hash(Hash::ZERO)));
                format!("running-{height}-{id}")
            }
            Cursor::Ended(leaf) => format!("ended-{leaf}"),
        }
    }
}

/// One transaction.
#[utoipa::path(
    get, path = "/api/marketplace/transactions/{id}", tag = "transactions", params(("id" = String, Path, description = "The transaction.")),
    responses(
        (status = 200, description = "The transaction.", body = TradeAnswer),
        (status = 404, description = "No such transaction.", body = ErrorAnswer),
    )
)]
pub async fn get_trade(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<TradeAnswer>, ApiError> {
    let id = trade_id(&id)?;
    let found = api.blocking(move |api| find_trade(api.chain(), id)).await?;
    let found = found.ok_or_else(|| ApiError::not_found("unknown_trade", "there is no such transaction").at("id"))?;
    Ok(Json(TradeAnswer::new(&found)))
}

/// Transactions of a hub or of all, by page.
#[utoipa::path(
    get, path = "/api/marketplace/transactions", tag = "transactions", params(TradeParams),
    responses(
        (status = 200, description = "A page of transactions.", body = TradeList),
        (status = "4XX", description = "A wrong query.", body = ErrorAnswer),
    )
)]
pub async fn list_trades(State(api): State<Api>, Params(params): Params<TradeParams>) -> Result<Json<TradeList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let member = params.hub_id.as_deref().map(|text| member_id(text, "hubId")).transpose()?;
    let cursor = Cursor::parse(params.cursor.as_deref())?;
    api.blocking(move |api| list(api, member, params.status, cursor, limit)).await.map(Json)
}

fn list(api: &Api, member: Option<MemberId>, status: Option<StatusName>, from: Cursor, limit: usize) -> Result<TradeList, ApiError> {
    let (mut found, mut below) = (Vec::new(), u64::MAX);
    let ended_only = matches!(status, Some(StatusName::Settled | StatusName::Cancelled));
    match from {
        Cursor::Running(after) if !ended_only => {
            found = api.read(|ledger| running(ledger.state(), member, status, after, limit + 1))?;
            if found.len() > limit {
                found.truncate(limit);
                let next = found.last().map(|found| Cursor::Running(Some((found.trade.height, found.trade.id))).text());
                return Ok(TradeList { transactions: found.iter().map(TradeAnswer::new).collect(), next });
            }
        }
        Cursor::Running(_) => {}
        Cursor::Ended(leaf) => below = leaf,
    }
    let end = match status {
        None => None,
        Some(StatusName::Settled) => Some(FinishedTrade::Settled),
        Some(StatusName::Cancelled) => Some(FinishedTrade::Cancelled),
        Some(StatusName::Pending | StatusName::Confirmed) => return Ok(page(found, None)),
    };
    let room = limit - found.len();
    let ended = if room == 0 { Vec::new() } else { api.chain().finished_trades(member, end, below, room)? };
    let next = match ended.last() {
        Some(last) if ended.len() == room => Some(Cursor::Ended(last.leaf).text()),
        None if room == 0 => Some(Cursor::Ended(below).text()),
        _ => None,
    };
    // A trade that ended between the two looks is in both; what the history says of it is newer.
    let ended: Vec<FoundTrade> = ended.into_iter().filter_map(FoundTrade::ended).collect();
    found.retain(|running| !ended.iter().any(|ended| ended.trade.id == running.trade.id));
    found.extend(ended);
    Ok(page(found, next))
}

fn page(found: Vec<FoundTrade>, next: Option<String>) -> TradeList {
    TradeList { transactions: found.iter().map(TradeAnswer::new).collect(), next }
}

fn running(
    state: &LedgerState,
    member: Option<MemberId>,
    status: Option<StatusName>,
    after: Option<(Height, TradeId)>,
    limit: usize,
) -> Vec<FoundTrade> {
    let wanted = |trade: &&Trade| status.is_none_or(|status| StatusName::of(trade.status) == status);
    let trades: Vec<&Trade> = match member {
        Some(member) => running_ids(state, member, after).filter_map(|id| state.get::<Trades>(&id)).filter(wanted).take(limit).collect(),
        None => {
            let after = after.map(|(_, id)| id);
            let all = state.range::<Trades>(after.unwrap_or(TradeId::from_hash(Hash::ZERO))..).map(|(_, trade)| trade);
            all.filter(|trade| Some(trade.id) != after).filter(wanted).take(limit).collect()
        }
    };
    trades.into_iter().cloned().map(FoundTrade::running).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        for cursor in [
            Cursor::Running(Some((Height::new(9), TradeId::from_hash(Hash::from_bytes([7; 32]))))),
            Cursor::Ended(0),
            Cursor::Ended(u64::MAX),
        ] {
            assert_eq!(Cursor::parse(Some(&cursor.text())).unwrap(), cursor);
        }
        assert_eq!(Cursor::parse(None).unwrap(), Cursor::Running(None));
        for bad in ["", "running", "running-", "running-7", "running-x-00", "ended--1", "ended-x", "open-5"] {
            assert_eq!(Cursor::parse(Some(bad)).unwrap_err().field(), Some("cursor"), "{bad}");
        }
    }
}
