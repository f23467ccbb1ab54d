//! A part of a block has arrived.

use super::{Handler, Held, MAX_FRESH, MAX_WAITING, Source};
use crate::action::Fatal;
use crate::assembly::{Assembled, Position};
use crate::context::LegContext;
use crate::types::{Address, BlockPart, BlockValue, EngineHeight, Manifest, SignedManifest, engine_round};
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_core_types::Validity;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::ids::BlockId;
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::time::BlockTime;

impl Handler {
    /// Takes a part; answers with the value that it completes, valid or not. Every stream of a block has its time judged anew.
    ///
    /// # Errors
    /// [`Fatal`] when a port fails. A bad part is its sender's fault and only logged.
    pub fn on_part(&mut self, part: &BlockPart, now: BlockTime) -> Result<Option<ProposedValue<LegContext>>, Fatal> {
        let height = self.height();
        let position = Position {
            height,
            round: self.round.unwrap_or_default(),
            committee: &self.committee,
            next_committee: self.next_committee.as_ref(),
        };
        let blocks = &self.blocks;
        let known = |m: &Manifest| blocks.get(&m.block).filter(|_| m.height == height).and_then(|held| held.streamed_by(m)).cloned();
        let added = self.assembly.add(part, position, known);
        match added {
            Ok(assembled) => {
                self.on_heard(part.signed.manifest.streamer);
                assembled.map_or(Ok(None), |assembled| self.on_assembled(assembled, now))
            }
            Err(error) => {
                let SignedManifest { manifest, .. } = part.signed.as_ref();
                tracing::debug!(%error, height = %manifest.height, "part refused");
                Ok(None)
            }
        }
    }

    /// Judges a complete stream, or lets it wait for its height and round.
    ///
    /// Judged in a round before its own, a block could be voted for in that round: the engine pairs values and proposals by id alone.
    pub(super) fn on_assembled(&mut self, assembled: Assembled, now: BlockTime) -> Result<Option<ProposedValue<LegContext>>, Fatal> {
        let manifest = &assembled.manifest;
        let due = self.round.is_some_and(|round| manifest.round <= round);
        if manifest.height != self.height() || !due {
            self.wait(assembled);
            return Ok(None);
        }
        if !self.may_stream(manifest) {
            tracing::warn!(streamer = %manifest.streamer, height = %manifest.height, "streams a block out of turn");
            return Ok(None);
        }
        let id = manifest.block;
        // What was found wrong with other bytes is not held against these.
        let settled = self.blocks.get(&id).is_some_and(|held| held.rules.is_ok() || held.bytes() == Some(&assembled.bytes));
        if !settled {
            let Some(held) = self.examine(&assembled)? else { return Ok(None) };
            self.on_delivered(&held.header, Source::of(manifest), now);
            self.blocks.insert(id, held);
        }
        let source = Source::of(manifest);
        let validity = self.judge(id, source, now)?;
        Ok(self.value(id, source, validity))
    }

    /// Only the proposer of a round may fill the engine's few places for that round. Anyone may bring a block that a quorum stands behind.
    fn may_stream(&self, manifest: &Manifest) -> bool {
        let turn = self.proposer(manifest.round) == Some(manifest.streamer);
        let source = Source::of(manifest);
        let others = self.blocks.iter().filter(|(id, held)| {
            let same_turn = held.source.streamer == source.streamer && held.source.round == source.round;
            **id != manifest.block && same_turn
        });
        (turn && others.count() < MAX_FRESH) || self.polkas.contains(&manifest.block)
    }

    /// Decodes a new block and asks the ledger's rules. `None` if the bytes are not the block that the streamer signed for, header and
    /// body: nothing of them is held then.
    fn examine(&mut self, assembled: &Assembled) -> Result<Option<Held>, Fatal> {
        let manifest = &assembled.manifest;
        let mut block = match codec::decode::<Block>(&assembled.bytes, HARD_BLOCK_BYTES) {
            Ok(block) if block.id() == manifest.block && block.header.height == manifest.height => block,
            _ => {
                tracing::warn!(streamer = %manifest.streamer, height = %manifest.height, "streams what is not the block it names");
                return Ok(None);
            }
        };
        if !self.make_room()? {
            tracing::warn!(height = %manifest.height, "no room for one more block of this height");
            return Ok(None);
        }
        let rules = self.ask_rules(&mut block)?;
        Ok(rules.map(|rules| Held::new(block, assembled.bytes.clone(), rules, Source::of(manifest))))
    }

    fn wait(&mut self, assembled: Assembled) {
        let streamer = assembled.manifest.streamer;
        let same = |a: &Assembled| a.manifest.streamer == streamer;
        if self.waiting.iter().filter(|a| same(a)).count() >= MAX_WAITING {
            let oldest = self.waiting.iter().position(same);
            oldest.map(|index| self.waiting.remove(index));
        }
        self.waiting.push(assembled);
    }

    /// What the engine is told of a block.
    pub(super) fn value(&mut self, id: BlockId, source: Source, validity: Validity) -> Option<ProposedValue<LegContext>> {
        let height = EngineHeight::new(self.height());
        let held = self.blocks.get_mut(&id)?;
        held.told |= validity.is_valid();
        Some(ProposedValue {
            height,
            round: engine_round(Some(source.round)),
            valid_round: engine_round(source.pol_round),
            proposer: Address::new(source.streamer),
            value: BlockValue::new(id),
            validity,
        })
    }

    /// Tells the engine of an accepted block as its first stream brought it.
    pub(super) fn tell(&mut self, id: BlockId) -> Option<ProposedValue<LegContext>> {
        let source = self.blocks.get(&id)?.source;
        self.value(id, source, Validity::Valid)
    }
}

impl Source {
    fn of(manifest: &Manifest) -> Self {
        Source { streamer: manifest.streamer, round: manifest.round, pol_round: manifest.pol_round }
    }
}
