//! Starting a node in the order of dependence, running it, stopping it in the reverse order.

use super::identity::{Identity, IdentityError};
use super::metrics::{self, BlockAge};
use super::setup::Setup;
use super::tasks::{NetworkFollower, ring_for_work, seats, tell_of_losses};
use crate::api::{self, Api, ApiLimits, ApiParts, Signer, Token};
use crate::chain::{self, ChainError, ChainHandle, Prefetch, watch_progress};
use crate::clock::SystemClock;
use crate::config::{Addresses, Config, ConfigError, Distance};
use crate::content::{self, Agent, ContentError, ContentStore, Desk, Records};
use crate::heartbeat::Agent as Heartbeats;
use crate::mempool::{Mempool, MempoolConfig};
use crate::network::{self, ContentAsk, Network, NetworkConfig, NetworkError, NodeId, Received, WireCheck};
use crate::shutdown::{Reason, Shutdown};
use crate::storage::{MarkError, MarkFile, StoreError};
use crate::telemetry::Telemetry;
use leg_consensus::ports::{MarkStore, Pace};
use leg_consensus::timeouts::Timeouts;
use leg_consensus::{Ended, Engine, Ports, SignatureCheck, Voter, VotingKeys};
use leg_ledger::ids::ChainId;
use leg_ledger::signature::SecretKey;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

/// Longest wait for a quorum to connect before consensus starts. A graph that is not complete may never connect one.
const READY_TIME: Duration = Duration::from_secs(5);
/// Longest time that all parts together may take to stop.
const STOP_TIME: Duration = Duration::from_secs(10);
/// Longest time for requests under way to be answered.
const API_STOP_TIME: Duration = Duration::from_secs(3);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder cannot be made.
    #[error("{path}: {cause}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys are not those of one member.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The double-sign guard.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The swarm.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The swarm ended while the node started.
    #[error("the network ended while the node started")]
    NetworkEnded,
    /// The content store.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A thread cannot be had.
    #[error("no thread for the verifier of synced blocks: {0}")]
    Thread(std::io::Error),
    /// The engine.
    #[error("consensus: {0}")]
    Consensus(#[from] leg_consensus::StartError),
    /// The engine's network actor.
    #[error("consensus cannot use the network: {0}")]
    Adapter(String),
    /// The API's address.
    #[error("api.listen: {address}: {cause}")]
    Api {
        /// The address.
        address: SocketAddr,
        /// Why it cannot be used.
        cause: std::io::Error,
    },
    /// The state has no parameters. The chain's own check rules it out.
    #[error("the state has no parameters")]
    NoParameters,
}

/// Why a running node ended. The process MUST end with a failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NodeError(pub String);

/// A running node.
pub struct Node {
    identity: Identity,
    chain: ChainHandle,
    mempool: Mempool,
    network: Network,
    engine: Engine,
    engine_ended: bool,
    api_address: SocketAddr,
    api: JoinSet<()>,
    /// Those of the rooms: each ends by itself when nobody needs it, and returns its name.
    rooms: JoinSet<&'static str>,
    /// Those between the rooms, which go on for as long as they are let.
    tasks: JoinSet<&'static str>,
    shutdown: Shutdown,
}

impl Node {
    /// Starts a node. MUST be called within a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; what was started has been dropped then.
    pub async fn start(setup: Setup) -> Result<Node, StartError> {
        let shutdown = Shutdown::default();
        std::fs::create_dir_all(&setup.data).map_err(|cause| StartError::Folder { path: setup.data.clone(), cause })?;
        let chain = open_chain(&setup).await?;
        let identity = chain.read(|ledger| Identity::of(&setup.keys, ledger.state(), setup.config.member))?;
        describe(&identity);
        let files = setup.keys.consensus.as_ref().map(|_| VotingKeys::new(Box::new(setup.consensus_keys.clone())));
        let voter = identity.member.zip(files).map(|(member, keys)| Voter { member, keys });
        let mark = voter.as_ref().map(|_| MarkFile::open(&setup.guard())).transpose()?;
        let (mut rooms, mut tasks) = (JoinSet::new(), JoinSet::new());
        let (mempool, fresh, service) = Mempool::start(MempoolConfig::default(), Arc::new(chain.clone()));
        supervise(&mut rooms, "the mempool", service);
        let network_config = network_config(&setup.config, setup.founding.chain, setup.keys.network.clone())?;
        let signatures = SignatureCheck::default();
        let check = WireCheck::new(setup.founding.chain, seats(chain.clone()), signatures.clone());
        let started = Network::start(network_config, Box::new(check))?;
        let (network, Received { events, sync, content }, batches, task) = started.split();
        supervise(&mut rooms, "the network", task);
        for carrier in network.carry(mempool.clone(), fresh, batches) {
            supervise(&mut rooms, "the gossip of transactions", carrier);
        }
        let block_age = BlockAge::default();
        let follower = NetworkFollower::start(chain.clone(), network.clone(), Arc::clone(&block_age)).await;
        tasks.spawn(named("what follows the chain for the network", follower.map_err(|_| StartError::NetworkEnded)?.run()));
        let (prefetch, ahead) = Prefetch::start(chain.clone(), Arc::new(mempool.clone())).map_err(StartError::Thread)?;
        supervise(&mut rooms, "the verifier of synced blocks", ahead);
        let actor = start_adapter(&chain, &identity, &network, events, (sync, prefetch)).await?;
        let seat = Voting { voter, mark, signatures: signatures.clone() };
        let engine = start_engine(&setup, &chain, &mempool, seat, actor).await?;
        tasks.spawn(named("the work bell", ring_for_work(mempool.clone(), engine.work_bell())));
        tasks.spawn(named("what tells of lost members", tell_of_losses(network.clone(), engine.presence())));
        let (stalled, watch_stalled) = watch::channel(None);
        let counting = mempool.clone();
        let watchdog = watch_progress(chain.clone(), setup.config.consensus.stall_limit(), move || counting.waiting(), stalled);
        tasks.spawn(named("the watchdog", watchdog));
        let telemetry = Telemetry::new();
        metrics::register(&telemetry, mempool.clone(), &network, watch_stalled, block_age);
        metrics::watch_signatures(&telemetry, signatures);
        let signer = signer(&setup, &identity);
        let desk = match &signer {
            Some(signer) => Some(start_content(&setup, &chain, &mempool, &network, signer, content, &mut tasks)?),
            None => None,
        };
        if let Some(signer) = signer.as_ref().filter(|_| setup.config.heartbeats.send && setup.keys.operator.is_some()) {
            let (chain, mempool) = (chain.clone(), mempool.clone());
            let tip = chain.watch_tip();
            let heart = Heartbeats::new(Arc::new(chain), Arc::new(mempool), Arc::new(SystemClock), Arc::clone(signer));
            tasks.spawn(named("the heartbeats", heart.run(tip)));
        }
        let parts = ApiRooms { signer, desk, chain: &chain, mempool: &mempool, network: &network, telemetry, shutdown: &shutdown };
        let (api_address, api) = start_api(&setup, parts).await?;
        Ok(Node { identity, chain, mempool, network, engine, engine_ended: false, api_address, api, rooms, tasks, shutdown })
    }

    /// Whose node it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The committed chain.
    pub fn chain(&self) -> &ChainHandle {
        &self.chain
    }

    /// The waiting transactions.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// The swarm.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// This node's id in the swarm.
    pub fn node_id(&self) -> NodeId {
        self.network.node()
    }

    /// Where the API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.api_address
    }

    /// Asks the node to stop, from anywhere; [`Node::run`] returns when it did.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Runs until the node is asked to stop or a part of it fails, then stops everything.
    ///
    /// # Errors
    /// [`NodeError`]: the process MUST end with a failure that says it.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let mut failure = self.chain.store().watch_failure();
        tokio::select! {
            // First, since what stops because of it is no failure.
            biased;
            () = self.shutdown.wait() => {}
            // Not only commits write: a client's idempotency key is as durable.
            Ok(failed) = failure.wait_for(Option::is_some) => self.shutdown.fatal(failed.as_ref().map_or_else(String::new, StoreError::to_string)),
            ended = self.engine.ended() => {
                self.engine_ended = true;
                self.shutdown.fatal(describe_end(ended));
            }
            Some(ended) = self.rooms.join_next() => self.fail_of(ended),
            Some(ended) = self.tasks.join_next() => self.fail_of(ended),
            Some(ended) = self.api.join_next() => self.fail_of(ended.map(|()| "the API")),
        }
        let shutdown = self.shutdown.clone();
        if timeout(STOP_TIME, self.stop()).await.is_err() {
            tracing::error!("a part of the node did not stop in time; nothing that is final depends on it");
        }
        match shutdown.reason() {
            Some(Reason::Fatal(cause)) => Err(NodeError(cause)),
            _ => Ok(()),
        }
    }

    /// A part ended by itself.
    fn fail_of(&self, ended: Result<&'static str, JoinError>) {
        if self.shutdown.reason().is_none() {
            self.shutdown.fatal(match ended {
                Ok(name) => format!("{name} ended"),
                Err(panic) => format!("a task panicked: {panic}"),
            });
        }
    }

    /// The reverse of starting. Returns when nobody holds the chain any more: its folder can be opened again then.
    async fn stop(self) {
        let Node { chain, mempool, network, mut engine, engine_ended, mut api, mut rooms, mut tasks, shutdown, .. } = self;
        // The API stops by itself once the shutdown is requested; requests under way are answered.
        let answered = async { while api.join_next().await.is_some() {} };
        if timeout(API_STOP_TIME, answered).await.is_err() {
            tracing::warn!("requests under way were cut off");
        }
        api.shutdown().await;
        chain.close();
        if !engine_ended {
            engine.stop();
            if let end @ (Ended::Fatal(_) | Ended::Failed(_)) = engine.ended().await {
                shutdown.fatal(describe_end(end));
            }
        }
        network.stop().await;
        tasks.shutdown().await;
        drop((engine, network, mempool));
        while let Some(ended) = rooms.join_next().await {
            tracing::debug!(room = ?ended, "ended");
        }
        tracing::info!(height = %chain.tip().height, "the node has stopped");
        let mut tip = chain.watch_tip();
        drop(chain);
        while tip.changed().await.is_ok() {}
    }
}

/// Adds a task of a room to those whose end is the node's.
fn supervise(rooms: &mut JoinSet<&'static str>, name: &'static str, task: tokio::task::JoinHandle<()>) {
    rooms.spawn(async move {
        if let Err(error) = task.await {
            tracing::error!(%error, "{name} panicked");
        }
        name
    });
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

fn describe(identity: &Identity) {
    match identity.member {
        Some(member) => tracing::info!(%member, "this is the node of"),
        None => tracing::warn!("no key of this node is registered: it follows as a guest of the nodes that have it as a peer"),
    }
    for file in &identity.unregistered {
        tracing::warn!(file, "its key is not registered: a mistake, or this node has yet to catch up with a rotation");
    }
}

fn describe_end(ended: Ended) -> String {
    match ended {
        Ended::Fatal(fatal) => fatal.to_string(),
        Ended::Failed(cause) => cause,
        Ended::Stopped => "consensus stopped".to_owned(),
    }
}

/// Opening rebuilds the state: away from the runtime's own threads.
async fn open_chain(setup: &Setup) -> Result<ChainHandle, StartError> {
    let (path, founding, rules) = (setup.database(), setup.founding.clone(), setup.rules.clone());
    match tokio::task::spawn_blocking(move || chain::open(&path, founding, rules)).await {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn network_config(config: &Config, chain: ChainId, key: SecretKey) -> Result<NetworkConfig, ConfigError> {
    let Addresses { listen, peers } = config.network.addresses()?;
    Ok(NetworkConfig { listen, peers, ..NetworkConfig::new(chain, key) })
}

async fn start_adapter(
    chain: &ChainHandle,
    identity: &Identity,
    network: &Network,
    events: tokio::sync::mpsc::Receiver<network::DirectEvent>,
    (sync, prefetch): (tokio::sync::mpsc::Receiver<network::SyncEvent>, Prefetch),
) -> Result<leg_consensus::network::NetworkRef, StartError> {
    let committee = chain.read(|ledger| ledger.committee(ledger.next_height()).cloned()).ok_or(StartError::NoParameters)?;
    let readiness = network::engine::Readiness { committee, member: identity.member, at_most: READY_TIME };
    let started =
        network::engine::start(network.clone(), events, sync, readiness, move |height, block| prefetch.offer(height, block)).await;
    started.map_err(|error| StartError::Adapter(error.to_string()))
}

/// What a vote is made and verified with.
struct Voting {
    voter: Option<Voter>,
    mark: Option<MarkFile>,
    signatures: SignatureCheck,
}

async fn start_engine(
    setup: &Setup,
    chain: &ChainHandle,
    mempool: &Mempool,
    voting: Voting,
    actor: leg_consensus::network::NetworkRef,
) -> Result<Engine, StartError> {
    let pace = chain.read(|ledger| ledger.params().map(Pace::of)).ok_or(StartError::NoParameters)?;
    let timeouts = match setup.config.consensus.distance {
        Distance::Local => Timeouts::local(pace.idle_interval),
        Distance::Regional => Timeouts::regional(pace.idle_interval),
    };
    let Voting { voter, mark, signatures } = voting;
    let config = leg_consensus::Config { chain: setup.founding.chain, voter, wal_path: setup.wal(), pace, timeouts, signatures };
    let ports = Ports {
        chain: Box::new(chain.service(Arc::new(mempool.clone()))?),
        proposals: Box::new(chain.store().proposals()),
        mark: mark.map(|mark| Box::new(mark) as Box<dyn MarkStore>),
        clock: Box::new(SystemClock),
    };
    Ok(leg_consensus::start(config, ports, actor, leg_consensus::metrics::registry()).await?)
}

/// Signs with the hub's keys, if any is on this node.
fn signer(setup: &Setup, identity: &Identity) -> Option<Arc<Signer>> {
    let (operator, meter) = (setup.keys.operator.clone(), setup.keys.meter.clone());
    let signs = operator.is_some() || meter.is_some();
    identity.member.filter(|_| signs).map(|member| Arc::new(Signer::new(member, operator, meter)))
}

/// Opens the content store, gives peers what they may have, and acts for the hub in its storage contracts.
fn start_content(
    setup: &Setup,
    chain: &ChainHandle,
    mempool: &Mempool,
    network: &Network,
    signer: &Arc<Signer>,
    asks: mpsc::Receiver<ContentAsk>,
    tasks: &mut JoinSet<&'static str>,
) -> Result<Arc<Desk>, StartError> {
    let folder = setup.content();
    let quota = setup.config.storage.content_gb.saturating_mul(1_000_000_000);
    let store = Arc::new(ContentStore::open(&folder.join("stored"), quota)?);
    let desk = Arc::new(Desk {
        store: Arc::clone(&store),
        uploads: Arc::new(ContentStore::open(&folder.join("uploads"), quota)?),
        records: Arc::new(Records::open(&folder.join("keys"))?),
        slices: Arc::new(network.clone()),
    });
    tasks.spawn(named("what gives content to peers", content::serve(store, Arc::new(chain.clone()), network.clone(), asks)));
    let agent = Agent {
        desk: Arc::clone(&desk),
        chain: Arc::new(chain.clone()),
        mempool: Arc::new(mempool.clone()),
        clock: Arc::new(SystemClock),
        signer: Arc::clone(signer),
    };
    tasks.spawn(named("the storage agent", agent.run(chain.watch_tip())));
    Ok(desk)
}

/// What the API is made of.
struct ApiRooms<'a> {
    chain: &'a ChainHandle,
    mempool: &'a Mempool,
    network: &'a Network,
    signer: Option<Arc<Signer>>,
    desk: Option<Arc<Desk>>,
    telemetry: Telemetry,
    shutdown: &'a Shutdown,
}

async fn start_api(setup: &Setup, rooms: ApiRooms<'_>) -> Result<(SocketAddr, JoinSet<()>), StartError> {
    let address = setup.config.api.listen;
    let failed = |cause| StartError::Api { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let parts = ApiParts {
        chain: Arc::new(rooms.chain.clone()),
        mempool: Arc::new(rooms.mempool.clone()),
        network: Arc::new(rooms.network.clone()),
        idempotency: Arc::new(rooms.chain.clone()),
        clock: Arc::new(SystemClock),
        signer: rooms.signer,
        content: rooms.desk,
        token: Token::new(&setup.token),
        telemetry: rooms.telemetry,
        limits: ApiLimits { transactions_per_second: setup.config.api.transactions_per_second, ..ApiLimits::default() },
    };
    let mut tasks = JoinSet::new();
    let (api, shutdown) = (Api::start(parts), rooms.shutdown.clone());
    tasks.spawn(async move {
        if let Err(error) = api::serve(listener, api, async move { shutdown.wait().await }).await {
            tracing::error!(%error, "the API's listener failed");
        }
    });
    tracing::info!(address = %bound, "the API listens");
    Ok((bound, tasks))
}
