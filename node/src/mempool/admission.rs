//! One job of admission: a slice of transactions of one source, checked against the state and verified in batches.
//!
//! Runs on a blocking thread: about 12 us of CPU a transaction, nearly all of it the signature.

use super::error::AdmitError;
use leg_ledger::execute::Inadmissible;
use leg_ledger::hash::Hash;
use leg_ledger::ids::ChainId;
use leg_ledger::signature::{Batch, PublicKey};
use leg_ledger::transaction::{SignedTransaction, Verified};

/// Below this, single verification costs no more than another batch.
const BISECT_FLOOR: usize = 4;

/// What a job found.
#[derive(Debug)]
pub(super) struct Outcome {
    /// In the order given.
    pub(super) results: Vec<Result<Verified, AdmitError>>,
    /// Signatures that were looked at.
    pub(super) verified: usize,
    /// Those that were bad.
    pub(super) bad: usize,
}

/// Checks and verifies. `known` names (commitment, key) pairs that verified before; `max_bad` ends the search in a batch that is mostly
/// garbage: what was not looked at by then is [`AdmitError::Unseen`].
pub(super) fn admit(
    chain: ChainId,
    transactions: Vec<SignedTransaction>,
    admissible: impl Fn(&SignedTransaction) -> Result<PublicKey, Inadmissible>,
    known: impl Fn(&Hash, &PublicKey) -> bool,
    max_bad: usize,
) -> Outcome {
    let mut results: Vec<Result<Verified, AdmitError>> = Vec::with_capacity(transactions.len());
    let mut fresh = Vec::new();
    for transaction in transactions {
        let checked = admissible(&transaction).map_err(AdmitError::from);
        // Only the form can fail here; the signature is verified below, before anyone sees the result.
        let result = checked.and_then(|key| transaction.assume_verified(chain, key).map_err(AdmitError::from));
        if let Ok(verified) = &result
            && !known(&verified.commitment(), &verified.key())
        {
            fresh.push(results.len());
        }
        results.push(result);
    }
    let mut search = Search { looked_at: 0, bad: 0, max_bad };
    search.verify(&fresh, &mut results);
    Outcome { results, verified: search.looked_at, bad: search.bad }
}

struct Search {
    looked_at: usize,
    bad: usize,
    max_bad: usize,
}

impl Search {
    /// Verifies the transactions at `indices` together; a batch that fails is halved until the bad ones are found.
    fn verify(&mut self, indices: &[usize], results: &mut [Result<Verified, AdmitError>]) {
        // Depth is the logarithm of the batch: a stack of slices needs no recursion and no bound of its own.
        let mut open = vec![indices];
        while let Some(slice) = open.pop() {
            if self.bad > self.max_bad {
                slice.iter().for_each(|index| results[*index] = Err(AdmitError::Unseen));
            } else if slice.len() <= BISECT_FLOOR {
                slice.iter().for_each(|index| self.verify_one(&mut results[*index]));
            } else if batch_verifies(slice, results) {
                self.looked_at += slice.len();
            } else {
                let (left, right) = slice.split_at(slice.len() / 2);
                open.push(right);
                open.push(left);
            }
        }
    }

    fn verify_one(&mut self, result: &mut Result<Verified, AdmitError>) {
        let Ok(verified) = result else { return };
        self.looked_at += 1;
        if verified.key().verify(&verified.message(), &verified.transaction().signature).is_err() {
            self.bad += 1;
            let (member, role) = (verified.body().signer, verified.body().role);
            *result = Err(Inadmissible::Signature { member, role }.into());
        }
    }
}

fn batch_verifies(indices: &[usize], results: &[Result<Verified, AdmitError>]) -> bool {
    let mut batch = Batch::new();
    for verified in indices.iter().filter_map(|index| results[*index].as_ref().ok()) {
        batch.push(&verified.key(), &verified.message(), &verified.transaction().signature);
    }
    batch.verify().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Hub, chain};
    use super::*;

    fn run(transactions: Vec<SignedTransaction>, key: PublicKey, max_bad: usize) -> Outcome {
        admit(chain(), transactions, |_| Ok(key), |_, _| false, max_bad)
    }

    #[test]
    fn every_bad_signature_is_found_and_no_good_one_suffers() {
        let hub = Hub::new(1);
        for bad in [vec![], vec![0], vec![63], vec![5, 6], vec![0, 20, 21, 40, 63], (0..64).collect::<Vec<u64>>()] {
            let transactions = (0..64).map(|nonce| if bad.contains(&nonce) { hub.forged(nonce) } else { hub.signed(nonce) }).collect();
            let outcome = run(transactions, hub.key(), usize::MAX);
            let found: Vec<u64> = (0..64).filter(|n| outcome.results[*n as usize].is_err()).collect();
            assert_eq!((found, outcome.bad), (bad.clone(), bad.len()));
        }
    }

    #[test]
    fn a_batch_of_garbage_ends_the_search_early() {
        let hub = Hub::new(1);
        let outcome = run((0..512).map(|nonce| hub.forged(nonce)).collect(), hub.key(), 8);
        assert!(outcome.results.iter().all(Result::is_err));
        assert!(outcome.verified <= 8 + BISECT_FLOOR, "{} looked at", outcome.verified);
        assert!(outcome.results.iter().filter(|r| matches!(r, Err(AdmitError::Unseen))).count() >= 500);
    }

    #[test]
    fn what_was_verified_before_is_not_verified_again_but_a_garbage_signature_on_it_is() {
        let hub = Hub::new(1);
        let good = hub.signed(7);
        let known = good.commitment();
        let outcome = admit(chain(), vec![good, hub.forged(7)], |_| Ok(hub.key()), |c, _| *c == known, 8);
        assert!(outcome.results[0].is_ok());
        assert_eq!(outcome.results[1].as_ref().unwrap_err().code(), "bad_signature");
        assert_eq!((outcome.verified, outcome.bad), (1, 1));
    }
}
