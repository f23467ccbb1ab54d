//! Blocks that are executed before consensus has decided them.

use super::executing::{Executing, start_executing};
use super::outgoing_tests::{blocks, is_valid};
use super::tests::{World, world};
use super::*;
use leg_consensus::ports::{ChainPort, Verdict};
use leg_ledger::block::Block;
use leg_ledger::hash::Hash;

fn executing(w: &World) -> Executing {
    start_executing(&w.chain, w.pool.clone()).unwrap()
}

/// Offers a block and waits until whatever can be done with it is done; whether it is executed then.
fn offered(chain: &ChainHandle, block: &Block) -> bool {
    let ahead = &chain.shared.ahead;
    ahead.add(block.clone());
    while !ahead.rests() {
        std::thread::yield_now();
    }
    ahead.holds(block.id())
}

#[test]
fn what_was_executed_ahead_is_committed_whichever_way() {
    for behind in [false, true] {
        let mut w = world(4);
        let _executing = executing(&w);
        let blocks = blocks(&mut w, 4);
        for (block, certificate) in &blocks {
            assert!(offered(&w.chain, block));
            assert!(is_valid(&mut w.service, block));
            assert!(!w.chain.shared.ahead.holds(block.id()), "the service has it");
            assert!(is_valid(&mut w.service, block), "and still knows it");
            if behind {
                w.service.prepare(block).unwrap();
                w.service.commit_behind(block, certificate).unwrap();
            } else {
                w.service.commit(block, certificate).unwrap();
            }
        }
        ChainPort::flush(&mut w.service).unwrap();
        assert_eq!(w.chain.tip(), *w.network.ledger.tip());
        assert!(w.chain.read(|ledger| ledger.state() == w.network.ledger.state()));
    }
}

#[test]
fn blocks_are_executed_in_their_order_however_they_come_and_committed_unasked() {
    let mut w = world(4);
    let _executing = executing(&w);
    let blocks = blocks(&mut w, 3);
    for (block, _) in blocks.iter().rev() {
        w.chain.shared.ahead.add(block.clone());
    }
    for (block, certificate) in &blocks {
        while !w.chain.shared.ahead.holds(block.id()) {
            std::thread::yield_now();
        }
        w.service.commit(block, certificate).unwrap();
    }
    assert_eq!(w.chain.tip(), *w.network.ledger.tip());
}

#[test]
fn what_is_not_decided_leaves_nothing() {
    let mut w = world(4);
    let _executing = executing(&w);
    let other = w.network.block(vec![w.network.transaction(1, 7)]);
    let blocks = blocks(&mut w, 2);
    for (number, (block, certificate)) in blocks.iter().enumerate() {
        let proposed = [block, &other];
        for block in proposed.into_iter().filter(|block| number == 0 || *block != &other) {
            assert!(offered(&w.chain, block));
            assert!(is_valid(&mut w.service, block), "only one of them will be decided");
        }
        w.service.commit(block, certificate).unwrap();
    }
    assert!(!offered(&w.chain, &other), "its height is past");
    assert_eq!(w.chain.tip(), *w.network.ledger.tip());
    assert_eq!(w.chain.store().transaction(other.body.transactions[0].id()).unwrap(), None);
}

#[test]
fn a_block_that_is_not_valid_is_left_to_its_judge_and_hides_none_that_is() {
    let mut w = world(4);
    let _executing = executing(&w);
    let block = blocks(&mut w, 1).remove(0).0;
    let mut foreign = block.clone();
    foreign.body.transactions = vec![w.network.transaction(2, 9)];
    let mut forked = block.clone();
    forked.header.state_root = Hash::MAX;
    for wrong in [&foreign, &forked] {
        w.chain.shared.ahead.add(wrong.clone());
    }
    assert!(offered(&w.chain, &block));
    assert!(matches!(w.service.validate(&mut foreign).unwrap(), Verdict::ForeignBody(_)), "though the header is that of the executed one");
    assert!(matches!(w.service.validate(&mut forked).unwrap(), Verdict::RootsDiffer(_)));
    assert!(is_valid(&mut w.service, &block));
}

#[test]
fn whoever_needs_a_block_that_is_being_executed_waits_for_it() {
    let mut w = world(4);
    let _executing = executing(&w);
    let (block, certificate) = blocks(&mut w, 1).remove(0);
    let ahead = &w.chain.shared.ahead;
    std::thread::scope(|threads| {
        let held = w.pool.waits.lock().unwrap();
        ahead.add(block.clone());
        while !ahead.works_on(block.id()) {
            std::thread::yield_now();
        }
        let taking = threads.spawn(|| ahead.take(block.id()).is_some());
        assert!(!ahead.holds(block.id()) && !taking.is_finished());
        drop(held);
        assert!(taking.join().unwrap());
    });
    // Whoever took it keeps it; the service executes it anew.
    w.service.commit(&block, &certificate).unwrap();
    assert_eq!(w.chain.tip(), *w.network.ledger.tip());
}

#[test]
fn a_node_that_stops_closes_its_store() {
    let mut w = world(4);
    let executing = executing(&w);
    let (block, _) = blocks(&mut w, 1).remove(0);
    w.chain.shared.ahead.add(block);
    let World { network, folder, chain, service, .. } = w;
    drop((executing, service, chain));
    open(folder.path(), network.founding(), leg_ledger::execute::Rules::default()).unwrap();
}
