//! The door between the engine and the node's network actor.
//!
//! ```text
//! engine --NetworkMsg--> Outbound --NetworkMsg--> network actor of the node      own votes and proposals pass the guard
//! engine <--NetworkEvent-- Tap <--NetworkEvent-- network actor of the node       polka certificates are shown to the application
//! ```

use crate::app::Input;
use crate::context::LegContext;
use crate::guard::{GuardError, SharedGuard, Signed};
use arc_malachitebft_app_channel::app::consensus::LivenessMsg;
use arc_malachitebft_app_channel::app::engine::network::{NetworkEvent, NetworkMsg, NetworkRef, Subscriber};
use arc_malachitebft_app_channel::app::engine::util::output_port::{OutputPort, OutputPortSubscriberTrait};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_core_types::SignedVote;
use async_trait::async_trait;
use leg_ledger::ids::{ChainId, Height, MemberId};
use ractor::{Actor, ActorProcessingErr, ActorRef};
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
}

/// The actor that the engine takes for the network.
pub(crate) struct Outbound {
    /// The node's network actor.
    pub network: NetworkRef<LegContext>,
    /// Guards what leaves.
    pub guard: Option<OutboundGuard>,
    /// Where polka certificates and fatal errors are told.
    pub inputs: mpsc::Sender<Input>,
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
        let sender = match message {
            SignedConsensusMsg::Vote(vote) => vote.message.voter,
            SignedConsensusMsg::Proposal(proposal) => proposal.message.proposer,
        };
        if sender.member() != self.member {
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
        let may_leave = match &self.guard {
            Some(guard) => guard.may_leave(&message),
            None => Ok(true),
        };
        match may_leave {
            Ok(true) => Ok(self.network.cast(message)?),
            Ok(false) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                // The loop stops the process; a closed channel means that it is stopping already.
                let _ = self.inputs.send(Input::Fatal(error.into())).await;
                Err(reason.into())
            }
        }
    }
}

/// Passes events on to the engine and shows polka certificates to the application before the engine acts on them.
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
        OutboundGuard { chain: chain_id(), member: member(1), guard, silent_until: silent_until.map(Height::new) }
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
