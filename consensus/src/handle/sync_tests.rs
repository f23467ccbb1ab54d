//! Catching up, and helping others to.

use super::tests::{engine_certificate, feed, h, listener, parts, r, validity};
use super::*;
use crate::ports::{RootDifference, Verdict};
use crate::testkit::*;
use arc_malachitebft_core_types::{Round as EngineRound, Validity, Value as _};
use leg_ledger::codec;

fn sync(handler: &mut Handler, block: &Block) -> Result<SyncAnswer, Fatal> {
    handler.on_synced_value(block.header.height, r(5), member(0), &codec::encode(block).into())
}

#[test]
fn a_certified_block_is_valid_at_any_time_and_round() {
    let (mut handler, chain, _, first) = listener();
    let block = chain.block(0, member(first), at(90_000_000));
    match sync(&mut handler, &block).unwrap() {
        SyncAnswer::Value(value) => {
            assert_eq!((value.value.id(), value.round, value.validity), (block.id(), EngineRound::new(5), Validity::Valid))
        }
        other => panic!("{other:?}"),
    }
    handler.on_decided(&engine_certificate(&certificate(&block, 5, [0, 1, 3]))).unwrap();
    assert!(matches!(sync(&mut handler, &block).unwrap(), SyncAnswer::NotNow));
}

#[test]
fn a_certified_block_with_other_roots_stops_the_node_and_says_what_differs() {
    let (mut handler, chain, _, first) = listener();
    let mut block = chain.block(0, member(first), at(60));
    block.header.state_root = Hash::from_bytes([9; 32]);
    // As a mere proposal it is voted against.
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 1), at(60))), Some(false));
    let fatal = sync(&mut handler, &block).unwrap_err();
    let computed = chain.header(0, member(first), at(60)).state_root;
    let difference = RootDifference { root: "state_root", header: block.header.state_root, computed };
    assert!(fatal.to_string().contains(&difference.to_string()), "{fatal}");
    assert!(matches!(fatal, Fatal::Divergence { differences, .. } if differences == [difference]));
}

#[test]
fn a_certified_block_that_breaks_a_rule_stops_the_node_but_a_foreign_body_does_not() {
    let (mut handler, chain, _, first) = listener();
    let block = chain.block(0, member(first), at(60));
    chain.with(|s| s.verdict = Some(Verdict::ForeignBody("transactions".into())));
    assert!(matches!(sync(&mut handler, &block).unwrap(), SyncAnswer::PeerFault));
    chain.with(|s| s.verdict = Some(Verdict::Invalid("expired transaction".into())));
    assert!(matches!(sync(&mut handler, &block), Err(Fatal::Divergence { reason, .. }) if reason == "expired transaction"));
    chain.with(|s| s.verdict = None);
    let stranger = chain.block(0, member((first + 1) % 4), at(60));
    assert!(matches!(sync(&mut handler, &stranger), Err(Fatal::Divergence { .. })));
    assert!(matches!(handler.on_synced_value(h(1), r(0), member(0), &vec![1, 2, 3].into()).unwrap(), SyncAnswer::PeerFault));
}

/// Syncs and decides a block; the last block that the chain may write behind.
fn synced(handler: &mut Handler, chain: &MemoryChain, block: &Block) -> Option<Height> {
    assert!(matches!(sync(handler, block).unwrap(), SyncAnswer::Value(_)));
    let (before, behind) = (chain.with(|s| s.prepared.len()), handler.commits_behind(block.id()));
    handler.on_synced_value_told(block.id()).unwrap();
    assert_eq!(chain.with(|s| s.prepared.split_off(before)), if behind { vec![block.id()] } else { vec![] });
    handler.on_decided(&engine_certificate(&certificate(block, 0, [0, 1, 2]))).unwrap();
    chain.with(|s| s.behind)
}

#[test]
fn only_a_node_that_does_not_vote_has_synced_blocks_written_behind() {
    let cases = [
        ("seated", settings(1), [None, None]),
        ("follower", Settings { voter: None, ..settings(1) }, [Some(h(1)), Some(h(2))]),
        ("not in the committee", settings(7), [Some(h(1)), Some(h(2))]),
        // It votes from height 2 on, so that nothing may be left to write by then.
        ("silent", Settings { silent_until: Some(h(1)), ..settings(1) }, [None, None]),
        ("silent for longer", Settings { silent_until: Some(h(2)), ..settings(1) }, [Some(h(1)), None]),
    ];
    for (name, settings, behind) in cases {
        let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
        let mut handler = Handler::new(settings, Box::new(chain.clone()), Box::new(proposals), None).unwrap();
        handler.on_ready();
        let found = [1, 2].map(|height| {
            let block = chain.block(0, member(proposer(height, 0)), at(height * 100));
            synced(&mut handler, &chain, &block)
        });
        assert_eq!(found, behind, "{name}");
    }
}

#[test]
fn proposals_of_before_the_start_are_removed_and_a_follower_that_keeps_none_removes_none() {
    for (name, settings, left) in [("follower", Settings { voter: None, ..settings(1) }, 1), ("seated", settings(1), 0)] {
        let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
        let old = |number: u8| ((h(0), BlockId::from_hash(Hash::from_bytes([number; 32]))), vec![number]);
        proposals.0.lock().unwrap().extend([old(1)]);
        let mut handler = Handler::new(settings, Box::new(chain.clone()), Box::new(proposals.clone()), None).unwrap();
        handler.on_ready();
        for height in [1, 2] {
            let block = chain.block(0, member(proposer(height, 0)), at(height * 100));
            synced(&mut handler, &chain, &block);
            if height == 1 {
                assert_eq!(proposals.0.lock().unwrap().len(), 0, "{name}");
                proposals.0.lock().unwrap().extend([old(2)]);
            }
        }
        assert_eq!(proposals.0.lock().unwrap().len(), left, "{name}");
    }
}

#[test]
fn a_follower_that_hears_a_block_like_everybody_waits_for_its_disk() {
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let settings = Settings { voter: None, ..settings(1) };
    let mut handler = Handler::new(settings, Box::new(chain.clone()), Box::new(proposals), None).unwrap();
    handler.on_ready();
    handler.on_started_round(h(1), r(0), at(0)).unwrap();
    let first = proposer(1, 0);
    let block = chain.block(0, member(first), at(60));
    feed(&mut handler, &parts(&block, first, 0, None, 1), at(60));
    handler.on_synced_value_told(block.id()).unwrap();
    handler.on_decided(&engine_certificate(&certificate(&block, 0, [0, 1, 2]))).unwrap();
    assert_eq!(chain.with(|s| (s.blocks.len(), s.behind, s.prepared.clone())), (1, None, vec![]));
}

#[test]
fn committed_blocks_are_given_in_bounded_batches() {
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let batch = crate::codec::SYNC_BATCH as u64;
    for height in 1..=batch + 12 {
        let block = chain.block(0, member(proposer(height, 0)), at(height * 100));
        let decided = certificate(&block, 0, [0, 1, 2]);
        chain.with(|s| s.blocks.push((block, decided)));
    }
    let handler = handler(0, &chain, &proposals);
    let heights = |range: std::ops::RangeInclusive<u64>| -> Vec<u64> {
        let values = handler.on_get_decided(h(*range.start())..=h(*range.end()));
        values.iter().map(|v| v.certificate.height.ledger().get()).collect()
    };
    assert_eq!(heights(3..=5), [3, 4, 5]);
    assert_eq!(heights(3..=u64::MAX), (3..3 + batch).collect::<Vec<_>>());
    assert_eq!(heights(batch + 11..=batch + 40), [batch + 11, batch + 12]);
    assert_eq!(heights(batch + 13..=batch + 14), Vec::<u64>::new());
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = heights(5..=3);
    assert_eq!(reversed, Vec::<u64>::new());
}
