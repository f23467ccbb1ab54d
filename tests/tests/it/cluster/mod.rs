//! What a network of real processes promises (DESIGN, promises 2, 3, 4 and 8; MARKET 6).
//!
//! Each test starts a network of its own, with a seed that it prints. They run one at a time (`.config/nextest.toml`), since a network of four
//! nodes uses a small machine whole.

mod bench;
mod crashes;
mod devnet;
mod governance;
mod graph;
mod input;
mod readme;
mod retries;
mod scenario;
mod storage;
mod upgrade;

use leg_tests::cluster::{Cluster, ClusterSpec};
use serde_json::{Value, json};

/// The program under test, built with these tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_leg-under-test");
const ORDERS: &str = "/api/marketplace/orders";

fn spec(seed: &str) -> ClusterSpec {
    ClusterSpec::new(PROGRAM, seed)
}

/// An order for compute; the limit in francs per kWh.
fn compute(side: &str, quantity: &str, limit: &str) -> Value {
    json!({"side": side, "resource": "compute", "quantity": quantity, "maxPricePerUnitChf": limit})
}

/// Every node has the same state at a height from now, and its blocks, executed anew, lead there with money and heat conserved.
async fn check_agreement(cluster: &Cluster) {
    let height = cluster.height().await;
    let root = cluster.root_at(height).await;
    let node = cluster.nodes.iter().find(|node| node.is_running()).expect("a node runs");
    let ledger = leg_tests::cluster::audit(&cluster.genesis, node, height).await;
    assert_eq!(ledger.tip().state_root.to_string(), root);
}
