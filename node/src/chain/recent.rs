//! What the last blocks replaced, so that the chain can be read as it was before one of them. Bounded: older blocks are forgotten, and a node that
//! was started anew begins without any.

use leg_ledger::execute::{Ledger, Past};
use leg_ledger::ids::Height;
use leg_ledger::state::Undo;
use std::collections::VecDeque;

/// Most blocks that can be taken back.
pub const RECENT_BLOCKS: usize = 256;
/// Most replaced entries that are kept; blocks that changed much make the past shorter.
const RECENT_ENTRIES: usize = 100_000;
/// Largest state that is copied to look at the past: commits wait for the copy.
const COPIED_ENTRIES: usize = 50_000;

/// Why the chain cannot be read as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// The block is not committed.
    #[error("there is no block {0} yet")]
    Unknown(Height),
    /// The node does not go back as far.
    #[error("the node keeps what it needs for the last {kept} blocks only; `leg explain` replays earlier ones")]
    Forgotten {
        /// Blocks that it can take back.
        kept: usize,
    },
    /// The state is too large to be copied beside the chain.
    #[error("the state is too large to look at its past on a running node; `leg explain` replays the blocks instead")]
    TooLarge,
    /// The past was looked at since the last block.
    #[error("the node looks at the past once a block, since commits wait for it; try again after the next block")]
    Busy,
}

/// The last blocks' changes, the newest last.
#[derive(Debug, Default)]
pub struct Recent {
    blocks: VecDeque<Undo>,
    entries: usize,
}

impl Recent {
    /// Keeps what the block that became the tip replaced.
    pub fn push(&mut self, undo: Undo) {
        self.entries += undo.len();
        self.blocks.push_back(undo);
        while self.blocks.len() > RECENT_BLOCKS || self.entries > RECENT_ENTRIES {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.entries -= oldest.len();
        }
    }

    /// The chain as it was before the block at `height`; `ledger` MUST be at the tip of the last [`Recent::push`].
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn past(&self, ledger: &Ledger, height: Height) -> Result<Past, NotKept> {
        let tip = ledger.tip().height;
        if height > tip || height == Height::GENESIS {
            return Err(NotKept::Unknown(height));
        }
        let kept = self.blocks.len();
        let back = usize::try_from(tip.saturating_sub(height.get()).get()).ok().and_then(|blocks| blocks.checked_add(1));
        let Some(back) = back.filter(|back| *back <= kept) else { return Err(NotKept::Forgotten { kept }) };
        if ledger.state().len() > COPIED_ENTRIES {
            return Err(NotKept::TooLarge);
        }
        Ok(ledger.past(height, self.blocks.iter().rev().take(back)))
    }
}
