//! The engine is ready to start, now or after a restart.

use super::{Handler, Held, Source};
use crate::action::{Fatal, StartHeight};
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::limits::HARD_BLOCK_BYTES;

impl Handler {
    /// Starts the height after the tip.
    pub fn on_ready(&mut self) -> StartHeight {
        StartHeight { height: self.height(), params: self.height_params() }
    }

    /// Takes back the proposals that were valid before the process ended. The engine's log names them by id only.
    pub(super) fn restore(&mut self) -> Result<(), Fatal> {
        let height = self.height();
        for bytes in self.proposals.load(height)? {
            let damaged = |cause: String| Fatal::DamagedProposal { height, cause };
            let block: Block = codec::decode(&bytes, HARD_BLOCK_BYTES).map_err(|e| damaged(e.to_string()))?;
            if block.header.height != height {
                return Err(damaged(format!("it is of height {}", block.header.height)));
            }
            let source = Source { streamer: block.header.proposer, round: block.header.creation_round, pol_round: None };
            let id = block.id();
            let held = Held { accepted: true, kept: true, ..Held::new(block, bytes.into(), Ok(()), source) };
            self.make_room()?;
            self.blocks.insert(id, held);
        }
        Ok(())
    }
}
