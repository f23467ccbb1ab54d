//! Signatures of a block: those that wait here were verified when they were admitted; the rest is verified over all cores, the ledger a slice
//! in one ZIP-215 batch, the slices side by side.

use leg_ledger::execute::{Invalid, Ledger};
use leg_ledger::hash::Hash;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::num::NonZeroUsize;

/// Transactions under which a slice is not worth a thread: a batch of this size takes about as long as starting one.
const MIN_SLICE: usize = 64;

/// Verifies transactions on at most `cores` threads; the answer is that of [`Ledger::verify_transactions`] on all of them, and those of them
/// that were neither `found` nor known.
///
/// `found` MUST be as long as `transactions` and hold the transaction at its place, verified with some key. One whose key is no longer the
/// registry's is verified anew.
///
/// # Errors
/// That of the first transaction that was found and is inadmissible now, or else of the first slice with an invalid one.
pub(super) fn verify_transactions(
    ledger: &Ledger,
    transactions: &[SignedTransaction],
    mut found: Vec<Option<Verified>>,
    known: &(dyn Fn(&Hash, &PublicKey) -> bool + Sync),
    cores: NonZeroUsize,
) -> Result<(Vec<Verified>, Vec<Verified>), Invalid> {
    let mut places = Vec::new();
    let mut unknown = Vec::new();
    for (index, (transaction, found)) in transactions.iter().zip(&mut found).enumerate() {
        if let Some(verified) = found {
            let key = ledger.admissible(transaction).map_err(|cause| Invalid::Transaction { index, cause })?;
            if verified.key() == key {
                continue;
            }
            *found = None;
        }
        places.push(index);
        unknown.push(transaction.clone());
    }
    let verified = verify_slices(ledger, &unknown, known, cores).map_err(|invalid| match invalid {
        Invalid::Transaction { index, cause } => Invalid::Transaction { index: places.get(index).copied().unwrap_or(index), cause },
        other => other,
    })?;
    for (place, verified) in places.into_iter().zip(&verified) {
        found[place] = Some(verified.clone());
    }
    Ok((found.into_iter().flatten().collect(), verified))
}

fn verify_slices(
    ledger: &Ledger,
    transactions: &[SignedTransaction],
    known: &(dyn Fn(&Hash, &PublicKey) -> bool + Sync),
    cores: NonZeroUsize,
) -> Result<Vec<Verified>, Invalid> {
    let size = transactions.len().div_ceil(cores.get()).max(MIN_SLICE);
    let mut slices = transactions.chunks(size);
    let first = slices.next().unwrap_or(&[]);
    std::thread::scope(|scope| {
        let others: Vec<_> = slices.map(|slice| scope.spawn(move || ledger.verify_transactions(slice, known))).collect();
        let mut all = ledger.verify_transactions(first, known)?;
        for (number, other) in (1..).zip(others) {
            let verified = match other.join() {
                Ok(verified) => verified,
                // A panic in the ledger is our own bug; it stays one, on this thread.
                Err(panic) => std::panic::resume_unwind(panic),
            };
            all.extend(verified.map_err(|invalid| moved(invalid, number * size))?);
        }
        Ok(all)
    })
}

/// An error of a slice, with the index that its transaction has in the whole.
fn moved(invalid: Invalid, by: usize) -> Invalid {
    match invalid {
        Invalid::Transaction { index, cause } => Invalid::Transaction { index: index + by, cause },
        other => other,
    }
}
