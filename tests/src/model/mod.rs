//! The market a second time: written from `docs/market.md` alone, naively, to be compared with the ledger after each block.
//!
//! ```text
//! block (facts, transactions) ──┬──> leg_ledger::execute ──> receipts, accounts, orders, trades, contracts
//!                               └──> Model ──> the same, predicted               Model::compare finds the first difference
//! ```
//!
//! * It reads the ledger's *types* (what was signed, who is registered, which parameters are in force) and calls none of its rules: amounts are
//!   plain integers, hashes are BLAKE3 calls, storage proofs are walked here, every list is sorted anew, every auction looks at every order.
//! * It holds an auction for every market in every block, where the ledger holds one only where something changed. That both agree shows that
//!   the ledger misses no pair.
//! * Bounds that small histories do not reach are left out: timers a block, checks an auction, candidates a bid, asks on one lot.

mod act;
mod auction;
mod backing;
mod challenge;
mod changes;
mod charges;
mod compare;
mod corrections;
mod disputes;
mod fills;
mod governance;
mod heat;
mod meters;
mod money;
mod oracles;
mod orders;
mod references;
mod registry;
mod reputation;
mod settle;
mod state;
mod storage;
mod sun;
mod swap;
mod terms;
mod timers;
mod trades;

use leg_genesis::Genesis;
use leg_ledger::block::Block;
use leg_ledger::execute::Ledger;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{LegId, MemberId, OrderId, ProposalId, TradeId};
use leg_ledger::member::{Member, Role};
use leg_ledger::params::{Charges, Params};
use leg_ledger::receipt::Code;
use leg_ledger::state::{HeatLotKey, Members, View};
use leg_ledger::transaction::{Market, Resource, SignedTransaction};
use state::{
    Committees, Common, Contract, Dispute, Exchange, Lot, Order, Origin, Proposal, Purse, Reference, References, Register, Reports, Sale,
    Seats, SlotReading, Trade,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(crate) const SLOT_MS: u64 = 900_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

type Registry = BTreeMap<MemberId, Member>;

/// The whole market. What changes seldom is shared with the copies that a rejected action falls back to.
#[derive(Clone, Debug)]
pub struct Model {
    params: Rc<Params>,
    /// As votes of this block leave them; in force from the next one on.
    voted: Rc<Params>,
    members: Rc<Registry>,
    /// The registry as after the parent: what auctions and prices of this block read.
    registry: Rc<Registry>,
    committees: Committees,
    /// What this block announces.
    announced: Option<Seats>,
    proposals: BTreeMap<ProposalId, Proposal>,
    /// Since when a member has left, and when it is looked at next.
    departures: BTreeMap<MemberId, (u64, u64)>,
    /// The month after genesis that is charged next.
    charged_months: Option<u32>,
    purses: BTreeMap<MemberId, Purse>,
    common: Common,
    orders: BTreeMap<OrderId, Order>,
    trades: BTreeMap<TradeId, Trade>,
    contracts: BTreeMap<TradeId, Contract>,
    last_price: BTreeMap<Market, u64>,
    references: Rc<References>,
    /// References as after the parent: what this block's prices follow.
    references_before: Rc<References>,
    reference_slot: u64,
    reports: Rc<Reports>,
    /// Reports as after the parent.
    reports_before: Rc<Reports>,
    halt_votes: BTreeMap<Resource, BTreeSet<MemberId>>,
    halted: BTreeSet<Resource>,
    /// Halts as after the parent.
    halted_before: BTreeSet<Resource>,
    registers: BTreeMap<(MemberId, Resource), Register>,
    readings: BTreeMap<(MemberId, Resource, u64), SlotReading>,
    sales: BTreeMap<(MemberId, Resource, u64), Vec<Sale>>,
    disputes: BTreeMap<TradeId, Dispute>,
    /// What a debtor owes to a creditor.
    owed: BTreeMap<(MemberId, MemberId), u64>,
    /// What of a member's debt is owed to `fee`.
    arrears: BTreeMap<MemberId, u64>,
    exchanges: BTreeMap<(LegId, u64), Exchange>,
    forecasts: BTreeMap<(MemberId, u64), u64>,
    lots: BTreeMap<HeatLotKey, Lot>,
    /// What open asks hold of lots: the earliest expiry of an ask first.
    behind: BTreeMap<(OrderId, u64, HeatLotKey), u64>,
    conduct: Rc<BTreeMap<MemberId, reputation::Conduct>>,
    period: Option<reputation::Period>,
    remarks: Vec<(MemberId, reputation::Remark)>,
    facts: Facts,
    now: u64,
    height: u64,
}

/// What a block brings beside its transactions.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its height.
    pub height: u64,
    /// Market time, ms.
    pub now: u64,
    /// Its id.
    pub block: Hash,
    /// Id of its parent.
    pub parent: Hash,
    /// Who proposed it.
    pub proposer: MemberId,
    /// Who signed the parent's certificate.
    pub signers: BTreeSet<MemberId>,
}

impl Facts {
    /// Those of a block on the tip of a ledger.
    pub fn of(block: &Block, ledger: &Ledger) -> Facts {
        let signatures = block.body.parent_certificate.iter().flat_map(|c| &c.signatures);
        Facts {
            height: block.header.height.get(),
            now: ledger.market_time(block.header.time).ms(),
            block: block.header.id().hash(),
            parent: block.header.parent.hash(),
            proposer: block.header.proposer,
            signers: signatures.map(|s| s.member).collect(),
        }
    }
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

impl Model {
    /// The market before the first block.
    pub fn new(genesis: &Genesis) -> Model {
        let state = genesis.state();
        let members: Registry = state.range::<Members>(..).map(|(id, m)| (*id, m.clone())).collect();
        let opening = |id: &MemberId| {
            let account = state.get::<leg_ledger::state::Accounts>(id).copied().unwrap_or_default();
            Purse { free: account.free.get(), ..Purse::default() }
        };
        let seats: Seats = genesis.committee().members().iter().map(|m| (m.member, m.key)).collect();
        let (members, params) = (Rc::new(members), Rc::new(genesis.params().clone()));
        let now = params.clock.origin.ms();
        let proposer = *members.keys().next().expect("a community has members");
        let facts = Facts { height: 0, now, block: Hash::ZERO, parent: Hash::ZERO, proposer, signers: BTreeSet::new() };
        Model {
            purses: members.keys().map(|id| (*id, opening(id))).collect(),
            committees: Committees { previous: seats.clone(), current: seats.clone(), next: seats },
            registry: members.clone(),
            voted: params.clone(),
            announced: None,
            proposals: BTreeMap::new(),
            departures: BTreeMap::new(),
            charged_months: (params.charges != Charges::default()).then_some(1),
            params,
            members,
            common: Common::default(),
            orders: BTreeMap::new(),
            trades: BTreeMap::new(),
            contracts: BTreeMap::new(),
            last_price: BTreeMap::new(),
            references: Rc::default(),
            references_before: Rc::default(),
            reference_slot: 0,
            reports: Rc::default(),
            reports_before: Rc::default(),
            halt_votes: BTreeMap::new(),
            halted: BTreeSet::new(),
            halted_before: BTreeSet::new(),
            registers: BTreeMap::new(),
            readings: BTreeMap::new(),
            sales: BTreeMap::new(),
            disputes: BTreeMap::new(),
            owed: BTreeMap::new(),
            arrears: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            forecasts: BTreeMap::new(),
            lots: BTreeMap::new(),
            behind: BTreeMap::new(),
            conduct: Rc::default(),
            period: None,
            remarks: Vec::new(),
            facts,
            now,
            height: 0,
        }
    }

    /// Plays a block: timers, transactions in canonical order, voted changes, auctions, references, reputations, committees (MARKET 3). Returns the receipts in order.
    pub fn block(&mut self, facts: Facts, transactions: &[SignedTransaction]) -> Vec<Predicted> {
        (self.height, self.now, self.facts) = (facts.height, facts.now, facts);
        self.params = self.voted.clone();
        self.registry = self.members.clone();
        self.halted_before = self.halted.clone();
        self.references_before = self.references.clone();
        self.reports_before = self.reports.clone();
        self.run_timers();
        let receipts = self.run_transactions(transactions);
        self.activate();
        self.run_auctions();
        self.update_references();
        self.update_reputations();
        self.rotate_committees();
        receipts
    }

    /// A member as after the parent.
    fn member(&self, id: MemberId) -> &Member {
        &self.registry[&id]
    }

    fn role(&self, id: MemberId) -> Role {
        self.member(id).role
    }

    /// The reference price in force, or the base before there is one.
    fn reference(&self, resource: Resource, leg: Option<LegId>) -> Reference {
        let base = Reference { price: self.params.resources.of(resource).base.micro_chf(), supply: 0, grid: 0, demand: 0 };
        self.references_before.get(&(resource, leg)).copied().unwrap_or(base)
    }
}

/// `blake3` of parts in a namespace of the ledger.
fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    blake3::derive_key(&format!("leg ledger v1 {domain}"), &parts.concat())
}

/// Half to even of `price x quantity / 1 000` (MARKET 1).
fn gross(price: u64, quantity: u64) -> u64 {
    let product = u128::from(price) * u128::from(quantity);
    let (whole, rest) = (product / 1_000, product % 1_000);
    let up = rest > 500 || (rest == 500 && whole % 2 == 1);
    u64::try_from(whole + u128::from(up)).expect("small amounts")
}

/// `floor(amount x part / whole)`.
fn fraction(amount: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(part) / u128::from(whole)).expect("small amounts")
}

/// `floor(amount x basis points / 10 000)`.
fn share(amount: u64, basis_points: u64) -> u64 {
    fraction(amount, basis_points, 10_000)
}
