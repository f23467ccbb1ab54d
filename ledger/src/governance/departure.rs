//! Leaving: orders end at once, running trades finish, then the balance is paid out (MARKET 2).
//!
//! A member that left is looked at each hour of market time. When nothing runs any more, its free balance leaves the ledger in whole Rappen
//! (MARKET 1), and its consensus and network keys leave the registry. What comes in later, such as from corrections of readings, is paid out as
//! well, until [`SLOT_RETENTION_MS`] after its leave; then nothing of it is open to change any more.

use crate::execute::{self, Context, Fault};
use crate::hash::Hash;
use crate::ids::{Height, MemberId, TradeId};
use crate::limits::SLOT_RETENTION_MS;
use crate::member::MemberKeys;
use crate::receipt::{Code, Event};
use crate::state::{Accounts, Departure, Departures, IndexKey, Keys, Members, View};
use crate::time::HOUR_MS;

/// Begins a departure. The caller writes the member's status and ends its orders.
pub(super) fn begin(ctx: &mut Context<'_>, member: MemberId) {
    let now = ctx.facts.market_time;
    ctx.state.put::<Departures>(member, Departure { since: now, due: now });
}

/// Phase 1: pays out if nothing runs, and looks again an hour later until nothing can change any more.
///
/// # Errors
/// [`Fault`]: a bug.
pub fn on_departure_due(ctx: &mut Context<'_>, member: MemberId) -> Result<(), Fault> {
    let departure = *ctx.state.get::<Departures>(&member).ok_or(Fault::Missing("departure of a timer"))?;
    let now = ctx.facts.market_time;
    let runs = is_running(ctx, member);
    if !runs {
        pay_out(ctx, member)?;
        drop_node_keys(ctx, member)?;
    }
    if !runs && now.ms_since(departure.since) >= SLOT_RETENTION_MS {
        ctx.state.remove::<Departures>(&member);
        return Ok(());
    }
    let due = now.checked_add_ms(HOUR_MS).ok_or(Fault::Rejected(Code::Overflow))?;
    ctx.state.put::<Departures>(member, Departure { due, ..departure });
    Ok(())
}

/// True while trades or storage contracts run, or money stands behind something.
fn is_running(ctx: &Context<'_>, member: MemberId) -> bool {
    let none = TradeId::from_hash(Hash::ZERO);
    let trade = ctx.state.index(IndexKey::MemberTrade { member, height: Height::GENESIS, trade: none }..).next();
    let contract = ctx.state.index(IndexKey::MemberContract { member, contract: none }..).next();
    let trades = matches!(trade, Some(IndexKey::MemberTrade { member: m, .. }) if m == member);
    let contracts = matches!(contract, Some(IndexKey::MemberContract { member: m, .. }) if m == member);
    let account = ctx.state.get::<Accounts>(&member).copied().unwrap_or_default();
    trades || contracts || [account.reserved, account.escrow, account.margin, account.bond].iter().any(|held| !held.is_zero())
}

fn pay_out(ctx: &mut Context<'_>, member: MemberId) -> Result<(), Fault> {
    execute::collect_debt(ctx, member)?;
    let amount = execute::withdraw_rappen(ctx, member)?;
    if !amount.is_zero() {
        ctx.events.push(Event::PaidOut { member, amount });
    }
    Ok(())
}

fn drop_node_keys(ctx: &mut Context<'_>, id: MemberId) -> Result<(), Fault> {
    let member = ctx.state.get::<Members>(&id).ok_or(Fault::Missing("member that left"))?.clone();
    let gone: Vec<_> = member.keys.network.iter().copied().chain(member.keys.consensus).collect();
    if gone.is_empty() {
        return Ok(());
    }
    for key in gone {
        ctx.state.remove::<Keys>(&key);
    }
    let keys = MemberKeys { consensus: None, network: Vec::new(), ..member.keys.clone() };
    ctx.state.put::<Members>(id, crate::member::Member { keys, ..member });
    Ok(())
}
