//! A block is proposed again in a later round.

use super::Handler;
use crate::action::Fatal;
use crate::types::BlockPart;
use leg_ledger::ids::{BlockId, Height, Round};

impl Handler {
    /// The parts of a block for `round`; none for a block that is not held, which only a bug of the engine asks for.
    ///
    /// # Errors
    /// [`Fatal`] when a block that is in the store cannot be read.
    pub fn on_restream(&mut self, height: Height, round: Round, pol_round: Option<Round>, block: BlockId) -> Result<Vec<BlockPart>, Fatal> {
        if height != self.height() || !self.blocks.contains_key(&block) {
            tracing::warn!(%height, %block, "asked to stream a block that is not held");
            return Ok(vec![]);
        }
        self.stream(block, round, pol_round)
    }
}
