//! How transactions enter the network: in batches over the HTTP API of its nodes, or over the gossip of the swarm.

use super::load::Tracker;
use super::signer::Ready;
use anyhow::{Context, Result, bail};
use leg_genesis::{Genesis, MemberSecrets};
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::transaction::Verified;
use leg_node::api::{BatchAnswer, MAX_BATCH};
use leg_node::network::{Channel, CheckFrame, Judgement, Network, NetworkConfig, Received, SyncEvent};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most bytes of a request.
const REQUEST_BYTES: usize = 256 * 1024;
/// Requests under way; a further one waits, and what it holds is late.
const REQUESTS: usize = 256;
/// Longest wait for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Transactions that wait for the swarm.
const SWARM_QUEUE: usize = 8_192;
/// Longest wait for the swarm's connections.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// Which way transactions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DoorKind {
    /// `POST /api/transactions/batch` at each node in turn.
    Http,
    /// A registered observer that has only the swarm.
    Gossip,
}

impl std::fmt::Display for DoorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DoorKind::Http => "HTTP",
            DoorKind::Gossip => "gossip",
        })
    }
}

/// An open way in.
pub enum Door {
    /// Over HTTP.
    Http(HttpDoor),
    /// Over the swarm.
    Gossip(GossipDoor),
}

impl Door {
    /// Sends what was signed, in as many batches as it takes; returns when all are on their way.
    ///
    /// # Errors
    /// The way is closed.
    pub async fn send(&mut self, ready: Vec<Ready>, tracker: &Arc<Tracker>) -> Result<()> {
        match self {
            Door::Http(door) => door.send(ready, tracker).await,
            Door::Gossip(door) => door.send(ready).await,
        }
    }

    /// Waits for the answers that are under way.
    pub async fn settle(&mut self) {
        if let Door::Http(door) = self {
            while door.requests.join_next().await.is_some() {}
        }
    }

    /// Closes it.
    pub async fn close(self) {
        if let Door::Gossip(door) = self {
            door.network.stop().await;
        }
    }
}

/// The HTTP API of several nodes.
pub struct HttpDoor {
    http: reqwest::Client,
    urls: Vec<String>,
    turn: AtomicUsize,
    places: Arc<Semaphore>,
    requests: JoinSet<()>,
}

impl HttpDoor {
    /// A way in at the nodes at `bases`.
    ///
    /// # Errors
    /// No HTTP client.
    pub fn new(bases: &[String]) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_TIME).build().context("no HTTP client")?;
        let urls = bases.iter().map(|base| format!("{base}/api/transactions/batch")).collect();
        Ok(HttpDoor { http, urls, turn: AtomicUsize::new(0), places: Arc::new(Semaphore::new(REQUESTS)), requests: JoinSet::new() })
    }

    async fn send(&mut self, ready: Vec<Ready>, tracker: &Arc<Tracker>) -> Result<()> {
        while self.requests.try_join_next().is_some() {}
        for (ids, body) in requests(ready) {
            let place = Arc::clone(&self.places).acquire_owned().await.context("the way in is closed")?;
            let url = self.urls[self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len()].clone();
            let (request, tracker) = (self.http.post(url).header("Content-Type", "application/octet-stream").body(body), tracker.clone());
            self.requests.spawn(async move {
                let codes = answer(request, ids.len()).await;
                ids.into_iter().zip(codes).filter(|(_, code)| code != "admitted").for_each(|(id, code)| tracker.on_refused(id, code));
                drop(place);
            });
        }
        Ok(())
    }
}

/// One code a transaction; whatever went wrong on the way is a code as well.
async fn answer(request: reqwest::RequestBuilder, count: usize) -> Vec<String> {
    let failed = |code: &str| vec![code.to_owned(); count];
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return failed(if error.is_timeout() { "no_answer" } else { "unreachable" }),
    };
    if !answer.status().is_success() {
        return failed(&format!("http_{}", answer.status().as_u16()));
    }
    match answer.json::<BatchAnswer>().await {
        Ok(answer) if answer.answers.len() == count => answer.answers.into_iter().map(|answer| answer.code).collect(),
        _ => failed("no_answer"),
    }
}

/// Cuts what was signed into bodies: the length of the list, then each transaction's bytes.
fn requests(ready: Vec<Ready>) -> Vec<(Vec<TransactionId>, Vec<u8>)> {
    let mut bodies: Vec<(Vec<TransactionId>, Vec<u8>)> = Vec::new();
    for Ready { id, bytes, .. } in ready {
        match bodies.last_mut() {
            Some((ids, body)) if ids.len() < MAX_BATCH && body.len() + bytes.len() <= REQUEST_BYTES => {
                ids.push(id);
                body.extend_from_slice(&bytes);
            }
            _ => bodies.push((vec![id], [&[0_u8; 8][..], &bytes].concat())),
        }
    }
    for (ids, body) in &mut bodies {
        let length = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        body[..8].copy_from_slice(&length.to_le_bytes());
    }
    bodies
}

/// The swarm, as a registered observer's node without a chain.
pub struct GossipDoor {
    network: Network,
    fresh: mpsc::Sender<Verified>,
}

/// An observer that does not follow passes nothing of consensus on.
struct Deaf;

impl CheckFrame for Deaf {
    fn check(&mut self, _: Channel, _: &bytes::Bytes) -> Judgement {
        Judgement::Unwanted
    }
}

impl GossipDoor {
    /// Joins the swarm with an observer's key and waits until it is connected with all of `nodes`.
    ///
    /// # Errors
    /// The swarm does not start or does not connect.
    pub async fn open(genesis: &Genesis, observer: &MemberSecrets, nodes: &[String]) -> Result<Self> {
        let mut config = NetworkConfig::new(genesis.chain_id(), observer.network.clone());
        let address = |text: &str| text.parse().with_context(|| format!("{text} is no address"));
        config.listen = vec![address("/ip4/127.0.0.1/tcp/0")?];
        config.peers = nodes.iter().map(|node| address(node)).collect::<Result<_>>()?;
        let keys = genesis.members().iter().map(|founding| (founding.member.id, founding.member.keys.network.clone()));
        config.registry = (Height::GENESIS, keys.collect());
        let (network, received, batches, _) = Network::start(config, Box::new(Deaf)).context("the swarm")?.split();
        let Received { mut events, mut sync, content } = received;
        // Nothing that peers say is of use here.
        drop((batches, content));
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let refusing = network.clone();
        tokio::spawn(async move {
            while let Some(event) = sync.recv().await {
                if let SyncEvent::Request(id, ..) = event
                    && refusing.refuse(id).await.is_err()
                {
                    return;
                }
            }
        });
        let mut peers = network.watch_peers();
        let connected = peers.wait_for(|peers| peers.values().filter(|peer| peer.connected).count() >= nodes.len());
        if !timeout(CONNECT_TIME, connected).await.is_ok_and(|peers| peers.is_ok()) {
            bail!("the swarm does not connect with {} nodes in {} s", nodes.len(), CONNECT_TIME.as_secs());
        }
        let (fresh, outgoing) = mpsc::channel(SWARM_QUEUE);
        network.send(outgoing);
        Ok(GossipDoor { network, fresh })
    }

    async fn send(&mut self, ready: Vec<Ready>) -> Result<()> {
        for transaction in ready.into_iter().filter_map(|ready| ready.vouched) {
            self.fresh.send(transaction).await.context("the swarm stopped")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::{Domain, Hash};

    #[test]
    fn bodies_hold_all_transactions_in_order_within_their_bounds() {
        let ready = |n: usize, size: usize| Ready {
            id: TransactionId::from_hash(Hash::of(Domain::Transaction, &n.to_le_bytes())),
            bytes: vec![n as u8; size],
            vouched: None,
        };
        for (count, size, want) in [(1, 200, 1), (MAX_BATCH, 10, 1), (MAX_BATCH + 1, 10, 2), (30, 60_000, 8)] {
            let all: Vec<Ready> = (0..count).map(|n| ready(n, size)).collect();
            let bodies = requests(all.clone());
            assert_eq!(bodies.len(), want, "{count} of {size}");
            let ids: Vec<TransactionId> = bodies.iter().flat_map(|(ids, _)| ids.clone()).collect();
            assert_eq!(ids, all.iter().map(|ready| ready.id).collect::<Vec<_>>());
            for (ids, body) in bodies {
                assert_eq!(body[..8], (ids.len() as u64).to_le_bytes());
                assert_eq!(body.len(), 8 + ids.len() * size);
                assert!(body.len() <= REQUEST_BYTES + 8);
            }
        }
        assert!(requests(Vec::new()).is_empty());
    }
}
