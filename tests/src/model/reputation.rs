//! Reputations (MARKET 11). Left out: more than sixteen counterparties.

use super::state::Trade;
use super::{DAY_MS, Model};
use leg_ledger::amount::BasisPoints;
use leg_ledger::ids::{MemberId, OwnerId};
use leg_ledger::member::{MemberStatus, Role};
use leg_ledger::receipt::Code;
use leg_ledger::transaction::Resource;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Completion, settlement, disputes.
pub(super) const COMPLETION: usize = 0;
pub(super) const SETTLEMENT: usize = 1;
pub(super) const DISPUTES: usize = 2;
/// What one period counts.
const PERIOD: u64 = 1_000_000;

/// (good, all).
type Pair = (u64, u64);

/// Periods in which a hub was there, up to the last that is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    period: u64,
    pair: Pair,
    pub seen_at: Option<u64>,
}

/// What is known of a member.
#[derive(Clone, Debug)]
pub(super) struct Conduct {
    day: u64,
    parts: [BTreeMap<OwnerId, Pair>; 3],
    pub presence: Option<Presence>,
}

/// The running attendance period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    number: u64,
    since: u64,
    first: u64,
}

/// What happened in a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remark {
    /// A day began, or its status or role changed: what is over counts as it was.
    Looked,
    /// A hub is to be there from now on.
    Expected,
    /// It was there.
    Life,
    /// A part, towards whom, (good, all).
    Conduct(usize, MemberId, Pair),
}

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

impl Conduct {
    fn decay(&mut self, today: u64) {
        for _ in self.day..today {
            let uptime = self.presence.iter_mut().map(|p| &mut p.pair);
            for pair in self.parts.iter_mut().flat_map(|part| part.values_mut()).chain(uptime) {
                *pair = (less(pair.0), less(pair.1));
            }
        }
        self.day = today;
    }

    fn reputation(&self) -> BasisPoints {
        let [completion, settlement, disputes] = [COMPLETION, SETTLEMENT, DISPUTES].map(|p| part(fair(&self.parts[p])));
        let (there, all) = self.presence.map_or((0, 0), |p| p.pair);
        let uptime = part((u128::from(there), u128::from(all)));
        let reputation = (30 * uptime + 30 * completion + 25 * settlement + 15 * disputes) / 100;
        BasisPoints::new(u32::try_from(reputation).expect("at most 10 000"))
    }
}

impl Model {
    pub(super) fn remark(&mut self, of: MemberId, part: usize, with: MemberId, good: u64, all: u64) {
        self.remarks.push((of, Remark::Conduct(part, with, (good.min(all), all))));
    }

    /// A trade ended as it should: `kept` of its value was delivered, `owed` of the penalty became debt.
    pub(super) fn remark_settled(&mut self, trade: &Trade, kept: u64, owed: u64) {
        let (buyer, seller, value) = (trade.buyer, trade.seller, trade.escrow);
        self.remark(seller, COMPLETION, buyer, kept, value);
        self.remark(seller, SETTLEMENT, buyer, value.saturating_sub(owed), value);
        self.remark(buyer, COMPLETION, seller, value, value);
        if matches!(trade.market.resource(), Resource::Energy | Resource::Heat | Resource::Storage) {
            self.remark(buyer, SETTLEMENT, seller, value, value);
        }
    }

    pub(super) fn heartbeat(&mut self, signer: MemberId) -> Result<(), Code> {
        if self.role(signer) != Role::Hub {
            return Err(Code::WrongRole);
        }
        self.remarks.push((signer, Remark::Life));
        Ok(())
    }

    /// Phase 4: whoever something is remarked of, at least each midnight, has its days and missed periods brought up to now first.
    pub(super) fn update_reputations(&mut self) {
        let (period, today) = (self.attend(), self.now / DAY_MS);
        let mut touched: BTreeMap<MemberId, Vec<Remark>> = BTreeMap::new();
        let mut add = |member, remark| touched.entry(member).or_default().push(remark);
        self.conduct.iter().filter(|(_, c)| c.day < today).for_each(|(id, _)| add(*id, Remark::Looked));
        let counted = |id: &MemberId| self.conduct.get(id).and_then(|c| c.presence).map(|p| p.period);
        let current = &self.committees.current;
        current.keys().filter(|id| counted(id).is_none()).for_each(|id| add(*id, Remark::Expected));
        let mut seen: BTreeSet<MemberId> = self.committees.previous.keys().filter(|id| self.facts.signers.contains(id)).copied().collect();
        seen.extend(current.keys().filter(|id| **id == self.facts.proposer));
        seen.iter().filter(|id| counted(id).is_none_or(|last| last < period)).for_each(|id| add(*id, Remark::Life));
        std::mem::take(&mut self.remarks).into_iter().for_each(|(member, remark)| add(member, remark));
        for (id, remarks) in touched {
            self.update_reputation(id, &remarks, period, today);
        }
    }

    fn update_reputation(&mut self, id: MemberId, remarks: &[Remark], period: u64, today: u64) {
        let member = &self.members[&id];
        let (owner, before) = (member.owner, member.reputation);
        let is_hub = member.role == Role::Hub && member.status != MemberStatus::Left;
        let expected = self.registry.get(&id).is_some_and(|m| m.role == Role::Hub && m.status == MemberStatus::Active);
        let blank = Conduct { day: today, parts: Default::default(), presence: None };
        let mut conduct = self.conduct.get(&id).cloned().unwrap_or(blank);
        conduct.decay(today);
        if let Some(presence) = conduct.presence.as_mut().filter(|p| p.period + 1 < period) {
            let missed = period - 1 - presence.period;
            presence.pair.1 += if expected { missed * PERIOD } else { 0 };
            presence.period = period - 1;
        }
        for remark in remarks {
            let enrolled = Presence { period, pair: (0, 0), seen_at: None };
            match *remark {
                Remark::Looked => {}
                Remark::Expected => drop(conduct.presence.get_or_insert(enrolled)),
                Remark::Life => {
                    let presence = conduct.presence.get_or_insert(enrolled);
                    if presence.period < period {
                        presence.pair = (presence.pair.0 + PERIOD, presence.pair.1 + PERIOD);
                        presence.period = period;
                    }
                    presence.seen_at = Some(self.now);
                }
                Remark::Conduct(part, with, (good, all)) => {
                    let other = self.members[&with].owner;
                    if other != owner && all > 0 {
                        let pair = conduct.parts[part].entry(other).or_default();
                        *pair = (pair.0 + good, pair.1 + all);
                    }
                }
            }
        }
        if !is_hub {
            conduct.presence = None;
        }
        let reputation = conduct.reputation();
        let empty = conduct.presence.is_none() && conduct.parts.iter().flatten().all(|(_, (_, all))| *all == 0);
        let known = Rc::make_mut(&mut self.conduct);
        if empty {
            drop(known.remove(&id))
        } else {
            drop(known.insert(id, conduct))
        }
        if reputation != before {
            Rc::make_mut(&mut self.members).get_mut(&id).expect("registered").reputation = reputation;
        }
    }

    /// A period lasts an hour, and two turns of each committee member to propose.
    fn attend(&mut self) -> u64 {
        let begin = |number| Period { number, since: self.now, first: self.height };
        let turns = 2 * self.committees.current.len() as u64;
        let next = match self.period {
            None => begin(0),
            Some(running) if self.now - running.since >= 3_600_000 && self.height >= running.first + turns => begin(running.number + 1),
            Some(running) => running,
        };
        self.period = Some(next);
        next.number
    }
}
