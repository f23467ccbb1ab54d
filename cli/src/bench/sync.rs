//! Catching up: a node that starts with nothing follows a network that has produced blocks, and checks every signature in them.

use super::follow::Follower;
use super::network::NetworkOptions;
use super::screen::Progress;
use crate::client::LedgerApi;
use crate::devnet::processes::NodeProcess;
use crate::devnet::setup::NodePlace;
use anyhow::{Context, Result};
use leg_node::api::FinalBlock;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest time for it.
const MOST: Duration = Duration::from_secs(120);

/// How fast a follower caught up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatchUp {
    /// Transactions that it took over after its first block was seen.
    pub transactions: u64,
    /// Blocks of theirs.
    pub blocks: u64,
    /// From its first block to the network's last one, s.
    pub seconds: f64,
    /// From its start to its first block, s.
    pub start_seconds: f64,
    /// Transactions a second.
    pub per_second: f64,
    /// Transactions a second with which the network had produced them, at its fastest.
    pub produced_per_second: f64,
    /// The first over the second.
    pub ratio: f64,
}

/// Transactions of each final block, by height.
#[derive(Debug, Default)]
pub struct Heights(Mutex<Vec<(u64, u64)>>);

impl Heights {
    /// A block became final.
    pub fn add(&self, block: &FinalBlock) {
        let count = (block.height.get(), block.transactions.len() as u64);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(count);
    }

    /// The last one with transactions; zero without any.
    pub fn last_used(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().rev().find(|(_, count)| *count > 0).map_or(0, |(height, _)| *height)
    }

    /// Transactions above one height, up to another.
    pub fn between(&self, above: u64, up_to: u64) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(height, _)| (above + 1..=up_to).contains(height)).map(|(_, count)| count).sum()
    }
}

/// Starts a follower and waits until it has the last block with transactions.
///
/// # Errors
/// It fails, or does not get there.
pub async fn catch_up(options: &NetworkOptions, place: NodePlace, heights: &Heights, produced_per_second: f64) -> Result<CatchUp> {
    let target = heights.last_used();
    let begun = Instant::now();
    let mut process = NodeProcess::start(&options.program, place)?;
    let outcome = Progress::during("catching up", MOST, tokio::time::timeout(MOST, follow(&mut process, target))).await;
    let stopped = process.ask_to_stop();
    let ended = process.ended().await;
    let ((first, at), done) = outcome.context("the follower does not catch up")??;
    stopped.and(ended)?;
    let transactions = heights.between(first, target);
    let seconds = (done - at).as_secs_f64();
    let per_second = transactions as f64 / seconds.max(f64::EPSILON);
    Ok(CatchUp {
        transactions,
        blocks: target - first,
        seconds,
        start_seconds: (at - begun).as_secs_f64(),
        per_second,
        produced_per_second,
        ratio: if produced_per_second > 0.0 { per_second / produced_per_second } else { 0.0 },
    })
}

/// The first height that was seen and when, and when the target was reached.
async fn follow(process: &mut NodeProcess, target: u64) -> Result<((u64, Instant), Instant)> {
    process.ready().await?;
    let client = process.client()?;
    // The stream tells of each block; to ask for the height again and again would have the follower write each at once.
    let mut blocks = Follower::open(client.base()).await?;
    let (mut height, mut now) = (client.status().await?.height.get(), Instant::now());
    let mut first = None;
    loop {
        if height > 0 {
            let first = first.get_or_insert((height, now));
            if height >= target {
                return Ok((*first, now));
            }
        }
        (height, now) = (blocks.next().await?.height.get(), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::{Height, TransactionId};

    #[test]
    fn transactions_are_counted_between_heights() {
        let heights = Heights::default();
        assert_eq!((heights.last_used(), heights.between(0, 100)), (0, 0));
        for (height, count) in [(3, 5), (4, 0), (5, 7), (6, 1), (7, 0)] {
            let transactions = vec![TransactionId::from_hash(Hash::ZERO); count];
            heights.add(&FinalBlock { height: Height::new(height), transactions, actions: 0, rejected: 0, trades: 0 });
        }
        assert_eq!(heights.last_used(), 6);
        assert_eq!((heights.between(0, 7), heights.between(3, 6), heights.between(5, 5)), (13, 8, 0));
    }
}
