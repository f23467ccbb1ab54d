//! A wish for storage as a client writes it.

use super::super::error::ApiError;
use super::super::number::DecimalText;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::decimal::{parse_price, parse_quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::MemberId;
use leg_ledger::limits::MAX_REPLICAS;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, StorageTier, TimeInForce};
use serde::Deserialize;
use utoipa::ToSchema;

/// Bytes of a GB.
const GB_BYTES: u64 = 1_000_000_000;
/// Without a limit a bid pays this much more than the reference price, per cent.
const DEFAULT_MARGIN: u64 = 10;

/// Buys storage for an uploaded content.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageRequest {
    /// BLAKE3 root of a content that was uploaded to this node: 64 hex digits.
    pub content: String,
    /// `hot` or `cold`.
    #[schema(value_type = String)]
    pub tier: StorageTier,
    /// Calendar months.
    pub months: u32,
    /// GB to buy; as many whole ones as the content needs by default.
    pub size_gb: Option<DecimalText>,
    /// Most that a GB-month may cost, francs; a tenth above the reference price by default.
    pub max_price_per_gb_month: Option<DecimalText>,
    /// Copies at different owners; 1 by default.
    #[serde(default = "one")]
    pub replicas: u8,
}

fn one() -> u8 {
    1
}

impl StorageRequest {
    /// The content's root.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn root(&self) -> Result<Hash, ApiError> {
        Hash::from_hex(&self.content).ok_or_else(|| ApiError::bad_value("content", "a root has 64 lower-case hex digits"))
    }

    /// Checks what does not need the content.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn check(&self) -> Result<(), ApiError> {
        self.root()?;
        if !(1..=MAX_REPLICAS).contains(&self.replicas) {
            return Err(ApiError::bad_value("replicas", format!("1 to {MAX_REPLICAS} replicas are possible")));
        }
        Ok(())
    }

    /// What is bought for a content of `bytes`.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn quantity(&self, bytes: u64) -> Result<Quantity, ApiError> {
        let needed = Quantity::new(bytes.div_ceil(GB_BYTES).saturating_mul(1_000));
        let Some(text) = &self.size_gb else { return Ok(needed) };
        let quantity = text.parse(parse_quantity).map_err(|error| ApiError::decimal("sizeGb", error))?;
        if quantity < needed {
            return Err(ApiError::bad_value("sizeGb", format!("the content needs {needed} GB")));
        }
        Ok(quantity)
    }

    /// The limit of the bid.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn limit(&self, reference: Price, tick: Price) -> Result<Price, ApiError> {
        if let Some(text) = &self.max_price_per_gb_month {
            return text.parse(parse_price).map_err(|error| ApiError::decimal("maxPricePerGbMonth", error));
        }
        let raised = reference.micro_chf().saturating_mul(100 + DEFAULT_MARGIN) / 100;
        Price::from_micro_chf(raised).ceil_to(tick).ok_or_else(|| ApiError::missing("maxPricePerGbMonth"))
    }

    /// The bid for one replica: filled by one seller whole, by `seller` if one is named.
    pub fn bid(&self, quantity: Quantity, limit: Price, seller: Option<MemberId>) -> PlaceOrder {
        PlaceOrder {
            side: Side::Bid,
            product: Product::Storage { months: self.months },
            quantity,
            limit,
            time_in_force: TimeInForce::GoodTillCancelled,
            min_fill: quantity,
            settlement: SettlementMethod::Credits.only(),
            pricing: Pricing::Fixed,
            split: false,
            solar: false,
            job: None,
            constraints: Constraints { hub: seller, require_hub: seller.is_some(), ..Constraints::default() },
        }
    }

    /// The field of this request that a rejection is about.
    pub fn field_of(&self, code: Code) -> Option<&'static str> {
        match code {
            Code::BadQuantity | Code::MinNotional | Code::InsufficientFunds | Code::BadMinFill | Code::Overflow => Some("sizeGb"),
            Code::BadTick | Code::PriceCollar => Some("maxPricePerGbMonth"),
            Code::BadWindow => Some("months"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(more: serde_json::Value) -> StorageRequest {
        let mut body = json!({"content": "00".repeat(32), "tier": "cold", "months": 12});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_content_takes_as_many_whole_gigabytes_as_it_needs() {
        for (bytes, mb) in [(1, 1_000), (1_000_000_000, 1_000), (1_000_000_001, 2_000)] {
            assert_eq!(request(json!({})).quantity(bytes).unwrap().get(), mb, "{bytes} bytes");
        }
        assert_eq!(request(json!({"sizeGb": "1000"})).quantity(5).unwrap().get(), 1_000_000);
        let error = request(json!({"sizeGb": 1})).quantity(1_000_000_001).unwrap_err();
        assert_eq!((error.code(), error.field()), ("bad_value", Some("sizeGb")));
    }

    #[test]
    fn the_limit_is_the_clients_or_a_tenth_above_the_reference() {
        let (reference, tick) = (Price::from_micro_chf(50_001), Price::from_micro_chf(1));
        assert_eq!(request(json!({})).limit(reference, tick).unwrap().micro_chf(), 55_001);
        assert_eq!(request(json!({"maxPricePerGbMonth": "0.05"})).limit(reference, tick).unwrap().micro_chf(), 50_000);
    }
}
