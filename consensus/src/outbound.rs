//! The door between the engine and the node's network actor.
//!
//! ```text
//! engine --NetworkMsg--> Outbound --NetworkMsg--> network actor of the node      own votes and proposals pass the guard
//! engine <--NetworkEvent-- Tap <--NetworkEvent-- network actor of the node       polka certificates and voters are shown to the application
//! ```
//!
//! Invariant: what leaves is in the write-ahead log, flushed, before it is in the mark, and in the mark before it leaves.

use crate::action::Fatal;
use crate::app::Input;
use crate::context::LegContext;
use crate::guard::{GuardError, SharedGuard, Signed};
use crate::ports::PortError;
use arc_malachitebft_app_channel::app::consensus::{Input as Entry, LivenessMsg};
use arc_malachitebft_app_channel::app::engine::network::{NetworkEvent, NetworkMsg, NetworkRef, Subscriber};
use arc_malachitebft_app_channel::app::engine::util::output_port::{OutputPort, OutputPortSubscriberTrait};
use arc_malachitebft_app_channel::app::engine::wal::{Msg as WalMsg, WalRef};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_core_types::SignedVote;
use async_trait::async_trait;
use leg_ledger::ids::{ChainId, Height, MemberId};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

/// What guards the door; a node that never signs has none.
#[derive(Clone)]
pub(crate) struct OutboundGuard {
    /// The network.
    pub chain: ChainId,
    /// This node's member.
    pub member: MemberId,
    /// Its guard.
    pub guard: SharedGuard,
    /// Heights up to this one are silent.
    pub silent_until: Option<Height>,
    /// The height whose log the engine replays, if any.
    pub replayed: Option<Height>,
}

/// The actor that the engine takes for the network.
pub(crate) struct Outbound {
    /// The node's network actor.
    pub network: NetworkRef<LegContext>,
    /// Guards what leaves.
    pub guard: Option<OutboundGuard>,
    /// The engine's write-ahead log.
    pub wal: WalRef<LegContext>,
    /// Where polka certificates and fatal errors are told.
    pub inputs: mpsc::Sender<Input>,
}

fn sender(message: &SignedConsensusMsg<LegContext>) -> MemberId {
    match message {
        SignedConsensusMsg::Vote(vote) => vote.message.voter.member(),
        SignedConsensusMsg::Proposal(proposal) => proposal.message.proposer.member(),
    }
}

/// Runs what blocks on a disk without holding up the runtime's other tasks, where the runtime can do that.
fn blocking<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

impl OutboundGuard {
    /// Whether a message may leave.
    fn admit(&self, height: Height, signed: Signed) -> Result<bool, GuardError> {
        if self.silent_until.is_some_and(|silent| height <= silent) {
            return Ok(false);
        }
        match self.guard.admit(height, signed) {
            Ok(()) => Ok(true),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                tracing::error!(%error, "a signature of this node is held back");
                Ok(false)
            }
        }
    }

    fn admit_message(&self, message: &SignedConsensusMsg<LegContext>) -> Result<bool, GuardError> {
        if sender(message) != self.member {
            // In late rounds the engine passes on the proposal that it is locked on.
            return Ok(true);
        }
        let (height, signed) = Signed::message(self.chain, message);
        self.admit(height, signed)
    }

    /// Certificates may hold votes of this node, which count as sent. Votes below the mark are in them rightly: they were sent before.
    fn admit_votes(&self, votes: impl Iterator<Item = SignedVote<LegContext>>) -> Result<bool, GuardError> {
        for vote in votes.filter(|v| v.message.voter.member() == self.member) {
            let height = vote.message.height.ledger();
            let signed = Signed::vote(self.chain, &vote.message);
            match self.guard.admit(height, signed) {
                Ok(()) | Err(GuardError::BelowMark { .. }) => {}
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "a certificate with a signature of this node is held back");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// What a message holds of this node's own signatures.
    fn own(&self, message: &NetworkMsg<LegContext>) -> Vec<SignedConsensusMsg<LegContext>> {
        let mut signed = match message {
            NetworkMsg::PublishConsensusMsg(message) => vec![message.clone()],
            NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote)) => vec![SignedConsensusMsg::Vote(vote.clone())],
            NetworkMsg::PublishLivenessMsg(LivenessMsg::PolkaCertificate(polka)) => {
                polka.votes(&LegContext).map(SignedConsensusMsg::Vote).collect()
            }
            NetworkMsg::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(proof)) => {
                proof.votes(&LegContext).map(SignedConsensusMsg::Vote).collect()
            }
            _ => vec![],
        };
        signed.retain(|message| sender(message) == self.member);
        signed
    }

    /// Whether a message must be logged before it is marked: the engine logs nothing while it replays, so what it signs then for the first
    /// time would be in the mark only, and a second crash would find the mark ahead of the log. Logging twice is harmless.
    fn may_be_unlogged(&self, message: &SignedConsensusMsg<LegContext>) -> bool {
        let (height, signed) = Signed::message(self.chain, message);
        let silent = self.silent_until.is_some_and(|silent| height <= silent);
        self.replayed == Some(height) && !silent && matches!(self.guard.is_marked(height, &signed), Ok(false))
    }

    fn may_leave(&self, message: &NetworkMsg<LegContext>) -> Result<bool, GuardError> {
        match message {
            NetworkMsg::PublishConsensusMsg(message) => self.admit_message(message),
            NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote)) => self.admit_message(&SignedConsensusMsg::Vote(vote.clone())),
            NetworkMsg::PublishLivenessMsg(LivenessMsg::PolkaCertificate(polka)) => self.admit_votes(polka.votes(&LegContext)),
            NetworkMsg::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(proof)) => self.admit_votes(proof.votes(&LegContext)),
            _ => Ok(true),
        }
    }
}

impl Outbound {
    /// Whether a message may leave; what it holds of this node's own is marked then.
    fn may_leave(&self, message: &NetworkMsg<LegContext>, own: bool) -> Result<bool, Fatal> {
        match &self.guard {
            Some(guard) if own => Ok(blocking(|| guard.may_leave(message))?),
            _ => Ok(true),
        }
    }

    async fn log(&self, unlogged: Vec<SignedConsensusMsg<LegContext>>) -> Result<(), Fatal> {
        if unlogged.is_empty() {
            return Ok(());
        }
        let failed = |cause: String| PortError::new("log what this node signed", cause);
        for message in unlogged {
            let (height, entry) = match message {
                SignedConsensusMsg::Vote(vote) => (vote.message.height, Entry::Vote(vote)),
                SignedConsensusMsg::Proposal(proposal) => (proposal.message.height, Entry::Proposal(proposal)),
            };
            let appended = ractor::call!(self.wal, WalMsg::Append, height, entry);
            appended.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        }
        let flushed = ractor::call!(self.wal, WalMsg::Flush);
        Ok(flushed.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?)
    }
}

#[async_trait]
impl Actor for Outbound {
    type Msg = NetworkMsg<LegContext>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, message: Self::Msg, _: &mut ()) -> Result<(), ActorProcessingErr> {
        let message = match message {
            NetworkMsg::Subscribe(subscriber) => NetworkMsg::Subscribe(Box::new(Tap { subscriber, inputs: self.inputs.clone() })),
            message => message,
        };
        let mut own = self.guard.as_ref().map(|guard| guard.own(&message)).unwrap_or_default();
        let signed_here = !own.is_empty();
        own.retain(|message| self.guard.as_ref().is_some_and(|guard| guard.may_be_unlogged(message)));
        let may_leave = match self.log(own).await {
            Ok(()) => self.may_leave(&message, signed_here),
            Err(fatal) => Err(fatal),
        };
        match may_leave {
            Ok(true) => Ok(self.network.cast(message)?),
            Ok(false) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                // The loop stops the process; a closed channel means that it is stopping already.
                let _ = self.inputs.send(Input::Fatal(error)).await;
                Err(reason.into())
            }
        }
    }
}

/// Passes events on to the engine, shows polka certificates to the application before the engine acts on them, and says who voted.
struct Tap {
    subscriber: Box<dyn Subscriber<NetworkEvent<LegContext>>>,
    inputs: mpsc::Sender<Input>,
}

impl OutputPortSubscriberTrait<NetworkEvent<LegContext>> for Tap {
    fn subscribe_to_port(&self, port: &OutputPort<NetworkEvent<LegContext>>) {
        self.subscriber.subscribe_to_port(port);
    }
}

impl Subscriber<NetworkEvent<LegContext>> for Tap {
    fn send(&self, event: NetworkEvent<LegContext>) {
        if let NetworkEvent::PolkaCertificate(_, certificate) = &event {
            // A full channel drops it: the certificate comes again with the next round's proposal.
            let _ = self.inputs.try_send(Input::Polka(certificate.clone()));
        }
        if let NetworkEvent::Vote(_, vote) = &event {
            // A full channel drops it: the same member's next vote says the same.
            let _ = self.inputs.try_send(Input::Heard(vote.message.voter.member()));
        }
        self.subscriber.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;
    use crate::testkit::{MemoryMark, chain_id, key, member};
    use crate::types::{Address, BlockProposal, BlockValue, BlockVote, EngineHeight};
    use arc_malachitebft_core_types::{NilOrVal, PolkaCertificate, Round, SignedMessage, VoteType};
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::BlockId;

    fn guard(silent_until: Option<u64>) -> OutboundGuard {
        let guard = Guard::open(chain_id(), Box::new(MemoryMark::default())).unwrap();
        let guard = SharedGuard::new(guard);
        OutboundGuard { chain: chain_id(), member: member(1), guard, silent_until: silent_until.map(Height::new), replayed: None }
    }

    fn block(content: u8) -> BlockId {
        BlockId::from_hash(Hash::from_bytes([content; 32]))
    }

    fn prevote(voter: u8, content: u8) -> SignedVote<LegContext> {
        let height = EngineHeight::new(Height::new(5));
        let (voter_address, value) = (Address::new(member(voter)), NilOrVal::Val(block(content)));
        let message = BlockVote { kind: VoteType::Prevote, height, round: Round::new(2), value, voter: voter_address };
        SignedMessage::new(message, key(voter).sign(b"not verified here"))
    }

    fn publish(voter: u8, content: u8) -> NetworkMsg<LegContext> {
        NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Vote(prevote(voter, content)))
    }

    fn polka(content: u8) -> NetworkMsg<LegContext> {
        let votes = (0..3).map(|i| prevote(i, content)).collect();
        let height = EngineHeight::new(Height::new(5));
        NetworkMsg::PublishLivenessMsg(LivenessMsg::PolkaCertificate(PolkaCertificate::new(height, Round::new(2), block(content), votes)))
    }

    #[test]
    fn a_second_vote_of_this_node_does_not_leave_in_any_message() {
        let guard = guard(None);
        let leaves = |message| guard.may_leave(&message).unwrap();
        assert!(leaves(publish(1, 7)));
        assert!(leaves(publish(1, 7)), "identical bytes may leave again");
        assert!(!leaves(publish(1, 8)));
        assert!(!leaves(NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(prevote(1, 8)))));
        assert!(leaves(polka(7)));
        assert!(!leaves(polka(8)));
        assert!(leaves(publish(2, 8)), "what others signed is theirs");
    }

    #[test]
    fn a_certificate_marks_the_vote_of_this_node_in_it() {
        let guard = guard(None);
        assert!(guard.may_leave(&polka(7)).unwrap());
        assert!(!guard.may_leave(&publish(1, 8)).unwrap());
    }

    #[test]
    fn a_silent_node_passes_on_what_others_proposed_and_says_nothing_itself() {
        let guard = guard(Some(5));
        assert!(!guard.may_leave(&publish(1, 7)).unwrap());
        let message = BlockProposal {
            height: EngineHeight::new(Height::new(5)),
            round: Round::new(12),
            value: BlockValue::new(block(7)),
            pol_round: Round::new(11),
            proposer: Address::new(member(3)),
        };
        let proposal = SignedMessage::new(message, key(3).sign(b"not verified here"));
        assert!(guard.may_leave(&NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal))).unwrap());
    }
}
