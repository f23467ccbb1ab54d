//! What the model predicts against what the ledger has.

use super::Model;
use leg_ledger::amount::MicroChf;
use leg_ledger::state::{Accounts, HeatLots, Members, Orders, References, State, TotalsTable, Trades, View};
use leg_ledger::transaction::Resource;
use std::fmt::Debug;

fn same<K: Ord + Debug, V: PartialEq + Debug>(what: &str, mut ours: Vec<(K, V)>, mut theirs: Vec<(K, V)>) -> Result<(), String> {
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

impl Model {
    /// Compares balances, open orders, open trades, lots of heat, reference prices and the common pots.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        let get = MicroChf::get;
        let ours = self.orders.iter().map(|(id, o)| (*id, (o.open, o.reserved, o.terms.quantity.get(), o.seller)));
        let theirs = state.range::<Orders>(..).map(|(id, o)| (*id, (o.open.get(), get(o.reserved), o.terms.quantity.get(), o.seller)));
        same("open orders (Wh, reserved, total, seller)", ours.collect(), theirs.collect())?;
        let ours = self.trades.iter().map(|(id, t)| {
            (*id, (t.buyer, t.seller, t.quantity, t.escrow, t.status, t.deadline, t.fills.clone(), t.delivered.clone(), t.solar))
        });
        let theirs = state.range::<Trades>(..).map(|(id, t)| {
            let fills = t.fills.iter().map(|f| (f.quantity.get(), f.price.micro_chf())).collect::<Vec<_>>();
            let delivered = t.delivered.iter().map(|(slot, wh)| (slot.get(), wh.get())).collect::<Vec<_>>();
            let (quantity, escrow, deadline) = (t.quantity.get(), get(t.escrow), t.deadline.map(|d| d.ms()));
            (*id, (t.buyer, t.seller, quantity, escrow, t.status, deadline, fills, delivered, t.solar))
        });
        same("open trades", ours.collect(), theirs.collect())?;
        let ours = self.purses.iter().map(|(id, p)| (*id, [p.free, p.reserved, p.escrow, p.debt, p.heat]));
        let theirs =
            state.range::<Accounts>(..).map(|(id, a)| (*id, [get(a.free), get(a.reserved), get(a.escrow), get(a.debt), a.heat_free.get()]));
        let known = |list: Vec<(_, [u64; 5])>| list.into_iter().filter(|(_, parts)| parts.iter().any(|p| *p > 0)).collect();
        same("accounts [free, reserved, escrow, debt, heat]", known(ours.collect()), known(theirs.collect()))?;
        let totals = state.get::<TotalsTable>(&()).ok_or("the state has no totals")?;
        let common = [self.common.fee, self.common.penalties, self.common.heat_issued, self.common.heat_expired];
        let ledger = [get(totals.fee), get(totals.penalties), totals.heat_issued.get(), totals.heat_expired.get()];
        same("totals [fee, penalties, heat issued, heat expired]", vec![((), common)], vec![((), ledger)])?;
        let ours = self.members.iter().map(|(id, m)| (*id, m.reputation));
        let theirs = state.range::<Members>(..).map(|(id, m)| (*id, m.reputation));
        same("reputations", ours.collect(), theirs.collect())?;
        let ours = self.lots.iter().map(|((holder, slot, trade), lot)| ((*holder, *slot, *trade), *lot));
        let theirs = state.range::<HeatLots>(..).map(|(k, l)| ((k.holder, k.slot.get(), k.trade), (l.quantity.get(), l.expires_at.ms())));
        same("lots of heat", ours.collect(), theirs.collect())?;
        let ours = self.references.iter().map(|(key, price)| (*key, *price));
        let known = |resource| matches!(resource, Resource::Compute | Resource::Energy);
        let theirs = state.range::<References>(..).filter(|(key, r)| known(key.0) && r.slot.get() > 0);
        let theirs = theirs.map(|(key, r)| (*key, r.price.micro_chf()));
        same("reference prices", ours.collect(), theirs.collect())
    }
}
