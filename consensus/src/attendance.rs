//! Who of the committee is not heard from, and how long such a member's proposal is waited for.
//!
//! Without this, each turn of a dead proposer costs the whole propose time-out, which has to be longer than an idle proposer waits for work.
//! Time-outs are a node's own affair: whatever they are, two blocks are never decided for one height; a wait that is too short costs its
//! proposer the turn, and rounds get longer until all wait long enough.
//!
//! Invariants:
//! * a member is absent when it was lost (the last connection with it ended) or missed a turn, and nothing of it was heard since: no vote,
//!   no part of a block, no signature in a certificate, from whomever it came;
//! * the wait for an absent proposer is at least [`MARGIN`] times the longest of the last [`DELAYS`] proposals took, and at least
//!   [`SHORTEST`]: one that comes back in its own turn still has the time that proposals need here.

use leg_ledger::ids::MemberId;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Proposals whose delay is remembered.
pub const DELAYS: usize = 32;
/// How many times the longest of them an absent proposer is waited for.
pub const MARGIN: u32 = 4;
/// An absent proposer is waited for at least this long.
pub const SHORTEST: Duration = Duration::from_millis(200);

/// See the module. Pure: whoever hears something says so.
#[derive(Clone, Debug, Default)]
pub struct Attendance {
    absent: BTreeSet<MemberId>,
    delays: VecDeque<Duration>,
}

impl Attendance {
    /// Something that this member signed has arrived.
    pub fn on_heard(&mut self, member: MemberId) {
        self.absent.remove(&member);
    }

    /// The last connection with this member's nodes has ended.
    pub fn on_lost(&mut self, member: MemberId) {
        self.absent.insert(member);
    }

    /// A height was decided without the block that this member had to propose for one of its rounds. MUST be called before what was heard
    /// in the decision is told.
    pub fn on_missed(&mut self, member: MemberId) {
        self.absent.insert(member);
    }

    /// A block has arrived whole, this long after its proposer could begin.
    pub fn on_proposal(&mut self, delay: Duration) {
        if self.delays.len() >= DELAYS {
            self.delays.pop_front();
        }
        self.delays.push_back(delay);
    }

    /// Whether this member is not heard from.
    pub fn is_absent(&self, member: MemberId) -> bool {
        self.absent.contains(&member)
    }

    /// How long an absent proposer is waited for; `None` while no proposal shows how long they take.
    pub fn patience(&self) -> Option<Duration> {
        let longest = self.delays.iter().max()?;
        Some(longest.saturating_mul(MARGIN).max(SHORTEST))
    }

    /// Forgets who is in the committee no more.
    pub fn retain(&mut self, seated: impl Fn(MemberId) -> bool) {
        self.absent.retain(|member| seated(*member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::member;

    #[test]
    fn a_member_is_absent_from_its_loss_or_its_missed_turn_until_it_is_heard() {
        let mut attendance = Attendance::default();
        assert!(!attendance.is_absent(member(1)), "nobody is absent who was never expected");
        attendance.on_lost(member(1));
        attendance.on_missed(member(2));
        assert!([1, 2].iter().all(|i| attendance.is_absent(member(*i))) && !attendance.is_absent(member(3)));
        attendance.on_heard(member(1));
        assert!(!attendance.is_absent(member(1)) && attendance.is_absent(member(2)));
        attendance.on_missed(member(1));
        attendance.retain(|seated| seated != member(2));
        assert!(attendance.is_absent(member(1)) && !attendance.is_absent(member(2)));
    }

    #[test]
    fn patience_follows_the_slowest_of_the_last_proposals_and_has_a_floor() {
        let mut attendance = Attendance::default();
        assert_eq!(attendance.patience(), None, "before anything was measured everyone gets the whole time");
        attendance.on_proposal(Duration::ZERO);
        assert_eq!(attendance.patience(), Some(SHORTEST));
        attendance.on_proposal(Duration::from_millis(300));
        assert_eq!(attendance.patience(), Some(Duration::from_millis(1_200)));
        for _ in 0..DELAYS - 1 {
            attendance.on_proposal(Duration::from_millis(60));
        }
        assert_eq!(attendance.patience(), Some(Duration::from_millis(1_200)));
        attendance.on_proposal(Duration::from_millis(60));
        assert_eq!(attendance.patience(), Some(Duration::from_millis(240)), "the slow one is forgotten");
        assert_eq!(attendance.delays.len(), DELAYS);
    }
}
