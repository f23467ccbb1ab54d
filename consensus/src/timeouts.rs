//! How long each step of a round waits. Longer from round to round, up to a cap: an outage of hours must not leave time-outs of hours.
//! Shorter in a round whose proposer is not heard from ([`crate::attendance`]).

use crate::context::LegContext;
use arc_malachitebft_core_types as engine;
use arc_malachitebft_core_types::{Timeout, TimeoutKind};
use leg_ledger::ids::Round;
use std::time::Duration;

/// How much longer than the idle interval the first proposal is waited for (DESIGN, Pace).
pub const PROPOSE_MARGIN: Duration = Duration::from_secs(1);

/// Rounds of a height whose proposers can be told apart; in later ones everyone is waited for as long.
const TOLD_APART: u32 = 64;

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
    /// Rounds whose proposer is not heard from.
    pub absent: AbsentRounds,
}

/// Rounds of one height whose proposer is not heard from, and how long each step of such a round waits at most, before it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbsentRounds {
    rounds: u64,
    patience: Duration,
}

impl AbsentRounds {
    /// The rounds for which `is_absent` says so.
    pub fn new(patience: Duration, is_absent: impl Fn(Round) -> bool) -> Self {
        let absent = (0..TOLD_APART).filter(|round| is_absent(Round::new(*round)));
        AbsentRounds { rounds: absent.fold(0, |rounds, round| rounds | 1 << round), patience }
    }

    /// The wait of a step of a round that would otherwise be `base`.
    fn shorten(&self, base: Duration, round: u32) -> Duration {
        let absent = round < TOLD_APART && self.rounds & (1 << round) != 0;
        if absent { base.min(self.patience) } else { base }
    }
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
            absent: AbsentRounds::default(),
        }
    }

    /// The same, but with a proposal waited for at least [`PROPOSE_MARGIN`] longer than an idle proposer waits for work.
    pub fn patient(self, idle_interval: Duration) -> Self {
        let propose = self.propose.max(idle_interval.saturating_add(PROPOSE_MARGIN));
        Timeouts { propose, cap: self.cap.max(propose), ..self }
    }

    fn grown(&self, base: Duration, round: u32) -> Duration {
        let base = self.absent.shorten(base, round);
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
            TimeoutKind::Rebroadcast => self.rebroadcast.saturating_add(self.delta.saturating_mul(round)).min(self.cap),
            TimeoutKind::FinalizeHeight(remaining) => remaining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arc_malachitebft_core_types::{Round as EngineRound, Timeouts as _};

    #[test]
    fn waits_grow_with_the_round_and_stop_at_the_cap() {
        let timeouts = Timeouts::local(Duration::from_secs(1));
        let propose = |round| timeouts.duration_for(Timeout::propose(EngineRound::new(round)));
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
            assert_eq!(hasty.patient(idle).duration_for(Timeout::propose(EngineRound::new(0))), idle + PROPOSE_MARGIN);
        }
    }

    #[test]
    fn a_round_without_its_proposer_is_short_and_still_grows_to_the_cap() {
        let patience = Duration::from_millis(300);
        let absent = AbsentRounds::new(patience, |round| round.get() % 4 == 1);
        let timeouts = Timeouts { absent, ..Timeouts::local(Duration::from_secs(1)) };
        let whole = Timeouts::local(Duration::from_secs(1));
        let waits = |timeouts: &Timeouts, round| {
            let round = EngineRound::new(round);
            [Timeout::propose(round), Timeout::prevote(round), Timeout::precommit(round)].map(|timeout| timeouts.duration_for(timeout))
        };
        assert_eq!(waits(&timeouts, 1), [patience + whole.delta; 3]);
        assert_eq!(waits(&timeouts, 5), [patience + 5 * whole.delta; 3]);
        for present in [0, 2, 3, 4, 64, 65, 1_001] {
            assert_eq!(waits(&timeouts, present), waits(&whole, present), "round {present}");
        }
        let all = Timeouts { absent: AbsentRounds::new(patience, |_| true), ..whole };
        assert_eq!(waits(&all, 63), [whole.cap; 3]);
        let rebroadcast = Timeout::rebroadcast(EngineRound::new(1));
        assert_eq!(timeouts.duration_for(rebroadcast), whole.duration_for(rebroadcast));
        let longer = Timeouts { absent: AbsentRounds::new(Duration::from_secs(60), |_| true), ..whole };
        assert_eq!(waits(&longer, 0), waits(&whole, 0), "patience never makes a wait longer");
    }
}
