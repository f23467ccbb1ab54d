//! Storage on the running nodes: hubs archive the shipped data at each other's nodes through their APIs, and read it back at the end.
//!
//! ```text
//! node 1, 3, ..   offer storage            POST /api/marketplace/orders
//! node 0, 2, ..   upload and buy           PUT /api/storage/content, POST /api/storage
//! the nodes       announce, fetch over the swarm, answer challenges by themselves
//! at the end      GET /api/storage/{id}, GET /api/storage/{id}/content: the same bytes
//! ```

use super::data::FILES;
use crate::client::HttpNode;
use anyhow::{Context, Result, ensure};
use leg_ledger::params::StorageParams;
use leg_ledger::time::DAY_MS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What a node offers, GB.
const OFFERED_GB: u64 = 1_000;
/// What a buyer reserves for an archive that grows, GB.
const BOUGHT_GB: u64 = 100;
/// Term, months.
const MONTHS: u32 = 12;
/// Prices, francs per GB-month: the base price, and a tenth below it.
const BID_CHF: &str = "0.05";
const ASK_CHF: &str = "0.045";
/// Least time that a node has to answer a challenge, ms of the clock.
const ANSWER_MS: u64 = 4_000;
/// Least time from a match to its announcement, ms of the clock.
const ANNOUNCE_MS: u64 = 20_000;
/// Longest wait for what is final, or stored.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a node is asked.
const POLL: Duration = Duration::from_millis(50);

/// The rules of storage for a market time that runs `scale` times as fast as the clock: the windows in which a node has to act are at least what
/// a node needs. Days and months are those of the market.
pub fn storage_params(scale: u32) -> StorageParams {
    let standard = StorageParams::STANDARD;
    let at_least = |window: u64, clock_ms: u64| window.max(clock_ms.saturating_mul(u64::from(scale)));
    StorageParams {
        announce_window_ms: at_least(standard.announce_window_ms, ANNOUNCE_MS),
        first_proof_window_ms: at_least(standard.first_proof_window_ms, 3 * ANNOUNCE_MS),
        answer_window_ms: at_least(standard.answer_window_ms, ANSWER_MS),
        day_ms: DAY_MS,
        ..standard
    }
}

/// A content that is bought.
#[derive(Clone, Debug)]
struct Bought {
    name: &'static str,
    content: &'static [u8],
    node: HttpNode,
    order: String,
}

/// The contents of a run.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    bought: Vec<Bought>,
}

/// A content at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredContent {
    /// The file.
    pub name: String,
    /// Its length.
    pub bytes: usize,
    /// Who stores it where.
    pub buyer: String,
    /// The seller.
    pub seller: String,
    /// The contract.
    pub storage_id: String,
    /// Months paid.
    pub months_paid: usize,
    /// True when the seller's node gave back the same bytes.
    pub read_back: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Uploaded {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Purchase {
    replicas: Vec<Replica>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replica {
    order_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contract {
    storage_id: String,
    buyer: String,
    seller: String,
    status: String,
    paid: Vec<Value>,
}

impl Archive {
    /// Offers at every second node and buys at the others; a network of one node stores nothing. The clients MUST have their nodes' tokens.
    ///
    /// # Errors
    /// A node refuses, or nothing becomes final.
    pub async fn store(nodes: &[HttpNode]) -> Result<Archive> {
        let mut bought = Vec::new();
        let buyers: Vec<&HttpNode> = nodes.iter().step_by(2).collect();
        if nodes.len() < 2 {
            return Ok(Archive { bought });
        }
        for seller in nodes.iter().skip(1).step_by(2) {
            offer(seller).await.context("offering storage")?;
        }
        for ((name, text), node) in FILES.into_iter().zip(buyers.into_iter().cycle()) {
            let content = text.as_bytes();
            let order = buy(node, content).await.with_context(|| format!("storing {name}"))?;
            bought.push(Bought { name, content, node: node.clone(), order });
        }
        Ok(Archive { bought })
    }

    /// Waits until all contents are stored, reads them back through their buyers' nodes and compares. What is wrong goes to `problems`.
    pub async fn read_back(&self, problems: &mut Vec<String>) -> Vec<StoredContent> {
        let mut out = Vec::with_capacity(self.bought.len());
        for bought in &self.bought {
            match bought.read_back().await {
                Ok(stored) if stored.read_back => out.push(stored),
                Ok(stored) => {
                    problems.push(format!("{} came back with other bytes from {}", stored.name, stored.seller));
                    out.push(stored);
                }
                Err(error) => problems.push(format!("{} is not stored: {error:#}", bought.name)),
            }
        }
        out
    }
}

impl Bought {
    async fn read_back(&self) -> Result<StoredContent> {
        let begun = Instant::now();
        let contract = loop {
            let contract: Contract = self.node.get(&format!("/api/storage/{}", self.order)).await?;
            if contract.status == "stored" {
                break contract;
            }
            ensure!(contract.status != "ended", "the contract has ended");
            ensure!(begun.elapsed() < PATIENCE, "the contract is {} after {} s", contract.status, PATIENCE.as_secs());
            tokio::time::sleep(POLL).await;
        };
        let Contract { storage_id, buyer, seller, paid, .. } = contract;
        let bytes = self.node.bytes(&format!("/api/storage/{storage_id}/content")).await?;
        let (name, read_back) = (self.name.to_owned(), bytes == self.content);
        Ok(StoredContent { name, bytes: self.content.len(), buyer, seller, storage_id, months_paid: paid.len(), read_back })
    }
}

async fn offer(node: &HttpNode) -> Result<()> {
    let ask =
        json!({"side": "ask", "resource": "storage", "quantity": OFFERED_GB.to_string(), "months": MONTHS, "minPricePerUnitChf": ASK_CHF});
    // Answers when the offer is final: a bid of a moment later finds it.
    node.post::<Value>("/api/marketplace/orders", &ask, None).await.map(drop)
}

/// Uploads and buys; the bid's id.
async fn buy(node: &HttpNode, content: &'static [u8]) -> Result<String> {
    let Uploaded { content } = node.put("/api/storage/content", content).await?;
    let size = BOUGHT_GB.to_string();
    let wish = json!({"content": content, "tier": "cold", "months": MONTHS, "sizeGb": size, "maxPricePerGbMonth": BID_CHF});
    let purchase: Purchase = node.post("/api/storage", &wish, None).await?;
    purchase.replicas.into_iter().next().map(|replica| replica.order_id).context("the node placed no bid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_the_market_the_longer_its_windows_and_a_day_stays_a_day() {
        assert_eq!(storage_params(1), StorageParams::STANDARD);
        let fast = storage_params(1_800);
        assert_eq!((fast.answer_window_ms, fast.day_ms, fast.missing_days), (7_200_000, DAY_MS, 7));
        let faster = storage_params(10_800);
        assert!(faster.answer_window_ms > fast.answer_window_ms && faster.announce_window_ms > DAY_MS);
    }
}
