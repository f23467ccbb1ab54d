//! A round has started.

use super::Handler;
use crate::action::Fatal;
use crate::context::LegContext;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use leg_ledger::ids::{BlockId, Height, Round};
use leg_ledger::time::BlockTime;

impl Handler {
    /// Answers with the values that this round needs: what was valid before a restart and what has waited for the round.
    ///
    /// # Errors
    /// [`Fatal`] when a port fails.
    pub fn on_started_round(&mut self, height: Height, round: Round, now: BlockTime) -> Result<Vec<ProposedValue<LegContext>>, Fatal> {
        if height != self.height() {
            return Ok(vec![]);
        }
        self.round = Some(round);
        self.entered = now;
        let untold = self.blocks.iter().filter(|(_, h)| h.accepted && !h.told && h.source.round <= round);
        let untold: Vec<BlockId> = untold.map(|(id, _)| *id).collect();
        let mut values: Vec<_> = untold.into_iter().filter_map(|id| self.tell(id)).collect();
        let (ready, later) =
            std::mem::take(&mut self.waiting).into_iter().partition(|a| a.manifest.height == height && a.manifest.round <= round);
        self.waiting = later;
        let ready: Vec<_> = ready;
        for assembled in ready {
            values.extend(self.on_assembled(assembled, now)?);
        }
        Ok(values)
    }
}
