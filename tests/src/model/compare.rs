//! What the model predicts against what the ledger has.

use super::Model;
use super::state::{Committees, Sale, Stage, Trade};
use leg_ledger::amount::MicroChf;
use leg_ledger::block::Committee;
use leg_ledger::state as ledger;
use leg_ledger::state::{State, StorageStage, View};
use std::fmt::Debug;

fn same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    ours: impl IntoIterator<Item = (K, V)>,
    theirs: impl IntoIterator<Item = (K, V)>,
) -> Result<(), String> {
    let (mut ours, mut theirs): (Vec<_>, Vec<_>) = (ours.into_iter().collect(), theirs.into_iter().collect());
    ours.sort_by(|a, b| a.0.cmp(&b.0));
    theirs.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some((o, t)) = ours.iter().zip(&theirs).find(|(o, t)| o != t) {
        return Err(format!("{what}: the model has {o:?}, the ledger {t:?}"));
    }
    match (ours.get(theirs.len()), theirs.get(ours.len())) {
        (None, None) => Ok(()),
        (only, None) => Err(format!("{what}: only the model has {only:?}")),
        (_, only) => Err(format!("{what}: only the ledger has {only:?}")),
    }
}

fn get(money: MicroChf) -> u64 {
    money.get()
}

impl Model {
    /// Compares everything that the market is made of: balances, orders, trades, contracts, lots, meters, reference prices, reputations.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        self.compare_orders(state)?;
        self.compare_trades(state)?;
        self.compare_contracts(state)?;
        self.compare_disputes(state)?;
        self.compare_governance(state)?;
        self.compare_balances(state)?;
        self.compare_heat(state)?;
        self.compare_inputs(state)
    }

    fn compare_orders(&self, state: &State) -> Result<(), String> {
        let ours = self.orders.iter().map(|(id, o)| (*id, (o.open, o.reserved, o.terms.quantity.get(), o.seller, Some(o.expires))));
        let theirs = state.range::<ledger::Orders>(..).map(|(id, o)| {
            let expires = o.expires_at.map(|at| at.ms());
            (*id, (o.open.get(), get(o.reserved), o.terms.quantity.get(), o.seller, expires))
        });
        same("open orders (open, reserved, total, seller, expiry)", ours, theirs)
    }

    fn compare_trades(&self, state: &State) -> Result<(), String> {
        let ours = self.trades.iter().map(|(id, t)| {
            let Trade { buyer, seller, quantity, escrow, fee, status, deadline, solar, .. } = *t;
            (*id, (buyer, seller, quantity, escrow, fee, status, deadline, solar), (t.fills.clone(), t.delivered.clone()))
        });
        let theirs = state.range::<ledger::Trades>(..).map(|(id, t)| {
            let fills: Vec<_> = t.fills.iter().map(|f| (f.quantity.get(), f.price.micro_chf())).collect();
            let delivered: Vec<_> = t.delivered.iter().map(|(slot, wh)| (slot.get(), wh.get())).collect();
            let (quantity, escrow, deadline) = (t.quantity.get(), get(t.escrow), t.deadline.map(|d| d.ms()));
            (*id, (t.buyer, t.seller, quantity, escrow, u64::from(t.fee.get()), t.status, deadline, t.solar), (fills, delivered))
        });
        let pair = |(id, terms, lists)| (id, (terms, lists));
        same("open trades", ours.map(pair), theirs.map(pair))
    }

    fn compare_contracts(&self, state: &State) -> Result<(), String> {
        let ours = self.contracts.iter().map(|(id, c)| {
            let open = c.challenge.as_ref().map(|c| (c.day, c.seed, c.due, u32::try_from(c.proved.len()).expect("few")));
            let counts = (c.month, c.months, c.asked, c.answered, c.missed, c.next_day, c.paid.clone());
            (*id, ((c.buyer, c.seller, c.quantity, c.trade, c.stage, c.manifest), counts, (open, c.draw, c.notice, c.due())))
        });
        let theirs = state.range::<ledger::StorageContracts>(..).map(|(id, c)| {
            let stage = match c.stage {
                StorageStage::Matched { until } => Stage::Matched { until: until.ms() },
                StorageStage::Announced { until } => Stage::Announced { until: until.ms() },
                StorageStage::Stored { since } => Stage::Stored { since: since.ms() },
            };
            let open = c.challenge.map(|c| (c.day, *c.seed.as_bytes(), c.due.ms(), c.proved.count_ones()));
            let paid: Vec<_> = c.paid.iter().map(|m| (m.asked, m.answered, get(m.gross))).collect();
            let counts = (c.month, c.months, c.asked, c.answered, c.missed_in_row, c.next_day, paid);
            let times = (open, c.next_draw.map(|at| at.ms()), c.notice, c.due.ms());
            (*id, ((c.buyer, c.seller, c.quantity.get(), c.trade, stage, c.manifest), counts, times))
        });
        same("storage contracts", ours, theirs)
    }

    fn compare_disputes(&self, state: &State) -> Result<(), String> {
        let ours = self.disputes.iter().map(|(id, d)| {
            let money = [d.claimed, d.metered, d.escrow, d.value, d.bonds[0], d.bonds[1], d.moved.gross, d.moved.fee, d.moved.refund];
            let votes = (d.entitled.iter().copied().collect::<Vec<_>>(), d.votes.clone(), d.evidence.clone());
            (*id, (d.opener, d.respondent, d.claims.is_some(), money, [d.evidence_until, d.verdict_until], votes))
        });
        let theirs = state.range::<ledger::Disputes>(..).map(|(id, d)| {
            let [value, escrow, opener, respondent] = [d.value, d.escrow, d.opener_bond, d.respondent_bond].map(get);
            let moved = [d.settled.gross, d.settled.fee, d.settled.refund].map(get);
            let money = [d.claimed.get(), d.metered.get(), escrow, value, opener, respondent, moved[0], moved[1], moved[2]];
            let votes = (d.entitled.clone(), d.votes.clone(), d.evidence.iter().map(|e| (e.by, e.hash)).collect::<Vec<_>>());
            let times = [d.evidence_until.ms(), d.verdict_until.ms()];
            (*id, (d.opener, d.respondent, d.ground == ledger::Ground::Meter, money, times, votes))
        });
        same("disputes", ours, theirs)
    }

    fn compare_governance(&self, state: &State) -> Result<(), String> {
        let ours = self.proposals.iter().map(|(id, p)| {
            let times = (p.deadline, p.activation, p.due);
            (*id, (p.proposer, p.change.clone(), times, [p.entitled.clone(), p.yes.clone(), p.no.clone()]))
        });
        let theirs = state.range::<ledger::Proposals>(..).map(|(id, p)| {
            let times = (p.deadline.ms(), p.activation.get(), p.due.map(|due| due.get()));
            (*id, (p.proposer, p.change.clone(), times, [p.entitled.clone(), p.yes.clone(), p.no.clone()]))
        });
        same("proposals", ours, theirs)?;
        let params = state.get::<ledger::Parameters>(&()).ok_or("the state has no parameters")?;
        same("parameters", [((), self.voted.as_ref())], [((), params)])?;
        let theirs = state.get::<ledger::Committees>(&()).ok_or("the state has no committees")?;
        let seats = |committee: &Committee| committee.members().iter().map(|m| (m.member, m.key)).collect();
        let [previous, current, next] = [&theirs.previous, &theirs.current, &theirs.next].map(seats);
        same("committees", [((), self.committees.clone())], [((), Committees { previous, current, next })])?;
        let theirs = state.range::<ledger::Departures>(..).map(|(id, d)| (*id, (d.since.ms(), d.due.ms())));
        same("departures", self.departures.iter().map(|(id, times)| (*id, *times)), theirs)?;
        let theirs = state.range::<ledger::ChargeRuns>(..).map(|(_, run)| ((), run.due.ms()));
        same("charges", self.charges_due().map(|due| ((), due)), theirs)
    }

    fn compare_balances(&self, state: &State) -> Result<(), String> {
        let ours = self.purses.iter().map(|(id, p)| (*id, [p.free, p.reserved, p.escrow, p.bond, p.debt, p.heat_free, p.heat_reserved]));
        let theirs = state.range::<ledger::Accounts>(..).map(|(id, a)| {
            let heat = [a.heat_free.get(), a.heat_reserved.get()];
            (*id, [get(a.free), get(a.reserved), get(a.escrow), get(a.bond), get(a.debt), heat[0], heat[1]])
        });
        let known = |(_, parts): &(_, [u64; 7])| parts.iter().any(|p| *p > 0);
        same("accounts [free, reserved, escrow, bond, debt, free heat, reserved heat]", ours.filter(known), theirs.filter(known))?;
        let theirs = state.range::<ledger::Owed>(..).map(|(pair, amount)| (*pair, get(*amount)));
        same("debt to creditors", self.owed.iter().map(|(pair, amount)| (*pair, *amount)), theirs)?;
        let totals = state.get::<ledger::TotalsTable>(&()).ok_or("the state has no totals")?;
        let c = self.common;
        let theirs = state.range::<ledger::ArrearsTable>(..).map(|(member, amount)| (*member, get(*amount)));
        same("debt to fee", self.arrears.iter().map(|(member, amount)| (*member, *amount)), theirs)?;
        let ours = [c.fee, c.penalties, c.withdrawn, c.heat_issued, c.heat_retired, c.heat_expired];
        let heat = [totals.heat_issued, totals.heat_retired, totals.heat_expired].map(|q| q.get());
        let theirs = [get(totals.fee), get(totals.penalties), get(totals.withdrawn), heat[0], heat[1], heat[2]];
        same("totals [fee, penalties, withdrawn, heat issued, retired, expired]", [((), ours)], [((), theirs)])?;
        let ours = self.members.iter().map(|(id, m)| (*id, m.reputation));
        same("reputations", ours, state.range::<ledger::Members>(..).map(|(id, m)| (*id, m.reputation)))?;
        let ours = self.members.iter().map(|(id, m)| (*id, m.clone()));
        same("members", ours, state.range::<ledger::Members>(..).map(|(id, m)| (*id, m.clone())))
    }

    fn compare_heat(&self, state: &State) -> Result<(), String> {
        let ours = self.lots.iter().map(|(key, l)| (*key, (l.quantity, l.reserved, l.expires)));
        let theirs = state.range::<ledger::HeatLots>(..).map(|(k, l)| (*k, (l.quantity.get(), l.reserved.get(), l.expires_at.ms())));
        same("lots of heat", ours, theirs)?;
        let ours = self.behind.iter().map(|(key, wh)| (*key, *wh));
        let theirs = state.range::<ledger::HeatReservations>(..).map(|((order, at, lot), wh)| ((*order, at.ms(), *lot), wh.get()));
        same("heat behind asks", ours, theirs)
    }

    fn compare_inputs(&self, state: &State) -> Result<(), String> {
        let ours = self.references.iter().map(|(key, r)| (*key, (r.price, [r.supply, r.grid, r.demand])));
        let theirs = state.range::<ledger::References>(..).filter(|(_, r)| r.slot.get() > 0);
        let theirs = theirs.map(|(key, r)| (*key, (r.price.micro_chf(), [r.supply, r.grid, r.demand].map(i64::from))));
        same("reference prices [supply, grid, demand]", ours, theirs)?;
        let ours = self.readings.iter().map(|(key, r)| (*key, ([r.increase, r.claimed, r.settled, r.issued], r.corrected)));
        let theirs = state.range::<ledger::SlotReadings>(..).map(|((member, register, slot), r)| {
            let numbers = [r.increase, r.claimed, r.settled, r.issued].map(|q| q.get());
            ((*member, *register, slot.get()), (numbers, r.corrected.map(|q| q.get())))
        });
        same("readings [increase, claimed, settled, issued], corrected", ours, theirs)?;
        let ours = self.forecasts.iter().map(|(key, wh)| (*key, *wh));
        let theirs = state.range::<ledger::Forecasts>(..).map(|((member, slot), f)| ((*member, slot.get()), f.energy.get()));
        same("forecasts", ours, theirs)?;
        let ours = self.sales.iter().map(|(key, sales)| (*key, sales.clone()));
        let theirs = state.range::<ledger::SlotSales>(..).map(|((member, register, slot), sales)| {
            let plain = |s: &ledger::Sale| Sale { buyer: s.buyer, claimed: s.claimed.get(), paid: s.paid.get(), gross: get(s.gross) };
            ((*member, *register, slot.get()), sales.iter().map(plain).collect::<Vec<_>>())
        });
        same("sales", ours, theirs)?;
        let halted = state.range::<ledger::References>(..).filter(|(_, r)| r.halted).map(|((resource, _), _)| (*resource, ()));
        same("halts", self.halted.iter().map(|resource| (*resource, ())), halted)
    }
}
