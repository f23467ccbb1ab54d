//! Blocks that are written by a thread of their own.

use super::service::Service;
use super::tests::{TestPool, World, world};
use super::*;
use leg_consensus::ports::{ChainPort, Verdict};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::Rules;
use leg_ledger::ids::Height;
use std::sync::Arc;

/// The next blocks of a network, certified: of one transaction each but the last, which is large.
pub(super) fn blocks(w: &mut World, count: u64) -> Vec<(Block, Certificate)> {
    let block = |number: u64, w: &mut World| {
        let transactions = if number + 1 == count { 0..300 } else { 0..1 };
        let transactions = transactions.map(|index| w.network.transaction(0, 1_000 * number + index)).collect();
        let block = w.network.block(transactions);
        let (executed, certificate) = (w.network.execute(&block), w.network.certify(&block));
        w.network.advance(executed, certificate.clone());
        (block, certificate)
    };
    (0..count).map(|number| block(number, w)).collect()
}

pub(super) fn is_valid(service: &mut Service, block: &Block) -> bool {
    service.validate(&mut block.clone()).unwrap() == Verdict::Valid
}

pub(super) fn told(pool: &TestPool) -> Vec<u64> {
    pool.committed.lock().unwrap().iter().map(|height| height.get()).collect()
}

#[test]
fn nobody_reads_or_hears_of_a_block_before_it_is_durable_while_the_service_goes_on() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 3);
    let World { chain, mut service, pool, .. } = w;
    let (founded, mut heard) = (chain.tip(), chain.subscribe());
    std::thread::scope(|threads| {
        let held = chain.store().hold_commits();
        service.commit_behind(&blocks[0].0, &blocks[0].1).unwrap();
        assert_eq!(service.next_height(), Height::new(2));
        assert!(is_valid(&mut service, &blocks[1].0), "the next one is judged on the state after it");
        assert_eq!((chain.tip(), heard.try_recv().is_err(), told(&pool)), (founded, true, vec![]));
        let reader = threads.spawn(|| chain.read(|ledger| ledger.tip().height));
        while chain.shared.gate.waiting() == 0 {
            std::thread::yield_now();
        }
        drop(held);
        assert_eq!(reader.join().unwrap(), Height::new(1));
    });
    // A reader may be in before everybody has heard.
    assert_eq!(heard.blocking_recv().unwrap().tip.height, Height::new(1));
    let held = chain.store().hold_commits();
    service.commit_behind(&blocks[1].0, &blocks[1].1).unwrap();
    assert_eq!((told(&pool), chain.tip().height), (vec![1], Height::new(1)));
    drop(held);
    service.commit(&blocks[2].0, &blocks[2].1).unwrap();
    assert_eq!(told(&pool), [1, 2, 3]);
    let heights = [2, 3].map(|_| heard.try_recv().unwrap().tip.height.get());
    assert_eq!((heights, chain.store().tip().unwrap()), ([2, 3], chain.tip()));
    assert_eq!(chain.tip().block, blocks[2].0.id());
}

#[test]
fn a_chain_that_stops_has_written_its_last_block() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 2);
    let World { network, folder, chain, mut service, pool } = w;
    for (block, certificate) in &blocks {
        service.commit_behind(block, certificate).unwrap();
    }
    drop((service, chain));
    let chain = open(folder.path(), network.founding(), Rules::default()).unwrap();
    assert_eq!((chain.tip(), told(&pool)), (*network.ledger.tip(), vec![1, 2]));
    assert!(chain.read(|ledger| ledger.state() == network.ledger.state()));
}

#[test]
fn a_block_that_cannot_be_written_is_never_heard_of_and_the_error_of_whatever_comes_next() {
    type Next = fn(&mut Service, &(Block, Certificate)) -> bool;
    let nexts: [(&str, Next); 3] = [
        ("flush", |service, _| ChainPort::flush(service).is_err()),
        ("commit", |service, (block, certificate)| service.commit(block, certificate).is_err()),
        ("commit behind", |service, (block, certificate)| {
            // It may still be taken while the first one waits to be written.
            service.commit_behind(block, certificate).is_err() || ChainPort::flush(service).is_err()
        }),
    ];
    for (name, fails) in nexts {
        let mut w = world(4);
        let blocks = blocks(&mut w, 3);
        let World { chain, mut service, pool, .. } = w;
        let (founded, mut heard) = (chain.tip(), chain.subscribe());
        chain.store().fail_writes();
        service.commit_behind(&blocks[0].0, &blocks[0].1).unwrap();
        assert!(fails(&mut service, &blocks[1]), "{name}");
        assert_eq!((chain.tip(), heard.try_recv().is_err(), told(&pool)), (founded, true, vec![]), "{name}");
        assert!(chain.store().watch_failure().borrow().is_some(), "{name}: the node stops");
    }
}

#[test]
fn a_block_that_was_executed_before_its_decision_leaves_nothing_if_another_one_is_decided() {
    for prepares_the_right_one in [true, false] {
        let mut w = world(4);
        let other = w.network.block(vec![w.network.transaction(1, 7)]);
        let blocks = blocks(&mut w, 3);
        let World { network, chain, mut service, .. } = w;
        for (number, (block, certificate)) in blocks.iter().enumerate() {
            let prepared = if prepares_the_right_one { Some(block) } else { Some(&other).filter(|_| number == 0) };
            if let Some(prepared) = prepared {
                assert!(is_valid(&mut service, prepared));
                service.prepare(prepared).unwrap();
                assert_eq!(chain.tip().height.get(), number as u64, "nothing is decided");
            }
            service.commit(block, certificate).unwrap();
        }
        assert_eq!(chain.tip(), *network.ledger.tip());
        assert!(chain.read(|ledger| ledger.state() == network.ledger.state()));
        assert_eq!(chain.store().transaction(other.body.transactions[0].id()).unwrap(), None);
    }
}

#[test]
fn a_large_block_that_cannot_be_written_is_an_error_at_once() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 1);
    let World { chain, mut service, pool, .. } = w;
    let pool: Arc<TestPool> = pool;
    chain.store().fail_writes();
    let error = service.commit(&blocks[0].0, &blocks[0].1).unwrap_err();
    assert!(error.to_string().contains("committing a block"), "{error}");
    assert_eq!((chain.tip().height, told(&pool)), (Height::GENESIS, vec![]));
}
