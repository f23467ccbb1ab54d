//! Signatures that this node verified, so that a block's are not verified a second time.

use leg_ledger::hash::Hash;
use leg_ledger::signature::PublicKey;
use std::collections::{HashMap, VecDeque};

/// Remembers (commitment to body and signature, key), the oldest forgotten first.
///
/// Invariant: never more than `capacity` entries; an entry is only ever made for a signature that verified.
#[derive(Debug)]
pub(super) struct KnownSignatures {
    capacity: usize,
    keys: HashMap<Hash, PublicKey>,
    order: VecDeque<Hash>,
}

impl KnownSignatures {
    pub(super) fn new(capacity: usize) -> Self {
        KnownSignatures { capacity: capacity.max(1), keys: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn insert(&mut self, commitment: Hash, key: PublicKey) {
        if self.keys.insert(commitment, key).is_some() {
            return;
        }
        self.order.push_back(commitment);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, commitment: &Hash, key: &PublicKey) -> bool {
        self.keys.get(commitment) == Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Domain;
    use leg_ledger::signature::SecretKey;

    #[test]
    fn the_oldest_is_forgotten_and_another_key_is_not_known() {
        let (a, b) = (SecretKey::from_bytes(&[1; 32]).public(), SecretKey::from_bytes(&[2; 32]).public());
        let hashes: Vec<Hash> = (0..4_u8).map(|i| Hash::of(Domain::Order, &[i])).collect();
        let mut known = KnownSignatures::new(3);
        for hash in &hashes {
            known.insert(*hash, a);
            known.insert(*hash, a);
        }
        assert!(!known.contains(&hashes[0], &a));
        assert!(hashes[1..].iter().all(|hash| known.contains(hash, &a) && !known.contains(hash, &b)));
    }
}
