//! Parameters of a network: set by genesis, changed by governance. Read as after h-1 by block h.

mod parameter;

pub use parameter::Parameter;

use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::ids::Height;
use crate::time::{DAY_MS, HOUR_MS, MarketClock};
use crate::transaction::Resource;
use serde::{Deserialize, Serialize};

/// How a market's price is formed (MARKET 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceRule {
    /// Each fill at the ask's effective price.
    Seller,
    /// One price for all fills of an auction.
    Uniform,
}

/// Parameters of one resource's markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceParams {
    /// Base price per priced unit; the collar and the reference price follow it.
    pub base: Price,
    /// Price rule.
    pub rule: PriceRule,
    /// Quantities are multiples of it.
    pub lot: Quantity,
    /// Prices are multiples of it.
    pub tick: Price,
}

/// Parameters of every resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceTable {
    /// Compute, kWh.
    pub compute: ResourceParams,
    /// Compute-hours.
    pub compute_hours: ResourceParams,
    /// Storage, GB-months.
    pub storage: ResourceParams,
    /// Heat, kWh thermal.
    pub heat: ResourceParams,
    /// Energy, kWh.
    pub energy: ResourceParams,
}

impl ResourceTable {
    /// Parameters of one resource, to change.
    pub fn of_mut(&mut self, resource: Resource) -> &mut ResourceParams {
        match resource {
            Resource::Compute => &mut self.compute,
            Resource::ComputeHours => &mut self.compute_hours,
            Resource::Storage => &mut self.storage,
            Resource::Heat => &mut self.heat,
            Resource::Energy => &mut self.energy,
        }
    }

    /// Parameters of one resource.
    pub fn of(&self, resource: Resource) -> &ResourceParams {
        match resource {
            Resource::Compute => &self.compute,
            Resource::ComputeHours => &self.compute_hours,
            Resource::Storage => &self.storage,
            Resource::Heat => &self.heat,
            Resource::Energy => &self.energy,
        }
    }
}

/// Which rules are in force from which height on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProtocolVersion(u16);

impl ProtocolVersion {
    /// The first and, so far, only rules.
    pub const V1: ProtocolVersion = ProtocolVersion(1);

    /// A version by number.
    pub const fn new(version: u16) -> Self {
        ProtocolVersion(version)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// What the network charges a member each month of market time, micro-CHF (MARKET 11); zero for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Charges {
    /// API access: of active hubs and customers.
    pub api_access: MicroChf,
    /// Certification: of active hubs with certified capacity.
    pub certification: MicroChf,
    /// Support: of active hubs.
    pub support: MicroChf,
}

/// A change of rules: `version` is in force for every block of height >= `height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// First height under the version.
    pub height: Height,
    /// The rules.
    pub version: ProtocolVersion,
}

/// Parameters of reputation (MARKET 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReputationParams {
    /// The value that counts as one in (good + 8) / (total + 10).
    pub unit: MicroChf,
    /// Least length of an attendance period, market ms.
    pub attendance_ms: u64,
}

/// Parameters of disputes (MARKET 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeParams {
    /// Bond of a party, of the disputed value.
    pub bond: BasisPoints,
    /// Least bond.
    pub min_bond: MicroChf,
    /// Evidence is taken this long after the opening, market ms; votes from then on.
    pub evidence_window_ms: u64,
    /// The verdict falls at most this long after the opening, market ms.
    pub verdict_window_ms: u64,
    /// Claims that differ from the registers by more than this share are decided by the registers.
    pub metered_tolerance: BasisPoints,
    /// A grid operator corrects a slot until this long after its end, market ms.
    pub correction_window_ms: u64,
}

/// Rules of storage contracts (MARKET 7). Times are market ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageParams {
    /// Longest term, calendar months.
    pub max_months: u32,
    /// The buyer announces its content within this time after the match.
    pub announce_window_ms: u64,
    /// The seller proves that it has the content within this time after the announcement.
    pub first_proof_window_ms: u64,
    /// Time from one challenge to the next.
    pub day_ms: u64,
    /// Chunks of a challenge, 1 to 32.
    pub challenge_chunks: u32,
    /// A challenge is answered within this time.
    pub answer_window_ms: u64,
    /// So many missed challenges in a row end the contract.
    pub missing_days: u32,
}

impl StorageParams {
    /// The rules of MARKET 7.
    pub const STANDARD: StorageParams = StorageParams {
        max_months: 120,
        announce_window_ms: DAY_MS,
        first_proof_window_ms: DAY_MS.saturating_mul(3),
        day_ms: DAY_MS,
        challenge_chunks: 32,
        answer_window_ms: 300_000,
        missing_days: 7,
    };
}

/// Price inputs (MARKET 5, 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleParams {
    /// Sources of different owners that an input needs.
    pub min_sources: u32,
    /// A solar forecast counts if it was reported at most this long before its slot, market ms.
    pub forecast_staleness_ms: u64,
    /// A grid level counts if it was reported, and is for a slot that began, at most this long before the slot that it is read for, market ms.
    pub grid_staleness_ms: u64,
}

/// Parameters of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Versions in ascending height; the first MUST be at height 1 or below.
    pub activations: Vec<Activation>,
    /// Market time.
    pub clock: MarketClock,
    /// Products and their prices.
    pub resources: ResourceTable,
    /// Network fee, basis points of gross (200..500).
    pub fee: BasisPoints,
    /// Prices lie between base x 10 000 / collar and base x collar / 10 000; 100 000 is ten times.
    pub price_collar: BasisPoints,
    /// Least value of an order.
    pub min_notional: MicroChf,
    /// Most encoded bytes of a block.
    pub max_block_bytes: u32,
    /// Most due timers of phase 1 in one block.
    pub max_timers: u32,
    /// Most transactions of one member in one block.
    pub max_member_transactions: u32,
    /// Most open orders of one member in one market.
    pub max_open_orders: u32,
    /// Start deadline after the later of match and window start, market ms.
    pub start_window_ms: u64,
    /// Completion deadline after `until`, market ms.
    pub complete_window_ms: u64,
    /// Confirmation window after completion, market ms.
    pub confirm_window_ms: u64,
    /// Energy slots open this long before they start, market ms.
    pub energy_open_ms: u64,
    /// A local-exchange report is waited for this long after its slot's end, market ms.
    pub exchange_window_ms: u64,
    /// Seller's deadline for the readings of an energy slot after its end, market ms.
    pub readings_window_ms: u64,
    /// Under-delivery up to this share of the ordered quantity costs nothing.
    pub under_delivery_tolerance: BasisPoints,
    /// Penalty on the value of what is missing beyond the tolerance.
    pub under_delivery_penalty: BasisPoints,
    /// Bonus on gross for solar-only delivery, paid from penalties only.
    pub solar_bonus: BasisPoints,
    /// Under this reputation a member's open value is capped.
    pub capped_reputation: BasisPoints,
    /// The cap.
    pub capped_open_value: MicroChf,
    /// Under this reputation a member places no new orders.
    pub barred_reputation: BasisPoints,
    /// Heat lots expire this many calendar months after issue.
    pub heat_expiry_months: u32,
    /// Drift of a fresh block's time from a voter's clock, ms of block time.
    pub max_drift_ms: u64,
    /// Least time between blocks, ms of block time.
    pub block_interval_ms: u64,
    /// Longest time without a block when there is nothing to do, ms of block time.
    pub idle_interval_ms: u64,
    /// Storage contracts.
    pub storage: StorageParams,
    /// Price inputs.
    pub oracle: OracleParams,
    /// Reputation.
    pub reputation: ReputationParams,
    /// Disputes.
    pub disputes: DisputeParams,
    /// Monthly charges.
    pub charges: Charges,
}

impl Params {
    /// The version in force at a height.
    pub fn version_at(&self, height: Height) -> ProtocolVersion {
        self.activations.iter().rev().find(|a| a.height <= height).map_or(ProtocolVersion::V1, |a| a.version)
    }

    /// The rules of MARKET with the base prices of its section 5; the starting point of every genesis.
    pub fn standard(clock: MarketClock) -> Self {
        let kwh = |base: u64, rule| ResourceParams {
            base: Price::from_micro_chf(base),
            rule,
            lot: Quantity::new(10),
            tick: Price::from_micro_chf(100),
        };
        Params {
            activations: vec![Activation { height: Height::new(1), version: ProtocolVersion::V1 }],
            clock,
            resources: ResourceTable {
                compute: kwh(150_000, PriceRule::Seller),
                compute_hours: kwh(50_000, PriceRule::Seller),
                storage: ResourceParams {
                    base: Price::from_micro_chf(50_000),
                    rule: PriceRule::Seller,
                    lot: Quantity::new(1_000),
                    tick: Price::from_micro_chf(1),
                },
                heat: kwh(80_000, PriceRule::Uniform),
                energy: kwh(180_000, PriceRule::Uniform),
            },
            fee: BasisPoints::new(500),
            price_collar: BasisPoints::new(100_000),
            min_notional: MicroChf::new(1_000),
            max_block_bytes: crate::limits::DEFAULT_BLOCK_BYTES,
            max_timers: 4_096,
            max_member_transactions: 4_096,
            max_open_orders: 10_000,
            start_window_ms: HOUR_MS,
            complete_window_ms: HOUR_MS,
            confirm_window_ms: DAY_MS,
            energy_open_ms: DAY_MS.saturating_mul(7),
            exchange_window_ms: DAY_MS.saturating_mul(5),
            readings_window_ms: DAY_MS,
            under_delivery_tolerance: BasisPoints::new(200),
            under_delivery_penalty: BasisPoints::new(1_000),
            solar_bonus: BasisPoints::new(100),
            capped_reputation: BasisPoints::new(4_000),
            capped_open_value: MicroChf::new(100_000_000),
            barred_reputation: BasisPoints::new(2_000),
            heat_expiry_months: 12,
            max_drift_ms: 2_000,
            block_interval_ms: 50,
            idle_interval_ms: 1_000,
            storage: StorageParams::STANDARD,
            oracle: OracleParams { min_sources: 3, forecast_staleness_ms: DAY_MS, grid_staleness_ms: HOUR_MS },
            reputation: ReputationParams { unit: MicroChf::new(1_000_000), attendance_ms: HOUR_MS },
            disputes: DisputeParams {
                bond: BasisPoints::new(200),
                min_bond: MicroChf::new(1_000_000),
                evidence_window_ms: DAY_MS.saturating_mul(2),
                verdict_window_ms: DAY_MS.saturating_mul(7),
                metered_tolerance: BasisPoints::new(200),
                correction_window_ms: DAY_MS.saturating_mul(30),
            },
            charges: Charges::default(),
        }
    }
}
