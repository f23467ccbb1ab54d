//! Events as a client reads them.

use super::super::heat::PartAnswer;
use super::super::number::Exact;
use super::super::time;
use super::super::trade::SettlementAnswer;
use leg_ledger::ids::ProposalId;
use leg_ledger::member::{KeyRole, MemberStatus};
use leg_ledger::receipt::{CancelReason, Event, OrderEnd, ProposalEnd, VerdictBasis};
use leg_ledger::state::{OracleInput, PriceParts, StorageEnd};
use leg_ledger::transaction::{HeatPart, HeatPurpose, Market, Resource};
use serde::Serialize;
use utoipa::ToSchema;

/// What happened in a block without being an action itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum EventAnswer {
    /// An order left the book.
    OrderEnded {
        /// The order.
        order_id: String,
        /// Why.
        #[schema(value_type = String)]
        end: OrderEnd,
        /// What was still open.
        #[schema(value_type = f64)]
        open_quantity: Exact,
    },
    /// A transaction began.
    Matched {
        /// The transaction.
        transaction_id: String,
        /// The bid.
        bid_order_id: String,
        /// Buyer.
        buyer: String,
        /// Seller.
        seller: String,
        /// What is traded.
        #[schema(value_type = String)]
        resource: Resource,
        /// kWh, hours or GB-months.
        #[schema(value_type = f64)]
        quantity: Exact,
        /// Francs per unit.
        #[schema(value_type = f64)]
        price_per_unit_chf: Exact,
    },
    /// The seller started.
    Started {
        /// The transaction.
        transaction_id: String,
    },
    /// The seller's meter completed.
    Delivered {
        /// The transaction.
        transaction_id: String,
        /// What was delivered.
        #[schema(value_type = f64)]
        quantity: Exact,
    },
    /// The buyer confirmed, or was silent.
    Confirmed {
        /// The transaction.
        transaction_id: String,
        /// By silence.
        silent: bool,
    },
    /// Paid.
    Settled {
        /// The transaction.
        transaction_id: String,
        /// What moved.
        settlement: Box<SettlementAnswer>,
    },
    /// Refunded.
    Cancelled {
        /// The transaction.
        transaction_id: String,
        /// Why.
        #[schema(value_type = String)]
        reason: CancelReason,
    },
    /// A reference price for a slot.
    Reference {
        /// What is traded.
        #[schema(value_type = String)]
        resource: Resource,
        /// Community of energy.
        leg: Option<String>,
        /// First instant of the slot.
        slot: String,
        /// Francs per unit.
        #[schema(value_type = f64)]
        price_per_unit_chf: Exact,
        /// s, for the solar forecast, basis points.
        supply: i32,
        /// g, for the grid level, basis points.
        grid: i32,
        /// d, for resting bids against resting asks, basis points.
        demand: i32,
    },
    /// An auction had fills.
    Auction {
        /// What is traded.
        #[schema(value_type = String)]
        resource: Resource,
        /// Community of energy.
        leg: Option<String>,
        /// First instant of the slot of energy.
        slot: Option<String>,
        /// Clearing price, or price of the last fill.
        #[schema(value_type = f64)]
        price_per_unit_chf: Exact,
        /// What filled.
        #[schema(value_type = f64)]
        quantity: Exact,
    },
    /// The markets of a resource were halted.
    Halted {
        /// What is traded.
        #[schema(value_type = String)]
        resource: Resource,
    },
    /// A member's key changed.
    KeyRotated {
        /// The member.
        hub_id: String,
        /// Which key.
        #[schema(value_type = String)]
        role: KeyRole,
    },
    /// The grid operator corrected what a register increased in a slot.
    Corrected {
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
        /// Booked back to buyers of settled transactions.
        #[schema(value_type = f64)]
        booked_chf: Exact,
    },
    /// A dispute was opened.
    Disputed {
        /// The transaction.
        transaction_id: String,
        /// By whom.
        opener: String,
        /// What the opener says was delivered.
        #[schema(value_type = f64)]
        claimed: Exact,
        /// Frozen until the verdict.
        #[schema(value_type = f64)]
        value_chf: Exact,
    },
    /// A dispute ended.
    Decided {
        /// The transaction.
        transaction_id: String,
        /// What counts as delivered.
        #[schema(value_type = f64)]
        quantity: Exact,
        /// What decided.
        #[schema(value_type = String)]
        basis: VerdictBasis,
        /// Whose side did not prevail.
        loser: Option<String>,
    },
    /// An ask shrank because its solar forecast fell, or heat behind it expired.
    Shrunk {
        /// The order.
        order_id: String,
        /// What is still open.
        #[schema(value_type = f64)]
        open_quantity: Exact,
    },
    /// A month of a storage contract began.
    StorageMonth {
        /// The contract.
        contract_id: String,
        /// From 1.
        month: u32,
        /// The month's transaction.
        transaction_id: String,
        /// Set aside for it.
        #[schema(value_type = f64)]
        escrow_chf: Exact,
    },
    /// The buyer announced what is to be stored.
    StorageAnnounced {
        /// The contract.
        contract_id: String,
        /// BLAKE3 root of the encrypted content.
        root: String,
        /// Its bytes.
        bytes: u64,
    },
    /// A storage challenge was drawn.
    StorageChallenged {
        /// The contract.
        contract_id: String,
        /// Its day; 0 for the first proof.
        day: u32,
        /// What picks the chunks.
        seed: String,
        /// A proof at this time or later comes too late.
        due: String,
    },
    /// A storage challenge was answered in full.
    StorageProved {
        /// The contract.
        contract_id: String,
        /// Its day.
        day: u32,
    },
    /// A storage challenge was missed.
    StorageMissed {
        /// The contract.
        contract_id: String,
        /// Its day.
        day: u32,
        /// Missed since the last one that was answered.
        in_row: u32,
    },
    /// A party gave notice.
    StorageNotice {
        /// The contract.
        contract_id: String,
        /// Who.
        party: String,
    },
    /// A storage contract ended.
    StorageEnded {
        /// The contract.
        contract_id: String,
        /// Why.
        #[schema(value_type = String)]
        end: StorageEnd,
    },
    /// Heat credits changed hands without a transaction.
    HeatTransferred {
        /// Who gave them.
        from: String,
        /// Who has them now.
        to: String,
        /// kWh thermal.
        #[schema(value_type = f64)]
        quantity_kwh: Exact,
    },
    /// Heat credits were retired.
    HeatRetired {
        /// Who retired them.
        hub_id: String,
        /// Who used the heat.
        used_by: String,
        /// What for.
        #[schema(value_type = String)]
        purpose: HeatPurpose,
        /// kWh thermal.
        #[schema(value_type = f64)]
        quantity_kwh: Exact,
    },
    /// What was left of a heat lot expired.
    HeatExpired {
        /// Who held it.
        hub_id: String,
        /// The part of the lot.
        lot: PartAnswer,
    },
    /// A price input had too few fresh sources; its adjustment is 0.
    InputMissing {
        /// `solar-forecast` or `grid-level`.
        #[schema(value_type = String)]
        input: OracleInput,
        /// Of which zone.
        zone: String,
        /// First instant of the slot.
        slot: String,
        /// Sources that counted.
        sources: u32,
    },
    /// A proposal entered.
    Proposed {
        /// The proposal.
        proposal_id: String,
        /// Who proposed it.
        hub_id: String,
    },
    /// A vote.
    Voted {
        /// The proposal.
        proposal_id: String,
        /// Who.
        hub_id: String,
        /// For it or against it.
        approve: bool,
    },
    /// Two thirds approve.
    Passed {
        /// The proposal.
        proposal_id: String,
    },
    /// A proposal ended.
    ProposalEnded {
        /// The proposal.
        proposal_id: String,
        /// `activated`, `rejected`, `expired`, `withdrawn` or `failed`.
        end: String,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// A member joined, or its status changed.
    MemberStatus {
        /// The member.
        hub_id: String,
        /// `active`, `suspended` or `left`.
        #[schema(value_type = String)]
        status: MemberStatus,
    },
    /// Another committee decides from a height on.
    CommitteeChanged {
        /// The first height.
        height: u64,
    },
    /// The markets of a resource accept orders again.
    Reopened {
        /// What is traded.
        #[schema(value_type = String)]
        resource: Resource,
    },
    /// A protocol version is announced.
    VersionAnnounced {
        /// The version.
        version: u16,
        /// First height under it.
        height: u64,
    },
    /// The month's charges of a member.
    Charged {
        /// The member.
        hub_id: String,
        /// What is charged.
        #[schema(value_type = f64)]
        amount_chf: Exact,
        /// The part that became debt.
        #[schema(value_type = f64)]
        debt_chf: Exact,
    },
    /// The balance of a member that left was paid out.
    PaidOut {
        /// The member.
        hub_id: String,
        /// How much.
        #[schema(value_type = f64)]
        amount_chf: Exact,
    },
}

fn ended(proposal: &ProposalId, end: &ProposalEnd) -> EventAnswer {
    let (end, code) = match end {
        ProposalEnd::Activated => ("activated", None),
        ProposalEnd::Rejected => ("rejected", None),
        ProposalEnd::Expired => ("expired", None),
        ProposalEnd::Withdrawn => ("withdrawn", None),
        ProposalEnd::Failed(code) => ("failed", Some(code.name().to_owned())),
    };
    EventAnswer::ProposalEnded { proposal_id: proposal.to_string(), end: end.to_owned(), code }
}

fn place(market: &Market) -> (Resource, Option<String>, Option<String>) {
    match market {
        Market::Energy { leg, slot } => (Resource::Energy, Some(leg.to_string()), Some(time::slot_text(*slot))),
        other => (other.resource(), None, None),
    }
}

impl From<&Event> for EventAnswer {
    fn from(event: &Event) -> Self {
        match event {
            Event::OrderEnded { order, end, open } => {
                EventAnswer::OrderEnded { order_id: order.to_string(), end: *end, open_quantity: Exact::quantity(*open) }
            }
            Event::Matched { trade, bid, buyer, seller, market, quantity, price } => EventAnswer::Matched {
                transaction_id: trade.to_string(),
                bid_order_id: bid.to_string(),
                buyer: buyer.to_string(),
                seller: seller.to_string(),
                resource: market.resource(),
                quantity: Exact::quantity(*quantity),
                price_per_unit_chf: Exact::price(*price),
            },
            Event::Started { trade } => EventAnswer::Started { transaction_id: trade.to_string() },
            Event::Delivered { trade, quantity } => {
                EventAnswer::Delivered { transaction_id: trade.to_string(), quantity: Exact::quantity(*quantity) }
            }
            Event::Confirmed { trade, silent } => EventAnswer::Confirmed { transaction_id: trade.to_string(), silent: *silent },
            Event::Settled { trade, settlement } => {
                EventAnswer::Settled { transaction_id: trade.to_string(), settlement: Box::new(SettlementAnswer::new(settlement)) }
            }
            Event::Cancelled { trade, reason } => EventAnswer::Cancelled { transaction_id: trade.to_string(), reason: *reason },
            Event::Reference { market, slot, price, parts } => {
                let (resource, leg, _) = place(market);
                let PriceParts { supply, grid, demand } = *parts;
                let price_per_unit_chf = Exact::price(*price);
                EventAnswer::Reference { resource, leg, slot: time::slot_text(*slot), price_per_unit_chf, supply, grid, demand }
            }
            Event::Auction { market, price, quantity } => {
                let (resource, leg, slot) = place(market);
                EventAnswer::Auction { resource, leg, slot, price_per_unit_chf: Exact::price(*price), quantity: Exact::quantity(*quantity) }
            }
            Event::Halted { resource } => EventAnswer::Halted { resource: *resource },
            Event::KeyRotated { member, role } => EventAnswer::KeyRotated { hub_id: member.to_string(), role: *role },
            Event::Corrected { member, register, slot, increase, booked } => EventAnswer::Corrected {
                hub_id: member.to_string(),
                register: *register,
                slot: time::slot_text(*slot),
                increase_kwh: Exact::quantity(*increase),
                booked_chf: Exact::chf(*booked),
            },
            Event::Disputed { trade, opener, claimed, value } => EventAnswer::Disputed {
                transaction_id: trade.to_string(),
                opener: opener.to_string(),
                claimed: Exact::quantity(*claimed),
                value_chf: Exact::chf(*value),
            },
            Event::Decided { trade, verdict } => EventAnswer::Decided {
                transaction_id: trade.to_string(),
                quantity: Exact::quantity(verdict.quantity),
                basis: verdict.basis,
                loser: verdict.loser.map(|loser| loser.to_string()),
            },
            Event::Proposed { proposal, member } => EventAnswer::Proposed { proposal_id: proposal.to_string(), hub_id: member.to_string() },
            Event::Voted { proposal, member, approve } => {
                EventAnswer::Voted { proposal_id: proposal.to_string(), hub_id: member.to_string(), approve: *approve }
            }
            Event::Passed { proposal } => EventAnswer::Passed { proposal_id: proposal.to_string() },
            Event::ProposalEnded { proposal, end } => ended(proposal, end),
            Event::MemberStatus { member, status } => EventAnswer::MemberStatus { hub_id: member.to_string(), status: *status },
            Event::CommitteeChanged { height } => EventAnswer::CommitteeChanged { height: height.get() },
            Event::Reopened { resource } => EventAnswer::Reopened { resource: *resource },
            Event::VersionAnnounced { version, height } => EventAnswer::VersionAnnounced { version: version.get(), height: height.get() },
            Event::Charged { member, amount, debt } => {
                EventAnswer::Charged { hub_id: member.to_string(), amount_chf: Exact::chf(*amount), debt_chf: Exact::chf(*debt) }
            }
            Event::PaidOut { member, amount } => EventAnswer::PaidOut { hub_id: member.to_string(), amount_chf: Exact::chf(*amount) },
            Event::Shrunk { order, open } => EventAnswer::Shrunk { order_id: order.to_string(), open_quantity: Exact::quantity(*open) },
            Event::StorageMonth { contract, month, trade, escrow } => EventAnswer::StorageMonth {
                contract_id: contract.to_string(),
                month: *month,
                transaction_id: trade.to_string(),
                escrow_chf: Exact::chf(*escrow),
            },
            Event::StorageAnnounced { contract, root, size } => {
                EventAnswer::StorageAnnounced { contract_id: contract.to_string(), root: root.to_string(), bytes: *size }
            }
            Event::StorageChallenged { contract, day, seed, due } => EventAnswer::StorageChallenged {
                contract_id: contract.to_string(),
                day: *day,
                seed: seed.to_string(),
                due: time::text(*due),
            },
            Event::StorageProved { contract, day } => EventAnswer::StorageProved { contract_id: contract.to_string(), day: *day },
            Event::StorageMissed { contract, day, in_row } => {
                EventAnswer::StorageMissed { contract_id: contract.to_string(), day: *day, in_row: *in_row }
            }
            Event::StorageNotice { contract, party } => {
                EventAnswer::StorageNotice { contract_id: contract.to_string(), party: party.to_string() }
            }
            Event::StorageEnded { contract, end } => EventAnswer::StorageEnded { contract_id: contract.to_string(), end: *end },
            Event::HeatTransferred { from, to, quantity } => {
                EventAnswer::HeatTransferred { from: from.to_string(), to: to.to_string(), quantity_kwh: Exact::quantity(*quantity) }
            }
            Event::HeatRetired { member, used_by, purpose, quantity } => EventAnswer::HeatRetired {
                hub_id: member.to_string(),
                used_by: used_by.to_string(),
                purpose: *purpose,
                quantity_kwh: Exact::quantity(*quantity),
            },
            Event::InputMissing { input, zone, slot, sources } => {
                EventAnswer::InputMissing { input: *input, zone: zone.to_string(), slot: time::slot_text(*slot), sources: *sources }
            }
            Event::HeatExpired { lot, quantity } => {
                let part = HeatPart { producer: lot.producer, slot: lot.slot, trade: lot.trade, quantity: *quantity };
                EventAnswer::HeatExpired { hub_id: lot.holder.to_string(), lot: PartAnswer::from(&part) }
            }
        }
    }
}
