//! Each signature of consensus is verified once in a process, however often it is met: in a vote that the swarm is about to pass on, in the
//! engine, in a certificate.
//!
//! What verified is remembered by a hash over key, signature and signed bytes, so that nothing else passes for it; a failure never is, since
//! anybody can make those up without end. Who had a seat is asked anew by whoever asks: being remembered says only that this key signed
//! these bytes. What was pushed out is merely verified again.

use leg_ledger::hash::{Domain, Hash};
use leg_ledger::limits::MAX_COMMITTEE;
use leg_ledger::signature::{Batch, PublicKey, Signature};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rounds of the greatest committee of which everything that is signed is remembered: it is met again within the height, or in the next.
const ROUNDS: usize = 16;
/// Signatures of a round: each member's prevote and precommit, one proposal, one manifest.
const OF_ONE_ROUND: usize = 2 * MAX_COMMITTEE + 2;
/// Most signatures that are remembered.
pub const MAX_REMEMBERED: usize = ROUNDS * OF_ONE_ROUND;

/// Verifies signatures of consensus by the ledger's one rule (ZIP-215) and remembers what verified. Clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct SignatureCheck(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    memory: Mutex<Memory>,
    verified: AtomicU64,
    recalled: AtomicU64,
}

/// Invariant: `known` and `order` hold the same hashes, at most [`MAX_REMEMBERED`].
#[derive(Debug, Default)]
struct Memory {
    known: BTreeSet<Hash>,
    /// The oldest first.
    order: VecDeque<Hash>,
}

impl Memory {
    fn insert(&mut self, hash: Hash) {
        if !self.known.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Numbers for operators, since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureCounts {
    /// Signatures that were verified, good and bad.
    pub verified: u64,
    /// Signatures that had been verified before.
    pub recalled: u64,
}

/// Key and signature have fixed lengths, so no two triples give the same bytes.
fn hash_of(key: &PublicKey, bytes: &[u8], signature: &Signature) -> Hash {
    Hash::of_parts(Domain::Consensus, &[key.as_bytes(), signature.as_bytes(), bytes])
}

impl SignatureCheck {
    /// Whether `key` signed `bytes`.
    pub fn verifies(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let hash = hash_of(key, bytes, signature);
        if self.recalls(&hash) {
            return true;
        }
        self.count(1);
        // Without the lock: others recall meanwhile.
        let verifies = key.verify(bytes, signature).is_ok();
        if verifies {
            self.memory().insert(hash);
        }
        verifies
    }

    /// Whether each key signed the same `bytes`; those that are not known yet are verified together.
    pub fn all_verify(&self, bytes: &[u8], signatures: &[(PublicKey, Signature)]) -> bool {
        let mut batch = Batch::new();
        let mut fresh = Vec::with_capacity(signatures.len());
        for (key, signature) in signatures {
            let hash = hash_of(key, bytes, signature);
            if !self.recalls(&hash) {
                batch.push(key, bytes, signature);
                fresh.push(hash);
            }
        }
        self.count(fresh.len() as u64);
        let verify = batch.verify().is_ok();
        if verify {
            let mut memory = self.memory();
            fresh.into_iter().for_each(|hash| memory.insert(hash));
        }
        verify
    }

    /// How much was verified, and how much of it did not have to be again.
    pub fn counts(&self) -> SignatureCounts {
        SignatureCounts { verified: self.0.verified.load(Ordering::Relaxed), recalled: self.0.recalled.load(Ordering::Relaxed) }
    }

    fn recalls(&self, hash: &Hash) -> bool {
        let recalls = self.memory().known.contains(hash);
        if recalls {
            self.0.recalled.fetch_add(1, Ordering::Relaxed);
        }
        recalls
    }

    fn count(&self, verified: u64) {
        self.0.verified.fetch_add(verified, Ordering::Relaxed);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Whatever was inserted before a panic had verified.
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::signature::SecretKey;

    fn key(number: u8) -> SecretKey {
        SecretKey::from_bytes(&[number; 32])
    }

    fn counts(verified: u64, recalled: u64) -> SignatureCounts {
        SignatureCounts { verified, recalled }
    }

    #[test]
    fn what_verified_is_not_verified_again_in_any_clone() {
        let (check, signature) = (SignatureCheck::default(), key(1).sign(b"vote"));
        assert!(check.verifies(&key(1).public(), b"vote", &signature));
        assert_eq!(check.counts(), counts(1, 0));
        assert!(check.clone().verifies(&key(1).public(), b"vote", &signature));
        assert!(check.all_verify(b"vote", &[(key(1).public(), signature), (key(2).public(), key(2).sign(b"vote"))]));
        assert_eq!(check.counts(), counts(2, 2), "of the certificate only the second");
        assert!(check.verifies(&key(2).public(), b"vote", &key(2).sign(b"vote")));
        assert_eq!(check.counts(), counts(2, 3));
    }

    #[test]
    fn another_signature_key_or_message_is_refused_beside_a_known_one() {
        let (check, signature) = (SignatureCheck::default(), key(1).sign(b"vote"));
        assert!(check.verifies(&key(1).public(), b"vote", &signature));
        for at in 0..64 {
            let mut forged = *signature.as_bytes();
            forged[at] ^= 1;
            assert!(!check.verifies(&key(1).public(), b"vote", &Signature::from_bytes(forged)), "byte {at}");
        }
        assert!(!check.verifies(&key(2).public(), b"vote", &signature));
        for other in [&b"vot"[..], b"votes", b"", b"Vote"] {
            assert!(!check.verifies(&key(1).public(), other, &signature));
            assert!(!check.all_verify(other, &[(key(1).public(), signature)]));
        }
    }

    #[test]
    fn a_failure_is_never_remembered_and_spoils_its_certificate_only() {
        let check = SignatureCheck::default();
        let (good, forged) = ((key(1).public(), key(1).sign(b"vote")), (key(2).public(), key(1).sign(b"vote")));
        for _ in 0..2 {
            assert!(!check.verifies(&forged.0, b"vote", &forged.1));
            assert!(!check.all_verify(b"vote", &[good, forged]));
        }
        assert_eq!(check.counts(), counts(6, 0));
        assert!(check.memory().known.is_empty());
        assert!(check.all_verify(b"vote", &[good]));
        assert!(check.all_verify(b"vote", &[]));
    }

    #[test]
    fn the_oldest_is_forgotten_and_verified_again() {
        let check = SignatureCheck::default();
        let verify = |number: usize| {
            let bytes = number.to_le_bytes();
            assert!(check.verifies(&key(1).public(), &bytes, &key(1).sign(&bytes)));
        };
        (0..=MAX_REMEMBERED).for_each(verify);
        let memory = || {
            let memory = check.memory();
            (memory.known.len(), memory.order.len())
        };
        assert_eq!(memory(), (MAX_REMEMBERED, MAX_REMEMBERED));
        verify(MAX_REMEMBERED);
        verify(1);
        let all = MAX_REMEMBERED as u64 + 1;
        assert_eq!(check.counts(), counts(all, 2));
        verify(0);
        assert_eq!(check.counts(), counts(all + 1, 2), "the first was forgotten");
        assert_eq!(memory(), (MAX_REMEMBERED, MAX_REMEMBERED));
    }
}
