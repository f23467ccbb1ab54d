//! A decided height has its last signatures; the next one starts.

use super::Handler;
use super::decide::ledger_certificate;
use crate::action::{Fatal, StartHeight};
use crate::context::LegContext;
use crate::ports::{DoubleSign, SignedBytes};
use crate::signing::{proposal_sign_bytes, vote_sign_bytes};
use arc_malachitebft_app_channel::app::types::MisbehaviorEvidence;
use arc_malachitebft_core_types::{CommitCertificate, SignedProposal, SignedVote};
use leg_ledger::ids::ChainId;

impl Handler {
    /// Hands certificate and evidence to the chain and starts the next height.
    ///
    /// # Errors
    /// [`Fatal`] when the height was not committed before.
    pub fn on_finalized(
        &mut self,
        certificate: &CommitCertificate<LegContext>,
        evidence: &MisbehaviorEvidence<LegContext>,
    ) -> Result<StartHeight, Fatal> {
        let certificate = ledger_certificate(certificate);
        if certificate.height != self.tip.height {
            return Err(Fatal::NotNext { decided: certificate.height, tip: self.tip.height });
        }
        self.on_signed(&certificate);
        self.chain.finalized(&certificate, double_signs(self.settings.chain, evidence));
        Ok(self.on_ready())
    }
}

fn double_signs(chain: ChainId, evidence: &MisbehaviorEvidence<LegContext>) -> Vec<DoubleSign> {
    let vote = |vote: &SignedVote<LegContext>| SignedBytes { bytes: vote_sign_bytes(chain, &vote.message), signature: vote.signature };
    let proposal = |proposal: &SignedProposal<LegContext>| SignedBytes {
        bytes: proposal_sign_bytes(chain, &proposal.message),
        signature: proposal.signature,
    };
    let votes = evidence.votes.iter().flat_map(|(member, pairs)| {
        pairs.iter().map(move |(first, second)| DoubleSign {
            member: member.member(),
            height: first.message.height.ledger(),
            first: vote(first),
            second: vote(second),
        })
    });
    let proposals = evidence.proposals.iter().flat_map(|(member, pairs)| {
        pairs.iter().map(move |(first, second)| DoubleSign {
            member: member.member(),
            height: first.message.height.ledger(),
            first: proposal(first),
            second: proposal(second),
        })
    });
    votes.chain(proposals).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{chain_id, key, member};
    use crate::types::{Address, BlockVote, EngineHeight};
    use arc_malachitebft_core_types::{NilOrVal, Round, SignedMessage, VoteType};
    use leg_ledger::hash::Hash;
    use leg_ledger::ids::{BlockId, Height};

    #[test]
    fn evidence_holds_what_convicts_without_the_engine() {
        let vote = |content: u8| {
            let height = EngineHeight::new(Height::new(5));
            let value = NilOrVal::Val(BlockId::from_hash(Hash::from_bytes([content; 32])));
            let voter = Address::new(member(2));
            let message = BlockVote { kind: VoteType::Precommit, height, round: Round::new(0), value, voter };
            let signature = key(2).sign(&vote_sign_bytes(chain_id(), &message));
            SignedMessage::new(message, signature)
        };
        let mut evidence = MisbehaviorEvidence::<LegContext> { proposals: Default::default(), votes: Default::default() };
        evidence.votes.add(vote(1), vote(2));
        let found = double_signs(chain_id(), &evidence);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].member, found[0].height), (member(2), Height::new(5)));
        assert_ne!(found[0].first.bytes, found[0].second.bytes);
        for signed in [&found[0].first, &found[0].second] {
            key(2).public().verify(&signed.bytes, &signed.signature).unwrap();
        }
    }
}
