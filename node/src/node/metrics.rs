//! Metrics of the rooms below the API, read when somebody asks.

use crate::chain::Stalled;
use crate::mempool::{Mempool, MempoolCounts};
use crate::network::{Network, NetworkCounts};
use crate::telemetry::Telemetry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

/// How far the last block's time was from this node's clock when it was committed, milliseconds; negative when the block was ahead.
pub(super) type BlockAge = Arc<AtomicI64>;

/// What is read.
pub(super) struct NodeMetrics {
    pub mempool: Mempool,
    pub network: Network,
    pub stalled: watch::Receiver<Stalled>,
    pub block_age: BlockAge,
}

impl fmt::Debug for NodeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeMetrics")
    }
}

/// A name, its help, and where the number stands.
type Row<C> = (&'static str, &'static str, fn(&C) -> u64);

const MEMPOOL_GAUGES: [Row<MempoolCounts>; 1] =
    [("mempool_waiting_bytes", "Encoded bytes of the transactions that wait", |c| c.waiting_bytes)];

const MEMPOOL_COUNTERS: [Row<MempoolCounts>; 7] = [
    ("mempool_admitted", "Transactions admitted", |c| c.admitted),
    ("mempool_duplicates", "Transactions that were waiting already", |c| c.duplicates),
    ("mempool_refused", "Transactions refused for other reasons", |c| c.refused),
    ("mempool_bad_signatures", "Signatures that did not verify", |c| c.bad_signatures),
    ("mempool_verified", "Signatures verified", |c| c.verified),
    ("mempool_removed", "Transactions that left with a block or by expiry", |c| c.removed),
    ("mempool_gossip_deferred", "Transactions whose gossip was put off", |c| c.gossip_deferred),
];

const NETWORK_COUNTERS: [Row<NetworkCounts>; 13] = [
    ("network_refused", "Connections refused", |c| c.refused),
    ("network_frames_received", "Consensus frames received for the first time", |c| c.frames_received),
    ("network_frames_seen_again", "Consensus frames received again", |c| c.frames_seen_again),
    ("network_frames_relayed", "Consensus frames passed on", |c| c.frames_relayed),
    ("network_frames_dropped", "Frames dropped because a peer did not read", |c| c.frames_dropped),
    ("network_frames_malformed", "Frames that do not decode", |c| c.frames_malformed),
    ("network_batches_sent", "Transaction batches sent", |c| c.batches_sent),
    ("network_batches_received", "Transaction batches received", |c| c.batches_received),
    ("network_batches_bad", "Transaction batches with a bad transaction", |c| c.batches_bad),
    ("network_batches_ignored", "Transaction batches not looked at", |c| c.batches_ignored),
    ("network_muted", "Times that a peer was muted", |c| c.muted),
    ("network_divergences", "Reports of another state root", |c| c.divergences),
    ("network_sync_answered", "Sync requests answered", |c| c.sync_answered),
];

impl Collector for NodeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mempool = self.mempool.counts();
        let network = *self.network.counts().borrow();
        for (name, help, read) in MEMPOOL_GAUGES {
            gauge(&mut encoder, name, help, i64::try_from(read(&mempool)).unwrap_or(i64::MAX))?;
        }
        for (name, help, read) in MEMPOOL_COUNTERS {
            counter(&mut encoder, name, help, read(&mempool))?;
        }
        for (name, help, read) in NETWORK_COUNTERS {
            counter(&mut encoder, name, help, read(&network))?;
        }
        let stalled = self.stalled.borrow().map_or(0, |silence| silence.as_secs());
        gauge(&mut encoder, "chain_stalled_seconds", "Seconds without a block, when that is too long", i64::try_from(stalled).unwrap_or(i64::MAX))?;
        let age = self.block_age.load(Ordering::Relaxed);
        gauge(&mut encoder, "chain_block_age_ms", "Clock less the last block's time when it was committed", age)
    }
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: i64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// Shows these metrics and the engine's with the API's.
pub(super) fn register(telemetry: &Telemetry, metrics: NodeMetrics) {
    telemetry.registry().register_collector(Box::new(metrics));
    telemetry.add_source(|text| {
        text.push_str(&leg_consensus::metrics::export());
        Ok(())
    });
}
