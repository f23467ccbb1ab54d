use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_outside_the_registry_is_refused_until_it_is_registered() {
    let inside = TestNode::start(1, &[], &[1, 2]).await;
    let outsider = TestNode::start(3, &[&inside], &[1, 3]).await;
    until("a refusal", inside.network.counts(), |counts| counts.refused >= 2).await;
    assert!(inside.network.peers().is_empty(), "it never was a peer");

    inside.allow(2, &[1, 2, 3]).await;
    inside.connected(node(3)).await;
    outsider.connected(node(1)).await;
    assert_eq!(inside.network.peers()[&node(3)].standing, Standing::Member(member(3)));

    inside.allow(3, &[1, 2]).await;
    inside.network.set_tip(Height::new(3 + RETIREMENT - 1), root(0)).await.unwrap();
    inside.network.broadcast_status(Height::new(3), Height::new(1)).await.unwrap();
    assert!(inside.network.peers()[&node(3)].connected, "removed peers stay for a few heights");
    inside.network.set_tip(Height::new(3 + RETIREMENT), root(0)).await.unwrap();
    inside.disconnected(node(3)).await;
    let refused = inside.network.counts().borrow().refused;
    until("a refusal", inside.network.counts(), |counts| counts.refused > refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_two_networks_do_not_speak() {
    let ours = TestNode::start(1, &[], &[1, 2]).await;
    let another = leg_ledger::ids::ChainId::from_hash(Hash::of(Domain::Genesis, b"another network"));
    let theirs = TestNode::start_with(2, &[&ours], &[1, 2], Box::new(NotBad), |config| config.chain = another).await;
    // The same peer on the right network is heard at once, so the other one had its time.
    let third = TestNode::start(3, &[&ours], &[1, 2, 3]).await;
    ours.allow(2, &[1, 2, 3]).await;
    ours.connected(node(3)).await;
    drop(third);
    assert!(!ours.network.peers().contains_key(&node(2)) && !theirs.network.peers().contains_key(&node(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_node_that_is_not_registered_may_sync_and_is_not_heard_otherwise() {
    let mut follower = TestNode::start(9, &[], &[1]).await;
    let mut hub = TestNode::start(1, &[&follower], &[1]).await;
    follower.connected(node(1)).await;
    hub.connected(node(9)).await;
    assert_eq!(hub.network.peers()[&node(9)].standing, Standing::SyncOnly);

    follower.network.publish(Channel::Consensus, Bytes::from_static(b"a vote")).await.unwrap();
    follower.network.broadcast_status(Height::new(5), Height::new(1)).await.unwrap();
    // One stream keeps the order: with the status the vote has passed unheard.
    let heard = hub
        .event("a status", |event| match event {
            DirectEvent::Received { .. } => Some(false),
            DirectEvent::Status(from, report) => Some(from == node(9) && report.tip == Height::new(5)),
            _ => None,
        })
        .await;
    assert!(heard);

    let asked = follower.network.ask(node(1), Bytes::from_static(b"block 1?")).await.unwrap();
    let Some(SyncEvent::Request(id, from, question)) = within("a request", hub.sync.recv()).await else { panic!("no request") };
    assert_eq!((from, question.as_ref()), (node(9), &b"block 1?"[..]));
    hub.network.answer(id, Bytes::from_static(b"block 1")).await.unwrap();
    let answer = within("an answer", follower.sync.recv()).await;
    assert_eq!(answer, Some(SyncEvent::Answer(asked, node(1), Bytes::from_static(b"block 1"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_ends_with_an_answer_or_a_failure() {
    let mut nodes = graph(&[&[1]]).await;
    let mut asker = nodes.pop().unwrap();
    let mut hub = nodes.pop().unwrap();

    let refused = asker.network.ask(node(1), Bytes::from_static(b"?")).await.unwrap();
    let Some(SyncEvent::Request(id, ..)) = within("a request", hub.sync.recv()).await else { panic!("no request") };
    hub.network.refuse(id).await.unwrap();
    let failure = within("a failure", asker.sync.recv()).await.unwrap();
    assert!(matches!(failure, SyncEvent::Failed(id, from, _) if (id, from) == (refused, node(1))), "{failure:?}");

    let oversized = asker.network.ask(node(1), Bytes::from_static(b"?")).await.unwrap();
    let Some(SyncEvent::Request(id, ..)) = within("a request", hub.sync.recv()).await else { panic!("no request") };
    hub.network.answer(id, vec![0; (12 << 20) + 1].into()).await.unwrap();
    let failure = within("a failure", asker.sync.recv()).await.unwrap();
    assert!(matches!(failure, SyncEvent::Failed(id, ..) if id == oversized), "{failure:?}");

    let nobody = asker.network.ask(node(7), Bytes::from_static(b"?")).await.unwrap();
    let failure = within("a failure", asker.sync.recv()).await.unwrap();
    assert_eq!(failure, SyncEvent::Failed(nobody, node(7), SyncFailure::NotConnected));

    let too_long = asker.network.ask(node(1), vec![0; 2_000].into()).await.unwrap();
    let failure = within("a failure", asker.sync.recv()).await.unwrap();
    assert!(matches!(failure, SyncEvent::Failed(id, ..) if id == too_long), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stops_is_noticed_and_found_again_when_it_returns() {
    let first = TestNode::start(1, &[], &[1, 2]).await;
    for _ in 0..2 {
        let second = TestNode::start(2, &[&first], &[1, 2]).await;
        first.connected(node(2)).await;
        second.connected(node(1)).await;
        second.network.stop().await;
        first.disconnected(node(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_that_differs_raises_an_alarm_whoever_is_ahead() {
    let nodes = graph(&[&[1]]).await;
    let (a, b) = (&nodes[0], &nodes[1]);
    a.network.set_tip(Height::new(4), root(4)).await.unwrap();
    b.network.set_tip(Height::new(4), root(4)).await.unwrap();
    b.network.broadcast_status(Height::new(4), Height::new(1)).await.unwrap();
    until("a status", a.network.watch_peers(), |peers| peers[&node(2)].root == Some((Height::new(4), root(4)))).await;
    assert_eq!(a.network.counts().borrow().divergences, 0);

    b.network.set_tip(Height::new(5), root(50)).await.unwrap();
    b.network.broadcast_status(Height::new(5), Height::new(1)).await.unwrap();
    until("a status", a.network.watch_peers(), |peers| peers[&node(2)].tip == Some(Height::new(5))).await;
    a.network.set_tip(Height::new(5), root(5)).await.unwrap();
    until("an alarm", a.network.counts(), |counts| counts.divergences == 1).await;
    assert_eq!(a.network.peers()[&node(2)].diverged, Some(Height::new(5)));
    a.network.broadcast_status(Height::new(5), Height::new(1)).await.unwrap();
    until("an alarm", b.network.counts(), |counts| counts.divergences == 1).await;
}

#[test]
fn an_address_without_an_id_is_refused_with_its_text() {
    let mut config = NetworkConfig::new(chain(), key(1));
    config.peers = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    assert!(config.pinned().unwrap_err().to_string().contains("/ip4/127.0.0.1/tcp/1"));
}
