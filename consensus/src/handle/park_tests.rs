use super::tests::{engine_certificate, feed, h, listener, parts, r, validity};
use super::*;
use crate::testkit::{at, certificate, member, proposer};

#[test]
fn blocks_of_any_number_of_failed_rounds_are_accepted_and_can_still_be_decided() {
    let (mut handler, chain, proposals, _) = listener();
    let own = handler.settings.voter.as_ref().unwrap().member;
    let mut blocks = vec![];
    for round in (0..100).filter(|round| member(proposer(1, *round)) != own) {
        handler.on_started_round(h(1), r(round), at(60)).unwrap();
        let streamer = proposer(1, round);
        let block = chain.block(round, member(streamer), at(60));
        let value = feed(&mut handler, &parts(&block, streamer, round, None, 100 + u64::from(round)), at(60));
        assert_eq!(validity(value), Some(true), "round {round}");
        blocks.push(block);
    }
    assert!(blocks.len() > MAX_BLOCKS);
    let in_memory = handler.blocks.values().filter(|held| held.content.is_some()).count();
    assert_eq!((handler.blocks.len(), in_memory), (blocks.len(), MAX_BLOCKS));
    assert_eq!(proposals.0.lock().unwrap().len(), blocks.len());
    let first = &blocks[0];
    assert!(handler.blocks[&first.id()].content.is_none(), "the earliest is in the store");
    handler.on_decided(&engine_certificate(&certificate(first, 0, [0, 1, 2]))).unwrap();
    assert_eq!(chain.with(|s| s.blocks[0].0.clone()), *first);
}
