//! What a block has to be on the tip. Changes nothing.

use super::pool::TransactionPool;
use super::verify::verify_transactions;
use leg_consensus::ports::{RootDifference, Verdict};
use leg_ledger::block::{Block, Certificate, Header, transactions_root};
use leg_ledger::execute::{Invalid, Ledger, ProposalFacts};
use leg_ledger::hash::Hash;
use leg_ledger::limits::MAX_BLOCK_TRANSACTIONS;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::num::NonZeroUsize;

/// Whether these are the transactions of a block's body. Its id commits to them, but another body may come under the same header; comparing
/// is far cheaper than hashing, and most of them are shared anyway.
pub(super) fn is_body_of(verified: &[Verified], block: &Block) -> bool {
    let transactions = &block.body.transactions;
    verified.len() == transactions.len()
        && verified.iter().zip(transactions).all(|(verified, transaction)| verified.transaction() == transaction)
        && foreign_certificate(block).is_none()
}

/// Replaces those transactions of a block that wait here by the very same ones, which were encoded and hashed when they were admitted, and
/// returns them as they were verified then.
pub(super) fn share(block: &mut Block, pool: &dyn TransactionPool) -> Vec<Option<Verified>> {
    let mut found = pool.find(&block.body.transactions);
    found.resize(block.body.transactions.len(), None);
    for (transaction, found) in block.body.transactions.iter_mut().zip(&found) {
        if let Some(verified) = found {
            *transaction = verified.transaction().clone();
        }
    }
    found
}

/// Everything the ledger asks of a block on its tip. Returns its transactions, and those of them that this node had not verified before.
pub(super) fn check(
    ledger: &Ledger,
    block: &Block,
    found: Vec<Option<Verified>>,
    pool: &dyn TransactionPool,
    cores: NonZeroUsize,
) -> Result<(Vec<Verified>, Vec<Verified>), Verdict> {
    let transactions = &block.body.transactions;
    if let Some(reason) = foreign_certificate(block).or_else(|| foreign_transactions(block)) {
        return Err(Verdict::ForeignBody(reason));
    }
    let differences = differing_roots(ledger, &block.header);
    if !differences.is_empty() {
        return Err(Verdict::RootsDiffer(differences));
    }
    let checked = || {
        // Cheap checks first: a header that is wrong costs no signature.
        ledger.check_header(&block.header)?;
        if transactions.len() > MAX_BLOCK_TRANSACTIONS {
            return Err(Invalid::TooLarge { what: "transactions", actual: transactions.len(), limit: MAX_BLOCK_TRANSACTIONS });
        }
        let known = |commitment: &_, key: &_| pool.is_known(commitment, key);
        let (verified, fresh) = verify_transactions(ledger, transactions, found, &known, cores)?;
        ledger.check_admitted(block, &verified)?;
        Ok((verified, fresh))
    };
    checked().map_err(|invalid: Invalid| Verdict::Invalid(invalid.to_string()))
}

/// Why the parent certificate is not the one that the header commits to.
fn foreign_certificate(block: &Block) -> Option<String> {
    let certificate = block.body.parent_certificate.as_ref().map_or(Hash::ZERO, Certificate::hash);
    let header = block.header.parent_certificate;
    (certificate != header).then(|| format!("its parent certificate is {certificate}, the header's {header}"))
}

/// Why the transactions are not those that the header commits to.
fn foreign_transactions(block: &Block) -> Option<String> {
    let root = transactions_root(block.body.transactions.iter().map(SignedTransaction::commitment));
    let header = block.header.transactions_root;
    (root != header).then(|| format!("its transactions have root {root}, the header's is {header}"))
}

/// All roots in which a header on the tip differs from what this node computed; none for a header on another parent.
fn differing_roots(ledger: &Ledger, theirs: &Header) -> Vec<RootDifference> {
    let ours = ledger.header(&ProposalFacts {
        time: theirs.time,
        creation_round: theirs.creation_round,
        proposer: theirs.proposer,
        parent_certificate: theirs.parent_certificate,
        commitments: Vec::new(),
    });
    if (ours.chain, ours.height, ours.parent) != (theirs.chain, theirs.height, theirs.parent) {
        return Vec::new();
    }
    [
        ("state_root", theirs.state_root, ours.state_root),
        ("receipts_root", theirs.receipts_root, ours.receipts_root),
        ("history_root", theirs.history_root, ours.history_root),
        ("committee", theirs.committee, ours.committee),
        ("next_committee", theirs.next_committee, ours.next_committee),
    ]
    .into_iter()
    .filter(|(_, header, computed)| header != computed)
    .map(|(root, header, computed)| RootDifference { root, header, computed })
    .collect()
}
