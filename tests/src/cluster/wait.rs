//! Waiting for what must come.

use std::future::Future;
use std::time::{Duration, Instant};

/// Longest wait for anything that a network does by itself, on a busy machine with two cores.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(25);

/// Asks until there is something, and returns it.
///
/// # Panics
/// There is nothing within a minute.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {} s in vain: {what}", DEADLINE.as_secs());
        tokio::time::sleep(POLL).await;
    }
}
