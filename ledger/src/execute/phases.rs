//! One block through the phases of MARKET 3. The only door to the state machine.

use super::{BlockFacts, Context, Encoded, Envelope, Fault, HistoryRecord, Rules, invariants};
use crate::dispute;
use crate::governance;
use crate::hash::{Domain, Hash};
use crate::heat;
use crate::ids::MemberId;
use crate::market;
use crate::member::MemberStatus;
use crate::meter;
use crate::oracle;
use crate::receipt::{Code, Event, Receipt};
use crate::reputation;
use crate::state::{ChangeSet, CommitteeState, Committees, IndexKey, Members, Overlay, Parameters, State, TimerId, View};
use crate::storage;
use crate::trade;
use crate::transaction::{Action, Verified};
use std::collections::BTreeMap;

/// What executing a block yields. Nothing is written yet.
#[derive(Debug)]
pub struct Outcome {
    /// Changed entries.
    pub changes: ChangeSet,
    /// One receipt an action, in execution order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What was finished, in order, the receipts after it.
    pub records: Vec<HistoryRecord>,
}

impl Outcome {
    /// Its receipts, events and records as bytes.
    pub fn encoded(&self) -> Encoded {
        Encoded::of(&self.receipts, &self.events, &self.records)
    }
}

/// Executes transactions on the state after the parent, by the rules of `facts.version`. The order in which they are given does not matter.
///
/// The caller MUST have checked the block's validity ([`super::Ledger::check_block`]).
///
/// # Errors
/// [`Fault`]: our own bug or rules that this program does not know; the node MUST stop.
pub fn execute_block(rules: &Rules, state: &State, facts: BlockFacts, transactions: &[Verified]) -> Result<Outcome, Fault> {
    let mut ctx = begin(state, facts)?;
    let receipts = run(&mut ctx, rules, transactions, |_| ())?;
    let Context { state, events, mut finished, .. } = ctx;
    finished.extend(receipts.iter().map(|receipt| HistoryRecord::Receipt { receipt: *receipt, height: facts.height }));
    Ok(Outcome { changes: state.into_changes(), receipts, events, records: finished })
}

/// A block on the state after its parent.
pub(super) fn begin(state: &State, facts: BlockFacts) -> Result<Context<'_>, Fault> {
    let params = state.get::<Parameters>(&()).ok_or(Fault::Missing("parameters"))?.clone();
    Ok(Context::new(Overlay::new(state), facts, params))
}

/// All phases. `before_auctions` sees what the auctions are going to see.
pub(super) fn run<'s>(
    ctx: &mut Context<'s>,
    rules: &Rules,
    transactions: &[Verified],
    before_auctions: impl FnOnce(&Context<'s>),
) -> Result<Vec<Receipt>, Fault> {
    rules.enter(ctx)?;
    run_timers(ctx)?;
    let receipts = run_transactions(ctx, transactions);
    governance::activate(ctx)?;
    before_auctions(ctx);
    market::run_auctions(ctx)?;
    market::update_references(ctx)?;
    reputation::update(ctx)?;
    rotate_committees(ctx)?;
    market::expect_auctions(ctx);
    invariants::check_changes(&ctx.state)?;
    Ok(receipts)
}

/// Phase 1: what is due, at most `max_timers` in (due, id) order.
fn run_timers(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let limit = usize::try_from(ctx.params.max_timers).unwrap_or(usize::MAX);
    let now = ctx.facts.market_time;
    let due: Vec<IndexKey> =
        ctx.state.index(..).take_while(|key| matches!(key, IndexKey::Timer { due, .. } if *due <= now)).take(limit).collect();
    for key in due {
        let IndexKey::Timer { id, .. } = key else { continue };
        // An earlier timer of this block may have ended what this one is about.
        if ctx.state.index(key..=key).next().is_none() {
            continue;
        }
        match id {
            TimerId::Order(order) => market::expire_order(ctx, order)?,
            TimerId::Trade(trade) => trade::on_deadline(ctx, trade)?,
            TimerId::HeatLot(lot) => heat::expire_heat_lot(ctx, lot)?,
            TimerId::Exchange(leg, slot) => trade::on_exchange_due(ctx, leg, slot)?,
            TimerId::SlotReading(key) => meter::expire_slot_reading(ctx, key)?,
            TimerId::Forecast(member, slot) => meter::expire_forecast(ctx, member, slot)?,
            TimerId::Market(market) => market::expire_market(ctx, market),
            TimerId::Storage(contract) => storage::on_due(ctx, contract)?,
            TimerId::OracleReports(key) => oracle::expire_reports(ctx, key),
            TimerId::Standing(member) => reputation::on_day(ctx, member),
            TimerId::Dispute(trade) => dispute::on_due(ctx, trade)?,
            TimerId::Proposal(proposal) => governance::on_deadline(ctx, proposal),
            TimerId::Departure(member) => governance::on_departure_due(ctx, member)?,
            TimerId::Charges => governance::on_charges_due(ctx)?,
        }
    }
    Ok(())
}

/// Phase 2: members in the order of a hash that no proposer chooses, a member's own transactions by nonce.
fn run_transactions(ctx: &mut Context<'_>, transactions: &[Verified]) -> Vec<Receipt> {
    let mut places: BTreeMap<MemberId, Hash> = BTreeMap::new();
    for transaction in transactions {
        let signer = transaction.body().signer;
        let parent = ctx.facts.parent.hash();
        places.entry(signer).or_insert_with(|| Hash::of_parts(Domain::MemberOrder, &[parent.as_bytes(), signer.as_bytes()]));
    }
    let mut ordered: Vec<(Option<&Hash>, &Verified)> = transactions.iter().map(|t| (places.get(&t.body().signer), t)).collect();
    ordered.sort_by_key(|(place, t)| (*place, t.body().signer, t.body().nonce));
    let mut receipts = Vec::new();
    for (_, transaction) in ordered {
        run_transaction(ctx, transaction, &mut receipts);
    }
    receipts
}

fn run_transaction(ctx: &mut Context<'_>, transaction: &Verified, receipts: &mut Vec<Receipt>) {
    let body = transaction.body();
    let active = ctx.state.get::<Members>(&body.signer).is_some_and(|m| m.status == MemberStatus::Active);
    let envelope = |action: usize| Envelope {
        transaction: transaction.id(),
        signer: body.signer,
        nonce: body.nonce,
        // At most 256 actions, checked with the form.
        action: u16::try_from(action).unwrap_or(u16::MAX),
    };
    let first = receipts.len();
    let mut failed = false;
    if body.atomic {
        ctx.state.checkpoint();
    }
    let mark = ctx.mark();
    for (index, action) in body.actions.iter().enumerate() {
        let env = envelope(index);
        let result = if failed && body.atomic {
            Err(Code::AtomicSibling)
        } else if active || finishes(action) {
            ctx.attempt(|ctx| run_action(ctx, &env, action))
        } else {
            Err(Code::MemberInactive)
        };
        failed |= result.is_err();
        let (code, order) = match result {
            Ok(order) => (Code::Ok, order),
            Err(code) => (code, None),
        };
        receipts.push(Receipt { transaction: env.transaction, action: env.action, code, order });
    }
    if !body.atomic {
        return;
    }
    if !failed {
        ctx.state.keep();
        return;
    }
    ctx.state.rollback();
    ctx.undo_since(mark);
    for receipt in receipts.iter_mut().skip(first).filter(|r| r.code == Code::Ok) {
        receipt.code = Code::AtomicSibling;
        receipt.order = None;
    }
}

/// What a suspended member, or one that left, may still do: end its orders and finish its running trades (MARKET 2).
fn finishes(action: &Action) -> bool {
    match action {
        Action::CancelOrder { .. }
        | Action::StartTrade { .. }
        | Action::CompleteTrade(_)
        | Action::ConfirmTrade { .. }
        | Action::CancelTrade { .. }
        | Action::SubmitReadings { .. }
        | Action::AnnounceManifest(_)
        | Action::ProveStorage(_)
        | Action::TerminateStorage { .. }
        | Action::DisputeTrade { .. }
        | Action::SubmitEvidence { .. }
        | Action::ConcedeDispute { .. } => true,
        Action::PlaceOrder(_)
        | Action::ReplaceOrder(_)
        | Action::ReportExchange { .. }
        | Action::ForecastSolar { .. }
        | Action::RotateKey(_)
        | Action::HaltMarket { .. }
        | Action::TransferHeat { .. }
        | Action::RetireHeat(_)
        | Action::ReportSolar { .. }
        | Action::ReportGridLevel { .. }
        | Action::Heartbeat
        | Action::VoteDispute { .. }
        | Action::CorrectReading(_)
        | Action::Propose(_)
        | Action::Vote(_)
        | Action::WithdrawProposal { .. } => false,
    }
}

fn run_action(ctx: &mut Context<'_>, env: &Envelope, action: &Action) -> Result<Option<crate::ids::OrderId>, Code> {
    match action {
        Action::PlaceOrder(order) => return market::place(ctx, env, order).map(Some),
        Action::ReplaceOrder(replace) => return market::replace(ctx, env, replace).map(Some),
        Action::CancelOrder { order } => market::cancel(ctx, env, *order),
        Action::StartTrade { trade } => trade::start(ctx, env, *trade),
        Action::CompleteTrade(done) => trade::complete(ctx, env, done),
        Action::ConfirmTrade { trade } => trade::confirm(ctx, env, *trade),
        Action::CancelTrade { trade } => trade::cancel(ctx, env, *trade),
        Action::SubmitReadings { readings } => trade::submit_readings(ctx, env, readings),
        Action::ReportExchange { leg, slot, energy } => trade::report_exchange(ctx, env, *leg, *slot, *energy),
        Action::ForecastSolar { slots } => market::forecast(ctx, env, slots),
        Action::RotateKey(rotate) => governance::rotate_key(ctx, env, rotate),
        Action::HaltMarket { resource } => market::halt(ctx, env, *resource),
        Action::AnnounceManifest(announced) => storage::announce(ctx, env, announced),
        Action::ProveStorage(proof) => storage::prove(ctx, env, proof),
        Action::TerminateStorage { contract } => storage::terminate(ctx, env, *contract),
        Action::TransferHeat { to, heat: credits } => heat::transfer(ctx, env, *to, credits),
        Action::RetireHeat(retire) => heat::retire(ctx, env, retire),
        Action::ReportSolar { zone, slots } => oracle::report_solar(ctx, env, *zone, slots),
        Action::ReportGridLevel { zone, levels } => oracle::report_grid_level(ctx, env, *zone, levels),
        Action::Heartbeat => reputation::heartbeat(ctx, env),
        Action::DisputeTrade { trade, claimed } => dispute::open(ctx, env, *trade, *claimed),
        Action::SubmitEvidence { trade, hashes } => dispute::submit_evidence(ctx, env, *trade, hashes),
        Action::ConcedeDispute { trade } => dispute::concede(ctx, env, *trade),
        Action::CorrectReading(correction) => meter::correct(ctx, env, correction),
        Action::VoteDispute { trade, for_opener } => dispute::vote(ctx, env, *trade, *for_opener),
        Action::Propose(propose) => governance::propose(ctx, env, propose),
        Action::Vote(vote) => governance::vote(ctx, env, vote),
        Action::WithdrawProposal { proposal } => governance::withdraw(ctx, env, *proposal),
    }?;
    Ok(None)
}

/// Phase 4, committees: what was announced comes into force, what was decided in this block is announced. Written only when something changes.
fn rotate_committees(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let announced = ctx.next_committee.take();
    let now = ctx.state.get::<Committees>(&()).ok_or(Fault::Missing("committees"))?;
    let next = announced.unwrap_or_else(|| now.next.clone());
    let after = CommitteeState { previous: now.current.clone(), current: now.next.clone(), next };
    if after != *now {
        ctx.state.put::<Committees>((), after);
    }
    Ok(())
}
