//! Blocks that are written in one batch.

use super::schema::Entries;
use super::tests::{commit, commit_all, founded, ids};
use super::*;
use crate::fixture::{Network, heights};
use leg_ledger::history::InclusionProof;
use leg_ledger::ids::Height;
use leg_ledger::state::StateEntry;

#[test]
fn blocks_in_one_batch_leave_what_they_would_one_by_one() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut network = Network::new(3);
    let [apart, together] = folders.each_ref().map(|folder| founded(folder.path(), &network));
    let mut blocks = Vec::new();
    for nonce in 1..=6 {
        let block = network.block((0..3).map(|hub| network.transaction(hub, nonce)).collect());
        let (mut executed, certificate) = (network.execute(&block), network.certify(&block));
        // Entries that stay, change with every block, come and go, and go that were there before.
        let entry = |key: u8, value: Option<u8>| StateEntry { key: vec![200, key], value: value.map(|value| vec![value]) };
        let number = u8::try_from(nonce).unwrap();
        executed.entries.push(entry(number, Some(number)));
        executed.entries.push(entry(100, Some(number)));
        executed.entries.push(entry(101 + number / 2, (number % 2 == 0).then_some(number)));
        executed.entries.push(entry(111 + number / 2, (number % 2 == 1).then_some(number)));
        commit(&apart, &block, &certificate, &executed).unwrap();
        network.advance(network.execute(&block), certificate.clone());
        blocks.push((block, certificate, executed));
    }
    let (first, rest) = blocks.split_at(2);
    assert_eq!(commit_all(&together, rest), Err(StoreError::NotNext { tip: Height::GENESIS, given: Height::new(3) }));
    assert_eq!(commit_all(&together, [&blocks[0], &blocks[2]]), Err(StoreError::NotNext { tip: Height::new(1), given: Height::new(3) }));
    assert_eq!(together.tip().unwrap().height, Height::GENESIS, "nothing was written");
    commit_all(&together, first).unwrap();
    commit_all(&together, rest).unwrap();
    commit_all(&together, &[]).unwrap();

    let entries = |store: &Store| -> Vec<_> { store.database.scan_all::<Entries>().unwrap().map(Result::unwrap).collect() };
    assert_eq!(entries(&apart), entries(&together));
    assert_eq!(apart.tip(), together.tip());
    for height in heights(6) {
        assert_eq!(
            apart.block(height).unwrap().map(|b| (b.block, b.certificate)),
            together.block(height).unwrap().map(|b| (b.block, b.certificate))
        );
        assert_eq!((apart.receipts(height), apart.events(height)), (together.receipts(height), together.events(height)));
    }
    for transaction in blocks.iter().flat_map(|(block, ..)| ids(block)) {
        let place = apart.transaction(transaction).unwrap();
        assert!(place.is_some());
        assert_eq!(place, together.transaction(transaction).unwrap());
    }
    for leaf in 0..network.ledger.history().size() {
        assert_eq!(apart.finished(leaf), together.finished(leaf));
        let proofs = [&apart, &together].map(|store| InclusionProof::new(store, network.ledger.history().size(), leaf));
        assert_eq!(proofs[0], proofs[1]);
    }
}
