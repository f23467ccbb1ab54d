//! Conservation of heat between lots, reservations, accounts and asks.

use crate::execute::Fault;
use crate::ids::{MemberId, OrderId};
use crate::state::{Account, Accounts, HeatLot, HeatLots, HeatReservations, Orders, Overlay, State, Table, View};
use crate::transaction::{Market, Side};
use std::collections::BTreeMap;

/// What must stay zero for each member: Wh of its lots less Wh of its account, reserved Wh of its lots less those of its account, and less those
/// of its asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Difference {
    held: i128,
    reserved: i128,
    behind: i128,
}

impl Difference {
    fn lot(&mut self, lot: Option<&HeatLot>, sign: i128) {
        let (held, reserved) = lot.map_or((0, 0), |lot| (i128::from(lot.quantity.get()), i128::from(lot.reserved.get())));
        self.held = self.held.saturating_add(held.saturating_mul(sign));
        self.reserved = self.reserved.saturating_add(reserved.saturating_mul(sign));
        self.behind = self.behind.saturating_add(reserved.saturating_mul(sign));
    }

    fn account(&mut self, account: Option<&Account>, sign: i128) {
        let Some(account) = account else { return };
        let [free, reserved, escrow] =
            [account.heat_free, account.heat_reserved, account.heat_escrow].map(|quantity| i128::from(quantity.get()));
        let held = free.saturating_add(reserved).saturating_add(escrow);
        self.held = self.held.saturating_sub(held.saturating_mul(sign));
        self.reserved = self.reserved.saturating_sub(reserved.saturating_mul(sign));
    }

    fn behind(&mut self, quantity: Option<&crate::amount::Quantity>, sign: i128) {
        let quantity = quantity.map_or(0, |quantity| i128::from(quantity.get()));
        self.behind = self.behind.saturating_sub(quantity.saturating_mul(sign));
    }
}

type Differences = BTreeMap<MemberId, Difference>;

fn demand_zero(all: &Differences) -> Result<(), Fault> {
    match all.iter().find(|(_, difference)| **difference != Difference::default()) {
        None => Ok(()),
        Some((member, d)) => Err(Fault::Conservation(format!(
            "lots of {member} differ from its account by {} Wh, reserved ones by {} Wh and from its asks by {} Wh",
            d.held, d.reserved, d.behind
        ))),
    }
}

/// Adds an entry's value after the block and takes away the one before.
fn change<T: Table>(
    overlay: &Overlay<'_>,
    all: &mut Differences,
    of: impl Fn(&T::Key) -> MemberId,
    add: impl Fn(&mut Difference, Option<&T::Value>, i128),
) {
    for (key, after) in overlay.changed::<T>() {
        let entry = all.entry(of(key)).or_default();
        add(entry, after, 1);
        add(entry, overlay.base().get::<T>(key), -1);
    }
}

/// Checks that a block moved heat in lots, accounts and reservations alike.
///
/// # Errors
/// [`Fault::Conservation`].
pub fn check_changes(overlay: &Overlay<'_>) -> Result<(), Fault> {
    let mut all = Differences::new();
    change::<HeatLots>(overlay, &mut all, |key| key.holder, Difference::lot);
    change::<HeatReservations>(overlay, &mut all, |key| key.2.holder, Difference::behind);
    change::<Accounts>(overlay, &mut all, |key| *key, Difference::account);
    demand_zero(&all)
}

/// The same over a whole state, and that each open heat ask has behind it what is open of it.
///
/// # Errors
/// [`Fault::Conservation`].
pub fn check_state(state: &State) -> Result<(), Fault> {
    let mut all = Differences::new();
    let mut asks: BTreeMap<OrderId, i128> = BTreeMap::new();
    state.range::<HeatLots>(..).for_each(|(key, lot)| all.entry(key.holder).or_default().lot(Some(lot), 1));
    state.range::<Accounts>(..).for_each(|(key, account)| all.entry(*key).or_default().account(Some(account), 1));
    for (key, quantity) in state.range::<HeatReservations>(..) {
        all.entry(key.2.holder).or_default().behind(Some(quantity), 1);
        let sum = asks.entry(key.0).or_default();
        *sum = sum.saturating_add(i128::from(quantity.get()));
    }
    demand_zero(&all)?;
    let open = state.range::<Orders>(..).filter(|(_, order)| order.market == Market::Heat && order.terms.side == Side::Ask);
    let open: BTreeMap<OrderId, i128> = open.map(|(id, order)| (*id, i128::from(order.open.get()))).collect();
    if open == asks { Ok(()) } else { Err(Fault::Conservation("a heat ask has not behind it what is open of it".to_owned())) }
}
