//! A height is decided.

use super::{Handler, next};
use crate::action::Fatal;
use crate::context::LegContext;
use crate::guard::{Signed, SignedKind};
use crate::types::ledger_round;
use arc_malachitebft_core_types::CommitCertificate;
use leg_ledger::block::{Certificate, CommitSignature, precommit_bytes};
use leg_ledger::ids::{BlockId, Height};

/// The engine's certificate as the ledger's.
pub(super) fn ledger_certificate(certificate: &CommitCertificate<LegContext>) -> Certificate {
    let signatures = certificate.commit_signatures.iter().map(|s| CommitSignature { member: s.address.member(), signature: s.signature });
    Certificate::new(
        certificate.height.ledger(),
        ledger_round(certificate.round).unwrap_or_default(),
        certificate.value_id,
        signatures.collect(),
    )
}

impl Handler {
    /// Commits the decided block: executed once, and durable when this returns if this node votes at the next height.
    ///
    /// # Errors
    /// [`Fatal`]: the process stops. Never is the engine asked to decide the height again.
    pub fn on_decided(&mut self, certificate: &CommitCertificate<LegContext>) -> Result<(), Fatal> {
        let certificate = ledger_certificate(certificate);
        let height = certificate.height;
        if height != self.height() {
            return Err(Fatal::NotNext { decided: height, tip: self.tip.height });
        }
        let behind = self.commits_behind(certificate.block);
        let accepted = self.blocks.get(&certificate.block).is_some_and(|held| held.accepted);
        let Some(content) = self.content(certificate.block)?.filter(|_| accepted) else {
            return Err(Fatal::MissingBlock { height, block: certificate.block });
        };
        // Decided while the engine replays its log, the precommit may not be logged yet: marked first, it would put the mark ahead of the
        // log if the process died before the commit. The commit ends the height, so the order costs nothing.
        let replayed = self.settings.replayed == Some(height);
        if !replayed {
            self.mark_own(&certificate)?;
        }
        let header = content.block.header;
        let committed = match behind {
            true => self.chain.commit_behind(&content.block, &certificate),
            false => self.chain.commit(&content.block, &certificate),
        };
        committed.map_err(|cause| Fatal::Commit { height, cause })?;
        if replayed {
            self.mark_own(&certificate)?;
        }
        self.on_attended(&header, &certificate);
        self.advance(height)
    }

    /// Whether the engine may go on before a block is committed: it came from a peer's store, and this node, which does not vote, has promised
    /// nothing about it.
    pub fn commits_behind(&self, block: BlockId) -> bool {
        self.voter().is_none() && self.blocks.get(&block).is_some_and(|held| held.synced)
    }

    /// A certificate makes this node's precommit public, maybe before the engine publishes it by itself.
    fn mark_own(&self, certificate: &Certificate) -> Result<(), Fatal> {
        let (Some(guard), Some(voter)) = (&self.guard, self.voter()) else {
            return Ok(());
        };
        if !certificate.signatures.iter().any(|s| s.member == voter.member) {
            return Ok(());
        }
        let (height, round) = (certificate.height, certificate.round);
        let bytes = precommit_bytes(self.settings.chain, height, round, Some(certificate.block));
        let signed = Signed { kind: SignedKind::Precommit, round, bytes };
        match guard.admit(height, signed) {
            // A decision of an earlier round than the last one signed in: that precommit left long ago.
            Err(error) if !error.is_fatal() => {
                tracing::warn!(%error, "the decision holds a signature that the guard would not let leave now");
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Everything held for `height` goes; the node stands on the new tip.
    fn advance(&mut self, height: Height) -> Result<(), Fatal> {
        self.tip = self.chain.tip();
        if self.tip.height != height {
            return Err(Fatal::NotNext { decided: height, tip: self.tip.height });
        }
        // A node that only follows keeps none, and would have this wait behind the blocks that are being written.
        if self.kept {
            match self.proposals.prune(height) {
                Ok(()) => self.kept = false,
                Err(error) => tracing::warn!(%error, %height, "decided proposals stay in the store for now"),
            }
        }
        let upcoming = self.height();
        self.committee = self.chain.committee(upcoming).ok_or(Fatal::NoCommittee(upcoming))?;
        self.next_committee = self.chain.committee(next(upcoming));
        let seats = &self.committee;
        self.attendance.retain(|member| seats.key(member).is_some());
        self.take_seat();
        if self.voter().is_some() {
            self.chain.flush().map_err(|cause| Fatal::Commit { height, cause })?;
        }
        self.round = None;
        self.blocks.clear();
        self.polkas.clear();
        self.waiting.retain(|a| a.manifest.height > height);
        self.assembly.forget(height);
        Ok(())
    }
}
