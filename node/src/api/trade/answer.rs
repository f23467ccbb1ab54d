//! A trade as a client reads it.

use super::super::number::Exact;
use super::super::time;
use super::find::{FoundTrade, StatusName};
use leg_ledger::amount::Quantity;
use leg_ledger::receipt::{CancelReason, Settlement};
use leg_ledger::state::TradeStatus;
use leg_ledger::time::Slot;
use leg_ledger::transaction::{Market, Product, Resource, SettlementMethod};
use serde::Serialize;
use utoipa::ToSchema;

/// One fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FillPart {
    /// The ask.
    pub ask_order_id: String,
    /// kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// Francs per unit.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
}

/// What was delivered in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveredAnswer {
    /// First instant of the slot.
    pub slot: String,
    /// kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
}

/// What a settlement moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettlementAnswer {
    /// What was delivered and is paid.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// What the buyer paid.
    #[schema(value_type = f64)]
    pub gross_chf: Exact,
    /// Network fee, part of it.
    #[schema(value_type = f64)]
    pub fee_chf: Exact,
    /// What the seller received.
    #[schema(value_type = f64)]
    pub seller_chf: Exact,
    /// Penalty for under-delivery.
    #[schema(value_type = f64)]
    pub penalty_chf: Exact,
    /// Bonus.
    #[schema(value_type = f64)]
    pub bonus_chf: Exact,
    /// Returned to the buyer.
    #[schema(value_type = f64)]
    pub refund_chf: Exact,
    /// Heat credited to the seller, kWh thermal.
    #[schema(value_type = f64)]
    pub heat_kwh: Exact,
}

impl SettlementAnswer {
    /// A settlement.
    pub fn new(settlement: &Settlement) -> Self {
        SettlementAnswer {
            quantity: Exact::quantity(settlement.quantity),
            gross_chf: Exact::chf(settlement.gross),
            fee_chf: Exact::chf(settlement.fee),
            seller_chf: Exact::chf(settlement.seller),
            penalty_chf: Exact::chf(settlement.penalty),
            bonus_chf: Exact::chf(settlement.bonus),
            refund_chf: Exact::chf(settlement.refund),
            heat_kwh: Exact::quantity(settlement.heat),
        }
    }
}

/// A transaction of the marketplace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TradeAnswer {
    /// Its id.
    pub transaction_id: String,
    /// `pending`, `confirmed`, `settled` or `cancelled`.
    pub status: StatusName,
    /// The exact state: `pending`, `running`, `delivered`, `confirmed`, `settling`, `settled`, `cancelled` or `disputed`.
    #[schema(value_type = String)]
    pub phase: TradeStatus,
    /// What is traded.
    #[schema(value_type = String)]
    pub resource: Resource,
    /// Community of energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// First instant of the energy slot, or start of the window of compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// First instant after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Buyer.
    pub buyer: String,
    /// Seller.
    pub seller: String,
    /// The bid.
    pub bid_order_id: String,
    /// Ordered kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// Price of the first fill, francs per unit.
    #[schema(value_type = Option<f64>)]
    pub price_per_unit_chf: Option<Exact>,
    /// All fills.
    pub fills: Vec<FillPart>,
    /// In escrow at the buyer.
    #[schema(value_type = f64)]
    pub escrow_chf: Exact,
    /// Network fee, a share of what is paid.
    #[schema(value_type = f64)]
    pub fee_rate: Exact,
    /// How it is paid.
    #[schema(value_type = String)]
    pub settlement_method: SettlementMethod,
    /// Market time of the match.
    pub matched_at: String,
    /// Block of the match.
    pub height: u64,
    /// When silence acts on the present state, market time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// What the seller's meter claimed, by slot.
    pub delivered: Vec<DeliveredAnswer>,
    /// Heat by slot, kWh thermal.
    pub heat: Vec<DeliveredAnswer>,
    /// Salted hash of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What the settlement moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<SettlementAnswer>,
    /// Why it was cancelled: `not-started`, `not-completed` or `by-seller`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cancelled_because: Option<CancelReason>,
    /// Block in which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at_height: Option<u64>,
}

impl TradeAnswer {
    /// A trade.
    pub fn new(found: &FoundTrade) -> Self {
        let trade = &found.trade;
        let status = found.status();
        let phase = match status {
            StatusName::Settled => TradeStatus::Settled,
            StatusName::Cancelled => TradeStatus::Cancelled,
            StatusName::Pending | StatusName::Confirmed => trade.status,
        };
        let (from, until) = window(&trade.product);
        let fills = trade.fills.iter().map(|fill| FillPart {
            ask_order_id: fill.ask.to_string(),
            quantity: Exact::quantity(fill.quantity),
            price_per_unit_chf: Exact::price(fill.price),
        });
        TradeAnswer {
            transaction_id: trade.id.to_string(),
            status,
            phase,
            resource: trade.market.resource(),
            leg: match trade.market {
                Market::Energy { leg, .. } => Some(leg.to_string()),
                _ => None,
            },
            from,
            until,
            buyer: trade.buyer.to_string(),
            seller: trade.seller.to_string(),
            bid_order_id: trade.bid.to_string(),
            quantity: Exact::quantity(trade.quantity),
            price_per_unit_chf: trade.fills.first().map(|fill| Exact::price(fill.price)),
            fills: fills.collect(),
            escrow_chf: Exact::chf(trade.escrow),
            fee_rate: Exact::share(trade.fee),
            settlement_method: trade.settlement,
            matched_at: time::text(trade.matched_at),
            height: trade.height.get(),
            deadline: trade.deadline.filter(|_| found.ended.is_none()).map(time::text),
            delivered: by_slot(&trade.delivered),
            heat: by_slot(&trade.heat),
            result: trade.result.map(|hash| hash.to_string()),
            settlement: found.settlement.as_ref().map(SettlementAnswer::new),
            cancelled_because: found.reason,
            ended_at_height: found.ended.map(|height| height.get()),
        }
    }
}

fn window(product: &Product) -> (Option<String>, Option<String>) {
    match product {
        Product::Compute { from, until } | Product::ComputeHours { from, until } => (Some(time::text(*from)), Some(time::text(*until))),
        Product::Energy { slot } => (Some(time::slot_text(*slot)), slot.end().map(time::text)),
        Product::Storage { .. } | Product::Heat => (None, None),
    }
}

fn by_slot(slots: &[(Slot, Quantity)]) -> Vec<DeliveredAnswer> {
    slots.iter().map(|(slot, quantity)| DeliveredAnswer { slot: time::slot_text(*slot), quantity: Exact::quantity(*quantity) }).collect()
}
