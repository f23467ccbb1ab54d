//! One job of admission: transactions of one or several sources, checked against the state and verified together.
//!
//! Runs on a blocking thread: nearly all of its time is the signatures'. The larger the batch, the less each of them costs, so what several
//! peers delivered at the same time is verified together. Only when that fails is each source looked at apart: bad signatures cost their
//! deliverer, and nobody else more than one further batch.

use super::error::AdmitError;
use super::pool::NoRoom;
use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::ChainId;
use leg_ledger::signature::{Batch, PublicKey};
use leg_ledger::transaction::{SignedTransaction, Verified};

/// Below this, single verification costs no more than another batch.
const BISECT_FLOOR: usize = 4;

/// Transactions of one source.
#[derive(Debug)]
pub(super) struct Share {
    /// As they came.
    pub(super) transactions: Vec<SignedTransaction>,
    /// Ends the search in a share that is mostly garbage: what was not looked at by then is [`AdmitError::Unseen`].
    pub(super) max_bad: usize,
}

/// An answer for each transaction of a share, in its order.
pub(super) type Results = Vec<Result<Verified, AdmitError>>;

/// What a job found.
#[derive(Debug)]
pub(super) struct Outcome {
    /// One for each share, in order.
    pub(super) results: Vec<Results>,
    /// Signatures that were looked at.
    pub(super) verified: usize,
    /// Those that were bad.
    pub(super) bad: usize,
}

/// What the pool says of a transaction before anything of it is verified.
#[derive(Debug)]
pub(super) enum Look {
    /// It waits already, as it was verified then: the same body with the same signature.
    Waits(Verified),
    /// There is room for it.
    Room,
    /// There is none: a full node spends no time on signatures of what it turns away.
    NoRoom(NoRoom),
}

/// What a job has to know of the rest of the node. Each is asked once a job, so that its locks are taken once.
pub(super) trait Knowledge {
    /// The key that each transaction has to verify with.
    fn keys(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>>;

    /// What the pool says of each.
    fn look(&self, transactions: &[&SignedTransaction]) -> Vec<Look>;

    /// Whether the signature of each was verified before.
    fn known(&self, transactions: &[&Verified]) -> Vec<bool>;
}

/// Checks and verifies all shares.
pub(super) fn admit(chain: ChainId, shares: Vec<Share>, knowledge: &impl Knowledge) -> Outcome {
    let (keys, looks) = {
        let all: Vec<&SignedTransaction> = shares.iter().flat_map(|share| &share.transactions).collect();
        (knowledge.keys(&all), knowledge.look(&all))
    };
    let mut judged = keys.into_iter().zip(looks);
    let mut results: Vec<Results> = Vec::with_capacity(shares.len());
    let mut limits = Vec::with_capacity(shares.len());
    let mut fresh: Vec<Vec<usize>> = Vec::with_capacity(shares.len());
    for Share { transactions, max_bad } in shares {
        let mut places = Vec::new();
        let answers = transactions.into_iter().zip(&mut judged).enumerate().map(|(place, (transaction, (key, look)))| {
            let key = key.map_err(AdmitError::from)?;
            match look {
                Look::Waits(verified) if verified.key() == key => Ok(verified),
                Look::NoRoom(error) => Err(AdmitError::from(error)),
                Look::Waits(_) | Look::Room => {
                    places.push(place);
                    // Only the form can fail here; the signature is verified below, before anyone sees the result.
                    transaction.assume_verified(chain, key).map_err(AdmitError::from)
                }
            }
        });
        results.push(answers.collect());
        fresh.push(places);
        limits.push(max_bad);
    }
    forget_known(&mut fresh, &results, knowledge);
    let mut search = Search::default();
    if fresh.iter().filter(|places| !places.is_empty()).count() > 1 && batch_verifies(fresh.iter().zip(&results)) {
        search.looked_at = fresh.iter().map(Vec::len).sum();
    } else {
        for ((places, results), max_bad) in fresh.iter().zip(&mut results).zip(limits) {
            search.verify(places, results, max_bad);
        }
    }
    Outcome { results, verified: search.looked_at, bad: search.bad }
}

/// Leaves only the places whose signature nobody has verified yet.
fn forget_known(fresh: &mut [Vec<usize>], results: &[Results], knowledge: &impl Knowledge) {
    for (places, results) in fresh.iter_mut().zip(results) {
        places.retain(|place| results[*place].is_ok());
        let verified: Vec<&Verified> = places.iter().filter_map(|place| results[*place].as_ref().ok()).collect();
        let mut known = knowledge.known(&verified).into_iter();
        places.retain(|_| !known.next().unwrap_or(false));
    }
}

#[derive(Debug, Default)]
struct Search {
    looked_at: usize,
    bad: usize,
}

impl Search {
    /// Verifies the transactions of one share at `places` together; a batch that fails is halved until the bad ones are found.
    fn verify(&mut self, places: &[usize], results: &mut [Result<Verified, AdmitError>], max_bad: usize) {
        let before = self.bad;
        // Depth is the logarithm of the batch: a stack of slices needs no recursion and no bound of its own.
        let mut open = vec![places];
        while let Some(slice) = open.pop() {
            if self.bad - before > max_bad {
                slice.iter().for_each(|place| results[*place] = Err(AdmitError::Unseen));
            } else if slice.len() <= BISECT_FLOOR {
                slice.iter().for_each(|place| self.verify_one(&mut results[*place]));
            } else if batch_verifies([(slice, &*results)]) {
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

fn batch_verifies(shares: impl IntoIterator<Item = (impl AsRef<[usize]>, impl AsRef<[Result<Verified, AdmitError>]>)>) -> bool {
    let mut batch = Batch::new();
    for (places, results) in shares {
        for verified in places.as_ref().iter().filter_map(|place| results.as_ref()[*place].as_ref().ok()) {
            batch.push(&verified.key(), &verified.message(), &verified.transaction().signature);
        }
    }
    batch.verify().is_ok()
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
