//! Blocks that are written several together.

use super::outgoing_tests::{blocks, is_valid, told};
use super::tests::{World, world};
use super::*;
use leg_consensus::ports::ChainPort;
use leg_ledger::execute::Rules;
use leg_ledger::ids::Height;

const BLOCKS: u64 = 12;

#[test]
fn the_state_goes_on_while_nobody_sees_it_and_then_all_blocks_are_there() {
    let mut w = world(4);
    let blocks = blocks(&mut w, BLOCKS);
    let World { network, folder, chain, mut service, pool } = w;
    let founded = chain.tip();
    let mut heard = chain.subscribe();
    let held = chain.store().hold_commits();
    for (number, (block, certificate)) in (1..).zip(&blocks) {
        assert!(is_valid(&mut service, block));
        service.commit_behind(block, certificate).unwrap();
        assert_eq!(ChainPort::tip(&service).height, Height::new(number), "consensus goes on");
        assert_eq!((chain.tip(), heard.try_recv().is_err(), told(&pool)), (founded, true, vec![]));
    }
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| chain.read(|ledger| ledger.tip().height));
        let flushed = threads.spawn(|| ChainPort::flush(&mut service));
        while chain.shared.gate.waiting() == 0 {
            std::thread::yield_now();
        }
        drop(held);
        assert_eq!(reader.join().unwrap(), Height::new(BLOCKS), "the gate opens when all are durable");
        flushed.join().unwrap().unwrap();
    });
    assert_eq!(told(&pool), (1..=BLOCKS).collect::<Vec<_>>());
    let heights: Vec<u64> = std::iter::from_fn(|| heard.try_recv().ok()).map(|block| block.tip.height.get()).collect();
    assert_eq!((heights, chain.tip()), ((1..=BLOCKS).collect(), *network.ledger.tip()));
    drop((service, chain));
    let chain = open(folder.path(), network.founding(), Rules::default()).unwrap();
    assert_eq!(chain.tip(), *network.ledger.tip());
    assert!(chain.read(|ledger| ledger.state() == network.ledger.state()));
}

#[test]
fn without_another_block_nor_anybody_who_waits_the_last_ones_are_written_too() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 3);
    let World { chain, mut service, .. } = w;
    let mut heard = chain.subscribe();
    for (block, certificate) in &blocks {
        service.commit_behind(block, certificate).unwrap();
    }
    let heights = [1, 2, 3].map(|_| heard.blocking_recv().unwrap().tip.height.get());
    assert_eq!(heights, [1, 2, 3]);
    assert_eq!(chain.store().tip().unwrap().height, Height::new(3));
}

/// What a reader sees that comes now, with a minute's time.
fn read_height(chain: &ChainHandle) -> u64 {
    let (chain, (seen, sees)) = (chain.clone(), std::sync::mpsc::sync_channel(1));
    std::thread::spawn(move || seen.send(chain.read(|ledger| ledger.tip().height.get())));
    sees.recv_timeout(std::time::Duration::from_secs(60))
        .expect("a reader waits for a call of the engine, which may wait for this reader's thread")
}

#[test]
fn a_reader_gets_in_whatever_the_engine_has_yet_to_call() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 3);
    let World { chain, mut service, .. } = w;
    for (number, (block, certificate)) in (0..).zip(&blocks) {
        assert!(is_valid(&mut service, block));
        assert_eq!(read_height(&chain), number, "judged");
        service.prepare(block).unwrap();
        assert_eq!(read_height(&chain), number, "executed");
        service.commit_behind(block, certificate).unwrap();
        assert_eq!(read_height(&chain), number + 1, "decided");
    }
}

#[test]
fn a_failed_write_lets_readers_in_and_takes_nothing_more() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 4);
    let World { chain, mut service, pool, .. } = w;
    let founded = chain.tip();
    std::thread::scope(|threads| {
        let held = chain.store().hold_commits();
        service.commit_behind(&blocks[0].0, &blocks[0].1).unwrap();
        let reader = threads.spawn(|| chain.read(|ledger| ledger.tip().height));
        while chain.shared.gate.waiting() == 0 {
            std::thread::yield_now();
        }
        chain.store().fail_writes();
        drop(held);
        reader.join().unwrap();
    });
    assert!(chain.store().watch_failure().borrow().is_some(), "the node stops");
    assert!(service.commit_behind(&blocks[1].0, &blocks[1].1).is_err());
    chain.read(|_| ());
    assert_eq!((chain.tip(), told(&pool)), (founded, vec![]));
}

#[test]
fn a_node_that_votes_again_writes_what_it_followed_before() {
    let mut w = world(4);
    let blocks = blocks(&mut w, 6);
    let World { network, chain, mut service, pool, .. } = w;
    let (followed, voted) = blocks.split_at(3);
    for (block, certificate) in followed {
        service.commit_behind(block, certificate).unwrap();
    }
    for (block, certificate) in voted {
        service.commit(block, certificate).unwrap();
        assert_eq!(chain.tip().height, block.header.height);
    }
    for (block, certificate) in followed {
        assert_eq!(chain.store().block(block.header.height).unwrap().unwrap().certificate, *certificate);
    }
    assert_eq!((chain.tip(), told(&pool)), (*network.ledger.tip(), (1..=6).collect()));
}
