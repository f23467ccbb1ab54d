//! Who was heard, who was not, and what follows for the time-outs of a height.

use super::{Handler, Source};
use crate::timeouts::AbsentRounds;
use leg_ledger::block::{Certificate, Header};
use leg_ledger::ids::{MemberId, Round};
use leg_ledger::time::BlockTime;
use std::time::Duration;

impl Handler {
    /// A member signed something that arrived.
    pub fn on_heard(&mut self, member: MemberId) {
        self.attendance.on_heard(member);
    }

    /// The last connection with a member's nodes has ended.
    pub fn on_lost(&mut self, member: MemberId) {
        self.attendance.on_lost(member);
    }

    /// A block arrived whole: how long did its proposer take? From when this node entered the round, or from the block's own time where the
    /// proposer waited for work first.
    pub(super) fn on_delivered(&mut self, header: &Header, source: Source, now: BlockTime) {
        let fresh = source.streamer == header.proposer && source.round == header.creation_round && self.round == Some(source.round);
        if fresh {
            let begin = self.entered.max(header.time);
            self.attendance.on_proposal(Duration::from_millis(now.ms().saturating_sub(begin.ms())));
        }
    }

    /// A block was decided: those who had a turn before its creation missed it, and those who signed it were heard.
    pub(super) fn on_attended(&mut self, header: &Header, certificate: &Certificate) {
        let missed: Vec<MemberId> =
            (0..header.creation_round.get()).map_while(|round| self.proposer(Round::new(round))).take(self.committee.len()).collect();
        missed.into_iter().for_each(|member| self.attendance.on_missed(member));
        self.attendance.on_heard(header.proposer);
        self.on_signed(certificate);
    }

    /// Those who signed a certificate were heard.
    pub(super) fn on_signed(&mut self, certificate: &Certificate) {
        certificate.signatures.iter().for_each(|signature| self.attendance.on_heard(signature.member));
    }

    /// The rounds of the height being decided whose proposer is not heard from.
    pub(super) fn absent_rounds(&self) -> AbsentRounds {
        let own = self.settings.voter.as_ref().map(|voter| voter.member);
        let is_absent = |member: MemberId| self.attendance.is_absent(member) && own != Some(member);
        let anyone = self.committee.members().iter().any(|seat| is_absent(seat.member));
        match self.attendance.patience().filter(|_| anyone) {
            Some(patience) => AbsentRounds::new(patience, |round| self.proposer(round).is_some_and(is_absent)),
            None => AbsentRounds::default(),
        }
    }
}
