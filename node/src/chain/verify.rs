//! Signatures of a block over all cores: the ledger verifies a slice in one ZIP-215 batch, the slices run side by side.

use leg_ledger::execute::{Invalid, Ledger};
use leg_ledger::hash::Hash;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::num::NonZeroUsize;

/// Transactions under which a slice is not worth a thread: a batch of this size takes about as long as starting one.
const MIN_SLICE: usize = 64;

/// Verifies transactions on at most `cores` threads; the answer is that of [`Ledger::verify_transactions`] on all of them.
///
/// # Errors
/// That of the first slice with an invalid transaction.
pub(super) fn verify_transactions(
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
