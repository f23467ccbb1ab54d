//! The derived index: ordered sets over entries, so that books, timers and loads are read without scanning tables.
//!
//! Invariant: the index is a function of the entries ([`super::Table::index`]); it is not part of the state root.

use super::{
    ChargeRun, Departure, Exchange, ForecastEntry, HeatLot, HeatLotKey, HeatReservationKey, MarketState, OracleKey, OracleReports, Order,
    Proposal, SlotReading, SlotReadingKey, StorageContract, Trade, TradeStatus,
};
use crate::amount::Quantity;
use crate::hash::Hash;
use crate::ids::{Height, LegId, MemberId, OrderId, OwnerId, PlaceId, ProposalId, TradeId};
use crate::limits::{ORACLE_RETENTION_MS, SLOT_RETENTION_MS};
use crate::member::{Member, MemberStatus, Role};
use crate::time::{MarketTime, Slot};
use crate::transaction::{Market, Pricing, Product, Resource, Side, TimeInForce};

/// What is due at a time (phase 1 of a block), in the order (due, id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerId {
    /// An order expires.
    Order(OrderId),
    /// A trade's deadline passes.
    Trade(TradeId),
    /// A heat lot expires.
    HeatLot(HeatLotKey),
    /// A slot's energy trades in a community are to be settled, or the slot is forgotten.
    Exchange(LegId, Slot),
    /// A slot's increase is forgotten.
    SlotReading(SlotReadingKey),
    /// A slot's forecast is forgotten.
    Forecast(MemberId, Slot),
    /// An energy market closes with the start of its slot; its entry is forgotten.
    Market(Market),
    /// A storage contract's next step is due.
    Storage(TradeId),
    /// What oracles reported of a slot is forgotten.
    OracleReports(OracleKey),
    /// A day begins: a member's standing decays.
    Standing(MemberId),
    /// A dispute's verdict falls.
    Dispute(TradeId),
    /// A proposal's deadline passes.
    Proposal(ProposalId),
    /// A member that left is to be paid out.
    Departure(MemberId),
    /// A month of charges is over.
    Charges,
}

/// One key of the index. The variant's fields are in sort order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexKey {
    /// Something is due.
    Timer {
        /// When.
        due: MarketTime,
        /// What.
        id: TimerId,
    },
    /// An open order in its book, best first: rank is the limit of an ask (the floor of a dynamic one) and `u64::MAX - limit` of a bid.
    Book {
        /// The book.
        market: Market,
        /// The side.
        side: Side,
        /// Price rank, best first.
        rank: u64,
        /// Older first.
        height: Height,
        /// The order.
        order: OrderId,
    },
    /// An open order of an owner in a book, best first.
    OwnerBook {
        /// The owner.
        owner: OwnerId,
        /// The book.
        market: Market,
        /// The side.
        side: Side,
        /// Price rank as in [`IndexKey::Book`].
        rank: u64,
        /// The order.
        order: OrderId,
    },
    /// An open order of a member in a book; counted (see [`super::View::open_orders`]).
    MemberOrder {
        /// The member.
        member: MemberId,
        /// The book.
        market: Market,
        /// The order.
        order: OrderId,
    },
    /// Compute or compute-hours that a member's servers owe by a time: an open ask or a running trade.
    Load {
        /// The seller.
        member: MemberId,
        /// Which of the two.
        resource: Resource,
        /// End of the window.
        until: MarketTime,
        /// Order or trade.
        source: LoadSource,
        /// How much: what is open of an ask, all of a trade.
        energy: Quantity,
    },
    /// Compute or energy that a member owes from its solar plant: an open solar ask or a running solar trade.
    Solar {
        /// The seller.
        member: MemberId,
        /// Last slot of the window.
        last: Slot,
        /// First slot of the window; of a trade not before its match.
        first: Slot,
        /// Order or trade.
        source: LoadSource,
        /// How much.
        energy: Quantity,
    },
    /// An order that may not outlive the block that admitted it.
    Immediate {
        /// The book.
        market: Market,
        /// The order.
        order: OrderId,
    },
    /// A market whose auction is due in the next block although no order may change (see [`MarketState::auction_due`]).
    AuctionDue {
        /// The market.
        market: Market,
    },
    /// Energy that a member promised for a slot: an open energy ask or a running energy trade.
    Promise {
        /// The seller.
        member: MemberId,
        /// The slot.
        slot: Slot,
        /// The block that admitted or matched it: what is new stands together, while ids lie anywhere.
        height: Height,
        /// Order or trade.
        source: LoadSource,
    },
    /// A running trade of a member, as buyer or seller.
    MemberTrade {
        /// The member.
        member: MemberId,
        /// The block of the match.
        height: Height,
        /// The trade.
        trade: TradeId,
    },
    /// A running trade in a market.
    MarketTrade {
        /// The market.
        market: Market,
        /// The trade.
        trade: TradeId,
    },
    /// Storage that a member owes: an open ask or a running contract.
    Held {
        /// The seller.
        member: MemberId,
        /// Order or contract.
        source: LoadSource,
        /// MB: what is open of an ask, all of a contract.
        quantity: Quantity,
    },
    /// A running storage contract of a member, as buyer or seller.
    MemberContract {
        /// The member.
        member: MemberId,
        /// The contract.
        contract: TradeId,
    },
    /// A replica of a buyer's content.
    Replica {
        /// The buyer.
        buyer: MemberId,
        /// What groups the replicas of the content.
        content: Hash,
        /// Its number.
        replica: u8,
        /// The contract.
        contract: TradeId,
    },
    /// A heat lot of which something is free.
    FreeHeat {
        /// Who holds it.
        holder: MemberId,
        /// The earliest expiry first.
        expires_at: MarketTime,
        /// The lot.
        lot: HeatLotKey,
    },
    /// An open ask that reserved a part of a heat lot.
    HeatBehind {
        /// The lot.
        lot: HeatLotKey,
        /// The ask.
        order: OrderId,
    },
    /// An open order of heat against heat, by the pair that it names (MARKET 8).
    Swap {
        /// Who takes the heat.
        buyer: MemberId,
        /// Who gives it.
        seller: MemberId,
        /// The side.
        side: Side,
        /// The order.
        order: OrderId,
    },
    /// The same by the block that admitted it.
    SwapAge {
        /// The block.
        height: Height,
        /// The order.
        order: OrderId,
    },
    /// A proposal that has passed.
    Activation {
        /// The block whose last step makes the change.
        due: Height,
        /// The proposal.
        proposal: ProposalId,
    },
    /// A dynamic ask in a book: it moves with the reference price.
    DynamicAsk {
        /// The book.
        market: Market,
        /// The ask.
        order: OrderId,
    },
    /// A member of a community.
    LegMember {
        /// The community.
        leg: LegId,
        /// The member.
        member: MemberId,
    },
    /// A member that may act in its role.
    ActiveMember {
        /// The role.
        role: Role,
        /// Where it is.
        canton: PlaceId,
        /// The member.
        member: MemberId,
    },
}

/// What loads a member's capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadSource {
    /// An open ask.
    Order(OrderId),
    /// A running trade.
    Trade(TradeId),
}

/// Price rank of an order in its book: ascending rank is best first.
pub fn rank(order: &Order) -> u64 {
    let limit = order.limit().micro_chf();
    match order.terms.side {
        Side::Bid => u64::MAX.saturating_sub(limit),
        Side::Ask => limit,
    }
}

pub(super) fn of_order(id: &OrderId, order: &Order, out: &mut Vec<IndexKey>) {
    let (market, side, rank) = (order.market, order.terms.side, rank(order));
    if let Some(partner) = order.swap_partner() {
        let (buyer, seller) = if side == Side::Bid { (order.member, partner) } else { (partner, order.member) };
        out.push(IndexKey::Swap { buyer, seller, side, order: *id });
        out.push(IndexKey::SwapAge { height: order.height, order: *id });
    } else {
        out.push(IndexKey::Book { market, side, rank, height: order.height, order: *id });
        out.push(IndexKey::OwnerBook { owner: order.owner, market, side, rank, order: *id });
        if side == Side::Ask && order.terms.pricing == Pricing::Dynamic {
            out.push(IndexKey::DynamicAsk { market, order: *id });
        }
    }
    out.push(IndexKey::MemberOrder { member: order.member, market, order: *id });
    if let Some(due) = order.expires_at {
        out.push(IndexKey::Timer { due, id: TimerId::Order(*id) });
    }
    if side == Side::Ask {
        load(order.member, &order.terms.product, order.height, LoadSource::Order(*id), order.open, out);
        if order.terms.solar {
            solar(order.member, &order.terms.product, None, LoadSource::Order(*id), order.open, out);
        }
    }
    if matches!(order.terms.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill) {
        out.push(IndexKey::Immediate { market, order: *id });
    }
}

pub(super) fn of_member(id: &MemberId, member: &Member, out: &mut Vec<IndexKey>) {
    out.extend(member.location.leg.map(|leg| IndexKey::LegMember { leg, member: *id }));
    if member.status == MemberStatus::Active {
        out.push(IndexKey::ActiveMember { role: member.role, canton: member.location.canton, member: *id });
    }
}

pub(super) fn of_trade(id: &TradeId, trade: &Trade, out: &mut Vec<IndexKey>) {
    let height = trade.height;
    out.push(IndexKey::MemberTrade { member: trade.buyer, height, trade: *id });
    if trade.seller != trade.buyer {
        out.push(IndexKey::MemberTrade { member: trade.seller, height, trade: *id });
    }
    if trade.market.resource() == Resource::Energy {
        out.push(IndexKey::MarketTrade { market: trade.market, trade: *id });
    }
    if let Some(due) = trade.deadline {
        out.push(IndexKey::Timer { due, id: TimerId::Trade(*id) });
    }
    if matches!(trade.status, TradeStatus::Pending | TradeStatus::Running) {
        load(trade.seller, &trade.product, trade.height, LoadSource::Trade(*id), trade.quantity, out);
        if trade.solar {
            solar(trade.seller, &trade.product, Some(trade.matched_at), LoadSource::Trade(*id), trade.quantity, out);
        }
    }
}

pub(super) fn of_market(market: &Market, state: &MarketState, out: &mut Vec<IndexKey>) {
    if let Market::Energy { slot, .. } = market
        && let Some(due) = slot.start()
    {
        out.push(IndexKey::Timer { due, id: TimerId::Market(*market) });
    }
    if state.auction_due {
        out.push(IndexKey::AuctionDue { market: *market });
    }
}

/// The slots that a product's window touches, from `earliest` on; `None` for products without a window.
pub fn window_slots(product: &Product, earliest: Option<MarketTime>) -> Option<(Slot, Slot)> {
    match *product {
        Product::Compute { from, until } => {
            let first = earliest.map_or(from, |e| e.max(from)).slot();
            let last = MarketTime::from_ms(until.ms().saturating_sub(1)).slot();
            Some((first, last.max(first)))
        }
        Product::Energy { slot } => Some((slot, slot)),
        Product::ComputeHours { .. } | Product::Storage { .. } | Product::Heat => None,
    }
}

fn solar(member: MemberId, product: &Product, earliest: Option<MarketTime>, source: LoadSource, energy: Quantity, out: &mut Vec<IndexKey>) {
    if let Some((first, last)) = window_slots(product, earliest) {
        out.push(IndexKey::Solar { member, last, first, source, energy });
    }
}

fn load(member: MemberId, product: &Product, height: Height, source: LoadSource, energy: Quantity, out: &mut Vec<IndexKey>) {
    match *product {
        Product::Compute { until, .. } | Product::ComputeHours { until, .. } => {
            out.push(IndexKey::Load { member, resource: product.resource(), until, source, energy });
        }
        Product::Energy { slot } => out.push(IndexKey::Promise { member, slot, height, source }),
        Product::Storage { .. } if matches!(source, LoadSource::Order(_)) => {
            out.push(IndexKey::Held { member, source, quantity: energy });
        }
        // A contract holds storage, not its months' trades.
        Product::Storage { .. } | Product::Heat => {}
    }
}

pub(super) fn of_contract(id: &TradeId, contract: &StorageContract, out: &mut Vec<IndexKey>) {
    let (buyer, seller, id) = (contract.buyer, contract.seller, *id);
    out.push(IndexKey::Timer { due: contract.due, id: TimerId::Storage(id) });
    out.push(IndexKey::Held { member: seller, source: LoadSource::Trade(id), quantity: contract.quantity });
    out.push(IndexKey::MemberContract { member: buyer, contract: id });
    out.push(IndexKey::MemberContract { member: seller, contract: id });
    if let Some(manifest) = contract.manifest {
        out.push(IndexKey::Replica { buyer, content: manifest.content, replica: manifest.replica, contract: id });
    }
}

pub(super) fn of_heat_lot(key: &HeatLotKey, lot: &HeatLot, out: &mut Vec<IndexKey>) {
    out.push(IndexKey::Timer { due: lot.expires_at, id: TimerId::HeatLot(*key) });
    if !lot.free().is_zero() {
        out.push(IndexKey::FreeHeat { holder: key.holder, expires_at: lot.expires_at, lot: *key });
    }
}

pub(super) fn of_heat_reservation(key: &HeatReservationKey, _: &Quantity, out: &mut Vec<IndexKey>) {
    out.push(IndexKey::HeatBehind { lot: key.2, order: key.0 });
}

pub(super) fn of_exchange(key: &(LegId, Slot), exchange: &Exchange, out: &mut Vec<IndexKey>) {
    out.extend(exchange.due.map(|due| IndexKey::Timer { due, id: TimerId::Exchange(key.0, key.1) }));
}

pub(super) fn of_slot_reading(key: &SlotReadingKey, _: &SlotReading, out: &mut Vec<IndexKey>) {
    out.extend(forgotten_at(key.2).map(|due| IndexKey::Timer { due, id: TimerId::SlotReading(*key) }));
}

pub(super) fn of_forecast(key: &(MemberId, Slot), _: &ForecastEntry, out: &mut Vec<IndexKey>) {
    out.extend(forgotten_at(key.1).map(|due| IndexKey::Timer { due, id: TimerId::Forecast(key.0, key.1) }));
}

pub(super) fn of_oracle_reports(key: &OracleKey, _: &OracleReports, out: &mut Vec<IndexKey>) {
    let due = key.2.end().and_then(|end| end.checked_add_ms(ORACLE_RETENTION_MS));
    out.extend(due.map(|due| IndexKey::Timer { due, id: TimerId::OracleReports(*key) }));
}

/// When what is kept by slot leaves the state.
pub fn forgotten_at(slot: Slot) -> Option<MarketTime> {
    slot.end()?.checked_add_ms(SLOT_RETENTION_MS)
}

pub(super) fn of_proposal(id: &ProposalId, proposal: &Proposal, out: &mut Vec<IndexKey>) {
    out.push(match proposal.due {
        None => IndexKey::Timer { due: proposal.deadline, id: TimerId::Proposal(*id) },
        Some(due) => IndexKey::Activation { due, proposal: *id },
    });
}

pub(super) fn of_departure(member: &MemberId, departure: &Departure, out: &mut Vec<IndexKey>) {
    out.push(IndexKey::Timer { due: departure.due, id: TimerId::Departure(*member) });
}

pub(super) fn of_charge_run(_: &(), run: &ChargeRun, out: &mut Vec<IndexKey>) {
    out.push(IndexKey::Timer { due: run.due, id: TimerId::Charges });
}

pub(super) fn none<K, V>(_: &K, _: &V, _: &mut Vec<IndexKey>) {}
