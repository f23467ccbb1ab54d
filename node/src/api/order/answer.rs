//! An order as a client reads it.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::ledger::{product_fields, time_in_force_name};
use super::super::number::Exact;
use super::super::ports::{ChainPort, Results, read};
use super::super::service::Api;
use super::super::submit::Outcome;
use super::super::time;
use super::super::trade::find_trade;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::execute::HistoryRecord;
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::receipt::{Event, OrderEnd, Receipt};
use leg_ledger::state::{Order, Orders, Trade, View};
use leg_ledger::transaction::{PlaceOrder, Resource, Side};
use serde::Serialize;
use utoipa::ToSchema;

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Admitted by the mempool, not yet in a final block.
    Pending,
    /// In the book, nothing filled.
    Open,
    /// Filled whole.
    Matched,
    /// Filled in part; the rest is in the book, or `end` says why it is not.
    PartiallyMatched,
    /// Out of the book without a fill.
    Cancelled,
    /// Not admitted.
    Rejected,
}

/// What an order filled in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FillAnswer {
    /// The transaction.
    pub transaction_id: String,
    /// kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// Francs per kWh, hour or GB-month.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
    /// The other party.
    pub counterparty: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    /// Its id; absent when it was not admitted or waits for its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Where it is.
    pub status: OrderStatus,
    /// The first transaction that filled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The transactions that filled it.
    pub transactions: Vec<FillAnswer>,
    /// The hub that placed it.
    pub hub_id: String,
    /// Buys or sells.
    #[schema(value_type = String)]
    pub side: Side,
    /// What is traded.
    #[schema(value_type = String)]
    pub resource: Resource,
    /// All of it: kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// What filled.
    #[schema(value_type = f64)]
    pub filled_quantity: Exact,
    /// What is open in the book.
    #[schema(value_type = f64)]
    pub open_quantity: Exact,
    /// The limit in francs per kWh, hour or GB-month.
    #[schema(value_type = f64)]
    pub limit_price_per_unit_chf: Exact,
    /// First instant of the energy slot, or start of the window of compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// First instant after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Months of storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub months: Option<u32>,
    /// `GTC`, `GTT`, `IOC` or `FOK`.
    pub time_in_force: String,
    /// When it leaves the book by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Hash of the description of the job that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Why it left the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub end: Option<OrderEnd>,
    /// Why it was not admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorAnswer>,
    /// The ledger transaction that placed it, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_transaction: Option<String>,
    /// Height of the block that admitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

impl OrderAnswer {
    /// An order that no block has admitted: it waits, or `error` says why it was rejected.
    pub fn not_admitted(member: MemberId, terms: &PlaceOrder, error: Option<ApiError>) -> Self {
        let status = if error.is_some() { OrderStatus::Rejected } else { OrderStatus::Pending };
        let (from, until, months) = product_fields(&terms.product);
        OrderAnswer {
            order_id: None,
            status,
            transaction_id: None,
            transactions: Vec::new(),
            hub_id: member.to_string(),
            side: terms.side,
            resource: terms.product.resource(),
            quantity: Exact::quantity(terms.quantity),
            filled_quantity: Exact::quantity(Quantity::ZERO),
            open_quantity: Exact::quantity(Quantity::ZERO),
            limit_price_per_unit_chf: Exact::price(terms.limit),
            from,
            until,
            months,
            time_in_force: time_in_force_name(terms.time_in_force).to_owned(),
            expires_at: None,
            job: terms.job.map(|hash| hash.to_string()),
            end: None,
            error: error.map(ApiError::into_answer),
            ledger_transaction: None,
            height: None,
        }
    }

    /// An order that a block admitted, with the trades that filled it.
    pub fn admitted(order: &Order, end: Option<OrderEnd>, trades: &[Trade]) -> Self {
        let filled = order.filled();
        let status = match (end, filled.is_zero()) {
            (Some(OrderEnd::Filled), _) => OrderStatus::Matched,
            (Some(_), true) => OrderStatus::Cancelled,
            (None, true) => OrderStatus::Open,
            (_, false) => OrderStatus::PartiallyMatched,
        };
        let transactions: Vec<FillAnswer> = trades.iter().filter_map(|trade| fill(order, trade)).collect();
        let open = if end.is_some() { Quantity::ZERO } else { order.open };
        OrderAnswer {
            order_id: Some(order.id.to_string()),
            status,
            transaction_id: transactions.first().map(|fill| fill.transaction_id.clone()),
            transactions,
            filled_quantity: Exact::quantity(filled),
            open_quantity: Exact::quantity(open),
            expires_at: order.expires_at.map(time::text),
            end,
            height: Some(order.height.get()),
            ..OrderAnswer::not_admitted(order.member, &order.terms, None)
        }
    }

    /// The answer names the ledger transaction that placed the order.
    #[must_use]
    pub fn placed_by(mut self, outcome: &Outcome) -> Self {
        self.ledger_transaction = Some(outcome.id.to_string());
        self
    }
}

/// True if a trade filled an order.
pub fn fills(order: OrderId, trade: &Trade) -> bool {
    trade.bid == order || trade.fills.iter().any(|fill| fill.ask == order)
}

fn fill(order: &Order, trade: &Trade) -> Option<FillAnswer> {
    let bid = trade.bid == order.id;
    let parts: Vec<_> = trade.fills.iter().filter(|fill| bid || fill.ask == order.id).collect();
    let quantity = parts.iter().try_fold(Quantity::ZERO, |sum, fill| sum.checked_add(fill.quantity))?;
    let price: Price = parts.first()?.price;
    let counterparty = if bid { trade.seller } else { trade.buyer };
    Some(FillAnswer {
        transaction_id: trade.id.to_string(),
        quantity: Exact::quantity(quantity),
        price_per_unit_chf: Exact::price(price),
        counterparty: counterparty.to_string(),
    })
}

/// An order wherever it is: in the book, or finished.
///
/// # Errors
/// The store cannot answer.
pub fn find_order(chain: &dyn ChainPort, id: OrderId) -> Result<Option<(Order, Option<OrderEnd>)>, ApiError> {
    if let Some(order) = read(chain, |ledger| ledger.state().get::<Orders>(&id).cloned()).flatten() {
        return Ok(Some((order, None)));
    }
    // It may have left the book between the two looks; a block is stored before the ledger moves to it, so it is found here then.
    Ok(match chain.finished_order(id)?.map(|finished| finished.record) {
        Some(HistoryRecord::Order { order, end, .. }) => Some((*order, Some(end))),
        _ => None,
    })
}

/// The trades that a block's auctions made of an order.
fn trades_in_block(api: &Api, order: &Order, results: &Results) -> Result<Vec<Trade>, ApiError> {
    let mut trades = Vec::new();
    for event in results.events.iter() {
        let Event::Matched { trade, bid, seller, market, .. } = event else { continue };
        let may_fill = match order.terms.side {
            Side::Bid => *bid == order.id,
            Side::Ask => *seller == order.member && *market == order.market,
        };
        if may_fill
            && let Some(found) = find_trade(api.chain(), *trade)?
            && fills(order.id, &found.trade)
        {
            trades.push(found.trade);
        }
    }
    Ok(trades)
}

/// What became of one order of a final transaction.
///
/// # Errors
/// The store cannot answer.
pub fn placed(api: &Api, outcome: &Outcome, results: &Results, receipt: &Receipt, terms: &PlaceOrder) -> Result<OrderAnswer, ApiError> {
    let Some(id) = receipt.order else {
        let error = ApiError::rejected(receipt.code, None);
        return Ok(OrderAnswer::not_admitted(outcome.transaction.body.signer, terms, Some(error)).placed_by(outcome));
    };
    let missing = || ApiError::internal(&format!("order {id} is neither open nor finished"));
    let (order, end) = find_order(api.chain(), id)?.ok_or_else(missing)?;
    let trades = trades_in_block(api, &order, results)?;
    Ok(OrderAnswer::admitted(&order, end, &trades).placed_by(outcome))
}
