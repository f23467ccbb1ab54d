//! Conservation of money and heat, checked over a block's changes and, for audits, over a whole state (MARKET 1);
//! with it that lots of heat, reservations and accounts agree.

use super::Fault;
use crate::heat;
use crate::state::{Account, Accounts, Overlay, State, Totals, TotalsTable, View};

/// What must stay zero: money and heat that are somewhere, less what came in and did not go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Balance {
    money: i128,
    heat: i128,
}

impl Balance {
    fn of_account(account: &Account) -> Option<Self> {
        Some(Balance { money: i128::from(account.money()?.get()), heat: i128::from(account.heat()?.get()) })
    }

    fn of_totals(t: &Totals) -> Option<Self> {
        let held = [t.fee, t.penalties, t.pool].into_iter().try_fold(0_i128, |sum, m| sum.checked_add(i128::from(m.get())))?;
        let came = i128::from(t.deposited.get()).checked_sub(i128::from(t.withdrawn.get()))?;
        let heat = [t.heat_pooled, t.heat_retired, t.heat_expired];
        let heat = heat.into_iter().try_fold(0_i128, |sum, q| sum.checked_add(i128::from(q.get())))?;
        Some(Balance { money: held.checked_sub(came)?, heat: heat.checked_sub(i128::from(t.heat_issued.get()))? })
    }

    fn plus(self, other: Balance) -> Option<Self> {
        Some(Balance { money: self.money.checked_add(other.money)?, heat: self.heat.checked_add(other.heat)? })
    }

    fn minus(self, other: Balance) -> Option<Self> {
        Some(Balance { money: self.money.checked_sub(other.money)?, heat: self.heat.checked_sub(other.heat)? })
    }
}

fn overflow() -> Fault {
    Fault::Conservation("a sum is out of range".to_owned())
}

fn demand_zero(balance: Balance) -> Result<(), Fault> {
    if balance == Balance::default() {
        return Ok(());
    }
    Err(Fault::Conservation(format!("{} micro-CHF and {} Wh of heat appeared", balance.money, balance.heat)))
}

/// Checks that a block's changes neither make nor destroy money or heat.
///
/// # Errors
/// [`Fault::Conservation`].
pub fn check_changes(overlay: &Overlay<'_>) -> Result<(), Fault> {
    let mut sum = Balance::default();
    for (member, after) in overlay.changed::<Accounts>() {
        let before = overlay.base().get::<Accounts>(member).map(Balance::of_account);
        let before = before.unwrap_or(Some(Balance::default())).ok_or_else(overflow)?;
        let after = after.map(Balance::of_account).unwrap_or(Some(Balance::default())).ok_or_else(overflow)?;
        sum = sum.plus(after).and_then(|s| s.minus(before)).ok_or_else(overflow)?;
    }
    let before = totals(overlay.base())?;
    let after = totals(overlay)?;
    demand_zero(sum.plus(after).and_then(|s| s.minus(before)).ok_or_else(overflow)?)?;
    heat::check_changes(overlay)
}

fn totals<V: View>(view: &V) -> Result<Balance, Fault> {
    let totals = view.get::<TotalsTable>(&()).ok_or(Fault::Missing("totals"))?;
    Balance::of_totals(totals).ok_or_else(overflow)
}

/// Checks conservation over a whole state: what an auditor asks of a genesis or of any height.
///
/// # Errors
/// [`Fault::Conservation`].
pub fn check_state(state: &State) -> Result<(), Fault> {
    let mut sum = totals(state)?;
    for (_, account) in state.range::<Accounts>(..) {
        sum = Balance::of_account(account).and_then(|a| sum.plus(a)).ok_or_else(overflow)?;
    }
    demand_zero(sum)?;
    heat::check_state(state)
}
