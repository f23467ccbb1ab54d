//! The thin loop between the engine and the handlers: takes a message, asks its handler, sends the answer.
//!
//! ```text
//! engine's actors --HostMsg--> HostActor --Input--> App (own thread) --> Handler --> ports
//!                                                    |--> reply to the engine, parts to the network actor
//! ```
//!
//! The loop runs on a thread of its own, because ports block on disks. While the proposer waits for work, everything else is handled.

use crate::action::{Fatal, OwnProposal, StartHeight, ValuePlan};
use crate::codec::stream_message;
use crate::context::LegContext;
use crate::handle::{Handler, SyncAnswer};
use crate::ports::Clock;
use crate::types::{BlockPart, EngineHeight, ledger_round};
use arc_malachitebft_app_channel::app::engine::consensus::{ConsensusMsg, ConsensusRef};
use arc_malachitebft_app_channel::app::engine::host::{HostMsg, Next, SyncedValueOutcome};
use arc_malachitebft_app_channel::app::engine::network::{NetworkMsg, NetworkRef};
use arc_malachitebft_app_channel::app::types::{LocallyProposedValue, ProposedValue};
use arc_malachitebft_core_types::{PolkaCertificate, Value as _, ValueOrigin};
use async_trait::async_trait;
use leg_ledger::ids::{Height, MemberId, Round};
use leg_ledger::time::BlockTime;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

/// Inputs that wait for the loop; a full queue makes the engine wait.
pub(crate) const INPUT_QUEUE: usize = 1024;

/// What the loop takes.
pub(crate) enum Input {
    /// A message of the engine.
    Host(HostMsg<LegContext>),
    /// A polka certificate of a peer, not verified yet.
    Polka(PolkaCertificate<LegContext>),
    /// A member signed something that arrived.
    Heard(MemberId),
    /// The last connection with a member's nodes has ended.
    Lost(MemberId),
    /// A door of the engine cannot go on.
    Fatal(Fatal),
}

/// Why the loop ended.
#[derive(Debug)]
pub(crate) enum LoopEnd {
    /// The process has to stop.
    Fatal(Fatal),
    /// The engine's actors are gone.
    EngineStopped,
    /// The loop's thread is gone without a word.
    Panicked,
}

impl From<Fatal> for LoopEnd {
    fn from(fatal: Fatal) -> Self {
        LoopEnd::Fatal(fatal)
    }
}

/// Takes the engine's messages to the loop.
pub(crate) struct HostActor {
    pub inputs: mpsc::Sender<Input>,
    /// Dropped with the actor, however that ends: so the loop learns that nobody will ask it again.
    pub _alive: oneshot::Sender<Infallible>,
}

#[async_trait]
impl Actor for HostActor {
    type Msg = HostMsg<LegContext>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, _: &mut ()) -> Result<(), ActorProcessingErr> {
        Ok(self.inputs.send(Input::Host(message)).await?)
    }
}

/// A value that the engine waits for.
struct Pending {
    height: Height,
    round: Round,
    asked: BlockTime,
    deadline: Instant,
    reply: RpcReplyPort<LocallyProposedValue<LegContext>>,
}

/// The loop's state.
pub(crate) struct App {
    pub handler: Handler,
    pub clock: Box<dyn Clock>,
    pub inputs: mpsc::Receiver<Input>,
    pub alive: oneshot::Receiver<Infallible>,
    pub work: Arc<Notify>,
    pub network: NetworkRef<LegContext>,
    pub consensus: ConsensusRef<LegContext>,
}

async fn due(pending: Option<Instant>, work: &Notify) {
    match pending {
        Some(deadline) => tokio::select! {
            () = tokio::time::sleep_until(deadline) => {}
            () = work.notified() => {}
        },
        None => std::future::pending().await,
    }
}

/// Answers the engine. It may have stopped waiting, which is its own affair.
fn answer<T>(port: RpcReplyPort<T>, value: T) {
    if port.send(value).is_err() {
        tracing::debug!("the engine no longer waits for an answer");
    }
}

impl App {
    /// Runs until the engine stops or a handler says that the process must.
    pub(crate) async fn run(mut self) -> LoopEnd {
        let mut pending: Option<Pending> = None;
        loop {
            let deadline = pending.as_ref().map(|p| p.deadline);
            let input = tokio::select! {
                Some(input) = self.inputs.recv() => Some(input),
                _ = &mut self.alive => return self.last_words(),
                () = due(deadline, &self.work) => None,
            };
            let done = match input {
                Some(input) => self.take(input, &mut pending),
                None => self.try_propose(&mut pending).map_err(LoopEnd::from),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    fn take(&mut self, input: Input, pending: &mut Option<Pending>) -> Result<(), LoopEnd> {
        match input {
            Input::Host(message) => Ok(self.on_host(message, pending)?),
            Input::Polka(certificate) => {
                let now = self.clock.now();
                if let Some(value) = self.handler.on_polka(&certificate, now)? {
                    self.tell(value);
                }
                Ok(())
            }
            Input::Heard(member) => {
                self.handler.on_heard(member);
                Ok(())
            }
            Input::Lost(member) => {
                self.handler.on_lost(member);
                Ok(())
            }
            Input::Fatal(fatal) => Err(LoopEnd::Fatal(fatal)),
        }
    }

    /// Nobody asks any more; the reason may be among what was said last.
    fn last_words(&mut self) -> LoopEnd {
        while let Ok(input) = self.inputs.try_recv() {
            if let Input::Fatal(fatal) = input {
                return LoopEnd::Fatal(fatal);
            }
        }
        LoopEnd::EngineStopped
    }

    fn on_host(&mut self, message: HostMsg<LegContext>, pending: &mut Option<Pending>) -> Result<(), Fatal> {
        match message {
            HostMsg::ConsensusReady { reply_to } => {
                let StartHeight { height, params } = self.handler.on_ready();
                answer(reply_to, (EngineHeight::new(height), params));
            }
            HostMsg::StartedRound { height, round, reply_to, .. } => {
                // Whatever was to be proposed in an earlier round is too late.
                *pending = None;
                let round = ledger_round(round).unwrap_or_default();
                let values = self.handler.on_started_round(height.ledger(), round, self.clock.now())?;
                answer(reply_to, values);
            }
            HostMsg::GetValue { height, round, reply_to, .. } => {
                *pending = Some(Pending {
                    height: height.ledger(),
                    round: ledger_round(round).unwrap_or_default(),
                    asked: self.clock.now(),
                    deadline: Instant::now(),
                    reply: reply_to,
                });
                self.try_propose(pending)?;
            }
            HostMsg::ReceivedProposalPart { part, reply_to, .. } => {
                if let Some(part) = part.content.as_data()
                    && let Some(value) = self.handler.on_part(part, self.clock.now())?
                {
                    answer(reply_to, value);
                }
            }
            HostMsg::RestreamValue { height, round, valid_round, value_id, .. } => {
                let round = ledger_round(round).unwrap_or_default();
                let parts = self.handler.on_restream(height.ledger(), round, ledger_round(valid_round), value_id)?;
                self.publish(parts);
            }
            HostMsg::Decided { certificate, reply_to, .. } => {
                *pending = None;
                // Whatever the engine asks next waits behind the commit.
                if self.handler.commits_behind(certificate.value_id) {
                    answer(reply_to, ());
                    self.handler.on_decided(&certificate)?;
                } else {
                    self.handler.on_decided(&certificate)?;
                    answer(reply_to, ());
                }
            }
            HostMsg::Finalized { certificate, evidence, reply_to, .. } => {
                let StartHeight { height, params } = self.handler.on_finalized(&certificate, &evidence)?;
                answer(reply_to, Next::Start(EngineHeight::new(height), params));
            }
            message => self.on_query(message)?,
        }
        Ok(())
    }

    fn on_query(&mut self, message: HostMsg<LegContext>) -> Result<(), Fatal> {
        match message {
            HostMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply_to } => {
                let round = ledger_round(round).unwrap_or_default();
                let synced = self.handler.on_synced_value(height.ledger(), round, proposer.member(), &value_bytes)?;
                let (outcome, block) = match synced {
                    SyncAnswer::Value(value) => {
                        let block = value.value.id();
                        (SyncedValueOutcome::Verdict(value), Some(block))
                    }
                    SyncAnswer::PeerFault => (SyncedValueOutcome::PeerFault, None),
                    SyncAnswer::NotNow => (SyncedValueOutcome::LocalTransientError, None),
                };
                answer(reply_to, outcome);
                if let Some(block) = block {
                    self.handler.on_synced_value_told(block)?;
                }
            }
            HostMsg::GetDecidedValues { range, reply_to } => {
                let (first, last) = range.into_inner();
                answer(reply_to, self.handler.on_get_decided(first.ledger()..=last.ledger()));
            }
            HostMsg::GetHistoryMinHeight { reply_to } => {
                answer(reply_to, EngineHeight::new(self.handler.on_get_min_height()));
            }
            // Vote extensions are disabled at every height, so the engine asks for none; asked all the same, there is none.
            HostMsg::ExtendVote { reply_to, .. } => answer(reply_to, None),
            HostMsg::VerifyVoteExtensions { reply_to, .. } => answer(reply_to, vec![]),
            _ => {}
        }
        Ok(())
    }

    fn try_propose(&mut self, pending: &mut Option<Pending>) -> Result<(), Fatal> {
        let Some(mut waiting) = pending.take() else { return Ok(()) };
        let now = self.clock.now();
        match self.handler.on_get_value(waiting.height, waiting.round, waiting.asked, now)? {
            Some(ValuePlan::Propose(OwnProposal { value, parts })) => {
                self.publish(parts);
                answer(waiting.reply, value);
            }
            Some(ValuePlan::Wait(time)) => {
                waiting.deadline = Instant::now() + time;
                *pending = Some(waiting);
            }
            None => tracing::debug!(height = %waiting.height, "the engine asked for a value that is not this node's to propose"),
        }
        Ok(())
    }

    fn publish(&self, parts: Vec<BlockPart>) {
        for part in parts {
            if self.network.cast(NetworkMsg::PublishProposalPart(stream_message(part))).is_err() {
                tracing::error!("the network actor has stopped: a proposal was not streamed");
                return;
            }
        }
    }

    /// Tells the engine of a value that it did not ask for.
    fn tell(&self, value: ProposedValue<LegContext>) {
        if self.consensus.cast(ConsensusMsg::ReceivedProposedValue(value, ValueOrigin::Consensus)).is_err() {
            tracing::debug!("the engine has stopped");
        }
    }
}
