//! Watching that the chain moves. The engine hangs on purpose when its log cannot be written, and a committee without a quorum halts: both
//! are silent, so this says it loudly.

use super::ChainHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// For how long no block was committed, when that is too long.
pub type Stalled = Option<Duration>;

/// Watches the tip until the chain is gone. A network makes a block at least every idle interval, so each `limit` without one is reported,
/// as an error in the log and in `stalled`, which is `None` again with the next block. `waiting` tells how many transactions wait.
pub async fn watch_progress(chain: ChainHandle, limit: Duration, waiting: impl Fn() -> usize, stalled: watch::Sender<Stalled>) {
    let mut tip = chain.watch_tip();
    // A handle of its own would keep the chain alive for ever.
    drop(chain);
    let mut since = Instant::now();
    loop {
        match timeout(limit, tip.changed()).await {
            Ok(Ok(())) => {
                since = Instant::now();
                if stalled.send_replace(None).is_some() {
                    tracing::info!(height = %tip.borrow_and_update().height, "blocks are committed again");
                }
            }
            Ok(Err(_)) => return,
            Err(_) => {
                let silence = since.elapsed();
                stalled.send_replace(Some(silence));
                tracing::error!(
                    height = %tip.borrow().height,
                    seconds = silence.as_secs(),
                    waiting = waiting(),
                    "NO BLOCK is committed: less than two thirds of the committee can be reached, or this node's disk cannot be written"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::open;
    use crate::fixture::Network;

    #[tokio::test]
    async fn silence_is_reported_again_and_again_and_ends_with_a_block() {
        let folder = tempfile::tempdir().unwrap();
        let network = Network::new(1);
        let chain = open(folder.path(), network.founding(), leg_ledger::execute::Rules::default()).unwrap();
        let (sender, mut stalled) = watch::channel(None);
        let limit = Duration::from_millis(20);
        let task = tokio::spawn(watch_progress(chain.clone(), limit, || 3, sender));
        let first = stalled.wait_for(Option::is_some).await.unwrap().unwrap();
        assert!(first >= limit);
        let second = stalled.wait_for(|s| *s > Some(first)).await.unwrap().unwrap();
        assert!(second >= limit * 2);
        chain.shared.tip.send_modify(|_| {});
        assert_eq!(*stalled.wait_for(Option::is_none).await.unwrap(), None);
        drop(chain);
        task.await.unwrap();
    }
}
