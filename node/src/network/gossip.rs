//! Transactions between nodes: batches out, verified batches in.
//!
//! ```text
//! mempool's fresh transactions ─▶ collect 32 KiB or 30 ms ─▶ swarm (gossipsub, anonymous, id = hash of the content)
//! swarm ─▶ volume budget of the deliverer ─▶ queue ─▶ decode, submit to the mempool ─▶ verdict ─▶ swarm: forward or not; charge
//! ```
//! A batch is forwarded when every transaction in it was well signed and at least one is waiting now. One that holds garbage is not, nor one
//! of which a full node has not looked at everything: the good part goes on in a batch of this node's own (the mempool sees to it).

use super::NodeId;
use super::mailbox::{Command, Network};
use crate::mempool::{AdmitError, Mempool, Source};
use bytes::Bytes;
use futures::StreamExt;
use leg_ledger::codec;
use leg_ledger::ids::TransactionId;
use leg_ledger::transaction::{SignedTransaction, Verified};
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Settings of the gossip of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipConfig {
    /// A batch is sent when it has this many bytes...
    pub batch_bytes: usize,
    /// ...or its first transaction has waited this long.
    pub batch_delay: Duration,
    /// Most bytes of a batch: a lone transaction may be larger than `batch_bytes`.
    pub max_batch_bytes: usize,
    /// Batches that wait for the swarm, out and in; further ones wait in the mempool, or are ignored.
    pub queue: usize,
    /// Batches of peers in verification at a time.
    pub verifying: usize,
    /// Bytes that one peer may deliver at once, and a second after that; beyond it the peer is muted.
    pub burst_bytes: u32,
    /// See `burst_bytes`.
    pub bytes_per_second: u32,
    /// Faults that one peer may deliver at once: a bad transaction counts [`BAD_COST`].
    pub faults: u32,
    /// Faults that are forgiven a second.
    pub forgiven_per_second: u32,
}

/// What a malformed or badly signed transaction costs its deliverer.
pub const BAD_COST: u32 = 8;

impl Default for GossipConfig {
    fn default() -> Self {
        GossipConfig {
            batch_bytes: 32 * 1024,
            batch_delay: Duration::from_millis(30),
            max_batch_bytes: 96 * 1024,
            queue: 256,
            verifying: 32,
            burst_bytes: 64 << 20,
            bytes_per_second: 16 << 20,
            faults: 256,
            forgiven_per_second: 4,
        }
    }
}

/// What travels.
#[derive(Debug, Deserialize, Serialize)]
struct Batch {
    /// Makes a repetition of the same transactions another message: gossip drops what it has seen.
    salt: u64,
    transactions: Vec<SignedTransaction>,
}

/// The same to encode, of transactions that are held elsewhere.
#[derive(Serialize)]
struct Outbound<'t> {
    salt: u64,
    transactions: Vec<&'t SignedTransaction>,
}

/// A batch as the swarm hands it on.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) id: MessageId,
    pub(super) from: NodeId,
    pub(super) bytes: Bytes,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) id: MessageId,
    pub(super) from: NodeId,
    pub(super) acceptance: MessageAcceptance,
    /// What it costs who delivered it.
    pub(super) cost: u32,
}

/// Sends the mempool's fresh transactions until its channel closes or the network stops.
pub(super) async fn send_batches(config: GossipConfig, mut fresh: mpsc::Receiver<Verified>, network: Network) {
    let mut salt = RandomState::new().build_hasher().finish();
    // Length of the salt and of the list's own length.
    const FRAME: usize = 16;
    let mut next = fresh.recv().await;
    while let Some(first) = next.take() {
        let deadline = Instant::now() + config.batch_delay;
        let mut bytes = FRAME + first.encoded_len();
        let mut batch = vec![first];
        while bytes < config.batch_bytes
            && let Ok(Some(more)) = timeout_at(deadline, fresh.recv()).await
        {
            if bytes + more.encoded_len() > config.max_batch_bytes {
                next = Some(more);
                break;
            }
            bytes += more.encoded_len();
            batch.push(more);
        }
        salt = salt.wrapping_add(1);
        let batch = codec::encode(&Outbound { salt, transactions: batch.iter().map(Verified::transaction).collect() });
        // Waits while the swarm is busy with consensus; the mempool's queue fills meanwhile, and what does not fit is repeated later.
        if network.command(Command::Gossip(batch)).await.is_err() {
            return;
        }
        if next.is_none() {
            next = fresh.recv().await;
        }
    }
}

/// Judges the batches of peers until the swarm stops.
pub(super) async fn judge_batches(config: GossipConfig, inbound: mpsc::Receiver<Inbound>, mempool: Mempool, network: Network) {
    let batches = futures::stream::unfold(inbound, |mut inbound| async move { inbound.recv().await.map(|batch| (batch, inbound)) });
    let mut verdicts = batches
        .map(|batch| judge(config, batch, &mempool))
        // Several at a time, so that the mempool can verify them together on all cores.
        .buffer_unordered(config.verifying)
        .boxed();
    while let Some(verdict) = verdicts.next().await {
        if network.command(Command::Judged(verdict)).await.is_err() {
            return;
        }
    }
}

async fn judge(config: GossipConfig, Inbound { id, from, bytes }: Inbound, mempool: &Mempool) -> Verdict {
    let results = match codec::decode::<Batch>(&bytes, config.max_batch_bytes) {
        Ok(batch) if !batch.transactions.is_empty() => mempool.submit_all(batch.transactions, Source::Peer).await,
        Ok(_) => Vec::new(),
        Err(error) => vec![Err(AdmitError::Malformed(error))],
    };
    let (acceptance, cost) = weigh(&results);
    Verdict { id, from, acceptance, cost }
}

/// What becomes of a batch, and what it costs its deliverer. That everything in it is known or late already is nobody's fault: honest nodes
/// pass on what others pass on at the same time, and repeat what waits. What such batches may weigh is for the volume budget.
fn weigh(results: &[Result<TransactionId, AdmitError>]) -> (MessageAcceptance, u32) {
    let bad = results.iter().filter(|r| r.as_ref().is_err_and(AdmitError::is_deliverers_fault)).count();
    let waiting = results.iter().any(|r| matches!(r, Ok(_) | Err(AdmitError::Duplicate(_))));
    if bad > 0 || results.is_empty() {
        let cost = u32::try_from(bad.max(1)).unwrap_or(u32::MAX);
        return (MessageAcceptance::Reject, cost.saturating_mul(BAD_COST));
    }
    // What was turned away unseen may be garbage: passed on, it would be this node's fault.
    let seen = !results.iter().any(|r| r.as_ref().is_err_and(AdmitError::is_temporary));
    (if waiting && seen { MessageAcceptance::Accept } else { MessageAcceptance::Ignore }, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::execute::Inadmissible;
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::{Height, MemberId};
    use leg_ledger::member::KeyRole;

    #[test]
    fn a_verdict_follows_from_the_answers() {
        let id = TransactionId::from_hash(Hash::ZERO);
        let member = MemberId::parse("hub").unwrap();
        let bad = || Err(AdmitError::Inadmissible(Inadmissible::Signature { member, role: KeyRole::Operator }));
        let late = || Err(AdmitError::Inadmissible(Inadmissible::Expired { last_valid: Height::new(1), next: Height::new(2) }));
        let again = || Err(AdmitError::Duplicate(id));
        let table = [
            (vec![Ok(id), again(), late()], MessageAcceptance::Accept, 0),
            (vec![again(), again()], MessageAcceptance::Accept, 0),
            (vec![late(), late()], MessageAcceptance::Ignore, 0),
            (vec![Err(AdmitError::Busy); 3], MessageAcceptance::Ignore, 0),
            (vec![Ok(id), Err(AdmitError::Full { transactions: 1 })], MessageAcceptance::Ignore, 0),
            (vec![Ok(id), bad(), bad()], MessageAcceptance::Reject, 2 * BAD_COST),
            (vec![], MessageAcceptance::Reject, BAD_COST),
        ];
        for (results, acceptance, cost) in table {
            let (found, charged) = weigh(&results);
            assert_eq!((format!("{found:?}"), charged), (format!("{acceptance:?}"), cost), "{results:?}");
        }
    }
}
