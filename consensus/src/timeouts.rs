//! How long each step of a round waits. Longer from round to round, up to a cap: an outage of hours must not leave time-outs of hours.

use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use arc_malachitebft_core_types::{Timeout, TimeoutKind};
use std::time::Duration;

/// How much longer than the idle interval the first proposal is waited for (DESIGN, Pace).
pub const PROPOSE_MARGIN: Duration = Duration::from_secs(1);

/// Durations of the steps of round 0, their growth by round, and the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Waiting for a proposal.
    pub propose: Duration,
    /// Waiting for more prevotes after a quorum disagrees.
    pub prevote: Duration,
    /// Waiting for more precommits after a quorum disagrees.
    pub precommit: Duration,
    /// Added to each of the three, a round.
    pub delta: Duration,
    /// Silence after which the last votes are sent again.
    pub rebroadcast: Duration,
    /// No wait is longer.
    pub cap: Duration,
}

impl Timeouts {
    /// For nodes of one region, with blocks at least every `idle_interval` when nothing happens.
    pub fn regional(idle_interval: Duration) -> Self {
        Timeouts { prevote: Duration::from_millis(300), precommit: Duration::from_millis(300), ..Self::local(idle_interval) }
    }

    /// For nodes that share a machine, which is busy at times.
    pub fn local(idle_interval: Duration) -> Self {
        Timeouts {
            propose: idle_interval.saturating_add(PROPOSE_MARGIN),
            prevote: Duration::from_millis(500),
            precommit: Duration::from_millis(500),
            delta: Duration::from_millis(250),
            rebroadcast: Duration::from_secs(1),
            cap: Duration::from_secs(10).saturating_add(idle_interval),
        }
    }

    /// The same, but with a proposal waited for at least [`PROPOSE_MARGIN`] longer than an idle proposer waits for work.
    pub fn patient(self, idle_interval: Duration) -> Self {
        let propose = self.propose.max(idle_interval.saturating_add(PROPOSE_MARGIN));
        Timeouts { propose, cap: self.cap.max(propose), ..self }
    }

    fn grown(&self, base: Duration, round: u32) -> Duration {
        base.saturating_add(self.delta.saturating_mul(round)).min(self.cap)
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts::local(Duration::from_secs(1))
    }
}

impl engine::Timeouts<LegContext> for Timeouts {
    fn duration_for(&self, timeout: Timeout) -> Duration {
        let round = timeout.round.as_u32().unwrap_or(0);
        match timeout.kind {
            TimeoutKind::Propose => self.grown(self.propose, round),
            TimeoutKind::Prevote => self.grown(self.prevote, round),
            TimeoutKind::Precommit => self.grown(self.precommit, round),
            TimeoutKind::Rebroadcast => self.grown(self.rebroadcast, round),
            TimeoutKind::FinalizeHeight(remaining) => remaining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arc_malachitebft_core_types::{Round, Timeouts as _};

    #[test]
    fn waits_grow_with_the_round_and_stop_at_the_cap() {
        let timeouts = Timeouts::local(Duration::from_secs(1));
        let propose = |round| timeouts.duration_for(Timeout::propose(Round::new(round)));
        assert_eq!(propose(0), Duration::from_secs(2));
        assert_eq!(propose(4), Duration::from_secs(3));
        assert_eq!(propose(1_000), timeouts.cap);
        assert_eq!(propose(u32::MAX), timeouts.cap);
    }

    #[test]
    fn a_proposal_is_waited_for_a_second_longer_than_the_idle_interval() {
        for idle_ms in [0, 1_000, 30_000] {
            let idle = Duration::from_millis(idle_ms);
            assert_eq!(Timeouts::regional(idle).propose, idle + PROPOSE_MARGIN);
            assert!(Timeouts::regional(idle).cap > idle + PROPOSE_MARGIN);
            let hasty = Timeouts { propose: Duration::ZERO, cap: Duration::ZERO, ..Timeouts::default() };
            assert_eq!(hasty.patient(idle).duration_for(Timeout::propose(Round::new(0))), idle + PROPOSE_MARGIN);
        }
    }
}
