//! Catching up, and helping others to.

use super::{Handler, Held, Source};
use crate::action::Fatal;
use crate::codec::{MAX_SYNC_BLOCK_BYTES, SYNC_BATCH, certificate_to_engine};
use crate::context::LegContext;
use crate::ports::Verdict;
use crate::types::{Address, BlockValue, EngineHeight, engine_round};
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_core_types::Validity;
use arc_malachitebft_sync::RawDecidedValue;
use bytes::Bytes;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::ids::{BlockId, Height, MemberId, Round};
use leg_ledger::limits::HARD_BLOCK_BYTES;
use std::ops::RangeInclusive;

/// What a synced block turned out to be.
#[derive(Debug)]
pub enum SyncAnswer {
    /// Valid; to be decided with its certificate.
    Value(ProposedValue<LegContext>),
    /// Not the bytes of the certified block: the peer is at fault.
    PeerFault,
    /// Of a height that is not being decided (any more).
    NotNow,
}

impl Handler {
    /// Judges a block with a verified certificate. `round` is the certificate's, `proposer` the proposer of that round.
    ///
    /// The header is the certificate's: the codec has checked it. Its time is not held against this node's clock, its creation round not
    /// against the certificate's. Whatever else is wrong with it is a difference of this node with the committee.
    ///
    /// # Errors
    /// [`Fatal::Divergence`], or another when a port fails.
    pub fn on_synced_value(&mut self, height: Height, round: Round, proposer: MemberId, bytes: &Bytes) -> Result<SyncAnswer, Fatal> {
        if height != self.height() {
            return Ok(SyncAnswer::NotNow);
        }
        let Ok(mut block) = codec::decode::<Block>(bytes, HARD_BLOCK_BYTES) else {
            return Ok(SyncAnswer::PeerFault);
        };
        let id = block.id();
        if block.header.height != height {
            return Ok(SyncAnswer::PeerFault);
        }
        let accepted = self.blocks.get(&id).is_some_and(|held| held.accepted);
        if !accepted {
            match self.chain.validate(&mut block)? {
                Verdict::ForeignBody(reason) => {
                    tracing::warn!(%height, reason, "synced bytes are not those of the certified block");
                    return Ok(SyncAnswer::PeerFault);
                }
                verdict => self.agree(&block, verdict)?,
            }
            let source = Source { streamer: block.header.proposer, round: block.header.creation_round, pol_round: None };
            let held = Held { told: true, synced: true, ..Held::new(block, bytes.clone(), Ok(()), source) };
            self.blocks.insert(id, held);
            self.keep(id)?;
        }
        Ok(SyncAnswer::Value(ProposedValue {
            height: EngineHeight::new(height),
            round: engine_round(Some(round)),
            valid_round: engine_round(None),
            proposer: Address::new(proposer),
            value: BlockValue::new(id),
            validity: Validity::Valid,
        }))
    }

    /// What can be done while the engine decides a synced block: a node that does not vote executes it.
    ///
    /// # Errors
    /// [`Fatal::Commit`].
    pub fn on_synced_value_told(&mut self, block: BlockId) -> Result<(), Fatal> {
        if !self.commits_behind(block) {
            return Ok(());
        }
        let (height, held) = (self.height(), self.blocks.get(&block));
        let Some(content) = held.and_then(|held| held.content.as_ref()) else { return Ok(()) };
        self.chain.prepare(&content.block).map_err(|cause| Fatal::Commit { height, cause })
    }

    /// A certified block that this node refuses is the end of its way (ENGINE pitfall 14).
    fn agree(&self, block: &Block, verdict: Verdict) -> Result<(), Fatal> {
        let (differences, reason) = match verdict {
            Verdict::Valid => (vec![], self.check_proposer(block).err()),
            Verdict::RootsDiffer(differences) => (differences, None),
            Verdict::Invalid(reason) | Verdict::ForeignBody(reason) => (vec![], Some(reason)),
        };
        if differences.is_empty() && reason.is_none() {
            return Ok(());
        }
        Err(Fatal::Divergence { height: block.header.height, block: block.id(), differences, reason: reason.unwrap_or_default() })
    }

    /// Committed blocks for a peer, as many as fit in an answer.
    pub fn on_get_decided(&self, range: RangeInclusive<Height>) -> Vec<RawDecidedValue<LegContext>> {
        let (first, last) = range.into_inner();
        let batch = u64::try_from(SYNC_BATCH).unwrap_or(u64::MAX);
        let limit = first.checked_add(batch.saturating_sub(1)).unwrap_or(last);
        let last = last.min(limit).min(self.tip.height);
        if first > last {
            return vec![];
        }
        match self.chain.decided(first..=last, MAX_SYNC_BLOCK_BYTES) {
            Ok(blocks) => blocks.into_iter().map(|b| RawDecidedValue::new(b.block.into(), certificate_to_engine(&b.certificate))).collect(),
            Err(error) => {
                tracing::error!(%error, %first, %last, "committed blocks could not be read for a peer");
                vec![]
            }
        }
    }

    /// The lowest height that this node can give to peers.
    pub fn on_get_min_height(&self) -> Height {
        self.chain.min_height()
    }
}
