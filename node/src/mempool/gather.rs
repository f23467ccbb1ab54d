//! What is verified together: signatures cost a third each in company, so the first that arrives waits for others; a little where few come,
//! longer where many do.

use super::MempoolConfig;
use super::mailbox::{Message, Source};
use super::service::Waiting;
use leg_ledger::transaction::SignedTransaction;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Transactions that are verified together, and who waits for how many of the answers.
pub(super) struct Group {
    pub(super) source: Source,
    pub(super) transactions: Vec<SignedTransaction>,
    pub(super) replies: Waiting,
}

/// Gathers submissions, and knows how fast they come.
pub(super) struct Gathering {
    config: MempoolConfig,
    /// When the last gathering ended.
    last: Instant,
    /// Transactions a second, as of late.
    rate: u64,
}

impl Gathering {
    pub(super) fn new(config: &MempoolConfig) -> Self {
        Gathering { config: *config, last: Instant::now(), rate: 0 }
    }

    /// How long the first waits.
    fn delay(&self) -> Duration {
        let (least, most) = (self.config.gather_delay, self.config.busy_delay.max(self.config.gather_delay));
        let busy = u64::from(self.config.busy).max(1);
        let above = u32::try_from(self.rate.saturating_sub(busy).min(busy)).unwrap_or(u32::MAX);
        let delay = least + (most - least) * above / self.config.busy.max(1);
        delay.min(self.full()).max(least)
    }

    /// How long a full batch takes to arrive.
    fn full(&self) -> Duration {
        let micros = (self.config.batch as u64).saturating_mul(1_000_000) / self.rate.max(1);
        Duration::from_micros(micros)
    }

    /// Learns that `count` came since the last gathering: half of what it knows is about this one.
    fn learn(&mut self, count: usize, now: Instant) {
        let micros = u64::try_from(now.duration_since(self.last).as_micros()).unwrap_or(u64::MAX).max(1);
        let rate = (count as u64).saturating_mul(1_000_000) / micros;
        self.rate = (self.rate / 2).saturating_add(rate / 2);
        self.last = now;
    }

    /// Collects what arrives within the delay, up to the cap: local submissions into one group, each peer's batch into its own.
    pub(super) async fn gather(&mut self, first: Message, mailbox: &mut mpsc::Receiver<Message>) -> Vec<Group> {
        let deadline = Instant::now() + self.delay();
        let mut groups = vec![Group { source: Source::Local, transactions: Vec::new(), replies: Vec::new() }];
        let mut count = 0;
        let mut next = Some(first);
        while let Some(Message { transactions, source, reply }) = next {
            count += transactions.len().max(1);
            if source == Source::Peer {
                groups.push(Group { source, replies: vec![(transactions.len(), reply)], transactions });
            } else if let Some(local) = groups.first_mut() {
                local.replies.push((transactions.len(), reply));
                local.transactions.extend(transactions);
            }
            if count >= self.config.gather {
                break;
            }
            next = timeout_at(deadline, mailbox.recv()).await.ok().flatten();
        }
        self.learn(count, Instant::now());
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_waits_longer_the_more_arrive() {
        let mut gathering = Gathering::new(&MempoolConfig::default());
        let mut delay_at = |per_second: usize| {
            for _ in 0..40 {
                let later = gathering.last + Duration::from_millis(100);
                gathering.learn(per_second / 10, later);
            }
            gathering.delay().as_millis()
        };
        let table = [(0, 3), (1_000, 3), (2_000, 3), (3_000, 51), (4_000, 100), (8_000, 100), (100_000, 20), (1_000_000, 3), (10, 3)];
        for (per_second, expected) in table {
            let found = delay_at(per_second);
            assert!(found.abs_diff(expected) <= 1, "{per_second}/s: {found} ms, expected {expected}");
        }
    }
}
