//! The market a second time: written from `docs/market.md` alone, naively, to be compared with the ledger after each block.
//!
//! ```text
//! block (time, parent, transactions) ──┬──> leg_ledger::execute ──> receipts, accounts, orders, trades
//!                                      └──> Model ──> the same, predicted          Model::compare finds the first difference
//! ```
//!
//! * It reads the ledger's *types* (what was signed, who is registered, which parameters are in force) and calls none of its rules: amounts are
//!   plain integers, hashes are BLAKE3 calls, every list is sorted anew, every auction looks at every order.
//! * It holds an auction for every market in every block, where the ledger holds one only where something changed. That both agree shows that
//!   the ledger misses no pair.
//! * It knows orders and trades of compute and energy with their meters, forecasts, halts, heat credits, references and reputations; the other actions stop it.
//! * Bounds that small histories do not reach are left out: timers a block, checks an auction, candidates a bid.

mod auction;
mod backing;
mod compare;
mod meters;
mod money;
mod orders;
mod reputation;
mod settle;
mod timers;
mod trades;

use leg_genesis::Genesis;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{LegId, MemberId, OrderId, TradeId};
use leg_ledger::member::{KeyRole, Member, MemberStatus, Role};
use leg_ledger::params::Params;
use leg_ledger::receipt::Code;
use leg_ledger::state::{Members, TradeStatus, View};
use leg_ledger::transaction::{Action, Market, PlaceOrder, Product, Resource, SignedTransaction};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const SLOT_MS: u64 = 900_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Money and heat of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Purse {
    free: u64,
    reserved: u64,
    escrow: u64,
    debt: u64,
    heat: u64,
}

/// What belongs to nobody, or to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Common {
    fee: u64,
    penalties: u64,
    heat_issued: u64,
    heat_expired: u64,
}

#[derive(Clone, Debug)]
struct Order {
    member: MemberId,
    market: Market,
    terms: PlaceOrder,
    open: u64,
    reserved: u64,
    seller: Option<MemberId>,
    height: u64,
    placed_at: u64,
    nonce: u64,
    action: u16,
    expires: u64,
}

#[derive(Clone, Debug)]
struct Trade {
    market: Market,
    buyer: MemberId,
    seller: MemberId,
    /// (Wh, price) in the order in which they were made.
    fills: Vec<(u64, u64)>,
    quantity: u64,
    product: Product,
    solar: bool,
    escrow: u64,
    fee: u64,
    status: TradeStatus,
    matched_at: u64,
    deadline: Option<u64>,
    delivered: Vec<(u64, u64)>,
    heat: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Register {
    sequence: u64,
    slot: u64,
    wh: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct SlotReading {
    increase: u64,
    claimed: u64,
    settled: u64,
    issued: u64,
}

#[derive(Clone, Copy, Debug)]
struct Exchange {
    reported: Option<u64>,
    report_deadline: u64,
    waiting: u64,
    ready: u64,
    metered: u64,
    settled: u64,
    due: Option<u64>,
}

/// Key of a lot of heat: producer (and holder), slot, trade.
type LotKey = (MemberId, u64, TradeId);

/// The whole market. Times are market ms, quantities Wh, money micro-CHF.
#[derive(Clone, Debug)]
pub struct Model {
    params: Params,
    members: BTreeMap<MemberId, Member>,
    committee: BTreeSet<MemberId>,
    purses: BTreeMap<MemberId, Purse>,
    common: Common,
    orders: BTreeMap<OrderId, Order>,
    trades: BTreeMap<TradeId, Trade>,
    last_price: BTreeMap<Market, u64>,
    references: BTreeMap<(Resource, Option<LegId>), u64>,
    /// References as after the parent: what this block's prices follow.
    references_before: BTreeMap<(Resource, Option<LegId>), u64>,
    reference_slot: u64,
    halt_votes: BTreeMap<Resource, BTreeSet<MemberId>>,
    halted: BTreeSet<Resource>,
    registers: BTreeMap<(MemberId, Resource), Register>,
    readings: BTreeMap<(MemberId, Resource, u64), SlotReading>,
    exchanges: BTreeMap<(LegId, u64), Exchange>,
    forecasts: BTreeMap<(MemberId, u64), u64>,
    lots: BTreeMap<LotKey, (u64, u64)>,
    conduct: BTreeMap<MemberId, reputation::Conduct>,
    conduct_day: u64,
    period: Option<reputation::Period>,
    remarks: Vec<reputation::Remark>,
    height: u64,
    now: u64,
    parent: Hash,
}

/// What a block is made of, for the model.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its height.
    pub height: u64,
    /// Market time, ms.
    pub now: u64,
    /// Id of its parent.
    pub parent: Hash,
}

/// A predicted receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// The transaction.
    pub transaction: Hash,
    /// Index of the action.
    pub action: u16,
    /// What becomes of it.
    pub code: Code,
}

/// Where an action comes from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    transaction: Hash,
    signer: MemberId,
    nonce: u64,
    action: u16,
}

impl Model {
    /// The market before the first block.
    pub fn new(genesis: &Genesis) -> Model {
        let state = genesis.state();
        let members: BTreeMap<MemberId, Member> = state.range::<Members>(..).map(|(id, m)| (*id, m.clone())).collect();
        let opening = |id: &MemberId| {
            let account = state.get::<leg_ledger::state::Accounts>(id).copied().unwrap_or_default();
            Purse { free: account.free.get(), ..Purse::default() }
        };
        let params = genesis.params().clone();
        Model {
            purses: members.keys().map(|id| (*id, opening(id))).collect(),
            committee: genesis.committee().members().iter().map(|m| m.member).collect(),
            now: params.clock.origin.ms(),
            params,
            members,
            common: Common::default(),
            orders: BTreeMap::new(),
            trades: BTreeMap::new(),
            last_price: BTreeMap::new(),
            references: BTreeMap::new(),
            references_before: BTreeMap::new(),
            reference_slot: 0,
            halt_votes: BTreeMap::new(),
            halted: BTreeSet::new(),
            registers: BTreeMap::new(),
            readings: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            forecasts: BTreeMap::new(),
            lots: BTreeMap::new(),
            conduct: BTreeMap::new(),
            conduct_day: 0,
            period: None,
            remarks: Vec::new(),
            height: 0,
            parent: Hash::ZERO,
        }
    }

    /// Plays a block: timers, transactions in canonical order, auctions, references, reputations (MARKET 3). Returns the receipts in order.
    pub fn block(&mut self, facts: Facts, transactions: &[SignedTransaction]) -> Vec<Predicted> {
        (self.height, self.now, self.parent) = (facts.height, facts.now, facts.parent);
        self.references_before = self.references.clone();
        self.run_timers();
        let mut ordered: Vec<&SignedTransaction> = transactions.iter().collect();
        ordered.sort_by_key(|t| (self.place(t.body.signer), t.body.signer, t.body.nonce));
        let mut receipts = Vec::new();
        for transaction in ordered {
            self.run_transaction(transaction, &mut receipts);
        }
        self.run_auctions();
        self.update_references();
        self.update_reputations();
        receipts
    }

    /// MARKET 2: `blake3(domain, parent hash, member id)`.
    fn place(&self, member: MemberId) -> [u8; 32] {
        blake3::derive_key("leg ledger v1 member order", &[self.parent.as_bytes().as_slice(), member.as_bytes()].concat())
    }

    fn run_transaction(&mut self, transaction: &SignedTransaction, receipts: &mut Vec<Predicted>) {
        let body = &transaction.body;
        let before = self.clone();
        let first = receipts.len();
        let mut failed = false;
        for (action, index) in body.actions.iter().zip(0_u16..) {
            let origin = Origin { transaction: transaction.id().hash(), signer: body.signer, nonce: body.nonce.get(), action: index };
            let saved = self.clone();
            let result = if failed && body.atomic { Err(Code::AtomicSibling) } else { self.act(&origin, action) };
            if result.is_err() {
                *self = saved;
                failed = true;
            }
            let code = result.err().unwrap_or(Code::Ok);
            receipts.push(Predicted { transaction: origin.transaction, action: index, code });
        }
        if failed && body.atomic {
            *self = before;
            receipts[first..].iter_mut().filter(|r| r.code == Code::Ok).for_each(|r| r.code = Code::AtomicSibling);
        }
    }

    fn act(&mut self, origin: &Origin, action: &Action) -> Result<(), Code> {
        if self.members.get(&origin.signer).is_none_or(|m| m.status != MemberStatus::Active) && !ends_something(action) {
            return Err(Code::MemberInactive);
        }
        match action {
            Action::PlaceOrder(terms) => self.place_order(origin, terms.clone(), None),
            Action::ReplaceOrder(replace) => self.replace_order(origin, replace),
            Action::CancelOrder { order } => self.cancel_order(origin, *order),
            Action::StartTrade { trade } => self.start(origin, *trade),
            Action::CompleteTrade(done) => self.complete(origin, done),
            Action::ConfirmTrade { trade } => self.confirm(origin, *trade),
            Action::CancelTrade { trade } => self.cancel_trade(origin, *trade),
            Action::SubmitReadings { readings } => self.submit_readings(origin, readings),
            Action::ReportExchange { leg, slot, energy } => self.report_exchange(origin, *leg, slot.get(), energy.get()),
            Action::ForecastSolar { slots } => {
                let slots: Vec<(u64, u64)> = slots.iter().map(|(slot, wh)| (slot.get(), wh.get())).collect();
                self.forecast(origin, &slots)
            }
            Action::HaltMarket { resource } => self.halt(origin, *resource),
            // Which key signs is no matter of the market; the histories rotate to fresh keys with valid proofs.
            Action::RotateKey(rotate) => match rotate.role {
                KeyRole::Operator => Ok(()),
                KeyRole::Meter if self.member(origin.signer).keys.meter.is_some() => Ok(()),
                _ => Err(Code::KeyRole),
            },
            other => panic!("the model does not know {other:?}"),
        }
    }

    fn member(&self, id: MemberId) -> &Member {
        &self.members[&id]
    }

    fn role(&self, id: MemberId) -> Role {
        self.member(id).role
    }

    /// MARKET 4: at half of the committee the resource's markets halt.
    fn halt(&mut self, origin: &Origin, resource: Resource) -> Result<(), Code> {
        if !self.committee.contains(&origin.signer) {
            return Err(Code::NotCommittee);
        }
        if self.halted.contains(&resource) {
            return Err(Code::MarketHalted);
        }
        let votes = self.halt_votes.entry(resource).or_default();
        if !votes.insert(origin.signer) {
            return Err(Code::AlreadyReported);
        }
        if votes.len() * 2 >= self.committee.len() {
            self.halted.insert(resource);
        }
        Ok(())
    }
}

/// MARKET 2: what a member that was suspended or left may still do.
fn ends_something(action: &Action) -> bool {
    matches!(
        action,
        Action::CancelOrder { .. }
            | Action::StartTrade { .. }
            | Action::CompleteTrade(_)
            | Action::ConfirmTrade { .. }
            | Action::CancelTrade { .. }
            | Action::SubmitReadings { .. }
    )
}

/// Half to even of `price x quantity / 1 000` (MARKET 1).
fn gross(price: u64, quantity: u64) -> u64 {
    let product = u128::from(price) * u128::from(quantity);
    let (whole, rest) = (product / 1_000, product % 1_000);
    let up = rest > 500 || (rest == 500 && whole % 2 == 1);
    u64::try_from(whole + u128::from(up)).expect("small amounts")
}

/// `floor(amount x basis points / 10 000)`.
fn share(amount: u64, basis_points: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(basis_points) / 10_000).expect("small amounts")
}
