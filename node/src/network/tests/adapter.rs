use super::engine::{Readiness, start};
use super::*;
use arc_malachitebft_app_channel::app::engine::util::output_port::{OutputPort, OutputPortSubscriberTrait};
use arc_malachitebft_app_channel::app::types::core::{NilOrVal, Round, SignedMessage, VoteType};
use leg_consensus::SignatureCheck;
use leg_consensus::network::{BoxedSubscriber, ConsensusMessage, NetworkEvent, NetworkMsg, NetworkRef, PeerId, Status, Subscriber};
use leg_consensus::signing::vote_sign_bytes;
use leg_consensus::types::{Address, BlockVote, EngineHeight};
use leg_ledger::block::{Committee, CommitteeMember};
use leg_ledger::ids::BlockId;

struct Listener(mpsc::UnboundedSender<NetworkEvent>);

impl OutputPortSubscriberTrait<NetworkEvent> for Listener {
    fn subscribe_to_port(&self, _: &OutputPort<NetworkEvent>) {
        unreachable!("output ports lose messages");
    }
}

impl Subscriber<NetworkEvent> for Listener {
    fn send(&self, event: NetworkEvent) {
        let _ = self.0.send(event);
    }
}

fn listen(actor: &NetworkRef) -> mpsc::UnboundedReceiver<NetworkEvent> {
    let (sender, events) = mpsc::unbounded_channel();
    let boxed: BoxedSubscriber = Box::new(Listener(sender));
    actor.cast(NetworkMsg::Subscribe(boxed)).unwrap();
    events
}

async fn wait_for<T>(what: &str, events: &mut mpsc::UnboundedReceiver<NetworkEvent>, wanted: impl Fn(NetworkEvent) -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(found) = wanted(events.recv().await.expect("the actor runs")) {
                return found;
            }
        }
    })
    .await
}

fn committee(numbers: &[u8]) -> Committee {
    Committee::new(numbers.iter().map(|n| CommitteeMember { member: member(*n), key: key(*n).public() }).collect()).unwrap()
}

fn readiness(own: u8, numbers: &[u8], at_most: Duration) -> Readiness {
    Readiness { committee: committee(numbers), member: Some(member(own)), at_most }
}

fn listening(event: NetworkEvent) -> Option<()> {
    matches!(event, NetworkEvent::Listening(_)).then_some(())
}

/// Members 1 to 4 are seated.
fn wire_check() -> Box<dyn CheckFrame> {
    let seats = |_: Height, of: MemberId| {
        let number = (1..=4).find(|number| member(*number) == of)?;
        Some(KnownSeat { key: key(number).public(), certain: true })
    };
    Box::new(WireCheck::new(chain(), Box::new(seats), SignatureCheck::default()))
}

async fn with_actor(number: u8, dials: &[&TestNode], members: &[u8]) -> (TestNode, NetworkRef) {
    let mut node = TestNode::start_with(number, dials, members, wire_check(), |_| {}).await;
    let (_, no_events) = mpsc::channel(1);
    let events = std::mem::replace(&mut node.events, no_events);
    let (_, no_sync) = mpsc::channel(1);
    let sync = std::mem::replace(&mut node.sync, no_sync);
    let actor = start(node.network.clone(), events, sync, readiness(number, members, PATIENCE), |_, _| {}).await.unwrap();
    (node, actor)
}

fn vote(number: u8) -> ConsensusMessage {
    let vote = BlockVote {
        kind: VoteType::Prevote,
        height: EngineHeight::new(Height::new(1)),
        round: Round::new(0),
        value: NilOrVal::Val(BlockId::from_hash(root(u64::from(number)))),
        voter: Address::new(member(number)),
    };
    let signature = key(number).sign(&vote_sign_bytes(chain(), &vote));
    ConsensusMessage::Vote(SignedMessage::new(vote, signature))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committee_of_one_starts_alone() {
    let (_node, actor) = with_actor(1, &[], &[1]).await;
    wait_for("listening", &mut listen(&actor), listening).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_the_start_waits_and_not_for_ever() {
    let TestNode { network, events, sync, .. } = TestNode::start_with(1, &[], &[1, 2, 3, 4], wire_check(), |_| {}).await;
    let bound = Duration::from_millis(300);
    let started = std::time::Instant::now();
    let actor = start(network, events, sync, readiness(1, &[1, 2, 3, 4], bound), |_, _| {}).await.unwrap();
    wait_for("listening", &mut listen(&actor), listening).await;
    assert!(started.elapsed() >= bound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_members_on_a_line_start_with_a_quorum_and_hear_each_others_votes() {
    let members = [1, 2, 3, 4];
    let (first, a) = with_actor(1, &[], &members).await;
    let (second, b) = with_actor(2, &[&first], &members).await;
    let mut events_b = listen(&b);
    let (third, c) = with_actor(3, &[&second], &members).await;
    let (fourth, d) = with_actor(4, &[&third], &members).await;
    // The second is connected with two others, which with itself are three of four.
    wait_for("listening", &mut events_b, listening).await;
    let mut events_d = listen(&d);
    let connected = |event| match event {
        NetworkEvent::PeerConnected(peer) => Some(peer),
        _ => None,
    };
    assert_eq!(wait_for("a peer", &mut events_d, connected).await, PeerId::from_bytes(&node(3).to_bytes()).unwrap());

    let mut events_a = listen(&a);
    first.connected(node(2)).await;
    fourth.connected(node(3)).await;
    third.connected(node(2)).await;
    a.cast(NetworkMsg::PublishConsensusMsg(vote(1))).unwrap();
    d.cast(NetworkMsg::PublishConsensusMsg(vote(4))).unwrap();
    for (events, from, of) in [(&mut events_d, 3, 1), (&mut events_a, 2, 4)] {
        let heard = |event| match event {
            NetworkEvent::Vote(from, vote) => Some((from, ConsensusMessage::Vote(vote))),
            _ => None,
        };
        let neighbour = PeerId::from_bytes(&node(from).to_bytes()).unwrap();
        assert_eq!(wait_for("a vote", events, heard).await, (neighbour, vote(of)));
    }

    // Status goes to neighbours; the engine's own heights travel with it.
    let tip = |h: u64| EngineHeight::new(Height::new(h));
    c.cast(NetworkMsg::BroadcastStatus(Status::new(tip(9), tip(2)))).unwrap();
    let status = |event| match event {
        NetworkEvent::Status(_, status) => Some(status),
        _ => None,
    };
    assert_eq!(wait_for("a status", &mut events_d, status).await, Status::new(tip(9), tip(2)));

    // Whoever starts to listen late, as the engine's parts do one after the other, is told the same.
    assert_eq!(wait_for("a status", &mut listen(&d), status).await, Status::new(tip(9), tip(2)));

    first.network.stop().await;
    drop(first);
    within("the actor's end", a.wait(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_before_the_engine_listens_and_every_repetition_reaches_it() {
    let members = [1, 2, 3];
    let (first, a) = with_actor(1, &[], &members).await;
    let (second, b) = with_actor(2, &[&first], &members).await;
    let (third, c) = with_actor(3, &[&second], &members).await;
    first.connected(node(2)).await;
    third.connected(node(2)).await;
    second.connected(node(3)).await;
    a.cast(NetworkMsg::PublishConsensusMsg(vote(1))).unwrap();
    for relayed in [&second, &third] {
        until("the frame", relayed.network.counts(), |counts| counts.frames_received == 1).await;
    }
    let votes = |event| matches!(event, NetworkEvent::Vote(..)).then_some(());
    let (mut events_b, mut events_c) = (listen(&b), listen(&c));
    wait_for("the vote from before", &mut events_b, votes).await;
    wait_for("the vote from before", &mut events_c, votes).await;

    // As the engine repeats it: the same bytes each time, a while apart. The third node hears it by the second only.
    let mut repetitions = tokio::time::interval(2 * super::super::relay::REPEAT);
    repetitions.tick().await;
    for _ in 0..3 {
        repetitions.tick().await;
        a.cast(NetworkMsg::PublishConsensusMsg(vote(1))).unwrap();
        wait_for("a repetition", &mut events_c, votes).await;
    }
    third.network.stop().await;
    within("the actor's end", c.wait(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_nobody_listened_to_ends_with_the_network_too() {
    let (node, actor) = with_actor(1, &[], &[1]).await;
    node.network.stop().await;
    drop(node);
    within("the actor's end", actor.wait(None)).await.unwrap();
}
