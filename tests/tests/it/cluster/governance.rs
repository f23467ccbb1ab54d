//! The committee changes while blocks go on (MARKET 11; DESIGN, committee change).

use super::{check_agreement, spec};
use leg_cli::commands::proof;
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::transaction::Change;
use leg_tests::cluster::{Cluster, Load, certificate, eventually};

const FOUNDERS: [&str; 4] = ["hub-01", "hub-02", "hub-03", "hub-04"];
const NEWCOMER: &str = "hub-90";

fn member(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

fn committee(names: &[&str]) -> Change {
    Change::Committee { members: names.iter().map(|name| member(name)).collect() }
}

/// Waits until a certificate from `height` on holds the member's signature, and returns its height.
async fn votes_from(cluster: &Cluster, name: &str, height: u64) -> u64 {
    let node = cluster.nodes.iter().find(|node| node.is_running()).unwrap();
    let found = std::cell::Cell::new(height);
    eventually(&format!("a vote of {name}"), || async {
        let at = found.get();
        if node.height().await < at {
            return None;
        }
        found.set(at + 1);
        let signed = certificate(node, Height::new(at)).await.signatures.iter().any(|s| s.member == member(name));
        signed.then_some(at)
    })
    .await
}

/// Blocks are made while one of the nodes is away.
async fn goes_on_without(cluster: &mut Cluster, index: usize) {
    cluster.nodes[index].kill();
    let height = cluster.height().await;
    cluster.reach(height + 3).await;
    cluster.nodes[index].start();
    cluster.nodes[index].reach(height + 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_hub_joins_the_running_committee_keys_rotate_and_one_leaves() {
    let mut cluster = Cluster::start(spec("governance")).await;
    let load = Load::start(&cluster);
    let (mut fifth, join) = cluster.newcomer(NEWCOMER);

    // It joins the registry, which lets its node into the swarm: it syncs and follows.
    let joined = cluster.adopt(&join).await;
    fifth.start();
    fifth.reach(joined).await;
    fifth.client().step("/api/heartbeats").await.ok();
    cluster.nodes.push(fifth);

    // It joins the committee and votes without a restart. Four of five are a quorum only with it.
    let five = cluster.adopt(&committee(&[&FOUNDERS[..], &[NEWCOMER]].concat())).await;
    assert_eq!(cluster.seats().await.len(), 5);
    let voted = votes_from(&cluster, NEWCOMER, five).await;
    println!("in force from {five}, first vote of {NEWCOMER} at {voted}");
    goes_on_without(&mut cluster, 3).await;

    // The consensus key of hub-02 is replaced while its node runs, and its votes go on.
    let change = proof::successor(&cluster.nodes[1].home(), member("hub-02"), None).unwrap();
    let rotated = cluster.adopt(&change).await;
    votes_from(&cluster, "hub-02", rotated).await;
    goes_on_without(&mut cluster, 2).await;

    // hub-04 leaves the committee; its node goes on as a follower.
    let without = ["hub-01", "hub-02", "hub-03", NEWCOMER];
    let four = cluster.adopt(&committee(&without)).await;
    assert_eq!(cluster.seats().await, without);
    cluster.nodes[3].reach(four + 3).await;
    let last = cluster.height().await;
    for height in four..=last {
        let signed = certificate(&cluster.nodes[0], Height::new(height)).await;
        assert!(signed.signatures.iter().all(|s| s.member != member("hub-04")), "block {height}");
    }
    let acknowledged = load.stop().await;
    assert!(!acknowledged.is_empty());
    let late: Vec<u64> = rounds(&cluster, last).await;
    println!("{last} blocks, {} acknowledged transactions, decided after round 0: {late:?}", acknowledged.len());
    // An independent execution from genesis, certificates by the committee of each height, leads to the same root.
    check_agreement(&cluster).await;
}

/// Heights that were not decided in their first round.
async fn rounds(cluster: &Cluster, last: u64) -> Vec<u64> {
    let mut late = Vec::new();
    for height in 1..=last {
        if certificate(&cluster.nodes[0], Height::new(height)).await.round.get() > 0 {
            late.push(height);
        }
    }
    late
}
