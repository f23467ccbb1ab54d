//! Clusters of real node processes on the loopback, each with a home folder of its own that goes with the test.
//!
//! ```text
//! ClusterSpec ──homes, keys, genesis──> Cluster ── Node ── process `leg start --home ...` (killed when dropped)
//!                                                    └──── Client (HTTP)
//! ```
//!
//! * The program is given by the test, so that the one under test is the one that was just built.
//! * Ports are chosen by the system, on a loopback address of this process's own: neither another test nor an outgoing connection can take
//!   the port of a node that is down.
//! * Whoever waits, waits for a height, a root or an answer ([`eventually`]), with a deadline; a failed expectation panics, and each node
//!   that is dropped by a panic prints the end of its log.

mod audit;
mod client;
mod homes;
mod load;
mod node;
mod votes;
mod wait;

pub use audit::{audit, audit_by, certificate};
pub use client::{Client, Reply};
pub use homes::{ClusterSpec, Graph};
pub use load::{Acknowledged, Load};
pub use node::Node;
pub use wait::eventually;

use leg_cli::devnet::wallet::Wallet;
use leg_genesis::{Genesis, MemberSecrets};
use leg_ledger::ids::MemberId;
use leg_ledger::transaction::Change;
use serde_json::Value;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// A running network.
#[derive(Debug)]
pub struct Cluster {
    /// What it agreed on.
    pub genesis: Genesis,
    /// All keys of all members.
    pub secrets: BTreeMap<MemberId, MemberSecrets>,
    /// The committee's nodes by member, then those that follow.
    pub nodes: Vec<Node>,
    spec: ClusterSpec,
    folder: TempDir,
}

impl Cluster {
    /// Makes the homes, starts all nodes and returns when each of them has its first block.
    pub async fn start(spec: ClusterSpec) -> Cluster {
        println!("cluster of seed {:?}", spec.seed);
        let folder = tempfile::tempdir().expect("a folder for the homes");
        let (genesis, secrets, nodes) = homes::make(&spec, folder.path());
        let mut cluster = Cluster { genesis, secrets, nodes, spec, folder };
        for node in &mut cluster.nodes {
            node.start();
        }
        cluster.reach(1).await;
        cluster
    }

    /// A wallet of a member, for what is signed outside the nodes.
    pub fn wallet(&self, member: &str) -> Wallet {
        let id = MemberId::parse(member).expect("a member's id");
        Wallet::new(id, self.secrets[&id].clone(), self.genesis.chain_id(), homes::now_ms())
    }

    /// A node that is in no registry: its own network key, no other keys. It dials the whole committee.
    pub fn stranger(&self) -> Node {
        homes::stranger(&self.spec, &self.genesis, &self.nodes, self.folder.path())
    }

    /// The node of a hub that is in no registry, with all keys and its name in its configuration, and the change by which it joins.
    pub fn newcomer(&self, name: &str) -> (Node, Change) {
        homes::newcomer(&self.spec, &self.genesis, &self.nodes, self.folder.path(), name)
    }

    /// Waits until every running node is at `height` or above.
    pub async fn reach(&self, height: u64) {
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            node.reach(height).await;
        }
    }

    /// The highest block of any running node.
    pub async fn height(&self) -> u64 {
        let mut highest = 0;
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            highest = highest.max(node.height().await);
        }
        highest
    }

    /// Waits until all running nodes have the block after `height`, whose header holds the state root after `height`, and returns that root.
    ///
    /// # Panics
    /// Two nodes have another block or another root.
    pub async fn root_at(&self, height: u64) -> String {
        self.reach(height + 1).await;
        let mut first: Option<(String, Value, Value)> = None;
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            let block = node.client().get(&format!("/api/blocks/{}", height + 1)).await.ok();
            let (id, root) = (block["id"].clone(), block["header"]["stateRoot"].clone());
            match &first {
                Some((name, other_id, other_root)) => {
                    assert_eq!((&id, &root), (other_id, other_root), "{} against {name} at height {height}", node.name());
                }
                None => first = Some((node.name().to_owned(), id, root)),
            }
        }
        let (_, _, root) = first.expect("a node runs");
        root.as_str().expect("a root").to_owned()
    }

    /// The same answer of all running nodes to a GET, once all have a block from now on.
    ///
    /// # Panics
    /// They answer apart.
    pub async fn same_answer(&self, path: &str) -> Value {
        self.reach(self.height().await).await;
        let mut first: Option<(String, Value)> = None;
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            let mut body = node.client().get(path).await.ok();
            // Until which block an answer holds differs from node to node while blocks go on.
            body.as_object_mut().expect("an object").remove("height");
            match &first {
                Some((name, other)) => assert_eq!(&body, other, "{} against {name}: {path}", node.name()),
                None => first = Some((node.name().to_owned(), body)),
            }
        }
        first.expect("a node runs").1
    }
}
