//! When a step of a contract is taken again. Pure.

use super::plan::{Key, Step};
use leg_ledger::ids::Height;
use std::collections::BTreeMap;

/// Blocks after which a step that was taken, or has failed several times, is taken again.
const PATIENCE: u64 = 40;

/// The steps that were taken. One that failed comes again with the next block, then after two, four and more, since what it waits for is most
/// often a block's way to the other party: who is a moment ahead asks for a content whose announcement the other has not committed yet.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: BTreeMap<Key, Turn>,
}

#[derive(Debug)]
struct Turn {
    /// From this height on.
    again: Height,
    /// Blocks that its last failure had it wait.
    waited: u64,
}

impl Turns {
    /// Whether it is the step's turn after block `tip`. Its next is then [`PATIENCE`] later, if it does not [fail](Self::failed).
    pub(super) fn take(&mut self, key: Key, tip: Height) -> bool {
        let turn = self.taken.entry(key).or_insert(Turn { again: tip, waited: 0 });
        let is_due = turn.again <= tip;
        if is_due {
            turn.again = later(tip, PATIENCE);
        }
        is_due
    }

    /// The step did not succeed, as is known after block `tip`.
    pub(super) fn failed(&mut self, key: Key, tip: Height) {
        if let Some(turn) = self.taken.get_mut(&key) {
            turn.waited = turn.waited.saturating_mul(2).clamp(1, PATIENCE);
            turn.again = later(tip, turn.waited);
        }
    }

    /// Forgets the steps that are no longer wanted.
    pub(super) fn keep(&mut self, wanted: &[Step]) {
        self.taken.retain(|key, _| wanted.iter().any(|step| step.key() == *key));
    }
}

fn later(tip: Height, blocks: u64) -> Height {
    tip.checked_add(blocks).unwrap_or(Height::new(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::TradeId;

    /// The heights up to `last` at which a step is taken whose every turn fails or not.
    fn taken(fails: bool, last: u64) -> Vec<u64> {
        let (mut turns, key) = (Turns::default(), (TradeId::from_hash(Hash::ZERO), None));
        let mut heights = Vec::new();
        for height in 1..=last {
            let tip = Height::new(height);
            if turns.take(key, tip) {
                heights.push(height);
                if fails {
                    turns.failed(key, tip);
                }
            }
        }
        heights
    }

    #[test]
    fn what_fails_comes_again_soon_and_then_more_and_more_rarely() {
        assert_eq!(taken(true, 200), [1, 2, 4, 8, 16, 32, 64, 104, 144, 184]);
        assert_eq!(taken(false, 100), [1, 41, 81]);
    }

    #[test]
    fn a_step_that_is_wanted_no_more_is_forgotten() {
        let (mut turns, key) = (Turns::default(), (TradeId::from_hash(Hash::ZERO), Some(3)));
        assert!(turns.take(key, Height::new(1)));
        assert!(!turns.take(key, Height::new(2)));
        turns.keep(&[]);
        turns.failed(key, Height::new(2));
        assert!(turns.taken.is_empty());
        assert!(turns.take(key, Height::new(3)));
    }
}
