//! Which consensus content is passed on and delivered: what a member of the committee signed.
//!
//! Every member's node may open a stream, but only the committee has a say. Without this check any of them could have all nodes pass its
//! garbage on, each a little more than it sent.

use super::direct::{Channel, CheckFrame, Judgement};
use arc_malachitebft_app_channel::app::consensus::LivenessMsg;
use arc_malachitebft_app_channel::app::streaming::StreamContent;
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::types::core::SignedVote;
use bytes::Bytes;
use leg_consensus::codec::WireMessage;
use leg_consensus::signing::{proposal_sign_bytes, vote_sign_bytes};
use leg_consensus::types::BlockPart;
use leg_consensus::{LegContext, SignatureCheck};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{ChainId, Height, MemberId};
use leg_ledger::signature::{PublicKey, Signature};
use std::collections::BTreeSet;

/// A seat in the committee of a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSeat {
    /// The key with which its member speaks.
    pub key: PublicKey,
    /// The committee of that height is known. Where it is not, a member may have another key by then.
    pub certain: bool,
}

/// The seat of a member at a height; `None` when it has none there, or the height is before the newest block. For heights too far ahead the
/// newest known committee has to do: a node that is behind still passes on what the others need. MUST be fast.
pub type Seats = Box<dyn Fn(Height, MemberId) -> Option<KnownSeat> + Send>;

/// Says whether consensus content decodes and was signed by members of the committee.
pub struct WireCheck {
    chain: ChainId,
    seats: Seats,
    signatures: SignatureCheck,
}

impl WireCheck {
    /// A check for one network. What it verified, `signatures` remembers for the engine, and for all parts of one block.
    pub fn new(chain: ChainId, seats: Seats, signatures: SignatureCheck) -> Self {
        WireCheck { chain, seats, signatures }
    }

    /// Whether a seat of this height signed what `bytes` makes; they are not made for anybody else.
    fn signed(&self, height: Height, member: MemberId, bytes: impl FnOnce() -> Vec<u8>, signature: &Signature) -> Judgement {
        match (self.seats)(height, member) {
            // It may be news of yesterday, or of a committee that this node does not know yet: nobody's fault.
            None => Judgement::Unwanted,
            Some(seat) if self.signatures.verifies(&seat.key, &bytes(), signature) => Judgement::Good(height),
            // Signed with a key that its member has by then, perhaps.
            Some(KnownSeat { certain: false, .. }) => Judgement::Unwanted,
            Some(_) => Judgement::Bad,
        }
    }

    fn vote(&self, vote: &SignedVote<LegContext>) -> Judgement {
        let (message, signature) = (&vote.message, &vote.signature);
        let bytes = || vote_sign_bytes(self.chain, message);
        self.signed(message.height.ledger(), message.voter.member(), bytes, signature)
    }

    /// All votes of a certificate: each signer once, or one vote could be had as any number of certificates.
    fn votes(&self, votes: Vec<SignedVote<LegContext>>) -> Judgement {
        let signers: BTreeSet<MemberId> = votes.iter().map(|vote| vote.message.voter.member()).collect();
        if signers.len() != votes.len() {
            return Judgement::Bad;
        }
        // All are about one height: that of the certificate.
        let mut last = Judgement::Bad;
        for vote in &votes {
            last = self.vote(vote);
            if !matches!(last, Judgement::Good(_)) {
                break;
            }
        }
        last
    }

    fn part(&self, part: &BlockPart) -> Judgement {
        let manifest = &part.signed.manifest;
        match (self.seats)(manifest.height, manifest.streamer) {
            Some(_) if !is_listed(part) => Judgement::Bad,
            _ => self.signed(manifest.height, manifest.streamer, || manifest.signing_bytes(self.chain), &part.signed.signature),
        }
    }

    fn judge(&self, message: WireMessage) -> Judgement {
        match message {
            WireMessage::Consensus(SignedConsensusMsg::Vote(vote)) | WireMessage::Liveness(LivenessMsg::Vote(vote)) => self.vote(&vote),
            WireMessage::Consensus(SignedConsensusMsg::Proposal(proposal)) => {
                let (message, signature) = (&proposal.message, &proposal.signature);
                let bytes = || proposal_sign_bytes(self.chain, message);
                self.signed(message.height.ledger(), message.proposer.member(), bytes, signature)
            }
            WireMessage::Liveness(LivenessMsg::PolkaCertificate(polka)) => self.votes(polka.votes(&LegContext).collect()),
            WireMessage::Liveness(LivenessMsg::SkipRoundCertificate(proof)) => self.votes(proof.votes(&LegContext).collect()),
            WireMessage::Part(part) => match part.content {
                StreamContent::Data(part) => self.part(&part),
                StreamContent::Fin => Judgement::Bad,
            },
        }
    }
}

impl CheckFrame for WireCheck {
    fn check(&mut self, channel: Channel, content: &Bytes) -> Judgement {
        match WireMessage::decode(content.clone()) {
            Ok(message) if channel_of(&message) == channel => self.judge(message),
            _ => Judgement::Bad,
        }
    }
}

/// Whether a part is the one that its manifest lists.
fn is_listed(part: &BlockPart) -> bool {
    let listed = usize::try_from(part.index).ok().and_then(|index| part.signed.manifest.chunks.get(index));
    listed.is_some_and(|hash| *hash == Hash::of(Domain::Proposal, &part.chunk))
}

/// The channel on which a message travels.
pub(super) fn channel_of(message: &WireMessage) -> Channel {
    match message {
        WireMessage::Consensus(_) | WireMessage::Liveness(_) => Channel::Consensus,
        WireMessage::Part(_) => Channel::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arc_malachitebft_app_channel::app::streaming::{StreamId, StreamMessage};
    use arc_malachitebft_app_channel::app::types::core::{NilOrVal, PolkaCertificate, PolkaSignature, Round, SignedMessage, VoteType};
    use arc_malachitebft_signing::Verifier;
    use futures::FutureExt;
    use leg_consensus::parts::{CHUNK_BYTES, StreamInfo, split};
    use leg_consensus::signing::ChainVerifier;
    use leg_consensus::types::{Address, BlockVote, EngineHeight, SignedManifest};
    use leg_ledger::ids::BlockId;
    use leg_ledger::signature::SecretKey;
    use std::sync::Arc;

    fn chain() -> ChainId {
        ChainId::from_hash(Hash::ZERO)
    }

    fn good(height: u64) -> Judgement {
        Judgement::Good(Height::new(height))
    }

    fn member(number: u8) -> MemberId {
        MemberId::parse(&format!("hub-{number:02}")).unwrap()
    }

    fn key(number: u8) -> SecretKey {
        SecretKey::from_bytes(&[number; 32])
    }

    /// Members 1 to 3 are seated from height 7 on; who sits from height 9 on is not known yet.
    fn check() -> WireCheck {
        let seats = |height: Height, of: MemberId| {
            let number = (1..=3).find(|number| member(*number) == of).filter(|_| height >= Height::new(7))?;
            Some(KnownSeat { key: key(number).public(), certain: height < Height::new(9) })
        };
        WireCheck::new(chain(), Box::new(seats), SignatureCheck::default())
    }

    fn vote(number: u8, height: u64, signer: u8) -> SignedVote<LegContext> {
        let vote = BlockVote {
            kind: VoteType::Prevote,
            height: EngineHeight::new(Height::new(height)),
            round: Round::new(0),
            value: NilOrVal::Val(BlockId::from_hash(Hash::ZERO)),
            voter: Address::new(member(number)),
        };
        let signature = key(signer).sign(&vote_sign_bytes(chain(), &vote));
        SignedMessage::new(vote, signature)
    }

    fn polka(votes: &[SignedVote<LegContext>]) -> WireMessage {
        let signatures = votes.iter().map(|vote| PolkaSignature::new(vote.message.voter, vote.signature)).collect();
        WireMessage::Liveness(LivenessMsg::PolkaCertificate(PolkaCertificate {
            height: EngineHeight::new(Height::new(7)),
            round: Round::new(0),
            value_id: BlockId::from_hash(Hash::ZERO),
            polka_signatures: signatures,
        }))
    }

    #[test]
    fn only_what_the_committee_signed_is_passed_on() {
        let mut check = check();
        let as_vote = |vote| WireMessage::Consensus(SignedConsensusMsg::Vote(vote));
        let again = |vote| WireMessage::Liveness(LivenessMsg::Vote(vote));
        let table = [
            ("a vote", as_vote(vote(1, 7, 1)), good(7)),
            ("one that is repeated", again(vote(1, 7, 1)), good(7)),
            ("of an observer", as_vote(vote(4, 7, 4)), Judgement::Unwanted),
            ("of yesterday", as_vote(vote(1, 6, 1)), Judgement::Unwanted),
            ("in another's name", as_vote(vote(1, 7, 4)), Judgement::Bad),
            ("far ahead", as_vote(vote(1, 9, 1)), good(9)),
            ("far ahead with another key", as_vote(vote(1, 9, 4)), Judgement::Unwanted),
            ("a certificate", polka(&[vote(1, 7, 1), vote(2, 7, 2), vote(3, 7, 3)]), good(7)),
            ("with a forged vote", polka(&[vote(1, 7, 1), vote(2, 7, 1)]), Judgement::Bad),
            ("with one vote twice", polka(&[vote(1, 7, 1), vote(1, 7, 1)]), Judgement::Bad),
            ("of nobody", polka(&[]), Judgement::Bad),
        ];
        for (what, message, expected) in table {
            let content = message.encode().unwrap();
            assert_eq!(check.check(Channel::Consensus, &content), expected, "{what}");
            assert_eq!(check.check(Channel::Part, &content), Judgement::Bad, "{what} on the wrong channel");
        }
        assert_eq!(check.check(Channel::Consensus, &Bytes::from_static(b"garbage")), Judgement::Bad);
    }

    #[test]
    fn a_vote_that_was_let_in_is_verified_neither_by_the_engine_nor_in_a_certificate() {
        let mut check = check();
        let verifier = ChainVerifier::new(chain(), check.signatures.clone());
        let verified = |check: &WireCheck| check.signatures.counts().verified;
        let votes = [1, 2, 3].map(|number| vote(number, 7, number));
        for vote in &votes {
            let content = WireMessage::Consensus(SignedConsensusMsg::Vote(vote.clone())).encode().unwrap();
            assert_eq!(check.check(Channel::Consensus, &content), good(7));
        }
        assert_eq!(verified(&check), 3);
        for (vote, number) in votes.iter().zip([1, 2, 3]) {
            let key = key(number).public();
            let in_the_engine = verifier.verify_signed_vote(&vote.message, &vote.signature, &key).now_or_never();
            assert!(in_the_engine.unwrap().unwrap().is_valid());
        }
        assert_eq!(check.check(Channel::Consensus, &polka(&votes).encode().unwrap()), good(7));
        assert_eq!(verified(&check), 3);
        let key = key(1).public();
        let forged = verifier.verify_signed_vote(&votes[0].message, &votes[1].signature, &key).now_or_never();
        assert!(!forged.unwrap().unwrap().is_valid());
        assert_eq!(verified(&check), 4);
    }

    fn part(part: BlockPart) -> Bytes {
        WireMessage::Part(StreamMessage::new(StreamId::new(Bytes::new()), 0, StreamContent::Data(part))).encode().unwrap()
    }

    #[test]
    fn only_parts_that_a_seated_streamer_signed_are_passed_on() {
        let mut check = check();
        let block = Bytes::from(vec![7; CHUNK_BYTES + 1]);
        let numbered = |number: u8, signer: u8, stream: u64| {
            let (height, streamer) = (Height::new(7), member(number));
            let block_id = BlockId::from_hash(Hash::ZERO);
            let info = StreamInfo { height, round: Default::default(), pol_round: None, block: block_id, streamer, stream };
            split(chain(), info, &block, &key(signer))
        };
        let streamed = |number: u8, signer: u8| numbered(number, signer, 1);
        for right in streamed(1, 1) {
            assert_eq!(check.check(Channel::Part, &part(right.clone())), good(7));
            assert_eq!(
                check.check(Channel::Part, &part(BlockPart { chunk: Bytes::from_static(b"other"), ..right.clone() })),
                Judgement::Bad
            );
            assert_eq!(check.check(Channel::Part, &part(BlockPart { index: 2, ..right })), Judgement::Bad);
        }
        assert_eq!(check.check(Channel::Part, &part(streamed(1, 4).remove(0))), Judgement::Bad);
        // Its manifest is known by now; with another signature it is another one.
        let mut forged = streamed(1, 1).remove(0);
        forged.signed = Arc::new(SignedManifest { signature: streamed(1, 4)[0].signed.signature, ..SignedManifest::clone(&forged.signed) });
        assert_eq!(check.check(Channel::Part, &part(forged)), Judgement::Bad);
        let verified = check.signatures.counts().verified;
        for of_one_block in numbered(2, 2, 1) {
            assert_eq!(check.check(Channel::Part, &part(of_one_block)), good(7));
        }
        assert_eq!(check.signatures.counts().verified, verified + 1, "the manifest once for all parts");
        assert_eq!(check.check(Channel::Part, &part(streamed(4, 4).remove(0))), Judgement::Unwanted);
    }
}
