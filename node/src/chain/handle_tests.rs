use super::*;
use crate::chain::open;
use crate::fixture::Network;
use leg_ledger::execute::{Executed, Rules};
use std::time::{Duration, Instant};

fn executed(network: &Network, nonce: u64) -> Executed {
    network.execute(&network.block(vec![network.transaction(0, nonce)]))
}

#[test]
fn nobody_reads_a_block_before_it_is_durable_however_large_it_is() {
    for is_large in [false, true] {
        let (network, folder) = (Network::new(4), tempfile::tempdir().unwrap());
        let chain = open(folder.path(), network.founding(), Rules::default()).unwrap();
        let (before, executed) = (chain.tip(), executed(&network, 1));
        let tip = executed.tip;
        let shared = &chain.shared;
        let store = || {
            let begun = Instant::now();
            // A small block is moved on to after this; a large one meanwhile, by another thread that lets nobody read.
            while is_large && shared.ledger.try_read().is_ok_and(|ledger| *ledger.tip() == before) {
                assert!(begun.elapsed() < Duration::from_secs(60), "the state does not move on");
                std::thread::yield_now();
            }
            assert!(shared.ledger.try_read().map_or(is_large, |ledger| *ledger.tip() == before));
            Ok(())
        };
        assert!(shared.move_on((executed.advance, executed.peaks), is_large, store).unwrap());
        assert_eq!(chain.read(|ledger| *ledger.tip()), tip);
    }
}

#[test]
fn a_block_that_cannot_be_stored_is_an_error_and_one_of_another_tip_is_refused() {
    for is_large in [false, true] {
        let (mut network, folder) = (Network::new(4), tempfile::tempdir().unwrap());
        let chain = open(folder.path(), network.founding(), Rules::default()).unwrap();
        let first = network.block(vec![network.transaction(0, 1)]);
        let (lost, again) = (network.execute(&first), network.execute(&first));
        network.advance(network.execute(&first), network.certify(&first));
        let second = executed(&network, 2);
        assert!(!chain.shared.move_on((second.advance, second.peaks), is_large, || Ok(())).unwrap(), "its parent is not the tip");
        let failing = chain.shared.move_on((lost.advance, lost.peaks), is_large, || Err(StoreError::Empty));
        assert!(matches!(failing, Err(StoreError::Empty)));
        // Whatever the state is then, the process ends; a small block is not even moved on to.
        assert_eq!(chain.shared.move_on((again.advance, again.peaks), false, || Ok(())).unwrap(), !is_large);
    }
}
