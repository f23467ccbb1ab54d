//! The replay window: which (signer, nonce) pairs are used up while a transaction with them could still be valid (MARKET 2).
//!
//! It is not part of the state: a transaction lives at most [`MAX_LIFETIME`] blocks, so the window is rebuilt from the last blocks.

use crate::ids::{Height, MemberId, Nonce};
use crate::limits::MAX_LIFETIME;
use crate::transaction::TransactionBody;
use std::collections::{BTreeMap, BTreeSet};

/// Pairs used by transactions whose last valid height has not passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    used: BTreeSet<(MemberId, Nonce)>,
    by_expiry: BTreeMap<Height, Vec<(MemberId, Nonce)>>,
}

impl ReplayWindow {
    /// Blocks that MUST be read to rebuild the window after `tip`: from the returned height to the tip.
    pub fn first_height(tip: Height) -> Height {
        tip.saturating_sub(MAX_LIFETIME).max(Height::new(1))
    }

    /// True if the pair is used up.
    pub fn contains(&self, signer: MemberId, nonce: Nonce) -> bool {
        self.used.contains(&(signer, nonce))
    }

    /// Pairs in the window.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// True without pairs.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Records the transactions of the block at `height` and forgets what can no longer be valid in the next one.
    pub fn record<'a, I: IntoIterator<Item = &'a TransactionBody>>(&mut self, height: Height, bodies: I) {
        for body in bodies {
            if self.used.insert((body.signer, body.nonce)) {
                self.by_expiry.entry(body.last_valid).or_default().push((body.signer, body.nonce));
            }
        }
        while let Some(entry) = self.by_expiry.first_entry() {
            if *entry.key() > height {
                break;
            }
            for pair in entry.remove() {
                self.used.remove(&pair);
            }
        }
    }
}
