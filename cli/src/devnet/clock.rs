//! The driver's clock.

use async_trait::async_trait;
use leg_ledger::time::BlockTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix time and waiting for it; a test brings its own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> BlockTime;

    /// Returns at `time` or later.
    async fn sleep_until(&self, time: BlockTime);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> BlockTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        BlockTime::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, time: BlockTime) {
        let ahead = time.ms().saturating_sub(self.now().ms());
        tokio::time::sleep(Duration::from_millis(ahead)).await;
    }
}
