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
