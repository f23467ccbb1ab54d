use crate::action::{Fatal, OwnProposal, ValuePlan};
use crate::context::LegContext;
use crate::handle::{Handler, Settings};
use crate::parts::{StreamInfo, split};
use crate::ports::{Outlook, Verdict};
use crate::signing::prevote_bytes;
use crate::testkit::*;
use crate::types::{Address, BlockPart, EngineHeight};
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_core_types::{
    CommitCertificate, CommitSignature, PolkaCertificate, PolkaSignature, Round as EngineRound, ValidatorSet as _, Validity, Value as _,
};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::ids::{Height, Round};
use leg_ledger::time::BlockTime;
use std::time::Duration;

pub(super) fn h(height: u64) -> Height {
    Height::new(height)
}

pub(super) fn r(round: u32) -> Round {
    Round::new(round)
}

/// Parts of a block as hub `streamer` sends them for a round.
pub(super) fn parts(block: &Block, streamer: u8, round: u32, pol_round: Option<u32>, stream: u64) -> Vec<BlockPart> {
    let info = StreamInfo {
        height: block.header.height,
        round: r(round),
        pol_round: pol_round.map(r),
        block: block.id(),
        streamer: member(streamer),
        stream,
    };
    split(chain_id(), info, &codec::encode(block).into(), &key(streamer))
}

pub(super) fn feed(handler: &mut Handler, parts: &[BlockPart], now: BlockTime) -> Option<ProposedValue<LegContext>> {
    parts.iter().fold(None, |last, part| handler.on_part(part, now).unwrap().or(last))
}

pub(super) fn engine_certificate(certificate: &Certificate) -> CommitCertificate<LegContext> {
    CommitCertificate {
        height: EngineHeight::new(certificate.height),
        round: EngineRound::new(certificate.round.get()),
        value_id: certificate.block,
        commit_signatures: certificate.signatures.iter().map(|s| CommitSignature::new(Address::new(s.member), s.signature)).collect(),
    }
}

fn polka(block: &Block, round: u32, signers: impl IntoIterator<Item = u8>) -> PolkaCertificate<LegContext> {
    let bytes = prevote_bytes(chain_id(), block.header.height, r(round), Some(block.id()));
    PolkaCertificate {
        height: EngineHeight::new(block.header.height),
        round: EngineRound::new(round),
        value_id: block.id(),
        polka_signatures: signers.into_iter().map(|i| PolkaSignature::new(Address::new(member(i)), key(i).sign(&bytes))).collect(),
    }
}

/// A node that is not the proposer of height 1 round 0, in that round, with its chain.
pub(super) fn listener() -> (Handler, MemoryChain, MemoryProposals, u8) {
    let first = proposer(1, 0);
    let own = (first + 1) % 4;
    // The listener must not be the proposer of rounds 0 and 1.
    let own = if proposer(1, 1) == own { (first + 2) % 4 } else { own };
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let mut handler = handler(own, &chain, &proposals);
    handler.on_ready();
    assert_eq!(handler.on_started_round(h(1), r(0), at(0)).unwrap(), vec![]);
    (handler, chain, proposals, first)
}

pub(super) fn validity(value: Option<ProposedValue<LegContext>>) -> Option<bool> {
    value.map(|v| v.validity.is_valid())
}

#[test]
fn a_timely_block_of_the_proposer_is_valid_and_durable_before_the_answer() {
    let (mut handler, chain, proposals, first) = listener();
    let block = chain.block(0, member(first), at(60));
    let value = feed(&mut handler, &parts(&block, first, 0, None, 1), at(100)).unwrap();
    assert_eq!((value.value.id(), value.validity), (block.id(), Validity::Valid));
    assert_eq!(value.proposer, Address::new(member(first)));
    assert_eq!(proposals.0.lock().unwrap().get(&(h(1), block.id())), Some(&codec::encode(&block)));
}

#[test]
fn a_wrong_time_is_voted_against_and_judged_anew_at_every_stream() {
    let (mut handler, chain, proposals, first) = listener();
    let block = chain.block(0, member(first), at(10_000));
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 1), at(100))), Some(false));
    assert!(proposals.0.lock().unwrap().is_empty(), "a block that is voted against is not kept");
    // Streamed again while its time is still far: no. When this clock has come near: yes, with one part of three and no new bytes.
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 2), at(7_999))), Some(false));
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 3)[..1], at(8_000))), Some(true));
    // Judged valid once, its time does not count any more.
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 4), at(500_000))), Some(true));
    assert_eq!(chain.with(|s| s.validated), 1, "the ledger's rules are asked once");
}

#[test]
fn parents_time_plus_one_is_timely_whatever_the_clock_says() {
    let (mut handler, chain, _, first) = listener();
    let block = chain.block(0, member(first), at(1));
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 1), at(86_400_000))), Some(true));
    let not_after = chain.block(0, member(first), at(0));
    assert_eq!(validity(feed(&mut handler, &parts(&not_after, first, 0, None, 2), at(0))), Some(false));
}

#[test]
fn only_a_verified_polka_waives_the_drift() {
    let (mut handler, chain, _, first) = listener();
    let second = proposer(1, 1);
    let block = chain.block(0, member(first), at(60_000));
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 1), at(0))), Some(false));
    handler.on_started_round(h(1), r(1), at(0)).unwrap();
    // The claim of a valid round proves nothing.
    assert_eq!(validity(feed(&mut handler, &parts(&block, second, 1, Some(0), 2), at(0))), Some(false));
    assert!(handler.on_polka(&polka(&block, 0, [0, 1]), at(0)).unwrap().is_none(), "two of four are no quorum");
    assert!(handler.on_polka(&polka(&block, 0, [0, 1, 1]), at(0)).unwrap().is_none(), "nor with one of them twice");
    let mut forged = polka(&block, 0, [0, 1, 2]);
    forged.round = EngineRound::new(3);
    assert!(handler.on_polka(&forged, at(0)).unwrap().is_none(), "signed for another round");
    // The certificate makes the held block valid by itself, and its stream stays valid.
    assert_eq!(validity(handler.on_polka(&polka(&block, 0, [0, 1, 2]), at(0)).unwrap()), Some(true));
    assert_eq!(validity(feed(&mut handler, &parts(&block, second, 1, Some(0), 3), at(0))), Some(true));
}

#[test]
fn a_polka_that_comes_first_lets_any_member_bring_the_block() {
    let (mut handler, chain, _, first) = listener();
    let bystander = (0..4).find(|i| *i != first && *i != proposer(1, 1)).unwrap();
    let block = chain.block(0, member(first), at(60_000));
    assert_eq!(feed(&mut handler, &parts(&block, bystander, 0, None, 1), at(0)), None, "out of turn");
    handler.on_polka(&polka(&block, 0, [0, 1, 2]), at(0)).unwrap();
    assert_eq!(validity(feed(&mut handler, &parts(&block, bystander, 0, None, 2), at(0))), Some(true));
}

#[test]
fn proposer_and_creation_round_belong_together() {
    let (mut handler, chain, _, first) = listener();
    let second = proposer(1, 1);
    // Claims to be of a round whose proposer is another.
    let wrong = chain.block(0, member(second), at(60));
    assert_eq!(validity(feed(&mut handler, &parts(&wrong, first, 0, None, 1), at(60))), Some(false));
    // Created in a later round than it is streamed for.
    let later = chain.block(1, member(second), at(60));
    assert_eq!(validity(feed(&mut handler, &parts(&later, first, 0, None, 2), at(60))), Some(false));
    // The very same block is fine in its own round, although it was refused before.
    handler.on_started_round(h(1), r(1), at(60)).unwrap();
    assert_eq!(validity(feed(&mut handler, &parts(&later, second, 1, None, 3), at(60))), Some(true));
    // A block of round 0 may be proposed again in round 1.
    let earlier = chain.block(0, member(first), at(60));
    assert_eq!(validity(feed(&mut handler, &parts(&earlier, second, 1, None, 4), at(60))), Some(true));
}

#[test]
fn a_block_of_a_later_round_waits_for_it() {
    let (mut handler, chain, _, _) = listener();
    let second = proposer(1, 1);
    let block = chain.block(1, member(second), at(60));
    assert_eq!(feed(&mut handler, &parts(&block, second, 1, None, 1), at(60)), None);
    assert_eq!(chain.with(|s| s.validated), 0);
    let values = handler.on_started_round(h(1), r(1), at(60)).unwrap();
    assert_eq!(values.iter().map(|v| (v.value.id(), v.validity)).collect::<Vec<_>>(), [(block.id(), Validity::Valid)]);
}

#[test]
fn a_block_of_the_next_height_is_held_and_judged_after_the_commit() {
    let (mut handler, chain, _, first) = listener();
    let one = chain.block(0, member(first), at(60));
    feed(&mut handler, &parts(&one, first, 0, None, 1), at(60));
    // A peer is ahead: it has committed the block and proposes the next one.
    let ahead = MemoryChain::new(4);
    let decided = certificate(&one, 0, [0, 1, 2]);
    ahead.with(|s| s.blocks.push((one.clone(), decided.clone())));
    let two = ahead.block(0, member(proposer(2, 0)), at(120));
    assert_eq!(feed(&mut handler, &parts(&two, proposer(2, 0), 0, None, 1), at(120)), None);
    let mut three = two.clone();
    three.header.height = h(3);
    assert_eq!(feed(&mut handler, &parts(&three, proposer(3, 0), 0, None, 1), at(120)), None, "too far ahead");
    assert_eq!(chain.with(|s| s.validated), 1, "nothing is judged before its parent is committed");
    handler.on_decided(&engine_certificate(&decided)).unwrap();
    let values = handler.on_started_round(h(2), r(0), at(120)).unwrap();
    assert_eq!(values.iter().map(|v| v.value.id()).collect::<Vec<_>>(), [two.id()]);
}

#[test]
fn garbage_and_equivocation_are_bounded() {
    let (mut handler, chain, _, first) = listener();
    // Signed bytes that are no block, and a block under another block's id.
    let block = chain.block(0, member(first), at(60));
    let other = chain.block(0, member(first), at(61));
    let mut info = StreamInfo { height: h(1), round: r(0), pol_round: None, block: block.id(), streamer: member(first), stream: 1 };
    let junk = split(chain_id(), info, &vec![7; 100].into(), &key(first));
    assert_eq!(feed(&mut handler, &junk, at(60)), None);
    info.stream = 2;
    assert_eq!(feed(&mut handler, &split(chain_id(), info, &codec::encode(&other).into(), &key(first)), at(60)), None);
    // Two different blocks of one proposer for one round are looked at, a third is not.
    let answers: Vec<_> = (0..3)
        .map(|i| chain.block(0, member(first), at(60 + i)))
        .map(|block| validity(feed(&mut handler, &parts(&block, first, 0, None, 10), at(60))))
        .collect();
    assert_eq!(answers, [Some(true), Some(true), None]);
}

/// Bytes under a block's own header with a body that the header does not commit to.
fn with_foreign_body(block: &Block) -> Vec<u8> {
    let mut foreign = block.clone();
    foreign.body.parent_certificate = Some(certificate(block, 0, [0]));
    assert_eq!(foreign.id(), block.id(), "the id is the header's");
    codec::encode(&foreign)
}

#[test]
fn a_foreign_body_under_a_good_header_does_not_turn_the_node_against_the_block() {
    let (mut handler, chain, proposals, first) = listener();
    let second = proposer(1, 1);
    let block = chain.block(0, member(first), at(60));
    let stream = |round: u32, streamer: u8, stream: u64, bytes: Vec<u8>| {
        let info = StreamInfo { height: h(1), round: r(round), pol_round: None, block: block.id(), streamer: member(streamer), stream };
        split(chain_id(), info, &bytes.into(), &key(streamer))
    };
    // Its proposer sends this node another body than it sends the others.
    assert_eq!(feed(&mut handler, &stream(0, first, 1, with_foreign_body(&block)), at(60)), None);
    assert_eq!(feed(&mut handler, &stream(0, first, 2, with_foreign_body(&block)), at(60)), None, "and again");
    assert_eq!(chain.with(|s| s.validated), 2);
    assert!(proposals.0.lock().unwrap().is_empty());
    // The others are locked on the block and propose it again.
    handler.on_started_round(h(1), r(1), at(60)).unwrap();
    let good = stream(1, second, 3, codec::encode(&block));
    assert_eq!(validity(feed(&mut handler, &good, at(60))), Some(true));
    assert_eq!(proposals.0.lock().unwrap().get(&(h(1), block.id())), Some(&codec::encode(&block)));
    // A foreign body that comes late changes nothing.
    feed(&mut handler, &stream(1, second, 4, with_foreign_body(&block)), at(60));
    assert_eq!(validity(feed(&mut handler, &stream(1, second, 5, codec::encode(&block)), at(60))), Some(true));
    handler.on_decided(&engine_certificate(&certificate(&block, 1, [0, 1, 2]))).unwrap();
    assert_eq!(chain.with(|s| s.blocks[0].0.clone()), block);
}

#[test]
fn a_verdict_on_other_bytes_is_not_held_against_the_block() {
    let (mut handler, chain, _, first) = listener();
    let block = chain.block(0, member(first), at(60));
    // A chain that calls a foreign body invalid.
    chain.with(|s| s.verdict = Some(Verdict::Invalid("garbage signature".into())));
    let info = StreamInfo { height: h(1), round: r(0), pol_round: None, block: block.id(), streamer: member(first), stream: 1 };
    let foreign = split(chain_id(), info, &with_foreign_body(&block).into(), &key(first));
    assert_eq!(validity(feed(&mut handler, &foreign, at(60))), Some(false));
    chain.with(|s| s.verdict = None);
    assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 2), at(60))), Some(true));
}

fn propose(handler: &mut Handler, height: u64, round: u32, now: BlockTime) -> OwnProposal {
    match handler.on_get_value(h(height), r(round), now, now).unwrap() {
        Some(ValuePlan::Propose(own)) => own,
        other => panic!("no proposal but {other:?}"),
    }
}

#[test]
fn the_same_value_is_proposed_after_a_crash() {
    let first = proposer(1, 0);
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let mut before = handler(first, &chain, &proposals);
    before.on_started_round(h(1), r(0), at(100)).unwrap();
    let proposed = propose(&mut before, 1, 0, at(100));
    assert!(!proposed.parts.is_empty());
    drop(before);
    chain.with(|s| s.payload = 99);
    let mut after = handler(first, &chain, &proposals);
    let told = after.on_started_round(h(1), r(0), at(9_000)).unwrap();
    assert_eq!(told.iter().map(|v| v.value.id()).collect::<Vec<_>>(), [proposed.value.value.id()]);
    let again = propose(&mut after, 1, 0, at(9_000));
    assert_eq!(again.value, proposed.value);
    let streams = |own: &OwnProposal| own.parts[0].signed.manifest.stream;
    // The settings of the test give both processes the same start; a real clock moves on.
    let mut restarted = settings(first);
    restarted.started = at(5_000);
    let mut later = Handler::new(restarted, Box::new(chain.clone()), Box::new(proposals.clone()), None).unwrap();
    later.on_started_round(h(1), r(0), at(9_000)).unwrap();
    assert_ne!(streams(&propose(&mut later, 1, 0, at(9_000))), streams(&proposed));
}

#[test]
fn a_kept_block_of_a_peer_is_told_to_the_engine_after_a_crash() {
    let (mut before, chain, proposals, first) = listener();
    let block = chain.block(0, member(first), at(60));
    feed(&mut before, &parts(&block, first, 0, None, 1), at(60));
    let own = (0..4).find(|i| *i != first).unwrap();
    let mut after = handler(own, &chain, &proposals);
    let told = after.on_started_round(h(1), r(0), at(900_000)).unwrap();
    assert_eq!(told.iter().map(|v| (v.value.id(), v.validity)).collect::<Vec<_>>(), [(block.id(), Validity::Valid)]);
    assert_eq!(after.on_started_round(h(1), r(1), at(900_000)).unwrap(), vec![], "once");
    after.on_decided(&engine_certificate(&certificate(&block, 0, [0, 1, 2]))).unwrap();
    assert_eq!(after.height(), h(2));
}

#[test]
fn the_proposer_waits_for_work_and_paces_blocks() {
    let first = proposer(1, 0);
    let chain = MemoryChain::new(4);
    let mut handler = handler(first, &chain, &MemoryProposals::default());
    handler.on_started_round(h(1), r(0), at(10)).unwrap();
    let mut wait = |now: u64, outlook: Outlook| {
        chain.with(|s| s.outlook = outlook);
        match handler.on_get_value(h(1), r(0), at(10), at(now)).unwrap() {
            Some(ValuePlan::Wait(time)) => Some(time),
            _ => None,
        }
    };
    let ms = Duration::from_millis;
    assert_eq!(wait(10, Outlook::Idle), Some(ms(990)), "a second after the parent");
    assert_eq!(wait(20, Outlook::DueAt(at(400))), Some(ms(380)));
    assert_eq!(wait(20, Outlook::DueAt(at(30))), Some(ms(30)), "not sooner than the block interval");
    assert_eq!(wait(20, Outlook::DueAt(at(90_000))), Some(ms(980)));
    assert_eq!(wait(20, Outlook::Work), Some(ms(30)));
    assert_eq!(wait(50, Outlook::Work), None, "built");
}

#[test]
fn a_parent_of_a_fast_clock_delays_no_longer_than_the_interval() {
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let one = chain.block(0, member(proposer(1, 0)), at(30_000));
    let decided = certificate(&one, 0, [0, 1, 2]);
    chain.with(|s| s.blocks.push((one, decided)));
    let mut handler = handler(proposer(2, 0), &chain, &proposals);
    handler.on_started_round(h(2), r(0), at(100)).unwrap();
    match handler.on_get_value(h(2), r(0), at(100), at(100)).unwrap() {
        Some(ValuePlan::Wait(time)) => assert_eq!(time, Duration::from_millis(50)),
        other => panic!("{other:?}"),
    }
    propose(&mut handler, 2, 0, at(150).max(at(30_050)));
}

#[test]
fn after_a_turn_of_everyone_the_proposer_takes_the_time_that_all_find_timely() {
    let chain = MemoryChain::new(4);
    let mut handler = handler(proposer(1, 3), &chain, &MemoryProposals::default());
    let mut time = |round: u32| {
        handler.on_started_round(h(1), r(round), at(9_000)).unwrap();
        propose(&mut handler, 1, round, at(9_000));
        let held = handler.blocks.values().find(|held| held.header.creation_round == r(round));
        held.map(|held| held.header.time)
    };
    assert_eq!(time(3), Some(at(9_000)));
    assert_eq!(time(7), Some(at(1)));
}

#[test]
fn a_restream_carries_the_same_block_for_its_round() {
    let first = proposer(1, 0);
    let (chain, proposals) = (MemoryChain::new(4), MemoryProposals::default());
    let mut handler = handler(first, &chain, &proposals);
    handler.on_started_round(h(1), r(0), at(60)).unwrap();
    let own = propose(&mut handler, 1, 0, at(60));
    let again = handler.on_restream(h(1), r(4), Some(r(0)), own.value.value.id()).unwrap();
    let manifest = &again[0].signed.manifest;
    assert_eq!((manifest.round, manifest.pol_round, manifest.block), (r(4), Some(r(0)), own.value.value.id()));
    assert_ne!(manifest.stream, own.parts[0].signed.manifest.stream);
    assert!(handler.on_restream(h(2), r(0), None, own.value.value.id()).unwrap().is_empty());
}

#[test]
fn a_decision_is_committed_once_and_forgets_its_height() {
    let (mut handler, chain, proposals, first) = listener();
    let block = chain.block(0, member(first), at(60));
    feed(&mut handler, &parts(&block, first, 0, None, 1), at(60));
    let three = certificate(&block, 0, [0, 1, 2]);
    handler.on_decided(&engine_certificate(&three)).unwrap();
    assert_eq!(chain.with(|s| s.blocks.clone()), vec![(block.clone(), three.clone())]);
    assert!(proposals.0.lock().unwrap().is_empty());
    let four = certificate(&block, 0, [0, 1, 2, 3]);
    let evidence =
        arc_malachitebft_app_channel::app::types::MisbehaviorEvidence { proposals: Default::default(), votes: Default::default() };
    let start = handler.on_finalized(&engine_certificate(&four), &evidence).unwrap();
    assert_eq!((start.height, start.params.validator_set.count()), (h(2), 4));
    assert_eq!(chain.with(|s| s.finalized.clone()), vec![(four, vec![])]);
    assert!(matches!(handler.on_decided(&engine_certificate(&three)), Err(Fatal::NotNext { .. })));
}

#[test]
fn a_failed_commit_and_a_decision_without_its_block_are_fatal() {
    let (mut handler, chain, _, first) = listener();
    let block = chain.block(0, member(first), at(60));
    let decided = engine_certificate(&certificate(&block, 0, [0, 1, 2]));
    assert!(matches!(handler.on_decided(&decided), Err(Fatal::MissingBlock { .. })));
    feed(&mut handler, &parts(&block, first, 0, None, 1), at(60));
    chain.with(|s| s.fail_commit = true);
    assert!(matches!(handler.on_decided(&decided), Err(Fatal::Commit { .. })));
    assert_eq!(handler.height(), h(1));
}

#[test]
fn a_follower_and_a_rotated_key_follow_without_voting() {
    let chain = MemoryChain::new(4);
    let cases: [(&str, Settings, bool); 4] = [
        ("seated", settings(1), true),
        ("follower", Settings { voter: None, ..settings(1) }, false),
        ("not in the committee", settings(7), false),
        ("silent", Settings { silent_until: Some(h(1)), ..settings(1) }, false),
    ];
    for (name, settings, votes) in cases {
        let proposals = MemoryProposals::default();
        let mut handler = Handler::new(settings, Box::new(chain.clone()), Box::new(proposals.clone()), None).unwrap();
        let params = handler.on_ready().params;
        assert_eq!(params.validator_set.votes_here(), votes, "{name}");
        assert_eq!(params.validator_set.get_by_address(&Address::local(member(1))).is_some(), votes, "{name}");
        assert!(params.validator_set.get_by_address(&Address::new(member(1))).is_some(), "{name}: the committee is whole");
        // It takes part in everything but voting.
        handler.on_started_round(h(1), r(0), at(0)).unwrap();
        let first = proposer(1, 0);
        let block = MemoryChain::new(4).block(0, member(first), at(60));
        assert_eq!(validity(feed(&mut handler, &parts(&block, first, 0, None, 1), at(60))), Some(true), "{name}");
        assert_eq!(proposals.0.lock().unwrap().is_empty(), !votes, "{name}: only a log could name the block after a crash");
    }
    let mut rotated = settings(1);
    rotated.voter = Some(crate::Voter::new(member(1), key(200)));
    let handler = Handler::new(rotated, Box::new(chain), Box::new(MemoryProposals::default()), None).unwrap();
    assert!(!handler.height_params().validator_set.votes_here());
}
