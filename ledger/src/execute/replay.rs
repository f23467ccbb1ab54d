//! The replay window: which (signer, nonce) pairs are used up while a transaction with them could still be valid (MARKET 2).
//!
//! It is not part of the state: a transaction lives at most [`MAX_LIFETIME`] blocks, so the window is rebuilt from the last blocks.

use crate::ids::{Height, MemberId, Nonce};
use crate::limits::MAX_LIFETIME;
use crate::transaction::TransactionBody;
use std::collections::{BTreeMap, BTreeSet};

/// Pairs used by transactions whose last valid height has not passed.
///
/// Invariant: no member without a nonce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    used: BTreeMap<MemberId, BTreeSet<Nonce>>,
    by_expiry: BTreeMap<Height, Vec<(MemberId, Nonce)>>,
    len: usize,
}

impl ReplayWindow {
    /// Blocks that MUST be read to rebuild the window after `tip`: from the returned height to the tip.
    pub fn first_height(tip: Height) -> Height {
        tip.saturating_sub(MAX_LIFETIME).max(Height::new(1))
    }

    /// True if the pair is used up.
    pub fn contains(&self, signer: MemberId, nonce: Nonce) -> bool {
        self.used.get(&signer).is_some_and(|nonces| nonces.contains(&nonce))
    }

    /// Pairs in the window.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without pairs.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Records the transactions of the block at `height` and forgets what can no longer be valid in the next one.
    pub fn record<'a, I: IntoIterator<Item = &'a TransactionBody>>(&mut self, height: Height, bodies: I) {
        for body in bodies {
            if self.used.entry(body.signer).or_default().insert(body.nonce) {
                self.len = self.len.saturating_add(1);
                self.by_expiry.entry(body.last_valid).or_default().push((body.signer, body.nonce));
            }
        }
        while let Some(entry) = self.by_expiry.first_entry() {
            if *entry.key() > height {
                break;
            }
            for (signer, nonce) in entry.remove() {
                self.forget(signer, nonce);
            }
        }
    }

    fn forget(&mut self, signer: MemberId, nonce: Nonce) {
        let Some(nonces) = self.used.get_mut(&signer) else { return };
        if nonces.remove(&nonce) {
            self.len = self.len.saturating_sub(1);
        }
        if nonces.is_empty() {
            self.used.remove(&signer);
        }
    }
}
