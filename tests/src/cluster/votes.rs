//! Proposals and votes through the nodes' APIs.

use super::{Cluster, eventually};
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::Change;
use serde_json::{Value, json};

/// Blocks from a proposal to its activation: enough for three votes, each in a block of its own.
const NOTICE: u64 = 12;

impl Cluster {
    /// Has the first three nodes of the committee vote for a change, and returns the height from which it is in force, as soon as it passed.
    ///
    /// # Panics
    /// It is refused, or does not pass.
    pub async fn pass(&self, change: &Change) -> u64 {
        let activation = self.height().await + NOTICE;
        let now = self.genesis.clock().market_time(leg_ledger::time::BlockTime::from_ms(super::homes::now_ms()));
        let deadline = MarketTime::from_ms(now.ms() + DAY_MS);
        let proposal = json!({ "change": change, "deadline": deadline.ms(), "activationHeight": activation });
        let entered = self.nodes[0].client().post("/api/governance/proposals", &proposal).await.ok();
        let id = entered["proposalId"].as_str().expect("a proposal's id");
        for node in self.nodes.iter().filter(|node| node.is_running()).take(self.spec.committee.min(4)) {
            let vote = json!({ "proposalId": id, "approve": true });
            let reply = node.client().post("/api/governance/votes", &vote).await;
            // The last votes may find it decided.
            let late = reply.status != 200 && ["proposal_decided", "unknown_proposal", "not_a_voter"].contains(&reply.error().1);
            assert!(reply.status == 200 || late, "{}: {}", node.name(), reply.text);
        }
        // The node that took the last vote may be a block ahead of the one that is asked.
        eventually("the proposal to pass", || async {
            let listed = self.nodes[0].client().get(&format!("/api/governance/proposals/{id}")).await;
            (listed.status != 200 || listed.body["status"] != "open").then_some(())
        })
        .await;
        activation
    }

    /// As [`Cluster::pass`], and waits until the change is in force.
    ///
    /// # Panics
    /// It is refused, does not pass, or fails at its height.
    pub async fn adopt(&self, change: &Change) -> u64 {
        let activation = self.pass(change).await;
        self.reach(activation).await;
        let node = self.nodes.iter().find(|node| node.is_running()).expect("a node runs");
        eventually("the end of the proposal", || async {
            let list = node.client().get("/api/governance/proposals").await.ok();
            list["proposals"].as_array().is_some_and(Vec::is_empty).then_some(())
        })
        .await;
        activation
    }

    /// Names in the committee of the next height, as a node tells.
    pub async fn seats(&self) -> Vec<String> {
        let node = self.nodes.iter().find(|node| node.is_running()).expect("a node runs");
        let committee = node.client().get("/api/governance/committee").await.ok();
        let name = |seat: &Value| seat["hubId"].as_str().expect("a hub").to_owned();
        committee["seats"].as_array().expect("seats").iter().map(name).collect()
    }
}
