//! Parameters in JSON: what stands there overrides [`Params::standard`].

use crate::conduct::{DisputeDocument, ReputationDocument};
use crate::decimal::DecimalText;
use crate::error::GenesisError;
use leg_ledger::amount::{BasisPoints, MicroChf};
use leg_ledger::ids::Height;
use leg_ledger::params::{Activation, Params, PriceRule, ProtocolVersion, ResourceParams, StorageParams};
use serde::{Deserialize, Serialize};

/// Overrides; a missing field keeps the standard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ParamsDocument {
    activations: Option<Vec<ActivationDocument>>,
    resources: ResourcesDocument,
    /// Share of gross.
    fee: Option<DecimalText>,
    /// Factor: prices lie between base / collar and base x collar.
    price_collar: Option<DecimalText>,
    /// CHF.
    min_notional: Option<DecimalText>,
    max_block_bytes: Option<u32>,
    max_timers: Option<u32>,
    max_member_transactions: Option<u32>,
    max_open_orders: Option<u32>,
    start_window_ms: Option<u64>,
    complete_window_ms: Option<u64>,
    confirm_window_ms: Option<u64>,
    energy_open_ms: Option<u64>,
    exchange_window_ms: Option<u64>,
    readings_window_ms: Option<u64>,
    under_delivery_tolerance: Option<DecimalText>,
    under_delivery_penalty: Option<DecimalText>,
    solar_bonus: Option<DecimalText>,
    capped_reputation: Option<DecimalText>,
    /// CHF.
    capped_open_value: Option<DecimalText>,
    barred_reputation: Option<DecimalText>,
    heat_expiry_months: Option<u32>,
    max_drift_ms: Option<u64>,
    block_interval_ms: Option<u64>,
    idle_interval_ms: Option<u64>,
    storage: StorageDocument,
    oracle: OracleDocument,
    reputation: ReputationDocument,
    disputes: DisputeDocument,
    charges: ChargesDocument,
}

/// Price inputs.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct OracleDocument {
    min_sources: Option<u32>,
    forecast_staleness_ms: Option<u64>,
    grid_staleness_ms: Option<u64>,
}

/// Rules of storage contracts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct StorageDocument {
    max_months: Option<u32>,
    announce_window_ms: Option<u64>,
    first_proof_window_ms: Option<u64>,
    day_ms: Option<u64>,
    challenge_chunks: Option<u32>,
    answer_window_ms: Option<u64>,
    missing_days: Option<u32>,
}

/// Monthly charges, CHF.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct ChargesDocument {
    api_access: Option<DecimalText>,
    certification: Option<DecimalText>,
    support: Option<DecimalText>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ActivationDocument {
    height: u64,
    version: u16,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct ResourcesDocument {
    compute: ResourceDocument,
    compute_hours: ResourceDocument,
    storage: ResourceDocument,
    heat: ResourceDocument,
    energy: ResourceDocument,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct ResourceDocument {
    /// CHF per kWh, hour or GB-month.
    base_price: Option<DecimalText>,
    price_rule: Option<PriceRule>,
    /// kWh, hours or GB-months.
    lot: Option<DecimalText>,
    /// CHF per kWh, hour or GB-month.
    tick: Option<DecimalText>,
}

pub(crate) fn set<T: Copy>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

pub(crate) fn set_share(target: &mut BasisPoints, value: &Option<DecimalText>, field: &str) -> Result<(), GenesisError> {
    if let Some(text) = value {
        *target = text.share(&format!("params.{field}"))?;
    }
    Ok(())
}

pub(crate) fn set_money(target: &mut MicroChf, value: &Option<DecimalText>, field: &str) -> Result<(), GenesisError> {
    if let Some(text) = value {
        *target = text.money(&format!("params.{field}"))?;
    }
    Ok(())
}

impl ParamsDocument {
    /// Every parameter, spelled out.
    pub fn of(p: &Params) -> Self {
        let share = |b: BasisPoints| Some(DecimalText::of_share(b));
        let money = |m: MicroChf| Some(DecimalText::of_money(m));
        let activation = |a: &Activation| ActivationDocument { height: a.height.get(), version: a.version.get() };
        ParamsDocument {
            activations: Some(p.activations.iter().map(activation).collect()),
            resources: ResourcesDocument {
                compute: ResourceDocument::of(&p.resources.compute),
                compute_hours: ResourceDocument::of(&p.resources.compute_hours),
                storage: ResourceDocument::of(&p.resources.storage),
                heat: ResourceDocument::of(&p.resources.heat),
                energy: ResourceDocument::of(&p.resources.energy),
            },
            fee: share(p.fee),
            price_collar: Some(DecimalText::of_factor(p.price_collar)),
            min_notional: money(p.min_notional),
            max_block_bytes: Some(p.max_block_bytes),
            max_timers: Some(p.max_timers),
            max_member_transactions: Some(p.max_member_transactions),
            max_open_orders: Some(p.max_open_orders),
            start_window_ms: Some(p.start_window_ms),
            complete_window_ms: Some(p.complete_window_ms),
            confirm_window_ms: Some(p.confirm_window_ms),
            energy_open_ms: Some(p.energy_open_ms),
            exchange_window_ms: Some(p.exchange_window_ms),
            readings_window_ms: Some(p.readings_window_ms),
            under_delivery_tolerance: share(p.under_delivery_tolerance),
            under_delivery_penalty: share(p.under_delivery_penalty),
            solar_bonus: share(p.solar_bonus),
            capped_reputation: share(p.capped_reputation),
            capped_open_value: money(p.capped_open_value),
            barred_reputation: share(p.barred_reputation),
            heat_expiry_months: Some(p.heat_expiry_months),
            max_drift_ms: Some(p.max_drift_ms),
            block_interval_ms: Some(p.block_interval_ms),
            idle_interval_ms: Some(p.idle_interval_ms),
            storage: StorageDocument::of(&p.storage),
            oracle: OracleDocument {
                min_sources: Some(p.oracle.min_sources),
                forecast_staleness_ms: Some(p.oracle.forecast_staleness_ms),
                grid_staleness_ms: Some(p.oracle.grid_staleness_ms),
            },
            reputation: ReputationDocument::of(&p.reputation),
            disputes: DisputeDocument::of(&p.disputes),
            charges: ChargesDocument {
                api_access: money(p.charges.api_access),
                certification: money(p.charges.certification),
                support: money(p.charges.support),
            },
        }
    }

    /// Overrides what the document names.
    pub fn apply(&self, p: &mut Params) -> Result<(), GenesisError> {
        if let Some(list) = &self.activations {
            let activation =
                |a: &ActivationDocument| Activation { height: Height::new(a.height), version: ProtocolVersion::new(a.version) };
            p.activations = list.iter().map(activation).collect();
        }
        self.resources.compute.apply(&mut p.resources.compute, "compute")?;
        self.resources.compute_hours.apply(&mut p.resources.compute_hours, "computeHours")?;
        self.resources.storage.apply(&mut p.resources.storage, "storage")?;
        self.resources.heat.apply(&mut p.resources.heat, "heat")?;
        self.resources.energy.apply(&mut p.resources.energy, "energy")?;
        self.apply_amounts(p)?;
        set(&mut p.max_block_bytes, self.max_block_bytes);
        set(&mut p.max_timers, self.max_timers);
        set(&mut p.max_member_transactions, self.max_member_transactions);
        set(&mut p.max_open_orders, self.max_open_orders);
        set(&mut p.start_window_ms, self.start_window_ms);
        set(&mut p.complete_window_ms, self.complete_window_ms);
        set(&mut p.confirm_window_ms, self.confirm_window_ms);
        set(&mut p.energy_open_ms, self.energy_open_ms);
        set(&mut p.exchange_window_ms, self.exchange_window_ms);
        set(&mut p.readings_window_ms, self.readings_window_ms);
        set(&mut p.heat_expiry_months, self.heat_expiry_months);
        set(&mut p.max_drift_ms, self.max_drift_ms);
        set(&mut p.block_interval_ms, self.block_interval_ms);
        set(&mut p.idle_interval_ms, self.idle_interval_ms);
        self.storage.apply(&mut p.storage);
        set(&mut p.oracle.min_sources, self.oracle.min_sources);
        set(&mut p.oracle.forecast_staleness_ms, self.oracle.forecast_staleness_ms);
        set(&mut p.oracle.grid_staleness_ms, self.oracle.grid_staleness_ms);
        self.reputation.apply(&mut p.reputation)?;
        self.disputes.apply(&mut p.disputes)
    }

    fn apply_amounts(&self, p: &mut Params) -> Result<(), GenesisError> {
        set_share(&mut p.fee, &self.fee, "fee")?;
        if let Some(text) = &self.price_collar {
            p.price_collar = text.factor("params.priceCollar")?;
        }
        set_money(&mut p.min_notional, &self.min_notional, "minNotional")?;
        set_share(&mut p.under_delivery_tolerance, &self.under_delivery_tolerance, "underDeliveryTolerance")?;
        set_share(&mut p.under_delivery_penalty, &self.under_delivery_penalty, "underDeliveryPenalty")?;
        set_share(&mut p.solar_bonus, &self.solar_bonus, "solarBonus")?;
        set_share(&mut p.capped_reputation, &self.capped_reputation, "cappedReputation")?;
        set_money(&mut p.capped_open_value, &self.capped_open_value, "cappedOpenValue")?;
        set_share(&mut p.barred_reputation, &self.barred_reputation, "barredReputation")?;
        set_money(&mut p.charges.api_access, &self.charges.api_access, "charges.apiAccess")?;
        set_money(&mut p.charges.certification, &self.charges.certification, "charges.certification")?;
        set_money(&mut p.charges.support, &self.charges.support, "charges.support")
    }
}

impl StorageDocument {
    fn of(p: &StorageParams) -> Self {
        StorageDocument {
            max_months: Some(p.max_months),
            announce_window_ms: Some(p.announce_window_ms),
            first_proof_window_ms: Some(p.first_proof_window_ms),
            day_ms: Some(p.day_ms),
            challenge_chunks: Some(p.challenge_chunks),
            answer_window_ms: Some(p.answer_window_ms),
            missing_days: Some(p.missing_days),
        }
    }

    fn apply(&self, p: &mut StorageParams) {
        set(&mut p.max_months, self.max_months);
        set(&mut p.announce_window_ms, self.announce_window_ms);
        set(&mut p.first_proof_window_ms, self.first_proof_window_ms);
        set(&mut p.day_ms, self.day_ms);
        set(&mut p.challenge_chunks, self.challenge_chunks);
        set(&mut p.answer_window_ms, self.answer_window_ms);
        set(&mut p.missing_days, self.missing_days);
    }
}

impl ResourceDocument {
    fn of(p: &ResourceParams) -> Self {
        ResourceDocument {
            base_price: Some(DecimalText::of_price(p.base)),
            price_rule: Some(p.rule),
            lot: Some(DecimalText::of_quantity(p.lot)),
            tick: Some(DecimalText::of_price(p.tick)),
        }
    }

    fn apply(&self, p: &mut ResourceParams, name: &str) -> Result<(), GenesisError> {
        let field = |field: &str| format!("params.resources.{name}.{field}");
        if let Some(text) = &self.base_price {
            p.base = text.price(&field("basePrice"))?;
        }
        if let Some(text) = &self.lot {
            p.lot = text.quantity(&field("lot"))?;
        }
        if let Some(text) = &self.tick {
            p.tick = text.price(&field("tick"))?;
        }
        set(&mut p.rule, self.price_rule);
        Ok(())
    }
}
