//! An order as a client writes it.

use super::super::error::ApiError;
use super::super::extract::member_id;
use super::super::number::DecimalText;
use super::super::time::TimeText;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::decimal::{parse_price, parse_quantity, parse_share};
use leg_ledger::hash::Hash;
use leg_ledger::limits::MAX_SETTLEMENT_METHODS;
use leg_ledger::member::{Country, DistanceTier};
use leg_ledger::receipt::Code;
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{
    Constraints, PlaceOrder, Pricing, Product, ReplaceOrder, Resource, SettlementMethod, SettlementMethods, Side, TimeInForce,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// An order (MARKET 4).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderRequest {
    /// `bid` (default) buys, `ask` sells.
    #[serde(default = "bid")]
    #[schema(value_type = String, example = "bid")]
    pub side: Side,
    /// `compute`, `compute-hours`, `storage`, `heat` or `energy`.
    #[schema(value_type = String, example = "compute")]
    pub resource: Resource,
    /// kWh of compute, heat and energy; hours; GB of storage.
    pub quantity: DecimalText,
    /// Calendar months of storage: the term of a bid, the longest term of an ask.
    pub months: Option<u32>,
    /// Limit in francs per kWh, hour or GB-month: the most that a bid pays, or the least that an ask takes.
    pub max_price_per_unit_chf: Option<DecimalText>,
    /// The same limit under the name that fits an ask. Exactly one of the two is given.
    pub min_price_per_unit_chf: Option<DecimalText>,
    /// When compute may run; the next 24 hours by default.
    pub window: Option<WindowRequest>,
    /// The slot of energy: its first instant, or its number.
    pub slot: Option<TimeText>,
    /// `GTC` (default), `GTT`, `IOC`, or for bids `FOK`.
    pub time_in_force: Option<TimeInForceName>,
    /// End of a `GTT` order.
    pub good_till: Option<TimeText>,
    /// Least size of each fill, in the unit of `quantity`.
    pub min_fill: Option<DecimalText>,
    /// Accepted ways to settle, preferred first; `["credits"]` by default.
    #[schema(value_type = Option<Vec<String>>, example = json!(["credits"]))]
    pub settlement: Option<Vec<SettlementMethod>>,
    /// `fixed` (default), or for asks `dynamic`: the reference price with the seller's premium, the limit as floor.
    #[schema(value_type = Option<String>)]
    pub pricing: Option<Pricing>,
    /// A bid may fill at several sellers.
    #[serde(default)]
    pub split: bool,
    /// An ask is backed by the hub's solar forecast.
    #[serde(default)]
    pub solar: bool,
    /// With whom.
    pub constraints: Option<ConstraintsRequest>,
    /// Hash of the description of the job that a bid for compute or compute-hours is for, 64 hex digits.
    pub job: Option<String>,
}

/// Hash of a job's description.
///
/// # Errors
/// 422 that names `field`.
pub fn job_hash(text: &str, field: &str) -> Result<Hash, ApiError> {
    Hash::from_hex(text).ok_or_else(|| ApiError::bad_value(field, "a hash has 64 lower-case hex digits"))
}

fn bid() -> Side {
    Side::Bid
}

/// When compute may run: [from, until), market time.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowRequest {
    /// Earliest start.
    pub from: TimeText,
    /// End.
    pub until: TimeText,
}

/// How long an order stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub enum TimeInForceName {
    /// Until cancelled, or its window has passed.
    #[serde(rename = "GTC")]
    Gtc,
    /// Until `goodTill`.
    #[serde(rename = "GTT")]
    Gtt,
    /// What does not fill at once is cancelled.
    #[serde(rename = "IOC")]
    Ioc,
    /// Fills whole at once or not at all.
    #[serde(rename = "FOK")]
    Fok,
}

/// With whom an order is willing to trade.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstraintsRequest {
    /// Preferred counterparty.
    pub hub_id: Option<String>,
    /// Only the preferred counterparty.
    #[serde(default)]
    pub require_hub: bool,
    /// Least reputation of the counterparty, 0..1.
    pub min_reputation: Option<DecimalText>,
    /// Furthest counterparty: `building`, `transformer-circuit`, `municipality`, `canton` or `country`.
    #[schema(value_type = Option<String>)]
    pub max_distance: Option<DistanceTier>,
    /// Only counterparties in this country, two letters of ISO 3166.
    pub country: Option<String>,
}

const MAX_PRICE: &str = "maxPricePerUnitChf";
const MIN_PRICE: &str = "minPricePerUnitChf";

impl OrderRequest {
    /// As an action; `now` is the market time from which a default window runs.
    ///
    /// # Errors
    /// What is wrong, with its field. What the rules say of amounts and balances is asked by the ledger.
    pub fn place_order(&self, now: MarketTime) -> Result<PlaceOrder, ApiError> {
        let product = self.product(now)?;
        Ok(PlaceOrder {
            side: self.side,
            product,
            quantity: amount(&self.quantity, "quantity")?,
            limit: self.limit()?,
            time_in_force: self.time_in_force()?,
            min_fill: self.min_fill.as_ref().map_or(Ok(Quantity::ZERO), |text| amount(text, "minFill"))?,
            settlement: self.settlement()?,
            pricing: self.pricing.unwrap_or(Pricing::Fixed),
            split: self.split,
            solar: self.solar,
            constraints: self.constraints.as_ref().map_or(Ok(Constraints::default()), ConstraintsRequest::constraints)?,
            job: self.job.as_deref().map(|text| job_hash(text, "job")).transpose()?,
        })
    }

    fn product(&self, now: MarketTime) -> Result<Product, ApiError> {
        let takes = |given: bool, field: &str, of: &str, resources: &[Resource]| match given && !resources.contains(&self.resource) {
            true => Err(ApiError::bad_value(field, format!("only an order for {of} has it"))),
            false => Ok(()),
        };
        takes(self.window.is_some(), "window", "compute", &[Resource::Compute, Resource::ComputeHours])?;
        takes(self.slot.is_some(), "slot", "energy", &[Resource::Energy])?;
        takes(self.months.is_some(), "months", "storage", &[Resource::Storage])?;
        match self.resource {
            Resource::Compute => self.window(now).map(|(from, until)| Product::Compute { from, until }),
            Resource::ComputeHours => self.window(now).map(|(from, until)| Product::ComputeHours { from, until }),
            Resource::Storage => self.months.map(|months| Product::Storage { months }).ok_or_else(|| ApiError::missing("months")),
            Resource::Heat => Ok(Product::Heat),
            Resource::Energy => {
                let slot = self.slot.as_ref().ok_or_else(|| ApiError::missing("slot"))?.slot("slot")?;
                Ok(Product::Energy { slot })
            }
        }
    }

    fn window(&self, now: MarketTime) -> Result<(MarketTime, MarketTime), ApiError> {
        let Some(window) = &self.window else {
            let until = now.checked_add_ms(DAY_MS).ok_or_else(|| ApiError::bad_value("window", "the end is out of range"))?;
            return Ok((now, until));
        };
        Ok((window.from.market_time("window.from")?, window.until.market_time("window.until")?))
    }

    fn limit(&self) -> Result<Price, ApiError> {
        let (text, field) = match (&self.max_price_per_unit_chf, &self.min_price_per_unit_chf) {
            (Some(text), None) => (text, MAX_PRICE),
            (None, Some(_)) if self.side == Side::Bid => {
                return Err(ApiError::bad_value(MIN_PRICE, "a bid is limited by maxPricePerUnitChf"));
            }
            (None, Some(text)) => (text, MIN_PRICE),
            (None, None) => return Err(ApiError::missing(self.price_field())),
            (Some(_), Some(_)) => return Err(ApiError::bad_value(MIN_PRICE, "give the limit under one of its two names only")),
        };
        text.parse(parse_price).map_err(|error| ApiError::decimal(field, error))
    }

    fn price_field(&self) -> &'static str {
        if self.min_price_per_unit_chf.is_some() { MIN_PRICE } else { MAX_PRICE }
    }

    fn time_in_force(&self) -> Result<TimeInForce, ApiError> {
        match (self.time_in_force, &self.good_till) {
            (Some(TimeInForceName::Gtt), Some(time)) => time.market_time("goodTill").map(TimeInForce::GoodTillTime),
            (Some(TimeInForceName::Gtt), None) => Err(ApiError::missing("goodTill")),
            (_, Some(_)) => Err(ApiError::bad_value("goodTill", "only an order with timeInForce GTT has it")),
            (None | Some(TimeInForceName::Gtc), None) => Ok(TimeInForce::GoodTillCancelled),
            (Some(TimeInForceName::Ioc), None) => Ok(TimeInForce::ImmediateOrCancel),
            (Some(TimeInForceName::Fok), None) => Ok(TimeInForce::FillOrKill),
        }
    }

    fn settlement(&self) -> Result<SettlementMethods, ApiError> {
        let Some(methods) = &self.settlement else { return Ok(SettlementMethod::Credits.only()) };
        if (1..=MAX_SETTLEMENT_METHODS).contains(&methods.len()) {
            return Ok(methods.iter().copied().collect());
        }
        Err(ApiError::bad_value("settlement", format!("1 to {MAX_SETTLEMENT_METHODS} methods are possible")))
    }

    /// The field of this request that a rejection is about.
    pub fn field_of(&self, code: Code) -> Option<&'static str> {
        match code {
            Code::BadQuantity | Code::MinNotional | Code::InsufficientFunds | Code::InsufficientCapacity | Code::Overflow => {
                Some("quantity")
            }
            Code::BadTick | Code::PriceCollar => Some(self.price_field()),
            Code::BadWindow => Some(if self.months.is_some() { "months" } else { "window" }),
            Code::SlotClosed => Some("slot"),
            Code::MarketHalted | Code::NoCommunity => Some("resource"),
            Code::BadMinFill => Some("minFill"),
            Code::BadSettlement => Some("settlement"),
            Code::BadTimeInForce => Some(if self.good_till.is_some() { "goodTill" } else { "timeInForce" }),
            Code::BadPricing => Some("pricing"),
            Code::BadConstraints => Some("constraints"),
            Code::InsufficientForecast => Some("solar"),
            Code::InsufficientHeat | Code::TooManyLots => Some("quantity"),
            Code::SwapPrice => Some(self.price_field()),
            Code::SwapPartner => Some("constraints"),
            Code::NoMachines => Some("resource"),
            Code::JobNotDue => Some("job"),
            _ => None,
        }
    }
}

/// A quantity in state units: of storage what is held, GB-months of each month.
fn amount(text: &DecimalText, field: &str) -> Result<Quantity, ApiError> {
    text.parse(parse_quantity).map_err(|error| ApiError::decimal(field, error))
}

impl ConstraintsRequest {
    /// As the ledger has them.
    ///
    /// # Errors
    /// What is wrong, with its field.
    pub fn constraints(&self) -> Result<Constraints, ApiError> {
        let hub = self.hub_id.as_deref().map(|text| member_id(text, "constraints.hubId")).transpose()?;
        let reputation = self.min_reputation.as_ref().map(|text| text.parse(parse_share)).transpose();
        let country = self.country.as_deref().map(|text| {
            Country::parse(text).ok_or_else(|| ApiError::bad_value("constraints.country", "a country is two upper-case letters"))
        });
        Ok(Constraints {
            hub,
            require_hub: self.require_hub,
            min_reputation: reputation.map_err(|error| ApiError::decimal("constraints.minReputation", error))?,
            max_distance: self.max_distance,
            country: country.transpose()?,
        })
    }
}

/// A new total and a new limit for an open order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceRequest {
    /// The new total, what filled already included.
    pub quantity: DecimalText,
    /// The new limit.
    pub max_price_per_unit_chf: Option<DecimalText>,
    /// The same under the name that fits an ask. Exactly one of the two is given.
    pub min_price_per_unit_chf: Option<DecimalText>,
}

impl ReplaceRequest {
    /// As an action on an open order.
    ///
    /// # Errors
    /// What is wrong, with its field.
    pub fn replace_order(&self, order: leg_ledger::ids::OrderId) -> Result<ReplaceOrder, ApiError> {
        let quantity = amount(&self.quantity, "quantity")?;
        let (text, field) = match (&self.max_price_per_unit_chf, &self.min_price_per_unit_chf) {
            (Some(text), None) => (text, MAX_PRICE),
            (None, Some(text)) => (text, MIN_PRICE),
            (None, None) => return Err(ApiError::missing(MAX_PRICE)),
            (Some(_), Some(_)) => return Err(ApiError::bad_value(MIN_PRICE, "give the limit under one of its two names only")),
        };
        let limit = text.parse(parse_price).map_err(|error| ApiError::decimal(field, error))?;
        Ok(ReplaceOrder { order, quantity, limit })
    }

    /// The field of this request that a rejection is about.
    pub fn field_of(&self, code: Code) -> Option<&'static str> {
        match code {
            Code::UnknownOrder => Some("id"),
            Code::BadTick | Code::PriceCollar if self.min_price_per_unit_chf.is_some() => Some(MIN_PRICE),
            Code::BadTick | Code::PriceCollar => Some(MAX_PRICE),
            _ => Some("quantity"),
        }
    }
}

/// Several orders under one signature.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 256 orders, admitted in this order.
    pub orders: Vec<OrderRequest>,
    /// All are admitted or none; fills are not part of it.
    #[serde(default)]
    pub atomic: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn place(body: Value) -> Result<PlaceOrder, ApiError> {
        let request: OrderRequest = serde_json::from_value(body).unwrap();
        request.place_order(MarketTime::from_ms(1_000))
    }

    #[test]
    fn scenario_1_needs_three_fields() {
        let order = place(json!({"resource": "compute", "quantity": 10, "maxPricePerUnitChf": "0.20"})).unwrap();
        assert_eq!(order.side, Side::Bid);
        assert_eq!((order.quantity.get(), order.limit.micro_chf()), (10_000, 200_000));
        let window = Product::Compute { from: MarketTime::from_ms(1_000), until: MarketTime::from_ms(1_000 + DAY_MS) };
        assert_eq!(order.product, window);
        assert_eq!(order.settlement.as_slice(), [SettlementMethod::Credits]);
    }

    #[test]
    fn scenario_2_names_gigabytes_and_months() {
        let order = place(json!({"resource": "storage", "quantity": "1000", "months": 12, "maxPricePerUnitChf": 0.05})).unwrap();
        assert_eq!(order.quantity, Quantity::new(1_000_000));
        assert_eq!(order.product, Product::Storage { months: 12 });
    }

    #[test]
    fn everything_an_order_can_say_is_understood() {
        let order = place(json!({
            "side": "ask", "resource": "energy", "quantity": "1.25", "minPricePerUnitChf": "0.1", "slot": 2_000_000,
            "timeInForce": "GTT", "goodTill": "2027-01-01T00:00:00Z", "minFill": 0.5, "settlement": ["heat", "credits"],
            "pricing": "dynamic", "split": true, "solar": true,
            "constraints": {"hubId": "hub-02", "requireHub": true, "minReputation": 0.82, "maxDistance": "municipality", "country": "CH"},
        }))
        .unwrap();
        assert_eq!((order.side, order.pricing, order.split, order.solar), (Side::Ask, Pricing::Dynamic, true, true));
        assert_eq!(order.min_fill, Quantity::new(500));
        assert_eq!(order.settlement.as_slice(), [SettlementMethod::Heat, SettlementMethod::Credits]);
        assert_eq!(order.constraints.min_reputation.map(|r| r.get()), Some(8_200));
        assert_eq!(order.constraints.max_distance, Some(DistanceTier::Municipality));
        assert!(matches!(order.time_in_force, TimeInForce::GoodTillTime(_)));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let compute = |more: Value| {
            let mut body = json!({"resource": "compute", "quantity": "10", "maxPricePerUnitChf": "0.2"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let table = [
            (compute(json!({"quantity": "-10"})), "negative", "quantity"),
            (compute(json!({"quantity": 10.0001})), "too_precise", "quantity"),
            (compute(json!({"quantity": "1e99999"})), "too_large", "quantity"),
            (compute(json!({"quantity": "ten"})), "not_a_number", "quantity"),
            (compute(json!({"maxPricePerUnitChf": "0.1234567"})), "too_precise", "maxPricePerUnitChf"),
            (compute(json!({"maxPricePerUnitChf": null})), "missing_field", "maxPricePerUnitChf"),
            (compute(json!({"minPricePerUnitChf": "0.1"})), "bad_value", "minPricePerUnitChf"),
            (compute(json!({"minFill": "-1"})), "negative", "minFill"),
            (compute(json!({"slot": 12})), "bad_value", "slot"),
            (compute(json!({"months": 12})), "bad_value", "months"),
            (compute(json!({"timeInForce": "GTT"})), "missing_field", "goodTill"),
            (compute(json!({"goodTill": 5})), "bad_value", "goodTill"),
            (compute(json!({"settlement": []})), "bad_value", "settlement"),
            (compute(json!({"window": {"from": "noon", "until": 5}})), "bad_value", "window.from"),
            (compute(json!({"constraints": {"hubId": "Hub 2"}})), "bad_value", "constraints.hubId"),
            (compute(json!({"constraints": {"minReputation": 82}})), "out_of_range", "constraints.minReputation"),
            (compute(json!({"constraints": {"country": "ch"}})), "bad_value", "constraints.country"),
            (json!({"resource": "energy", "quantity": 1, "maxPricePerUnitChf": 1}), "missing_field", "slot"),
            (json!({"resource": "storage", "quantity": 1, "maxPricePerUnitChf": 1}), "missing_field", "months"),
        ];
        for (body, code, field) in table {
            let error = place(body.clone()).unwrap_err();
            assert_eq!((error.code(), error.field()), (code, Some(field)), "{body}");
        }
    }
}
