//! Actions as a client reads them.

use super::super::heat::PartAnswer;
use super::super::number::Exact;
use super::super::time;
use super::super::trade::DeliveredAnswer;
use leg_ledger::amount::Quantity;
use leg_ledger::member::{DistanceTier, KeyRole};
use leg_ledger::time::Slot;
use leg_ledger::transaction::{
    Action, AnnounceManifest, Change, Constraints, HeatPurpose, HeatSelection, PlaceOrder, Pricing, Product, Resource, SettlementMethod,
    Side, StorageTier, TimeInForce,
};
use serde::Serialize;
use utoipa::ToSchema;

/// With whom an order is willing to trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConstraintsAnswer {
    /// Preferred counterparty.
    pub hub_id: Option<String>,
    /// Only that one.
    pub require_hub: bool,
    /// Least reputation, 0..1.
    #[schema(value_type = Option<f64>)]
    pub min_reputation: Option<Exact>,
    /// Furthest distance.
    #[schema(value_type = Option<String>)]
    pub max_distance: Option<DistanceTier>,
    /// Country.
    pub country: Option<String>,
}

impl ConstraintsAnswer {
    fn new(constraints: &Constraints) -> Self {
        ConstraintsAnswer {
            hub_id: constraints.hub.map(|hub| hub.to_string()),
            require_hub: constraints.require_hub,
            min_reputation: constraints.min_reputation.map(Exact::share),
            max_distance: constraints.max_distance,
            country: constraints.country.map(String::from),
        }
    }
}

/// An order as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TermsAnswer {
    /// Buys or sells.
    #[schema(value_type = String)]
    pub side: Side,
    /// What is traded.
    #[schema(value_type = String)]
    pub resource: Resource,
    /// kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// Limit in francs per unit.
    #[schema(value_type = f64)]
    pub limit_price_per_unit_chf: Exact,
    /// Start of the window or slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Months of storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub months: Option<u32>,
    /// `GTC`, `GTT`, `IOC` or `FOK`.
    pub time_in_force: String,
    /// End of a `GTT` order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_till: Option<String>,
    /// Least size of each fill.
    #[schema(value_type = f64)]
    pub min_fill: Exact,
    /// Accepted ways to settle.
    #[schema(value_type = Vec<String>)]
    pub settlement: Vec<SettlementMethod>,
    /// `fixed` or `dynamic`.
    #[schema(value_type = String)]
    pub pricing: Pricing,
    /// May fill at several sellers.
    pub split: bool,
    /// Backed by the solar forecast.
    pub solar: bool,
    /// With whom.
    pub constraints: ConstraintsAnswer,
    /// Hash of the job's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl TermsAnswer {
    /// An order's terms.
    pub fn new(terms: &PlaceOrder) -> Self {
        let (from, until, months) = product_fields(&terms.product);
        TermsAnswer {
            side: terms.side,
            resource: terms.product.resource(),
            quantity: Exact::quantity(terms.quantity),
            limit_price_per_unit_chf: Exact::price(terms.limit),
            from,
            until,
            months,
            time_in_force: time_in_force_name(terms.time_in_force).to_owned(),
            good_till: match terms.time_in_force {
                TimeInForce::GoodTillTime(time) => Some(time::text(time)),
                _ => None,
            },
            min_fill: Exact::quantity(terms.min_fill),
            settlement: terms.settlement.to_vec(),
            pricing: terms.pricing,
            split: terms.split,
            solar: terms.solar,
            constraints: ConstraintsAnswer::new(&terms.constraints),
            job: terms.job.map(|hash| hash.to_string()),
        }
    }
}

/// Start and end of an order's window or slot, and its months.
pub fn product_fields(product: &Product) -> (Option<String>, Option<String>, Option<u32>) {
    match product {
        Product::Compute { from, until } | Product::ComputeHours { from, until } => {
            (Some(time::text(*from)), Some(time::text(*until)), None)
        }
        Product::Storage { months } => (None, None, Some(*months)),
        Product::Heat => (None, None, None),
        Product::Energy { slot } => (Some(time::slot_text(*slot)), slot.end().map(time::text), None),
    }
}

/// The name of a time in force.
pub fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::GoodTillCancelled => "GTC",
        TimeInForce::GoodTillTime(_) => "GTT",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
    }
}

/// An action of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ActionAnswer {
    /// Places an order.
    PlaceOrder {
        /// Its terms.
        order: Box<TermsAnswer>,
    },
    /// Cancels an order.
    CancelOrder {
        /// The order.
        order_id: String,
    },
    /// Replaces an order.
    ReplaceOrder {
        /// The order.
        order_id: String,
        /// New total.
        #[schema(value_type = f64)]
        quantity: Exact,
        /// New limit.
        #[schema(value_type = f64)]
        limit_price_per_unit_chf: Exact,
    },
    /// The seller starts.
    Start {
        /// The marketplace's transaction.
        transaction_id: String,
    },
    /// The seller's meter completes.
    Complete {
        /// The marketplace's transaction.
        transaction_id: String,
        /// Claimed by slot.
        delivered: Vec<DeliveredAnswer>,
        /// Heat by slot.
        heat: Vec<DeliveredAnswer>,
        /// Number of new readings.
        readings: usize,
    },
    /// The buyer confirms.
    Confirm {
        /// The marketplace's transaction.
        transaction_id: String,
    },
    /// The seller cancels.
    Cancel {
        /// The marketplace's transaction.
        transaction_id: String,
    },
    /// Meter readings.
    Readings {
        /// How many.
        readings: usize,
    },
    /// A community's local exchange.
    Exchange {
        /// The community.
        leg: String,
        /// First instant of the slot.
        slot: String,
        /// kWh.
        #[schema(value_type = f64)]
        energy_kwh: Exact,
    },
    /// A solar forecast.
    Forecast {
        /// kWh by slot.
        slots: Vec<DeliveredAnswer>,
    },
    /// A key is replaced.
    RotateKey {
        /// Which.
        #[schema(value_type = String)]
        role: KeyRole,
        /// By this one.
        key: String,
    },
    /// A grid operator corrects what a register increased in a slot.
    Correct {
        /// Whose register.
        hub_id: String,
        /// Which.
        #[schema(value_type = String)]
        register: Resource,
        /// First instant of the slot.
        slot: String,
        /// What it truly increased, kWh.
        #[schema(value_type = f64)]
        increase_kwh: Exact,
    },
    /// A hub is there.
    Heartbeat,
    /// A party disputes what was delivered.
    Dispute {
        /// The marketplace's transaction.
        transaction_id: String,
        /// What it says was delivered.
        #[schema(value_type = f64)]
        claimed: Exact,
    },
    /// A party of a dispute names its evidence.
    Evidence {
        /// The marketplace's transaction.
        transaction_id: String,
        /// Salted hashes.
        hashes: Vec<String>,
    },
    /// A party of a dispute gives in.
    Concede {
        /// The marketplace's transaction.
        transaction_id: String,
    },
    /// A vote on a dispute.
    VoteDispute {
        /// The marketplace's transaction.
        transaction_id: String,
        /// For the opener, else for the respondent.
        for_opener: bool,
    },
    /// A committee member asks for a halt.
    HaltMarket {
        /// Of this resource.
        #[schema(value_type = String)]
        resource: Resource,
    },
    /// The buyer announces what a storage contract is to store.
    AnnounceManifest {
        /// The contract.
        contract_id: String,
        /// BLAKE3 root of the encrypted content.
        root: String,
        /// Its bytes.
        bytes: u64,
        /// `hot` or `cold`.
        #[schema(value_type = String)]
        tier: StorageTier,
        /// Which replica, from 0.
        replica: u8,
        /// Of how many.
        replicas: u8,
    },
    /// The seller answers a storage challenge.
    ProveStorage {
        /// The contract.
        contract_id: String,
        /// The challenge's day.
        day: u32,
        /// How many chunks.
        chunks: usize,
    },
    /// A party ends a storage contract.
    TerminateStorage {
        /// The contract.
        contract_id: String,
    },
    /// Heat credits are given away.
    TransferHeat {
        /// To whom.
        to: String,
        /// kWh thermal from the lots that expire first.
        #[schema(value_type = Option<f64>)]
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity_kwh: Option<Exact>,
        /// Or these parts.
        parts: Vec<PartAnswer>,
    },
    /// Heat credits are retired.
    RetireHeat {
        /// Who used the heat.
        used_by: String,
        /// What for.
        #[schema(value_type = String)]
        purpose: HeatPurpose,
        /// kWh thermal from the lots that expire first.
        #[schema(value_type = Option<f64>)]
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity_kwh: Option<Exact>,
        /// Or these parts.
        parts: Vec<PartAnswer>,
    },
    /// An oracle forecasts a zone's solar energy.
    ReportSolar {
        /// The zone.
        zone: String,
        /// kWh by slot.
        slots: Vec<DeliveredAnswer>,
    },
    /// The level of a zone's grid.
    ReportGridLevel {
        /// The zone.
        zone: String,
        /// -1 to 3 by slot.
        levels: Vec<LevelAnswer>,
    },
    /// A change is proposed.
    Propose {
        /// The change.
        #[schema(value_type = Object)]
        change: Box<Change>,
        /// Votes count before this time.
        deadline: String,
        /// First height at which it is in force.
        activation_height: u64,
    },
    /// A vote.
    Vote {
        /// The proposal.
        proposal_id: String,
        /// For it or against it.
        approve: bool,
    },
    /// A proposal is taken back.
    WithdrawProposal {
        /// The proposal.
        proposal_id: String,
    },
}

/// A grid level in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LevelAnswer {
    /// First instant of the slot.
    pub slot: String,
    /// -1 to 3.
    pub level: i32,
}

/// The quantity or the parts of a selection.
fn selected(heat: &HeatSelection) -> (Option<Exact>, Vec<PartAnswer>) {
    match heat {
        HeatSelection::Earliest(quantity) => (Some(Exact::quantity(*quantity)), Vec::new()),
        HeatSelection::Parts(parts) => (None, parts.iter().map(PartAnswer::from).collect()),
    }
}

impl From<&Action> for ActionAnswer {
    fn from(action: &Action) -> Self {
        match action {
            Action::PlaceOrder(terms) => ActionAnswer::PlaceOrder { order: Box::new(TermsAnswer::new(terms)) },
            Action::CancelOrder { order } => ActionAnswer::CancelOrder { order_id: order.to_string() },
            Action::ReplaceOrder(replace) => ActionAnswer::ReplaceOrder {
                order_id: replace.order.to_string(),
                quantity: Exact::quantity(replace.quantity),
                limit_price_per_unit_chf: Exact::price(replace.limit),
            },
            Action::StartTrade { trade } => ActionAnswer::Start { transaction_id: trade.to_string() },
            Action::CompleteTrade(done) => ActionAnswer::Complete {
                transaction_id: done.trade.to_string(),
                delivered: by_slot(&done.delivered),
                heat: by_slot(&done.heat),
                readings: done.readings.len(),
            },
            Action::ConfirmTrade { trade } => ActionAnswer::Confirm { transaction_id: trade.to_string() },
            Action::CancelTrade { trade } => ActionAnswer::Cancel { transaction_id: trade.to_string() },
            Action::SubmitReadings { readings } => ActionAnswer::Readings { readings: readings.len() },
            Action::ReportExchange { leg, slot, energy } => {
                ActionAnswer::Exchange { leg: leg.to_string(), slot: time::slot_text(*slot), energy_kwh: Exact::quantity(*energy) }
            }
            Action::ForecastSolar { slots } => ActionAnswer::Forecast { slots: by_slot(slots) },
            Action::RotateKey(rotate) => ActionAnswer::RotateKey { role: rotate.role, key: rotate.key.to_string() },
            Action::CorrectReading(correction) => ActionAnswer::Correct {
                hub_id: correction.member.to_string(),
                register: correction.register,
                slot: time::slot_text(correction.slot),
                increase_kwh: Exact::quantity(correction.increase),
            },
            Action::Heartbeat => ActionAnswer::Heartbeat,
            Action::DisputeTrade { trade, claimed } => {
                ActionAnswer::Dispute { transaction_id: trade.to_string(), claimed: Exact::quantity(*claimed) }
            }
            Action::SubmitEvidence { trade, hashes } => {
                ActionAnswer::Evidence { transaction_id: trade.to_string(), hashes: hashes.iter().map(ToString::to_string).collect() }
            }
            Action::ConcedeDispute { trade } => ActionAnswer::Concede { transaction_id: trade.to_string() },
            Action::VoteDispute { trade, for_opener } => {
                ActionAnswer::VoteDispute { transaction_id: trade.to_string(), for_opener: *for_opener }
            }
            Action::HaltMarket { resource } => ActionAnswer::HaltMarket { resource: *resource },
            Action::AnnounceManifest(AnnounceManifest { contract, manifest }) => ActionAnswer::AnnounceManifest {
                contract_id: contract.to_string(),
                root: manifest.root.to_string(),
                bytes: manifest.size,
                tier: manifest.tier,
                replica: manifest.replica,
                replicas: manifest.replicas,
            },
            Action::ProveStorage(proof) => {
                ActionAnswer::ProveStorage { contract_id: proof.contract.to_string(), day: proof.day, chunks: proof.chunks.len() }
            }
            Action::TerminateStorage { contract } => ActionAnswer::TerminateStorage { contract_id: contract.to_string() },
            Action::TransferHeat { to, heat } => {
                let (quantity_kwh, parts) = selected(heat);
                ActionAnswer::TransferHeat { to: to.to_string(), quantity_kwh, parts }
            }
            Action::ReportSolar { zone, slots } => ActionAnswer::ReportSolar { zone: zone.to_string(), slots: by_slot(slots) },
            Action::ReportGridLevel { zone, levels } => {
                let level = |(slot, level): &(Slot, i32)| LevelAnswer { slot: time::slot_text(*slot), level: *level };
                ActionAnswer::ReportGridLevel { zone: zone.to_string(), levels: levels.iter().map(level).collect() }
            }
            Action::RetireHeat(retire) => {
                let (quantity_kwh, parts) = selected(&retire.heat);
                ActionAnswer::RetireHeat { used_by: retire.used_by.to_string(), purpose: retire.purpose, quantity_kwh, parts }
            }
            Action::Propose(propose) => ActionAnswer::Propose {
                change: Box::new(propose.change.clone()),
                deadline: time::text(propose.deadline),
                activation_height: propose.activation.get(),
            },
            Action::Vote(vote) => ActionAnswer::Vote { proposal_id: vote.proposal.to_string(), approve: vote.approve },
            Action::WithdrawProposal { proposal } => ActionAnswer::WithdrawProposal { proposal_id: proposal.to_string() },
        }
    }
}

fn by_slot(slots: &[(Slot, Quantity)]) -> Vec<DeliveredAnswer> {
    slots.iter().map(|(slot, quantity)| DeliveredAnswer { slot: time::slot_text(*slot), quantity: Exact::quantity(*quantity) }).collect()
}
