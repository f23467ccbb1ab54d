//! Whether a heartbeat is due, as the newest state tells it. Pure.

use leg_ledger::execute::Ledger;
use leg_ledger::ids::MemberId;
use leg_ledger::member::{MemberStatus, Role};
use leg_ledger::state::{Attendances, Committees, Members, Standings, View};
use leg_ledger::time::BlockTime;

/// A node whose last block is older than this many idle intervals is behind, or the network stands still.
const BEHIND_INTERVALS: u64 = 10;

/// The running attendance period if it still wants a sign of life of `member`; `None` where nothing is to be said, or the node is behind at `now`.
pub fn due(ledger: &Ledger, member: MemberId, now: BlockTime) -> Option<u64> {
    let (state, params) = (ledger.state(), ledger.params()?);
    let entry = state.get::<Members>(&member)?;
    if entry.role != Role::Hub || entry.status != MemberStatus::Active {
        return None;
    }
    let committees = state.get::<Committees>(&())?;
    if committees.current.key(member).is_some() {
        return None;
    }
    let age_ms = now.ms().saturating_sub(ledger.tip().time.ms());
    if age_ms > params.idle_interval_ms.saturating_mul(BEHIND_INTERVALS) {
        return None;
    }
    // Before the first block there is no period.
    let running = state.get::<Attendances>(&())?.period;
    let counted = state.get::<Standings>(&member).and_then(|standing| standing.uptime).map(|presence| presence.period);
    counted.is_none_or(|last| last < running).then_some(running)
}
