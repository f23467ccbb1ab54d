//! Starting and stopping the engine.

use crate::app::{App, HostActor, INPUT_QUEUE, Input, LoopEnd};
use crate::codec::{EngineCodec, SYNC_BATCH};
use crate::context::LegContext;
use crate::guard::{Guard, GuardError, SharedGuard};
use crate::handle::{Handler, Settings};
use crate::outbound::{Outbound, OutboundGuard};
use crate::ports::{ChainPort, Clock, MarkStore, Pace, ProposalStore};
use crate::signature_check::SignatureCheck;
use crate::signing::{ChainVerifier, MemberSigner};
use crate::timeouts::Timeouts;
use crate::types::Address;
use crate::voter::Voter;
use crate::wal_check::{LogState, WalCheckError, check_log};
use arc_malachitebft_app_channel::app::config::{ConsensusConfig, ValuePayload, ValueSyncConfig};
use arc_malachitebft_app_channel::app::engine::consensus::ConsensusRef;
use arc_malachitebft_app_channel::app::engine::network::NetworkRef;
use arc_malachitebft_app_channel::app::engine::node::NodeRef;
use arc_malachitebft_app_channel::app::engine::util::events::TxEvent;
use arc_malachitebft_app_channel::app::engine::util::output_port::{OutputPort, OutputPortSubscriberTrait};
use arc_malachitebft_app_channel::app::engine::wal::WalRef;
use arc_malachitebft_app_channel::app::metrics::{Metrics, SharedRegistry};
use arc_malachitebft_app_channel::app::spawn;
use arc_malachitebft_signing::Signer;
use leg_ledger::ids::{ChainId, Height, MemberId};
use ractor::{Actor, ActorCell};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// A member id that no committee can hold, for nodes without one.
const FOLLOWER: &str = "follower";
/// How long an actor may take to finish what it does when the engine stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How a node takes part.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network.
    pub chain: ChainId,
    /// This node's member and its consensus keys; `None` for a node that follows without ever signing. A member that is not in the
    /// committee follows as well, until it is; nothing has to be started anew for that.
    pub voter: Option<Voter>,
    /// The engine's write-ahead log; a file on the same disk as the rest of the node, which the engine creates and locks.
    pub wal_path: PathBuf,
    /// Pace of the network ([`Pace::of`]).
    pub pace: Pace,
    /// Time-outs; [`Timeouts::local`] or [`Timeouts::regional`] with the network's idle interval.
    pub timeouts: Timeouts,
    /// What verifies signatures, shared with the rest of the node: a vote that came through the swarm has been verified there.
    pub signatures: SignatureCheck,
}

/// What the node does for consensus.
pub struct Ports {
    /// The committed chain.
    pub chain: Box<dyn ChainPort>,
    /// Valid blocks that are not decided yet.
    pub proposals: Box<dyn ProposalStore>,
    /// The double-sign guard's mark; MUST be given with a voter.
    pub mark: Option<Box<dyn MarkStore>>,
    /// The wall clock.
    pub clock: Box<dyn Clock>,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A voter without a mark could sign twice.
    #[error("a node that votes needs the store of its double-sign guard")]
    NoMarkStore,
    /// The double-sign guard's mark cannot be read.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The write-ahead log cannot be read.
    #[error(transparent)]
    Wal(#[from] WalCheckError),
    /// The chain or the store of proposals failed.
    #[error(transparent)]
    Fatal(#[from] crate::action::Fatal),
    /// An actor of the engine did not start.
    #[error("the engine's {actor} did not start: {cause}")]
    Actor {
        /// Which one.
        actor: &'static str,
        /// Why.
        cause: String,
    },
    /// The loop's thread could not be created.
    #[error("no thread for consensus: {0}")]
    Thread(std::io::Error),
}

/// How the engine ended.
#[derive(Debug)]
pub enum Ended {
    /// [`Engine::stop`] was called, or the network actor went away.
    Stopped,
    /// The process MUST end with an error, after it wrote this down. It must not go on without consensus.
    Fatal(crate::action::Fatal),
    /// An actor of the engine failed: its write-ahead log cannot be written, or a bug. The process MUST end with an error.
    Failed(String),
}

/// Tells the proposer that there is work: a transaction was admitted. Cheap; ring it as often as you like.
#[derive(Clone, Debug)]
pub struct WorkBell(Arc<Notify>);

impl WorkBell {
    /// Ends the proposer's wait, if it waits and [`ChainPort::outlook`] agrees.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Where the node tells who of the committee can no longer be reached ([`crate::attendance`]). Only shortens waits: what is not told costs time.
#[derive(Clone)]
pub struct Presence(mpsc::Sender<Input>);

impl Presence {
    /// The last connection with this member's nodes has ended.
    pub fn lost(&self, member: MemberId) {
        // A full queue drops it: the member's first missed turn says the same.
        let _ = self.0.try_send(Input::Lost(member));
    }
}

/// A running engine.
pub struct Engine {
    actors: Actors,
    work: WorkBell,
    presence: Presence,
    ended: oneshot::Receiver<LoopEnd>,
    end: Option<LoopEnd>,
    stopping: Option<JoinHandle<()>>,
    stopped: bool,
    silent_until: Option<Height>,
    wal_path: PathBuf,
}

fn failed(actor: &'static str) -> impl FnOnce(String) -> StartError {
    move |cause| StartError::Actor { actor, cause }
}

/// The engine's actors under their supervisor.
struct Actors {
    node: NodeRef,
    consensus: ConsensusRef<LegContext>,
    /// In the order in which they stop: who asks before who answers.
    children: Vec<ActorCell>,
}

/// Starts the engine on the node's network actor. It begins to decide when that actor emits `Listening` (see the crate's docs for what
/// else the actor owes the engine).
///
/// MUST be called within a runtime with time enabled.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(config: Config, ports: Ports, network: NetworkRef<LegContext>, registry: &SharedRegistry) -> Result<Engine, StartError> {
    let next = ports.chain.tip().height.next().unwrap_or_default();
    let (guard, LogState { silent_until: silent, replayed }) = open_guard(&config, ports.mark, next)?;
    if let Some(height) = silent {
        tracing::error!(%height, "the write-ahead log does not hold what was signed: following without voting up to this height");
    }
    let settings = Settings {
        chain: config.chain,
        voter: config.voter.clone(),
        pace: config.pace,
        timeouts: config.timeouts.patient(config.pace.idle_interval),
        // Decided heights rest until the block interval is over, which collects the late signatures.
        target_time: Some(config.pace.block_interval),
        silent_until: silent,
        replayed,
        started: ports.clock.now(),
        signatures: config.signatures.clone(),
    };
    let handler = Handler::new(settings, ports.chain, ports.proposals, guard.clone())?;
    let (inputs, receiver) = mpsc::channel(INPUT_QUEUE);
    let outbound_guard = config.voter.as_ref().zip(guard).map(|(voter, guard)| OutboundGuard {
        chain: config.chain,
        member: voter.member,
        guard,
        silent_until: silent,
        replayed,
    });
    let (outbound, door_inputs) = (network.clone(), inputs.clone());
    let door = |wal| Outbound { network: outbound, guard: outbound_guard, wal, inputs: door_inputs };
    let presence = Presence(inputs.clone());
    let (_alive, alive) = oneshot::channel();
    let actors = spawn_actors(&config, door, HostActor { inputs, _alive }, registry).await?;
    let work = Arc::new(Notify::new());
    let consensus = actors.consensus.clone();
    let app = App { handler, clock: ports.clock, inputs: receiver, alive, work: Arc::clone(&work), network, consensus };
    let ended = spawn_loop(app, actors.node.clone())?;
    Ok(Engine {
        actors,
        work: WorkBell(work),
        presence,
        ended,
        end: None,
        stopping: None,
        stopped: false,
        silent_until: silent,
        wal_path: config.wal_path,
    })
}

fn open_guard(config: &Config, store: Option<Box<dyn MarkStore>>, next: Height) -> Result<(Option<SharedGuard>, LogState), StartError> {
    let Some(voter) = &config.voter else {
        return Ok((None, LogState::default()));
    };
    let store = store.ok_or(StartError::NoMarkStore)?;
    let guard = Guard::open(config.chain, store)?;
    let log = check_log(&config.wal_path, config.chain, guard.mark(), voter.member, next)?;
    Ok((Some(SharedGuard::new(guard)), log))
}

fn consensus_config() -> ConsensusConfig {
    ConsensusConfig { enabled: true, value_payload: ValuePayload::ProposalAndParts, ..ConsensusConfig::default() }
}

fn sync_config() -> ValueSyncConfig {
    ValueSyncConfig {
        enabled: true,
        // Zero tells peers of each block at once; an interval would delay whoever catches up.
        status_update_interval: Duration::ZERO,
        batch_size: SYNC_BATCH,
        ..ValueSyncConfig::default()
    }
}

/// Starts the engine's actors in the order in which they know each other; a failure stops those that run.
async fn spawn_actors(
    config: &Config,
    door: impl FnOnce(WalRef<LegContext>) -> Outbound,
    host: HostActor,
    registry: &SharedRegistry,
) -> Result<Actors, StartError> {
    let metrics = Metrics::register(registry);
    let (node, _) = spawn::spawn_node_actor(metrics.clone()).await.map_err(|e| failed("supervisor")(e.to_string()))?;
    let started = spawn_children(config, door, host, registry, metrics, &node).await;
    if started.is_err() {
        kill_actors(&node);
    }
    let (consensus, children) = started?;
    Ok(Actors { node, consensus, children })
}

async fn spawn_children(
    config: &Config,
    door: impl FnOnce(WalRef<LegContext>) -> Outbound,
    host: HostActor,
    registry: &SharedRegistry,
    metrics: Metrics,
    node: &NodeRef,
) -> Result<(ConsensusRef<LegContext>, Vec<ActorCell>), StartError> {
    let wal = spawn::spawn_wal_actor(&LegContext, EngineCodec, &config.wal_path, registry, node.clone())
        .await
        .map_err(|e| failed("write-ahead log")(e.to_string()))?;
    wal.link(node.get_cell());
    let (network, _) = Actor::spawn(None, door(wal.clone()), ()).await.map_err(|e| failed("door")(e.to_string()))?;
    network.link(node.get_cell());
    let (host, _) = Actor::spawn(None, host, ()).await.map_err(|e| failed("host")(e.to_string()))?;
    host.link(node.get_cell());
    let follower = MemberId::parse(FOLLOWER).expect("a slug");
    let address = Address::local(config.voter.as_ref().map_or(follower, |v| v.member));
    let signer: Option<Box<dyn Signer<LegContext>>> = match &config.voter {
        Some(voter) => Some(Box::new(MemberSigner::new(config.chain, voter.keys.clone()))),
        None => None,
    };
    let sync_port = Arc::new(OutputPort::new());
    let consensus = spawn::spawn_consensus_actor(
        LegContext,
        address,
        consensus_config(),
        Box::new(ChainVerifier::new(config.chain, config.signatures.clone())),
        signer,
        network.clone(),
        host.clone(),
        wal.clone(),
        Arc::clone(&sync_port),
        metrics,
        TxEvent::new(),
        node.clone(),
    )
    .await
    .map_err(|e| failed("consensus")(e.to_string()))?;
    consensus.link(node.get_cell());
    let mut children = vec![consensus.get_cell()];
    let sync = spawn::spawn_sync_actor(LegContext, network.clone(), host.clone(), consensus.clone(), EngineCodec, &sync_config(), registry)
        .await
        .map_err(|e| failed("sync")(e.to_string()))?;
    if let Some(sync) = sync {
        sync.link(node.get_cell());
        sync.subscribe_to_port(&sync_port);
        children.push(sync.get_cell());
    }
    children.extend([network.get_cell(), host.get_cell(), wal.get_cell()]);
    Ok((consensus, children))
}

/// Ends all actors at once, as a crash would.
fn kill_actors(node: &NodeRef) {
    node.get_cell().stop_children(None);
    node.stop(None);
}

fn spawn_loop(app: App, node: NodeRef) -> Result<oneshot::Receiver<LoopEnd>, StartError> {
    let (sender, ended) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let supervisor = node.clone();
    let run = move || {
        let end = runtime.block_on(app.run());
        // Nothing may go on deciding without the loop.
        kill_actors(&node);
        let _ = sender.send(end);
    };
    match std::thread::Builder::new().name("consensus".into()).spawn(run) {
        Ok(_) => Ok(ended),
        Err(error) => {
            kill_actors(&supervisor);
            Err(StartError::Thread(error))
        }
    }
}

async fn stop_in_order(children: Vec<ActorCell>, node: NodeRef, wal_path: PathBuf) {
    for child in children {
        // Unlinked first, so that the supervisor does not take it for a failure.
        child.unlink(node.get_cell());
        if child.stop_and_wait(None, Some(STOP_PATIENCE)).await.is_err() {
            child.kill();
        }
    }
    node.stop(None);
    let path = wal_path.clone();
    let closed = tokio::task::spawn_blocking(move || wait_for_lock(&path)).await;
    if !matches!(closed, Ok(Ok(()))) {
        tracing::warn!(path = %wal_path.display(), "the write-ahead log may still be open");
    }
}

/// The log's thread ends on its own time after its actor; whoever gets the lock knows that it has.
fn wait_for_lock(path: &Path) -> std::io::Result<()> {
    File::open(path)?.lock()
}

impl Engine {
    /// The bell that the mempool rings.
    pub fn work_bell(&self) -> WorkBell {
        self.work.clone()
    }

    /// Where the node tells whom it lost.
    pub fn presence(&self) -> Presence {
        self.presence.clone()
    }

    /// The height up to which this node does not vote, because its write-ahead log was lost.
    pub fn silent_until(&self) -> Option<Height> {
        self.silent_until
    }

    /// Begins to stop the engine: what it began is finished, its log is closed. [`Engine::ended`] tells when that is done.
    ///
    /// MUST be called within the runtime.
    pub fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            let stopping = stop_in_order(self.actors.children.clone(), self.actors.node.clone(), self.wal_path.clone());
            self.stopping = Some(tokio::spawn(stopping));
        }
    }

    /// Waits until the engine ends by itself or after [`Engine::stop`]. MUST be awaited: this is how a fatal error gets out. May be dropped
    /// and awaited again.
    pub async fn ended(&mut self) -> Ended {
        if self.end.is_none() {
            // The sender is lost only when the thread panics.
            let end = (&mut self.ended).await;
            self.end = Some(end.unwrap_or(LoopEnd::Panicked));
        }
        if let Some(stopping) = &mut self.stopping {
            // A panic while stopping leaves nothing running.
            let _ = stopping.await;
            self.stopping = None;
        }
        match self.end.take() {
            Some(LoopEnd::Fatal(fatal)) => Ended::Fatal(fatal),
            Some(LoopEnd::EngineStopped) if self.stopped => Ended::Stopped,
            Some(LoopEnd::EngineStopped) => Ended::Failed("an actor of the engine stopped; the log above says why".into()),
            Some(LoopEnd::Panicked) | None => Ended::Failed("the consensus thread panicked".into()),
        }
    }
}
