//! The last questions to the nodes: same state root everywhere, same accounts as the auditor's.

use super::audit::Auditor;
use super::report::NodeReport;
use crate::client::{HttpNode, LedgerApi};
use anyhow::{Context, Result, ensure};
use leg_ledger::decimal::{parse_chf, parse_kwh};
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::state::{Accounts, View};
use serde::Deserialize;
use serde_json::Number;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for a node to reach the auditor's height.
const CATCH_UP: Duration = Duration::from_secs(60);
/// How often a node is asked.
const POLL: Duration = Duration::from_millis(50);

/// A node as it is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Its API.
    pub node: HttpNode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountAnswer {
    height: u64,
    free_chf: Number,
    reserved_chf: Number,
    escrow_chf: Number,
    heat_free_kwh: Number,
    heat_reserved_kwh: Number,
}

/// Waits until each node is at least as far as the auditor, and compares its state root with the auditor's at the same height.
///
/// # Errors
/// A node does not answer, or does not catch up within a minute.
pub async fn compare_roots(auditor: &mut Auditor, nodes: &[Asked]) -> Result<Vec<NodeReport>> {
    let target = auditor.next_height().previous().unwrap_or(Height::GENESIS);
    let mut out = Vec::with_capacity(nodes.len());
    for Asked { name, node } in nodes {
        let begun = Instant::now();
        let status = loop {
            let status = node.status().await?;
            if status.height >= target {
                break status;
            }
            let waited = begun.elapsed();
            ensure!(waited < CATCH_UP, "node {name} is at height {}, {} behind", status.height, target.get() - status.height.get());
            tokio::time::sleep(POLL).await;
        };
        follow(auditor, node, status.height).await?;
        let agrees = auditor.root(status.height) == Some(status.state_root);
        let (height, state_root) = (status.height.get(), status.state_root.to_string());
        out.push(NodeReport { name: name.clone(), api: node.base().to_owned(), height, state_root, agrees });
    }
    Ok(out)
}

/// Compares a member's account as a node tells it with the auditor's at the same height.
///
/// # Errors
/// They differ, or the node does not answer.
pub async fn compare_account(auditor: &mut Auditor, asked: &Asked, member: MemberId) -> Result<()> {
    let begun = Instant::now();
    loop {
        let answer: AccountAnswer = asked.node.get(&format!("/api/accounts/{member}")).await?;
        follow(auditor, &asked.node, Height::new(answer.height)).await?;
        let tip = auditor.next_height().previous().unwrap_or(Height::GENESIS);
        if tip.get() != answer.height {
            // The auditor is ahead of the answer by a block that another node told; ask again.
            ensure!(begun.elapsed() < CATCH_UP, "node {} stays behind", asked.name);
            tokio::time::sleep(POLL).await;
            continue;
        }
        let account = auditor.state().get::<Accounts>(&member).copied().unwrap_or_default();
        let ours = [account.free, account.reserved, account.escrow].map(|m| m.get());
        let money = |n: &Number| parse_chf(&n.to_string()).map(|m| m.get());
        let theirs = [money(&answer.free_chf)?, money(&answer.reserved_chf)?, money(&answer.escrow_chf)?];
        let heat = |n: &Number| parse_kwh(&n.to_string());
        let same_heat = account.heat_free == heat(&answer.heat_free_kwh)? && account.heat_reserved == heat(&answer.heat_reserved_kwh)?;
        ensure!(ours == theirs && same_heat, "node {} tells another account of {member} than the blocks give", asked.name);
        return Ok(());
    }
}

/// Audits blocks up to a height.
async fn follow(auditor: &mut Auditor, node: &HttpNode, height: Height) -> Result<()> {
    while auditor.next_height() <= height {
        let next = auditor.next_height();
        let (block, certificate) = node.block(next).await?.with_context(|| format!("{} has no block {next}", node.base()))?;
        auditor.audit(&block, &certificate)?;
    }
    Ok(())
}
