//! What the mempool counts. Plain numbers; whoever exports metrics reads a snapshot.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers since the start, and how much waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MempoolCounts {
    /// Transactions that wait.
    pub waiting: u64,
    /// Their encoded bytes.
    pub waiting_bytes: u64,
    /// Admitted.
    pub admitted: u64,
    /// Refused because they were waiting already.
    pub duplicates: u64,
    /// Refused for other reasons, bad signatures included.
    pub refused: u64,
    /// Signatures that did not verify.
    pub bad_signatures: u64,
    /// Signatures that were verified, good and bad.
    pub verified: u64,
    /// Left the pool with a block or by expiry.
    pub removed: u64,
    /// Fresh transactions that found the gossip queue full; they are repeated later.
    pub gossip_deferred: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) admitted: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) bad_signatures: AtomicU64,
    pub(super) verified: AtomicU64,
    pub(super) removed: AtomicU64,
    pub(super) gossip_deferred: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn snapshot(&self, waiting: usize, waiting_bytes: usize) -> MempoolCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MempoolCounts {
            waiting: waiting as u64,
            waiting_bytes: waiting_bytes as u64,
            admitted: read(&self.admitted),
            duplicates: read(&self.duplicates),
            refused: read(&self.refused),
            bad_signatures: read(&self.bad_signatures),
            verified: read(&self.verified),
            removed: read(&self.removed),
            gossip_deferred: read(&self.gossip_deferred),
        }
    }
}
