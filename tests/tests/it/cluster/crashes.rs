//! kill -9 of nodes while orders keep coming.

use super::{check_agreement, spec};
use leg_tests::cluster::{Acknowledged, Cluster, ClusterSpec, Load, Node, eventually};

/// Blocks that a follower is behind, and times that it is killed while it fetches them.
const BEHIND: u64 = 80;
const KILLS: usize = 4;

/// Waits until this many more transactions are acknowledged as final.
async fn more(load: &Load, count: usize) {
    let wanted = load.count() + count;
    eventually("more final transactions", || async { (load.count() >= wanted).then_some(()) }).await;
}

/// Every node has every transaction that any node acknowledged, in the block that it named, accepted.
async fn check_all_there(cluster: &Cluster, acknowledged: &[Acknowledged]) {
    let highest = acknowledged.iter().map(|a| a.height).max().expect("something was acknowledged");
    cluster.reach(highest).await;
    for node in &cluster.nodes {
        for Acknowledged { transaction, height } in acknowledged {
            let found = node.client().get(&format!("/api/transactions/{transaction}")).await.ok();
            assert_eq!(
                (found["status"].as_str(), found["height"].as_u64()),
                (Some("final"), Some(*height)),
                "{} {transaction}",
                node.name()
            );
            assert_eq!(found["receipts"][0]["code"], "ok", "{} {transaction}", node.name());
        }
    }
}

async fn accounts(cluster: &Cluster, index: usize) -> serde_json::Value {
    let mut answer = cluster.nodes[index].client().get("/api/accounts").await.ok();
    for account in answer["accounts"].as_array_mut().unwrap() {
        account.as_object_mut().unwrap().remove("height");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn three_go_on_without_the_fourth_which_catches_up() {
    let mut cluster = Cluster::start(spec("one of four")).await;
    let load = Load::start(&cluster);
    more(&load, 8).await;
    cluster.nodes[2].kill();
    let killed_at = cluster.height().await;
    more(&load, 8).await;
    cluster.reach(killed_at + 5).await;
    cluster.nodes[2].start();
    let restarted_at = cluster.height().await;
    cluster.nodes[2].reach(restarted_at).await;
    more(&load, 8).await;
    let acknowledged = load.stop().await;
    check_all_there(&cluster, &acknowledged).await;
    check_agreement(&cluster).await;
    // The one that was away votes again: two of the other three would be no quorum.
    cluster.nodes[0].kill();
    let height = cluster.height().await;
    cluster.reach(height + 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_final_survives_the_death_of_all_four() {
    let mut cluster = Cluster::start(spec("all of four")).await;
    let load = Load::start(&cluster);
    for round in 0..2 {
        more(&load, 10).await;
        cluster.nodes.iter_mut().for_each(Node::kill);
        println!("round {round}: {} transactions were final when all died", load.count());
        cluster.nodes.iter_mut().for_each(Node::start);
        for node in &cluster.nodes {
            node.answers().await;
        }
    }
    more(&load, 4).await;
    let acknowledged = load.stop().await;
    assert!(acknowledged.len() >= 24);
    check_all_there(&cluster, &acknowledged).await;
    check_agreement(&cluster).await;
    cluster.reach(cluster.height().await).await;
    let first = accounts(&cluster, 0).await;
    for index in 1..cluster.nodes.len() {
        assert_eq!(accounts(&cluster, index).await, first, "{}", cluster.nodes[index].name());
    }
}

/// It executes blocks before they are decided, and is one block ahead of its disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_killed_while_it_catches_up_has_all_that_it_showed() {
    let mut cluster = Cluster::start(ClusterSpec { followers: 1, ..spec("killed behind") }).await;
    let last = cluster.nodes.len() - 1;
    cluster.nodes[last].kill();
    let load = Load::start(&cluster);
    cluster.reach(cluster.height().await + BEHIND).await;
    let acknowledged = load.stop().await;
    let mut shown = 0;
    for _ in 0..KILLS {
        let follower = &mut cluster.nodes[last];
        follower.start();
        follower.answers().await;
        let had = follower.height().await;
        assert!(had >= shown, "it showed block {shown} and has {had}");
        let further = || async { Some(follower.height().await).filter(|height| *height > had) };
        shown = eventually("another block", further).await;
        cluster.nodes[last].kill();
        println!("killed at block {shown}, started with {had}");
    }
    cluster.nodes[last].start();
    check_all_there(&cluster, &acknowledged).await;
    check_agreement(&cluster).await;
}
