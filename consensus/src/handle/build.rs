//! This node is the proposer: which block, and when.

use super::{Handler, Held, Source};
use crate::action::{Fatal, OwnProposal, ValuePlan};
use crate::parts::{StreamInfo, split};
use crate::ports::{BuildRequest, Outlook};
use crate::types::{BlockPart, BlockValue, EngineHeight, engine_round};
use arc_malachitebft_app_channel::app::types::LocallyProposedValue;
use leg_ledger::codec;
use leg_ledger::ids::{BlockId, Height, MemberId, Round};
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::time::BlockTime;
use std::time::Duration;

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Handler {
    /// Answers with the value for (height, round), or with how long to wait for work. `asked` is when the engine asked first.
    ///
    /// A value that was built for this round before, also before a crash, is answered again: signing two is what the guard is for, and
    /// it must not be reached.
    ///
    /// `None` when the engine has moved on.
    ///
    /// # Errors
    /// [`Fatal`] when a port fails.
    pub fn on_get_value(&mut self, height: Height, round: Round, asked: BlockTime, now: BlockTime) -> Result<Option<ValuePlan>, Fatal> {
        let Some(voter) = self.voter().filter(|_| height == self.height()) else {
            return Ok(None);
        };
        let member = voter.member;
        let built = self.blocks.iter().find(|(_, held)| {
            let header = &held.header;
            held.accepted && header.proposer == member && header.creation_round == round
        });
        if let Some(id) = built.map(|(id, _)| *id) {
            return Ok(self.propose(id, round)?.map(ValuePlan::Propose));
        }
        let wait = self.wait_ms(asked, now);
        if wait > 0 {
            return Ok(Some(ValuePlan::Wait(Duration::from_millis(wait))));
        }
        let id = self.build(member, round, now)?;
        Ok(self.propose(id, round)?.map(ValuePlan::Propose))
    }

    /// How long to wait before building: the block interval when there is work, the idle interval when there is none. Both count from
    /// the parent's time, and neither longer than its length from when the engine asked: a parent of a fast clock lies ahead.
    fn wait_ms(&self, asked: BlockTime, now: BlockTime) -> u64 {
        let parent = self.tip.time.ms();
        let from_parent = |interval: u64| {
            let latest = asked.ms().saturating_add(interval);
            parent.saturating_add(interval).min(latest)
        };
        let earliest = from_parent(ms(self.settings.pace.block_interval));
        let latest = from_parent(ms(self.settings.pace.idle_interval)).max(earliest);
        let target = match self.chain.outlook(now) {
            Outlook::Work => earliest,
            Outlook::DueAt(due) => due.ms().clamp(earliest, latest),
            Outlook::Idle => latest,
        };
        target.saturating_sub(now.ms())
    }

    fn build(&mut self, proposer: MemberId, round: Round, now: BlockTime) -> Result<BlockId, Fatal> {
        let height = self.height();
        let after_parent = BlockTime::from_ms(self.tip.time.ms().saturating_add(1));
        // When everyone had a turn and nobody's clock convinced a quorum, the one time that all find timely keeps the chain going.
        let clocks_disagree = usize::try_from(round.get()).is_ok_and(|round| round >= self.committee.len());
        let time = if clocks_disagree { after_parent } else { now.max(after_parent) };
        let block = self.chain.build(BuildRequest { height, creation_round: round, proposer, time, max_bytes: HARD_BLOCK_BYTES })?;
        let id = block.id();
        let source = Source { streamer: proposer, round, pol_round: None };
        let bytes = codec::encode(&block).into();
        let held = Held { told: true, ..Held::new(block, bytes, Ok(()), source) };
        self.make_room()?;
        self.blocks.insert(id, held);
        self.keep(id)?;
        Ok(id)
    }

    fn propose(&mut self, id: BlockId, round: Round) -> Result<Option<OwnProposal>, Fatal> {
        let parts = self.stream(id, round, None)?;
        let Some(held) = self.blocks.get_mut(&id) else { return Ok(None) };
        held.told = true;
        Ok(Some(OwnProposal {
            value: LocallyProposedValue::new(EngineHeight::new(held.header.height), engine_round(Some(round)), BlockValue::new(id)),
            parts,
        }))
    }

    /// The parts of a held block as this node streams it for a round.
    ///
    /// # Errors
    /// [`Fatal`] when a block that is in the store cannot be read.
    pub(super) fn stream(&mut self, id: BlockId, round: Round, pol_round: Option<Round>) -> Result<Vec<BlockPart>, Fatal> {
        let stream = self.numbers.next_number();
        let (Some(voter), Some(content)) = (self.voter(), self.content(id)?) else {
            return Ok(vec![]);
        };
        let info = StreamInfo { height: content.block.header.height, round, pol_round, block: id, streamer: voter.member, stream };
        Ok(split(self.settings.chain, info, &content.bytes, &voter.key))
    }
}
