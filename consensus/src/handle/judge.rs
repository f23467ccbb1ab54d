//! Is a block valid, here and now (DESIGN, Block, header, certificate)?

use super::{Handler, Source};
use crate::action::Fatal;
use crate::ports::Verdict;
use arc_malachitebft_core_types::Validity;
use leg_ledger::block::Block;
use leg_ledger::ids::BlockId;
use leg_ledger::time::BlockTime;

/// Why a block's time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TimeError {
    /// Not after its parent.
    #[error("{block} ms is not after the parent's {parent} ms")]
    NotAfterParent { block: u64, parent: u64 },
    /// Too far from this node's clock.
    #[error("{block} ms is further than {drift} ms from this clock's {now} ms")]
    Drift { block: u64, now: u64, drift: u64 },
}

/// Checks a fresh block's time. Its parent's time plus one millisecond is always timely, so that a clock that jumped cannot halt the chain.
pub(super) fn check_time(block: BlockTime, parent: BlockTime, now: BlockTime, drift_ms: u64) -> Result<(), TimeError> {
    if block <= parent {
        return Err(TimeError::NotAfterParent { block: block.ms(), parent: parent.ms() });
    }
    let least = parent.ms().checked_add(1) == Some(block.ms());
    if least || block.ms().abs_diff(now.ms()) <= drift_ms {
        return Ok(());
    }
    Err(TimeError::Drift { block: block.ms(), now: now.ms(), drift: drift_ms })
}

impl Handler {
    /// Asks the ledger and the proposer's rule. Both depend on the block and the state below it alone.
    ///
    /// `None` for a body that is not the header's: it says nothing of the block, whose id is the hash of the header only. Held under that
    /// id, it would let one proposer turn this node against a block that all others vote for.
    pub(super) fn ask_rules(&mut self, block: &mut Block) -> Result<Option<Result<(), String>>, Fatal> {
        let verdict = self.chain.validate(block)?;
        if let Verdict::ForeignBody(reason) = verdict {
            tracing::warn!(height = %block.header.height, reason, "a body that is not its header's");
            return Ok(None);
        }
        if let Err(reason) = self.check_proposer(block) {
            return Ok(Some(Err(reason)));
        }
        Ok(Some(match verdict {
            Verdict::Valid => Ok(()),
            Verdict::ForeignBody(reason) | Verdict::Invalid(reason) => Err(reason),
            Verdict::RootsDiffer(differences) => {
                // Not certified: the proposer may be wrong as well as this node. Loud, since with a certificate it is fatal.
                for difference in &differences {
                    tracing::error!(height = %block.header.height, proposer = %block.header.proposer, %difference, "a proposal's root differs");
                }
                let differences = differences.iter().map(ToString::to_string);
                Err(differences.collect::<Vec<_>>().join("; "))
            }
        }))
    }

    /// The header's proposer is the selection for (height, creation round), whatever round the block is voted on in.
    pub(super) fn check_proposer(&self, block: &Block) -> Result<(), String> {
        let header = &block.header;
        let selected = self.proposer(header.creation_round);
        if selected != Some(header.proposer) {
            return Err(format!("{} is not the proposer of round {}", header.proposer, header.creation_round.get()));
        }
        Ok(())
    }

    /// Judges a held block as `source` streams it, and keeps it durably when it is valid for the first time.
    pub(super) fn judge(&mut self, id: BlockId, source: Source, now: BlockTime) -> Result<Validity, Fatal> {
        let Some(held) = self.blocks.get(&id) else {
            return Ok(Validity::Invalid);
        };
        let header = &held.header;
        let known_good = held.accepted || self.polkas.contains(&id);
        let drift = u64::try_from(self.settings.pace.max_drift.as_millis()).unwrap_or(u64::MAX);
        let reason = if let Err(reason) = &held.rules {
            Some(reason.clone())
        } else if header.creation_round > source.round {
            Some("created in a later round than it is streamed for".to_owned())
        } else if known_good {
            None
        } else {
            check_time(header.time, self.tip.time, now, drift).err().map(|e| e.to_string())
        };
        match reason {
            None => {
                self.keep(id)?;
                Ok(Validity::Valid)
            }
            Some(reason) => {
                tracing::warn!(height = %self.height(), block = %id, streamer = %source.streamer, reason, "invalid proposal");
                Ok(Validity::Invalid)
            }
        }
    }

    /// Accepts a block: its bytes are durable when this returns, if this node votes. A follower has no log that could name it later.
    pub(super) fn keep(&mut self, id: BlockId) -> Result<(), Fatal> {
        let height = self.height();
        let votes = self.voter().is_some();
        if let Some(held) = self.blocks.get_mut(&id) {
            if let Some(content) = held.content.as_ref().filter(|_| votes && !held.kept) {
                self.proposals.put(height, id, &content.bytes)?;
                held.kept = true;
                self.kept = true;
            }
            held.accepted = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_after_the_parent_and_near_the_clock_or_the_least_possible() {
        let at = BlockTime::from_ms;
        let cases = [
            // block, parent, now, timely
            (1_000, 999, 5_000_000, true),
            (1_001, 999, 5_000_000, false),
            (5_002_000, 999, 5_000_000, true),
            (5_002_001, 999, 5_000_000, false),
            (4_998_000, 999, 5_000_000, true),
            (4_997_999, 999, 5_000_000, false),
            (999, 999, 999, false),
            (998, 999, 999, false),
        ];
        for (block, parent, now, timely) in cases {
            let checked = check_time(at(block), at(parent), at(now), 2_000);
            assert_eq!(checked.is_ok(), timely, "{block} after {parent} at {now}");
        }
    }
}
