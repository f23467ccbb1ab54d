//! Disputes about what was delivered (MARKET 11): opening, evidence, votes, verdict.

use super::reputation::{COMPLETION, DISPUTES};
use super::settle::Moved;
use super::state::{Dispute, Origin, Trade};
use super::{Model, share};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::receipt::Code;
use leg_ledger::state::TradeStatus;
use std::collections::{BTreeMap, BTreeSet};

const MAX_EVIDENCE: usize = 16;

/// What a dispute comes to.
struct Verdict {
    quantity: u64,
    loser: Option<MemberId>,
    /// Registers or votes decided: reputation counts it.
    judged: bool,
}

impl Dispute {
    fn votes_for(&self, opener: bool) -> usize {
        self.votes.values().filter(|vote| **vote == opener).count()
    }

    fn low(&self) -> u64 {
        self.claimed.min(self.metered)
    }

    fn high(&self) -> u64 {
        self.claimed.max(self.metered)
    }
}

impl Model {
    pub(super) fn dispute(&mut self, origin: &Origin, id: TradeId, claimed: u64) -> Result<(), Code> {
        let trade = self.trades.get(&id).cloned().ok_or(Code::UnknownTrade)?;
        let opener = origin.signer;
        if opener != trade.buyer && opener != trade.seller {
            return Err(Code::NotParty);
        }
        if trade.status != TradeStatus::Delivered {
            return Err(Code::WrongState);
        }
        if trade.deadline.is_some_and(|due| due <= self.now) {
            return Err(Code::TooLate);
        }
        let metered = trade.delivered.iter().map(|(_, wh)| wh).sum::<u64>().min(trade.quantity);
        let fits = if opener == trade.buyer { claimed < metered } else { claimed > metered && claimed <= trade.quantity };
        if fits { self.open_dispute(id, trade, opener, claimed, metered, None) } else { Err(Code::BadClaim) }
    }

    /// A completion whose readings show that the meter failed: what earlier readings support of it stands, the rest is in dispute.
    pub(super) fn dispute_meter(&mut self, id: TradeId, mut trade: Trade, claims: &[(u64, u64)]) -> Result<(), Code> {
        let claimed = claims.iter().map(|(_, wh)| wh).sum::<u64>().min(trade.quantity);
        self.take_claims(&mut trade, claims, claimed);
        let metered = trade.delivered.iter().map(|(_, wh)| wh).sum();
        let opener = trade.seller;
        self.open_dispute(id, trade, opener, claimed, metered, Some(claims.to_vec()))
    }

    fn open_dispute(
        &mut self,
        id: TradeId,
        mut trade: Trade,
        opener: MemberId,
        claimed: u64,
        metered: u64,
        claims: Option<Vec<(u64, u64)>>,
    ) -> Result<(), Code> {
        let rules = self.params.disputes;
        let owners = [trade.buyer, trade.seller].map(|party| self.member(party).owner);
        let mut dispute = Dispute {
            opener,
            respondent: if opener == trade.buyer { trade.seller } else { trade.buyer },
            claimed,
            metered,
            claims,
            escrow: trade.escrow,
            moved: Moved::default(),
            value: 0,
            bonds: [0, 0],
            evidence_until: self.now + rules.evidence_window_ms,
            verdict_until: self.now + rules.verdict_window_ms,
            entitled: self.committees.current.keys().filter(|id| !owners.contains(&self.member(**id).owner)).copied().collect(),
            votes: BTreeMap::new(),
            evidence: Vec::new(),
        };
        let (low, high) = (dispute.low(), dispute.high());
        let worth = |quantity| trade.value(quantity).min(trade.escrow);
        dispute.value = worth(high) - worth(low);
        if dispute.value == 0 {
            return Err(Code::BadClaim);
        }
        if let Some(verdict) = self.by_registers(&dispute, &trade) {
            self.decide(id, &dispute, trade, &verdict);
            return Ok(());
        }
        if dispute.entitled.len() < 2 {
            self.decide(id, &dispute, trade, &Verdict { quantity: metered, loser: None, judged: false });
            return Ok(());
        }
        dispute.bonds[0] = self.post_bond(opener, dispute.value)?;
        dispute.moved = self.settle_undisputed(&trade, low, high);
        trade.status = TradeStatus::Disputed;
        trade.deadline = None;
        trade.escrow = dispute.value;
        self.trades.insert(id, trade);
        self.disputes.insert(id, dispute);
        Ok(())
    }

    /// 2 % of the disputed value, at least CHF 1.
    fn post_bond(&mut self, party: MemberId, value: u64) -> Result<u64, Code> {
        let rules = self.params.disputes;
        let bond = share(value, u64::from(rules.bond.get())).max(rules.min_bond.get());
        let purse = self.purse(party);
        purse.free = purse.free.checked_sub(bond).ok_or(Code::InsufficientFunds)?;
        purse.bond += bond;
        Ok(bond)
    }

    fn running_dispute(&self, id: TradeId) -> Result<Dispute, Code> {
        let dispute = self.disputes.get(&id).ok_or(Code::UnknownDispute)?;
        if dispute.verdict_until <= self.now { Err(Code::TooLate) } else { Ok(dispute.clone()) }
    }

    pub(super) fn submit_evidence(&mut self, origin: &Origin, id: TradeId, hashes: &[Hash]) -> Result<(), Code> {
        let mut dispute = self.running_dispute(id)?;
        let by = origin.signer;
        if by != dispute.opener && by != dispute.respondent {
            return Err(Code::NotParty);
        }
        if dispute.evidence_until <= self.now {
            return Err(Code::TooLate);
        }
        dispute.evidence.extend(hashes.iter().map(|hash| (by, *hash)));
        let own: Vec<Hash> = dispute.evidence.iter().filter(|(party, _)| *party == by).map(|(_, hash)| *hash).collect();
        let distinct: BTreeSet<&Hash> = own.iter().collect();
        if hashes.is_empty() || distinct.len() < own.len() || own.len() > MAX_EVIDENCE {
            return Err(Code::BadEvidence);
        }
        if by == dispute.respondent && dispute.bonds[1] == 0 {
            dispute.bonds[1] = self.post_bond(by, dispute.value)?;
        }
        self.disputes.insert(id, dispute);
        Ok(())
    }

    pub(super) fn concede(&mut self, origin: &Origin, id: TradeId) -> Result<(), Code> {
        let dispute = self.running_dispute(id)?;
        let quantity = match origin.signer {
            by if by == dispute.opener => dispute.metered,
            by if by == dispute.respondent => dispute.claimed,
            _ => return Err(Code::NotParty),
        };
        let trade = self.whole_trade(id, &dispute);
        self.decide(id, &dispute, trade, &Verdict { quantity, loser: None, judged: false });
        Ok(())
    }

    pub(super) fn vote_dispute(&mut self, origin: &Origin, id: TradeId, for_opener: bool) -> Result<(), Code> {
        let mut dispute = self.running_dispute(id)?;
        if !dispute.entitled.contains(&origin.signer) {
            return Err(Code::NotEntitled);
        }
        if self.now < dispute.evidence_until {
            return Err(Code::TooEarly);
        }
        if dispute.votes.insert(origin.signer, for_opener).is_some() {
            return Err(Code::AlreadyVoted);
        }
        let decided = dispute.votes_for(for_opener) * 2 > dispute.entitled.len();
        self.disputes.insert(id, dispute);
        if decided {
            self.judge(id, Some(for_opener));
        }
        Ok(())
    }

    /// The time is over: the majority of votes, if more than half have voted.
    pub(super) fn end_dispute(&mut self, id: TradeId) {
        let dispute = &self.disputes[&id];
        let (yes, no) = (dispute.votes_for(true), dispute.votes_for(false));
        let quorum = (yes + no) * 2 > dispute.entitled.len();
        self.judge(id, (quorum && yes != no).then_some(yes > no));
    }

    /// Registers first, then votes; else the metered amount stands.
    fn judge(&mut self, id: TradeId, side: Option<bool>) {
        let dispute = self.disputes[&id].clone();
        let trade = self.whole_trade(id, &dispute);
        let by_vote = match side {
            Some(true) => Verdict { quantity: dispute.claimed, loser: Some(dispute.respondent), judged: true },
            Some(false) => Verdict { quantity: dispute.metered, loser: Some(dispute.opener), judged: true },
            None => Verdict { quantity: dispute.metered, loser: Some(dispute.opener), judged: false },
        };
        let verdict = self.by_registers(&dispute, &trade).unwrap_or(by_vote);
        self.decide(id, &dispute, trade, &verdict);
    }

    fn whole_trade(&self, id: TradeId, dispute: &Dispute) -> Trade {
        Trade { escrow: dispute.escrow, ..self.trades[&id].clone() }
    }

    /// What the registers, as corrected, show, where it differs by more than the tolerance from the metered amount; within what is disputed
    /// once something was paid. The loser is whose amount is further off.
    fn by_registers(&self, dispute: &Dispute, trade: &Trade) -> Option<Verdict> {
        let shown = match &dispute.claims {
            None => self.supported(trade).min(trade.quantity),
            Some(claims) => claims.iter().map(|(slot, wh)| self.claimable(trade, *slot).min(*wh)).sum::<u64>().min(dispute.claimed),
        };
        let tolerance = u128::from(self.params.disputes.metered_tolerance.get());
        if u128::from(shown.abs_diff(dispute.metered)) * 10_000 <= u128::from(dispute.metered) * tolerance {
            return None;
        }
        let quantity = shown.clamp(if dispute.moved.gross == 0 { 0 } else { dispute.low() }, dispute.high());
        let opener_is_nearer = dispute.claimed.abs_diff(quantity) < dispute.metered.abs_diff(quantity);
        let loser = if opener_is_nearer { dispute.respondent } else { dispute.opener };
        Some(Verdict { quantity, loser: Some(loser), judged: true })
    }

    fn decide(&mut self, id: TradeId, dispute: &Dispute, mut trade: Trade, verdict: &Verdict) {
        for (party, bond) in [dispute.opener, dispute.respondent].into_iter().zip(dispute.bonds) {
            self.purse(party).bond -= bond;
            if verdict.loser == Some(party) {
                self.common.penalties += bond;
            } else {
                self.purse(party).free += bond;
                self.pay_debt(party);
            }
        }
        self.disputes.remove(&id);
        if let Some(claims) = &dispute.claims {
            self.take_claims(&mut trade, claims, verdict.quantity);
        }
        let lost = verdict.loser.filter(|_| verdict.judged).map(|loser| (loser, dispute.value));
        self.remark_disputes(&trade, lost);
        if verdict.quantity == 0 {
            self.trades.remove(&id);
            self.refund(trade.buyer, trade.escrow - dispute.moved.refund);
            self.remark(trade.seller, COMPLETION, trade.buyer, 0, trade.escrow);
        } else {
            self.pay(id, trade, dispute.moved, verdict.quantity, verdict.quantity);
        }
    }

    /// Neither party lost a dispute, but `lost`, over so much.
    pub(super) fn remark_disputes(&mut self, trade: &Trade, lost: Option<(MemberId, u64)>) {
        for (of, with) in [(trade.seller, trade.buyer), (trade.buyer, trade.seller)] {
            let over = lost.filter(|(loser, _)| *loser == of).map_or(0, |(_, over)| over);
            self.remark(of, DISPUTES, with, trade.escrow.saturating_sub(over), trade.escrow);
        }
    }

    /// What a trade has of a slot's increase, and could have of what is left of it.
    fn claimable(&self, trade: &Trade, slot: u64) -> u64 {
        let had = trade.delivered.iter().find(|(s, _)| *s == slot).map_or(0, |(_, wh)| *wh);
        let entry = self.readings.get(&(trade.seller, trade.market.resource(), slot)).copied().unwrap_or_default();
        had + entry.increase.saturating_sub(entry.claimed)
    }

    /// Claims for a trade whose meter failed what the increases leave of `claims`, in all at most `most`.
    fn take_claims(&mut self, trade: &mut Trade, claims: &[(u64, u64)], most: u64) {
        let mut left = most - trade.delivered.iter().map(|(_, wh)| wh).sum::<u64>().min(most);
        let before = trade.delivered.clone();
        let had = |slot| before.iter().find(|(s, _)| *s == slot).map_or(0, |(_, wh)| *wh);
        let mut delivered = Vec::new();
        for (slot, wanted) in claims {
            let more = self.claimable(trade, *slot).min(*wanted).saturating_sub(had(*slot)).min(left);
            left -= more;
            self.claim(trade.seller, trade.market.resource(), *slot, more).expect("there is as much");
            delivered.push((*slot, had(*slot) + more));
        }
        delivered.retain(|(_, wh)| *wh > 0);
        trade.delivered = delivered;
    }
}
