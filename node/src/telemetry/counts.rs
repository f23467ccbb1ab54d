//! Numbers that other rooms keep for themselves, read when somebody asks.

use super::Telemetry;
use crate::mempool::{Mempool, MempoolCounts};
use crate::network::{Network, NetworkCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// A number with its name and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its name, after its room's.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// The number.
    pub value: u64,
    /// Only grows.
    pub counter: bool,
}

impl Sample {
    /// A number that only grows.
    pub const fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Sample { name, help, value, counter: true }
    }

    /// A number that also falls.
    pub const fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Sample { name, help, value, counter: false }
    }
}

struct Samples<F>(F);

impl<F> fmt::Debug for Samples<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Samples")
    }
}

impl<F: Fn() -> Vec<Sample> + Send + Sync + 'static> Collector for Samples<F> {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for sample in (self.0)() {
            let kind = if sample.counter { MetricType::Counter } else { MetricType::Gauge };
            let metric = encoder.encode_descriptor(sample.name, sample.help, None, kind)?;
            if sample.counter {
                ConstCounter::new(sample.value).encode(metric)?;
            } else {
                ConstGauge::new(sample.value).encode(metric)?;
            }
        }
        Ok(())
    }
}

impl Telemetry {
    /// Shows what `samples` says under the prefix `room`.
    pub fn collect(&self, room: &str, samples: impl Fn() -> Vec<Sample> + Send + Sync + 'static) {
        self.registry().sub_registry_with_prefix(room).register_collector(Box::new(Samples(samples)));
    }

    /// Shows the mempool's numbers.
    pub fn watch_mempool(&self, mempool: Mempool) {
        self.collect("mempool", move || mempool_samples(&mempool.counts()));
    }

    /// Shows the swarm's numbers.
    pub fn watch_network(&self, network: &Network) {
        let counts = network.counts();
        self.collect("network", move || network_samples(&counts.borrow()));
    }
}

fn mempool_samples(counts: &MempoolCounts) -> Vec<Sample> {
    vec![
        Sample::gauge("waiting", "Transactions that wait for a block", counts.waiting),
        Sample::gauge("waiting_bytes", "Their encoded bytes", counts.waiting_bytes),
        Sample::counter("admitted", "Transactions admitted", counts.admitted),
        Sample::counter("duplicates", "Transactions refused because they were waiting already", counts.duplicates),
        Sample::counter("refused", "Transactions refused for other reasons", counts.refused),
        Sample::counter("bad_signatures", "Signatures that did not verify", counts.bad_signatures),
        Sample::counter("verified", "Signatures that were verified, good and bad", counts.verified),
        Sample::counter("removed", "Transactions that left with a block or by expiry", counts.removed),
        Sample::counter("gossip_deferred", "Transactions that found the gossip queue full", counts.gossip_deferred),
    ]
}

fn network_samples(counts: &NetworkCounts) -> Vec<Sample> {
    vec![
        Sample::counter("refused", "Connections refused at establishment", counts.refused),
        Sample::counter("frames_received", "Consensus frames received for the first time", counts.frames_received),
        Sample::counter("frames_seen_again", "Consensus frames that arrived again", counts.frames_seen_again),
        Sample::counter("frames_relayed", "Consensus frames passed on, once a receiver", counts.frames_relayed),
        Sample::counter("frames_dropped", "Large consensus frames dropped because a peer did not read", counts.frames_dropped),
        Sample::counter("frames_malformed", "Consensus frames that do not decode or have a bad signature", counts.frames_malformed),
        Sample::counter("frames_unwanted", "Consensus frames without a seat in the committee or of the past", counts.frames_unwanted),
        Sample::counter("batches_sent", "Transaction batches sent", counts.batches_sent),
        Sample::counter("batches_received", "Transaction batches received for the first time", counts.batches_received),
        Sample::counter("batches_bad", "Transaction batches with a malformed or badly signed transaction", counts.batches_bad),
        Sample::counter("batches_ignored", "Transaction batches not looked at because too many waited", counts.batches_ignored),
        Sample::counter("muted", "Times that a peer was muted", counts.muted),
        Sample::counter("divergences", "Reports of a state root that differs from this node's", counts.divergences),
        Sample::counter("sync_answered", "Sync requests answered", counts.sync_answered),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_room_are_read_at_each_scrape() {
        let telemetry = Telemetry::new();
        let counts = MempoolCounts { waiting: 3, admitted: 7, ..MempoolCounts::default() };
        telemetry.collect("mempool", move || mempool_samples(&counts));
        let text = telemetry.encode().unwrap();
        assert!(text.contains("# TYPE leg_mempool_waiting gauge\nleg_mempool_waiting 3\n"), "{text}");
        assert!(text.contains("# TYPE leg_mempool_admitted counter\nleg_mempool_admitted_total 7\n"), "{text}");
    }
}
