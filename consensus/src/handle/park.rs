//! Room for one more block: bytes of accepted ones go to the store of proposals and come back when they are asked for.
//!
//! Each failed round may leave an accepted block behind, any of which may still be decided. However long that goes on, what is in memory
//! is bounded, and the next block is looked at.

use super::{Content, Handler, MAX_BLOCKS, MAX_KNOWN};
use crate::action::Fatal;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::ids::BlockId;
use leg_ledger::limits::HARD_BLOCK_BYTES;

impl Handler {
    /// Makes room for one block: drops a refused one, or parks the accepted one of the earliest round. `false` when there is none.
    pub(super) fn make_room(&mut self) -> Result<bool, Fatal> {
        if self.blocks.len() >= MAX_KNOWN && !self.drop_refused() {
            return Ok(false);
        }
        let in_memory = self.blocks.values().filter(|held| held.content.is_some()).count();
        if in_memory < MAX_BLOCKS || self.drop_refused() {
            return Ok(true);
        }
        let accepted = self.blocks.iter().filter(|(_, held)| held.content.is_some());
        let Some(earliest) = accepted.min_by_key(|(id, held)| (held.source.round, **id)).map(|(id, _)| *id) else { return Ok(false) };
        self.park(earliest)?;
        Ok(true)
    }

    /// Drops a block that cannot be decided.
    fn drop_refused(&mut self) -> bool {
        let refused = self.blocks.iter().find(|(_, held)| held.rules.is_err() || !held.accepted).map(|(id, _)| *id);
        refused.is_some_and(|id| self.blocks.remove(&id).is_some())
    }

    /// Leaves an accepted block to the store.
    fn park(&mut self, id: BlockId) -> Result<(), Fatal> {
        let height = self.height();
        let Some(held) = self.blocks.get_mut(&id) else { return Ok(()) };
        let Some(content) = held.content.take() else { return Ok(()) };
        if !held.kept {
            self.proposals.put(height, id, &content.bytes)?;
            held.kept = true;
        }
        Ok(())
    }

    /// A block that is held, from memory or from the store; `None` for one that is not held.
    ///
    /// # Errors
    /// [`Fatal`] when the store fails or has damaged what was kept in it.
    pub(super) fn content(&self, id: BlockId) -> Result<Option<Content>, Fatal> {
        let Some(held) = self.blocks.get(&id) else { return Ok(None) };
        if let Some(content) = &held.content {
            return Ok(Some(content.clone()));
        }
        let height = self.height();
        let damaged = |cause: String| Fatal::DamagedProposal { height, cause };
        let bytes = self.proposals.get(height, id)?.ok_or_else(|| damaged(format!("block {id} is gone")))?;
        let block: Block = codec::decode(&bytes, HARD_BLOCK_BYTES).map_err(|e| damaged(e.to_string()))?;
        if block.id() != id {
            return Err(damaged(format!("it is block {}, not {id}", block.id())));
        }
        Ok(Some(Content { block, bytes: bytes.into() }))
    }
}
