//! Reputations (MARKET 11). Left out: more than sixteen counterparties, heartbeats, hubs that miss a period (every block here has the whole
//! committee's signatures).

use super::{DAY_MS, Model, Trade};
use leg_ledger::ids::{MemberId, OwnerId};
use leg_ledger::transaction::Resource;
use std::collections::BTreeMap;

/// Completion, settlement, disputes.
pub(super) const COMPLETION: usize = 0;
pub(super) const SETTLEMENT: usize = 1;
pub(super) const DISPUTES: usize = 2;
/// What one period counts.
const PERIOD: u64 = 1_000_000;

/// (good, all).
type Pair = (u64, u64);

/// What is known of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Conduct {
    parts: [BTreeMap<OwnerId, Pair>; 3],
    uptime: Pair,
    last_period: Option<u64>,
}

/// The running attendance period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    number: u64,
    since: u64,
    first: u64,
}

/// What happened in a block: whose, which part, towards whom, (good, all).
pub(super) type Remark = (MemberId, usize, MemberId, Pair);

fn less(value: u64) -> u64 {
    value - value.div_ceil(64)
}

/// (good + 8) / (all + 10) of 10 000, `good` and `all` in millionths.
fn part((good, all): (u128, u128)) -> u64 {
    u64::try_from((good + 8_000_000) * 10_000 / (all + 10_000_000)).expect("at most 10 000")
}

/// Cuts every owner to a fifth of (all that counts + 10): the largest such cut, found by halving.
fn fair(owners: &BTreeMap<OwnerId, Pair>) -> (u128, u128) {
    let within = |cut: u128| owners.values().map(|(_, all)| u128::from(*all).min(cut)).sum::<u128>();
    let (mut low, mut high) = (0, 1_u128 << 70);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if 5 * middle <= within(middle) + 10_000_000 { low = middle } else { high = middle }
    }
    let good = owners.values().filter(|(_, all)| *all > 0).map(|(good, all)| {
        let counts = u128::from(*all).min(low);
        u128::from(*good) * counts / u128::from(*all)
    });
    (good.sum(), within(low))
}

impl Model {
    pub(super) fn remark(&mut self, of: MemberId, part: usize, with: MemberId, good: u64, all: u64) {
        self.remarks.push((of, part, with, (good.min(all), all)));
    }

    /// A trade ended as it should: `kept` of its value was delivered, `owed` of the penalty became debt.
    pub(super) fn remark_settled(&mut self, trade: &Trade, kept: u64, owed: u64) {
        let (buyer, seller, value) = (trade.buyer, trade.seller, trade.escrow);
        self.remark(seller, COMPLETION, buyer, kept, value);
        self.remark(seller, SETTLEMENT, buyer, value.saturating_sub(owed), value);
        self.remark(buyer, COMPLETION, seller, value, value);
        for (of, with) in [(seller, buyer), (buyer, seller)] {
            self.remark(of, DISPUTES, with, value, value);
        }
        if trade.market.resource() == Resource::Energy {
            self.remark(buyer, SETTLEMENT, seller, value, value);
        }
    }

    /// Phase 4: a day's decay, the period's attendance, then what was remarked.
    pub(super) fn update_reputations(&mut self) {
        let day = self.now / DAY_MS;
        for _ in self.conduct_day..day {
            for conduct in self.conduct.values_mut() {
                conduct.uptime = (less(conduct.uptime.0), less(conduct.uptime.1));
                for pair in conduct.parts.iter_mut().flat_map(|part| part.values_mut()) {
                    *pair = (less(pair.0), less(pair.1));
                }
            }
        }
        self.conduct_day = day;
        let period = self.attend();
        for member in self.committee.clone() {
            let conduct = self.conduct.entry(member).or_default();
            if conduct.last_period.is_some_and(|last| last < period) {
                conduct.uptime = (conduct.uptime.0 + PERIOD, conduct.uptime.1 + PERIOD);
            }
            conduct.last_period = Some(period);
        }
        for (of, part, with, (good, all)) in std::mem::take(&mut self.remarks) {
            let owner = self.member(with).owner;
            let pair = self.conduct.entry(of).or_default().parts[part].entry(owner).or_default();
            *pair = (pair.0 + good, pair.1 + all);
        }
        for (member, conduct) in &self.conduct {
            let [completion, settlement, disputes] = [COMPLETION, SETTLEMENT, DISPUTES].map(|p| part(fair(&conduct.parts[p])));
            let uptime = part((u128::from(conduct.uptime.0), u128::from(conduct.uptime.1)));
            let reputation = (30 * uptime + 30 * completion + 25 * settlement + 15 * disputes) / 100;
            let member = self.members.get_mut(member).expect("only members act");
            member.reputation = leg_ledger::amount::BasisPoints::new(u32::try_from(reputation).expect("at most 10 000"));
        }
    }

    /// A period lasts an hour, and two turns of each committee member to propose.
    fn attend(&mut self) -> u64 {
        let begin = |number| Period { number, since: self.now, first: self.height };
        let turns = 2 * self.committee.len() as u64;
        let next = match self.period {
            None => begin(0),
            Some(running) if self.now - running.since >= 3_600_000 && self.height >= running.first + turns => begin(running.number + 1),
            Some(running) => running,
        };
        self.period = Some(next);
        next.number
    }
}
