//! Four state machines of the engine with four handlers, over a virtual network and a virtual clock: the same seed gives the same history.

use crate::action::ValuePlan;
use crate::codec::{EngineCodec, WireMessage, stream_message};
use crate::context::LegContext;
use crate::handle::{Handler, SyncAnswer};
use crate::ports::{ChainPort, Outlook};
use crate::signature_check::SignatureCheck;
use crate::signing::{ChainVerifier, MemberSigner};
use crate::testkit::*;
use crate::timeouts::Timeouts;
use crate::types::{Address, EngineHeight, ledger_round};
use arc_malachitebft_app_channel::app::consensus::{
    ConsensusMsg, Effect, Error, Input, LivenessMsg, Params, Resumable, Resume, State, process,
};
use arc_malachitebft_app_channel::app::metrics::Metrics;
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_codec::Codec;
use arc_malachitebft_core_types::{Timeout, Timeouts as _, ValueOrigin, ValuePayload, ValueResponse, VoteExtensionPolicy};
use arc_malachitebft_signing::{Signer, Verifier, VerifierExt};
use arc_malachitebft_sync::{Response, ValueResponse as SyncValues};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{Height, MemberId, Round};
use leg_ledger::time::BlockTime;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

const NODES: usize = 4;
const SYNC_DELAY_MS: u64 = 200;

/// The engine's verifier is async and never waits.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a pure future waits"),
    }
}

enum Event {
    Frame { from: usize, frame: bytes::Bytes },
    Feed(Input<LegContext>),
    Elapsed { timeout: Timeout, id: u64 },
    Ask { height: Height, round: Round, asked: BlockTime },
    Behind { from: usize, height: Height },
}

struct SimNode {
    engine: Option<State<LegContext>>,
    handler: Handler,
    chain: MemoryChain,
    timers: BTreeMap<String, u64>,
    /// Those of the height that it decides.
    timeouts: Timeouts,
    /// Says and hears nothing more.
    dead: bool,
    /// Milliseconds by which its clock is ahead.
    skew: u64,
    verifier: ChainVerifier,
}

struct Simulation {
    nodes: Vec<SimNode>,
    queue: BTreeMap<(u64, u64), (usize, Event)>,
    now: u64,
    counter: u64,
    random: u64,
    metrics: Metrics,
    trace: blake3_trace::Trace,
}

/// A running hash over everything that happens.
mod blake3_trace {
    use super::*;

    pub struct Trace(pub Hash);

    impl Trace {
        pub fn add(&mut self, what: &str) {
            self.0 = Hash::of_parts(Domain::HistoryLeaf, &[self.0.as_bytes(), what.as_bytes()]);
        }
    }
}

impl Simulation {
    fn new(seed: u64, skews: [u64; NODES]) -> Self {
        let nodes = (0..NODES).zip(skews).map(|(index, skew)| {
            let chain = MemoryChain::new(4);
            chain.with(|s| s.outlook = Outlook::Idle);
            let verifier = ChainVerifier::new(chain_id(), SignatureCheck::default());
            let handler = handler(index as u8, &chain, &MemoryProposals::default());
            SimNode { engine: None, handler, chain, timers: BTreeMap::new(), timeouts: Timeouts::default(), dead: false, skew, verifier }
        });
        let mut simulation = Simulation {
            nodes: nodes.collect(),
            queue: BTreeMap::new(),
            now: 0,
            counter: 0,
            random: seed,
            metrics: Metrics::new(),
            trace: blake3_trace::Trace(Hash::ZERO),
        };
        for node in 0..NODES {
            simulation.start_height(node);
        }
        simulation
    }

    fn latency(&mut self) -> u64 {
        // splitmix64: the simulator's only randomness.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        1 + (z ^ (z >> 31)) % 20
    }

    fn at(&mut self, delay_ms: u64, node: usize, event: Event) {
        self.counter += 1;
        self.queue.insert((self.now + delay_ms, self.counter), (node, event));
    }

    fn clock(&self, node: usize) -> BlockTime {
        at(self.now + self.nodes[node].skew)
    }

    fn broadcast(&mut self, from: usize, message: WireMessage) {
        let frame = message.encode().unwrap();
        for to in (0..NODES).filter(|to| *to != from) {
            let delay = self.latency();
            self.at(delay, to, Event::Frame { from, frame: frame.clone() });
        }
    }

    fn start_height(&mut self, node: usize) {
        let start = self.nodes[node].handler.on_ready();
        let height = EngineHeight::new(start.height);
        self.nodes[node].timeouts = start.params.timeouts;
        let set = start.params.validator_set;
        if self.nodes[node].engine.is_none() {
            let params = Params {
                address: Address::local(member(node as u8)),
                threshold_params: Default::default(),
                value_payload: ValuePayload::ProposalAndParts,
                enabled: true,
            };
            self.nodes[node].engine = Some(State::new(LegContext, height, set.clone(), params, 10, 500));
        }
        let input = Input::StartHeight(height, set, false, None, VoteExtensionPolicy::Disabled);
        self.at(0, node, Event::Feed(input));
    }

    fn step(&mut self) {
        let ((time, _), (node, event)) = self.queue.pop_first().expect("a live network always has a timer");
        self.now = time;
        if self.nodes[node].dead {
            return;
        }
        match event {
            Event::Feed(input) => self.feed(node, input),
            Event::Elapsed { timeout, id } => {
                if self.nodes[node].timers.get(&timeout.to_string()) == Some(&id) {
                    self.nodes[node].timers.remove(&timeout.to_string());
                    self.feed(node, Input::TimeoutElapsed(timeout));
                }
            }
            Event::Ask { height, round, asked } => self.ask(node, height, round, asked),
            Event::Frame { from, frame } => self.on_frame(node, from, frame),
            Event::Behind { from, height } => self.sync(node, from, height),
        }
    }

    fn on_frame(&mut self, node: usize, _from: usize, frame: bytes::Bytes) {
        let now = self.clock(node);
        let input = match WireMessage::decode(frame).unwrap() {
            WireMessage::Consensus(SignedConsensusMsg::Vote(vote)) | WireMessage::Liveness(LivenessMsg::Vote(vote)) => {
                self.nodes[node].handler.on_heard(vote.message.voter.member());
                Input::Vote(vote)
            }
            WireMessage::Consensus(SignedConsensusMsg::Proposal(proposal)) => Input::Proposal(proposal),
            WireMessage::Liveness(LivenessMsg::PolkaCertificate(polka)) => {
                if let Some(value) = self.nodes[node].handler.on_polka(&polka, now).unwrap() {
                    self.at(0, node, Event::Feed(Input::ProposedValue(value, ValueOrigin::Consensus)));
                }
                Input::PolkaCertificate(polka)
            }
            WireMessage::Liveness(LivenessMsg::SkipRoundCertificate(proof)) => Input::RoundCertificate(proof),
            WireMessage::Part(part) => match self.nodes[node].handler.on_part(part.content.as_data().unwrap(), now).unwrap() {
                Some(value) => Input::ProposedValue(value, ValueOrigin::Consensus),
                None => return,
            },
        };
        self.feed(node, input);
    }

    /// A node that others have left behind gets the decided block through the codec of sync.
    fn sync(&mut self, node: usize, from: usize, height: Height) {
        if self.nodes[node].handler.height() != height {
            return;
        }
        let values = self.nodes[from].handler.on_get_decided(height..=height);
        let response = Response::ValueResponse(SyncValues::new(EngineHeight::new(height), values));
        let bytes = EngineCodec.encode(&response).unwrap();
        let Response::ValueResponse(response): Response<LegContext> = EngineCodec.decode(bytes).unwrap();
        let value = response.values[0].clone();
        let response = ValueResponse::new(peer(from as u8), value.value_bytes, value.certificate);
        self.feed(node, Input::SyncValueResponse(response));
    }

    fn ask(&mut self, node: usize, height: Height, round: Round, asked: BlockTime) {
        let now = self.clock(node);
        match self.nodes[node].handler.on_get_value(height, round, asked, now).unwrap() {
            Some(ValuePlan::Wait(time)) => self.at(time.as_millis() as u64, node, Event::Ask { height, round, asked }),
            Some(ValuePlan::Propose(own)) => {
                for part in own.parts {
                    self.broadcast(node, WireMessage::Part(stream_message(part)));
                }
                self.feed(node, Input::Propose(own.value));
            }
            None => {}
        }
    }

    fn feed(&mut self, node: usize, input: Input<LegContext>) {
        let mut engine = self.nodes[node].engine.take().unwrap();
        let metrics = self.metrics.clone();
        let result: Result<(), Error<LegContext>> = process!(
            input: input,
            state: &mut engine,
            metrics: &metrics,
            with: effect => self.perform(node, effect)
        );
        result.unwrap();
        self.nodes[node].engine = Some(engine);
    }

    fn perform(&mut self, node: usize, effect: Effect<LegContext>) -> Result<Resume<LegContext>, String> {
        let verifier = self.nodes[node].verifier.clone();
        let now = self.clock(node);
        Ok(match effect {
            Effect::CancelAllTimeouts(r) => {
                self.nodes[node].timers.clear();
                r.resume_with(())
            }
            Effect::CancelTimeout(timeout, r) => {
                self.nodes[node].timers.remove(&timeout.to_string());
                r.resume_with(())
            }
            Effect::ScheduleTimeout(timeout, r) => {
                let id = self.counter;
                self.nodes[node].timers.insert(timeout.to_string(), id);
                let delay = self.nodes[node].timeouts.duration_for(timeout).as_millis() as u64;
                self.at(delay, node, Event::Elapsed { timeout, id });
                r.resume_with(())
            }
            Effect::StartRound(height, round, _, _, r) => {
                let round = ledger_round(round).unwrap();
                for value in self.nodes[node].handler.on_started_round(height.ledger(), round, now).unwrap() {
                    self.at(0, node, Event::Feed(Input::ProposedValue(value, ValueOrigin::Consensus)));
                }
                r.resume_with(())
            }
            Effect::GetValue(height, round, _, r) => {
                let (height, round) = (height.ledger(), ledger_round(round).unwrap());
                self.at(0, node, Event::Ask { height, round, asked: now });
                r.resume_with(())
            }
            Effect::RestreamProposal(height, round, pol_round, _, id, r) => {
                let round = ledger_round(round).unwrap();
                for part in self.nodes[node].handler.on_restream(height.ledger(), round, ledger_round(pol_round), id).unwrap() {
                    self.broadcast(node, WireMessage::Part(stream_message(part)));
                }
                r.resume_with(())
            }
            Effect::PublishConsensusMsg(message, r) => {
                self.broadcast(node, WireMessage::Consensus(message));
                r.resume_with(())
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.broadcast(node, WireMessage::Liveness(message));
                r.resume_with(())
            }
            Effect::RepublishVote(vote, r) => {
                self.broadcast(node, WireMessage::Liveness(LivenessMsg::Vote(vote)));
                r.resume_with(())
            }
            Effect::RepublishRoundCertificate(proof, r) => {
                self.broadcast(node, WireMessage::Liveness(LivenessMsg::SkipRoundCertificate(proof)));
                r.resume_with(())
            }
            Effect::SignVote(vote, r) => r.resume_with(now_or_never(self.signer(node, vote.height).sign_vote(vote)).unwrap()),
            Effect::SignProposal(proposal, r) => {
                r.resume_with(now_or_never(self.signer(node, proposal.height).sign_proposal(proposal)).unwrap())
            }
            Effect::VerifySignature(message, key, r) => {
                let valid = match &message.message {
                    ConsensusMsg::Vote(vote) => now_or_never(verifier.verify_signed_vote(vote, &message.signature, &key)),
                    ConsensusMsg::Proposal(proposal) => now_or_never(verifier.verify_signed_proposal(proposal, &message.signature, &key)),
                };
                r.resume_with(valid.unwrap().is_valid())
            }
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                r.resume_with(now_or_never(verifier.verify_commit_certificate(&LegContext, &certificate, &set, thresholds)))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => r.resume_with(now_or_never(
                verifier.verify_extended_commit_certificate(&LegContext, &certificate, &set, thresholds, policy),
            )),
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                r.resume_with(now_or_never(verifier.verify_polka_certificate(&LegContext, &certificate, &set, thresholds)))
            }
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                r.resume_with(now_or_never(verifier.verify_round_certificate(&LegContext, &certificate, &set, thresholds)))
            }
            Effect::Decide(certificate, _, r) => {
                self.trace.add(&format!("{} node {node} decides {} {}", self.now, certificate.height, certificate.value_id));
                self.nodes[node].handler.on_decided(&certificate).unwrap();
                let height = certificate.height.ledger();
                for other in (0..NODES).filter(|other| *other != node) {
                    self.at(SYNC_DELAY_MS, other, Event::Behind { from: node, height });
                }
                r.resume_with(())
            }
            Effect::Finalize(certificate, _, evidence, r) => {
                assert!(evidence.is_empty(), "nobody signs twice");
                self.nodes[node].handler.on_finalized(&certificate, &evidence).unwrap();
                self.start_height(node);
                r.resume_with(())
            }
            Effect::CertVerifiedSyncValue(value, proposer, r) => {
                let (height, round) = (value.certificate.height.ledger(), ledger_round(value.certificate.round).unwrap());
                match self.nodes[node].handler.on_synced_value(height, round, proposer.member(), &value.value_bytes).unwrap() {
                    SyncAnswer::Value(value) => self.at(0, node, Event::Feed(Input::ProposedValue(value, ValueOrigin::Sync))),
                    other => panic!("{other:?}"),
                }
                r.resume_with(())
            }
            Effect::WalAppend(_, _, r) => r.resume_with(()),
            other => return Err(format!("unexpected effect {other:?}")),
        })
    }

    fn signer(&self, node: usize, height: EngineHeight) -> MemberSigner {
        let keys = voter(node as u8).keys;
        keys.take_seat(height.ledger(), &key(node as u8).public());
        MemberSigner::new(chain_id(), keys)
    }

    /// Runs until every node has committed `height`, at most `limit` of virtual time.
    fn run(&mut self, height: u64, limit: Duration) {
        while self.nodes.iter().any(|n| !n.dead && n.chain.tip().height < Height::new(height)) {
            self.step();
            let tips: Vec<u64> = self.nodes.iter().map(|n| n.chain.tip().height.get()).collect();
            assert!(self.now < limit.as_millis() as u64, "after {} virtual ms the tips are {tips:?}", self.now);
        }
    }

    /// Who proposed which decided block, and when; the same on all nodes.
    fn decided(&self, height: u64) -> Vec<(MemberId, BlockTime, Round)> {
        let blocks = |n: &SimNode| -> Vec<_> {
            let headers = n.chain.with(|s| s.blocks.iter().map(|(b, _)| b.header).collect::<Vec<_>>());
            headers.into_iter().filter(|h| h.height <= Height::new(height)).collect()
        };
        let first = blocks(&self.nodes[0]);
        assert!(self.nodes.iter().all(|n| n.dead || blocks(n) == first), "no fork");
        first.into_iter().map(|h| (h.proposer, h.time, h.creation_round)).collect()
    }
}

#[test]
fn the_same_seed_gives_the_same_history_at_the_idle_pace() {
    for seed in [1, 2, 3] {
        let run = || {
            let mut simulation = Simulation::new(seed, [0; NODES]);
            simulation.run(20, Duration::from_secs(60));
            (simulation.trace.0, simulation.decided(20))
        };
        let (trace, decided) = run();
        assert_eq!(run(), (trace, decided.clone()), "seed {seed}");
        for (pair, next) in decided.iter().zip(&decided[1..]) {
            let apart = next.1.ms() - pair.1.ms();
            assert!((1_000..1_100).contains(&apart), "seed {seed}: an idle network makes a block a second, not after {apart} ms");
        }
        assert!(decided.iter().all(|d| d.2 == Round::new(0)), "seed {seed}");
    }
}

#[test]
fn a_clock_that_is_ahead_costs_its_node_the_turn_and_nobody_the_chain() {
    let fast = member(2);
    let mut simulation = Simulation::new(7, [0, 0, 10_000, 0]);
    simulation.run(20, Duration::from_secs(300));
    let decided = simulation.decided(20);
    // It is refused as proposer by the others' clocks, and follows their blocks against its own.
    assert!(decided.iter().all(|d| d.0 != fast));
    assert!(decided.iter().any(|d| d.2 == Round::new(1)));
}

#[test]
fn clocks_that_all_disagree_do_not_halt_the_chain() {
    // No two clocks are within the drift of each other: nobody's fresh time convinces a quorum.
    let mut simulation = Simulation::new(11, [0, 5_000, 10_000, 15_000]);
    simulation.run(6, Duration::from_secs(3_600));
    let times: Vec<u64> = simulation.decided(6).iter().map(|d| d.1.ms()).collect();
    assert!(times.is_sorted());
}

/// Milliseconds between blocks, by whose turn the later one was, with work always waiting and node 3 dead from height 8 on.
fn gaps_with_a_dead_node(seed: u64, told: bool) -> Vec<(MemberId, u64)> {
    let mut simulation = Simulation::new(seed, [0; NODES]);
    simulation.nodes.iter().for_each(|node| node.chain.with(|s| s.outlook = Outlook::Work));
    simulation.run(8, Duration::from_secs(60));
    simulation.nodes[3].dead = true;
    if told {
        // What it said last has arrived when its connections end.
        simulation.run(9, Duration::from_secs(60));
        simulation.nodes.iter_mut().for_each(|node| node.handler.on_lost(member(3)));
    }
    simulation.run(40, Duration::from_secs(120));
    let times: Vec<u64> = simulation.decided(40).iter().map(|d| d.1.ms()).collect();
    let turn = |height: usize| member(proposer(height as u64, 0));
    (10..=40).map(|height| (turn(height), times[height - 1] - times[height - 2])).collect()
}

#[test]
fn a_dead_proposer_costs_one_whole_wait_and_little_in_its_later_turns() {
    let whole = settings(0).timeouts.propose.as_millis() as u64;
    for seed in [1, 2, 3] {
        let gaps = gaps_with_a_dead_node(seed, false);
        let long = gaps.iter().filter(|(_, gap)| *gap >= whole).count();
        assert!(long <= 1, "seed {seed}: {gaps:?}");
        let turns: Vec<u64> = gaps.iter().filter(|(turn, _)| *turn == member(3)).map(|(_, gap)| *gap).collect();
        assert!(turns.len() >= 7 && turns[1..].iter().all(|gap| (200..1_000).contains(gap)), "seed {seed}: {turns:?}");
        assert!(gaps.iter().all(|(turn, gap)| *turn == member(3) || *gap < 200), "seed {seed}: the others' turns are as before {gaps:?}");
    }
}

#[test]
fn a_proposer_that_was_seen_to_go_costs_no_whole_wait() {
    let whole = settings(0).timeouts.propose.as_millis() as u64;
    for seed in [1, 2, 3] {
        let gaps = gaps_with_a_dead_node(seed, true);
        assert!(gaps.iter().all(|(_, gap)| *gap < whole), "seed {seed}: {gaps:?}");
    }
}

#[test]
fn one_that_was_lost_and_still_votes_is_waited_for_as_before() {
    let mut simulation = Simulation::new(5, [0; NODES]);
    for height in [4, 8, 12, 16] {
        simulation.run(height, Duration::from_secs(60));
        // Connections end, and its votes come another way.
        simulation.nodes.iter_mut().for_each(|node| node.handler.on_lost(member(3)));
    }
    simulation.run(20, Duration::from_secs(60));
    let decided = simulation.decided(20);
    assert!(decided.iter().all(|d| d.2 == Round::new(0)), "an idle proposer waits for work, and nobody takes that for absence");
}
