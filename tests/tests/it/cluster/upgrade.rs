//! New protocol versions on a running network, and after a halt (docs/reliability.md).

use super::spec;
use leg_ledger::transaction::Change;
use leg_node::config::RecoverySection;
use leg_tests::cluster::{Cluster, audit_by, eventually};
use leg_tests::rules::{self, THREE, TWO};
use serde_json::Value;

async fn block(cluster: &Cluster, height: u64) -> Value {
    cluster.nodes[0].client().get(&format!("/api/blocks/{height}")).await.ok()
}

async fn version(cluster: &Cluster, height: u64) -> u64 {
    block(cluster, height).await["header"]["version"].as_u64().unwrap()
}

/// Waits until the network stands still: all nodes ended by themselves with this cause, but for one at most that could not decide the block any
/// more when the others were gone, and is stopped. From the next start on they run another program.
async fn halt(cluster: &mut Cluster, cause: &str, next: &str) {
    let nodes = &cluster.nodes;
    eventually("a halt", || async {
        let mut silent = 0;
        for node in nodes {
            silent += usize::from(node.is_silent().await);
        }
        (silent >= 3).then_some(())
    })
    .await;
    for node in &mut cluster.nodes {
        if node.is_silent().await {
            node.ends(cause).await;
        } else {
            node.kill();
        }
        node.set_rules(next);
    }
}

fn start_all(cluster: &mut Cluster) {
    cluster.nodes.iter_mut().for_each(leg_tests::cluster::Node::start);
}

/// The blocks of the first node, executed by these rules, lead to the roots of its headers and to this fee.
async fn check(cluster: &Cluster, rules: leg_ledger::execute::Rules, fee: u32) {
    let height = cluster.height().await;
    let root = cluster.root_at(height).await;
    let ledger = audit_by(&cluster.genesis, rules, &cluster.nodes[0], height).await;
    assert_eq!(ledger.tip().state_root.to_string(), root);
    assert_eq!(ledger.params().unwrap().fee.get(), fee);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voted_version_comes_into_force_at_its_height_on_a_running_network() {
    let cluster = Cluster::start(spec("upgrade").with_rules("next")).await;
    let height = cluster.adopt(&Change::Version { version: TWO }).await;
    cluster.reach(height + 3).await;
    assert_eq!((version(&cluster, height - 1).await, version(&cluster, height).await), (1, 2));
    check(&cluster, rules::named("next"), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_do_not_know_the_version_halt_and_newer_ones_go_on_with_the_same_history() {
    let mut cluster = Cluster::start(spec("halt")).await;
    let before = block(&cluster, 1).await;
    let height = cluster.pass(&Change::Version { version: TWO }).await;
    halt(&mut cluster, "protocol version 2 is not known to this program", "next").await;
    start_all(&mut cluster);
    cluster.reach(height + 3).await;
    assert_eq!(block(&cluster, 1).await, before);
    assert_eq!((version(&cluster, height - 1).await, version(&cluster, height).await), (1, 2));
    check(&cluster, rules::named("next"), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deterministic_halt_is_recovered_under_a_version_that_the_operators_agreed_on() {
    let mut cluster = Cluster::start(spec("recovery").with_rules("faulty")).await;
    let height = cluster.pass(&Change::Version { version: TWO }).await;
    halt(&mut cluster, "the state has no entry that the faulty version looks for", "mended").await;
    let agreed = RecoverySection { height, version: THREE.get() };
    for node in &cluster.nodes {
        node.configure(|config| config.recovery.push(agreed));
    }
    start_all(&mut cluster);
    cluster.reach(height + 3).await;
    assert_eq!((version(&cluster, height).await, version(&cluster, height + 1).await), (2, 3), "the decided header stays as it was");
    check(&cluster, rules::named("mended").with_recovery(agreed.recovery()), 300).await;
}
