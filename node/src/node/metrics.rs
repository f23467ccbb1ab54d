//! What `/metrics` shows beside the API's own numbers.

use crate::chain::Stalled;
use crate::mempool::Mempool;
use crate::network::Network;
use crate::telemetry::{Sample, Telemetry};
use leg_consensus::SignatureCheck;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

/// How far the last block's time was behind this node's clock when it was committed, milliseconds; negative when it was ahead.
pub(super) type BlockAge = Arc<AtomicI64>;

/// Shows the numbers of the mempool, the swarm, the chain and the engine.
pub(super) fn register(telemetry: &Telemetry, mempool: Mempool, network: &Network, stalled: watch::Receiver<Stalled>, age: BlockAge) {
    telemetry.watch_mempool(mempool);
    telemetry.watch_network(network);
    telemetry.collect("chain", move || {
        let seconds = stalled.borrow().map_or(0, |silence| silence.as_secs());
        let age = age.load(Ordering::Relaxed);
        vec![
            Sample::gauge("stalled_seconds", "Seconds without a block, when that is too long", seconds),
            Sample::gauge("block_age_ms", "Clock less the last block's time at its commit", u64::try_from(age).unwrap_or(0)),
            Sample::gauge("block_ahead_ms", "The last block's time less the clock at its commit", u64::try_from(-age).unwrap_or(0)),
        ]
    });
    telemetry.add_source(|text| {
        text.push_str(&leg_consensus::metrics::export());
        Ok(())
    });
}

/// Shows how many signatures of consensus were verified, and how many of them were met again.
pub(super) fn watch_signatures(telemetry: &Telemetry, signatures: SignatureCheck) {
    telemetry.collect("consensus", move || {
        let counts = signatures.counts();
        vec![
            Sample::counter("signatures_verified", "Signatures of votes, proposals and manifests that were verified", counts.verified),
            Sample::counter("signatures_recalled", "Signatures of consensus that had been verified before", counts.recalled),
        ]
    });
}
