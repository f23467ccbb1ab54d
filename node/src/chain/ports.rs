//! The chain as consensus sees it.

use super::service::Service;
use crate::storage::{MarkFile, Proposals};
use leg_consensus::ports::{BuildRequest, ChainPort, DecidedBlock, DoubleSign, MarkStore, Outlook, PortError, ProposalStore, Tip, Verdict};
use leg_ledger::block::{Block, Certificate, Committee};
use leg_ledger::ids::{BlockId, Height};
use leg_ledger::time::BlockTime;
use std::ops::RangeInclusive;

impl ChainPort for Service {
    fn tip(&self) -> Tip {
        let ledger = self.shared().latest();
        let tip = ledger.tip();
        Tip { height: tip.height, block: tip.block, time: tip.time }
    }

    fn committee(&self, height: Height) -> Option<Committee> {
        self.shared().latest().committee(height).cloned()
    }

    fn validate(&mut self, block: &mut Block) -> Result<Verdict, PortError> {
        Ok(self.judge(block))
    }

    fn outlook(&self, now: BlockTime) -> Outlook {
        if self.pool().waiting() > 0 {
            return Outlook::Work;
        }
        let ledger = self.shared().latest();
        let due = ledger.next_due().zip(ledger.params()).map(|(due, params)| params.clock.block_time(due));
        match due {
            Some(due) if due <= now => Outlook::Work,
            Some(due) => Outlook::DueAt(due),
            None => Outlook::Idle,
        }
    }

    fn build(&mut self, request: BuildRequest) -> Result<Block, PortError> {
        self.assemble(&request).map_err(|error| PortError::new("building a block", error))
    }

    fn commit(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError> {
        self.on_decided(block, certificate).map_err(|error| PortError::new("committing a block", error))
    }

    fn prepare(&mut self, block: &Block) -> Result<(), PortError> {
        Service::prepare(self, block).map_err(|error| PortError::new("executing a block", error))
    }

    fn commit_behind(&mut self, block: &Block, certificate: &Certificate) -> Result<(), PortError> {
        self.on_decided_behind(block, certificate).map_err(|error| PortError::new("committing a block", error))
    }

    fn flush(&mut self) -> Result<(), PortError> {
        Service::flush(self).map_err(|error| PortError::new("writing the last block", error))
    }

    fn finalized(&mut self, certificate: &Certificate, evidence: Vec<DoubleSign>) {
        self.improve_certificate(certificate);
        for double in evidence {
            tracing::error!(
                member = %double.member,
                height = %double.height,
                first = %hex::encode(&double.first.bytes),
                first_signature = ?double.first.signature,
                second = %hex::encode(&double.second.bytes),
                second_signature = ?double.second.signature,
                "a member of the committee signed twice"
            );
        }
    }

    fn decided(&self, heights: RangeInclusive<Height>, max_bytes: usize) -> Result<Vec<DecidedBlock>, PortError> {
        let (first, last) = heights.into_inner();
        let mut blocks = Vec::new();
        let mut room = max_bytes;
        for height in first.get()..=last.get() {
            let stored = self.shared().store.block_bytes(Height::new(height));
            let Some((block, certificate)) = stored.map_err(|error| PortError::new("reading decided blocks", error))? else { break };
            let Some(rest) = room.checked_sub(block.len()) else { break };
            room = rest;
            blocks.push(DecidedBlock { block, certificate });
        }
        Ok(blocks)
    }

    fn min_height(&self) -> Height {
        // Every block is kept.
        Height::new(1)
    }
}

impl ProposalStore for Proposals {
    fn put(&mut self, height: Height, block: BlockId, bytes: &[u8]) -> Result<(), PortError> {
        Proposals::put(self, height, block, bytes).map_err(|error| PortError::new("keeping a proposal", error))
    }

    fn get(&self, height: Height, block: BlockId) -> Result<Option<Vec<u8>>, PortError> {
        Proposals::get(self, height, block).map_err(|error| PortError::new("reading a proposal", error))
    }

    fn load(&self, height: Height) -> Result<Vec<Vec<u8>>, PortError> {
        Proposals::load(self, height).map_err(|error| PortError::new("reading proposals", error))
    }

    fn prune(&mut self, height: Height) -> Result<(), PortError> {
        Proposals::prune(self, height).map_err(|error| PortError::new("forgetting proposals", error))
    }
}

// The greatest mark fits into its place.
const _: () = assert!(leg_consensus::guard::MAX_MARK_BYTES <= MarkFile::MAX_BYTES);

impl MarkStore for MarkFile {
    fn load(&self) -> Result<Option<Vec<u8>>, PortError> {
        Ok(MarkFile::load(self).map(<[u8]>::to_vec))
    }

    fn save(&mut self, mark: &[u8]) -> Result<(), PortError> {
        MarkFile::save(self, mark).map_err(|error| PortError::new("saving the double-sign guard", error))
    }
}
