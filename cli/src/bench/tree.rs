//! What the root of the state costs one core: microseconds a changed key, by the number of keys; and what it costs to bring the tree there once
//! the block is committed.

use super::screen::Progress;
use super::usage::thread_cpu;
use anyhow::{Result, ensure};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::tree::{Changes, Key, Tree};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::time::Duration;

/// Keys that change in one batch.
const BATCH: usize = 1_000;
/// Batches that are measured after as many that are not.
const BATCHES: usize = 50;

/// The cost at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeCost {
    /// Keys in the tree.
    pub keys: usize,
    /// Microseconds a changed key until the root is known, in sorted batches of 1 000.
    pub changed_us: f64,
    /// Microseconds a changed key to write the batch into the tree.
    pub applied_us: f64,
    /// Microseconds a key to build the whole tree, as at a start.
    pub built_us: f64,
}

/// Measures each size.
///
/// # Errors
/// The system does not tell CPU times.
pub fn run(sizes: &[usize]) -> Result<Vec<TreeCost>> {
    let progress = Progress::new(sizes.len() as u64, "state root");
    let mut costs = Vec::new();
    for keys in sizes {
        costs.push(measure(*keys)?);
        progress.step();
    }
    Ok(costs)
}

fn measure(keys: usize) -> Result<TreeCost> {
    let key = |number: usize| Key::of(&number.to_le_bytes());
    let value = |number: usize, version: usize| Some(Hash::of(Domain::StateKey, &[number.to_le_bytes(), version.to_le_bytes()].concat()));
    let all: Changes = (0..keys).map(|number| (key(number), value(number, 0))).collect();
    let begun = thread_cpu()?;
    let mut tree = Tree::build(&all);
    let built = thread_cpu()? - begun;
    drop(all);
    let mut rng = ChaCha8Rng::seed_from_u64(keys as u64);
    let (mut spent, mut applied) = (Duration::ZERO, Duration::ZERO);
    for version in 1..=2 * BATCHES {
        let mut changes: Vec<(Key, Option<Hash>)> = (0..BATCH.min(keys))
            .map(|_| {
                let number = rng.gen_range(0..keys);
                (key(number), value(number, version))
            })
            .collect();
        changes.sort_unstable();
        let changes: Changes = changes.into_iter().collect();
        let begun = thread_cpu()?;
        let plan = std::hint::black_box(tree.plan(changes));
        let planned = thread_cpu()?;
        ensure!(tree.apply(plan), "a plan that was made for this tree");
        if version > BATCHES {
            spent += planned - begun;
            applied += thread_cpu()? - planned;
        }
    }
    let us = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / count.max(1) as f64;
    let changed = BATCHES * BATCH.min(keys);
    Ok(TreeCost { keys, changed_us: us(spent, changed), applied_us: us(applied, changed), built_us: us(built, keys) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_measured() {
        let costs = run(&[10, 3_000]).unwrap();
        assert_eq!(costs.iter().map(|cost| cost.keys).collect::<Vec<_>>(), [10, 3_000]);
        assert!(costs.iter().all(|cost| cost.changed_us > 0.0 && cost.applied_us > 0.0 && cost.built_us > 0.0));
    }
}
