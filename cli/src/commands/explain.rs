//! `leg explain`: what a block did with an order and why, found by an auditor that replays the chain and believes no node.

use super::node::NodeArguments;
use crate::client::LedgerApi;
use crate::devnet::audit::Auditor;
use crate::home::Home;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use leg_genesis::Genesis;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::ids::{Height, OrderId};
use leg_ledger::receipt::Event;
use leg_node::api::ExplainAnswer;
use std::path::PathBuf;

/// Which order, in which block, by whose blocks.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// What the network began with; the genesis in --home if absent.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// The order.
    #[arg(long, value_name = "ID")]
    order: String,
    /// The block; that in which the order left the book if absent.
    #[arg(long)]
    height: Option<u64>,
    /// Most candidates that are told.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Replays and prints the same JSON as the API.
pub async fn run(arguments: ExplainArguments) -> Result<()> {
    let path = match (&arguments.genesis, arguments.node.home()) {
        (Some(path), _) => path.clone(),
        (None, Some(home)) => Home::at(home).genesis(),
        (None, None) => bail!("say where the network's genesis is: --genesis FILE, or --home DIR"),
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let genesis = Genesis::from_json(&text).with_context(|| path.display().to_string())?;
    let order = OrderId::from_hex(&arguments.order).with_context(|| format!("{} is no order's id, 64 hex digits", arguments.order))?;
    let wanted = Wanted { order, height: arguments.height.map(Height::new), limit: arguments.limit };
    let answer = replay(&genesis, &arguments.node.client()?, wanted).await?;
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The order.
    pub order: OrderId,
    /// The block; by default that in which the order left the book.
    pub height: Option<Height>,
    /// Most candidates.
    pub limit: usize,
}

/// Audits a node's blocks from genesis up to the one that is wanted, and explains the order in it.
///
/// # Errors
/// The node does not have the blocks, one of them is not valid, or the order was not in the book.
pub async fn replay(genesis: &Genesis, node: &impl LedgerApi, wanted: Wanted) -> Result<ExplainAnswer> {
    ensure!(wanted.height != Some(Height::GENESIS), "there is no order before the first block");
    let mut auditor = Auditor::new(genesis)?;
    // Blocks that come while this runs are not followed for ever.
    let last = node.status().await?.height;
    while auditor.next_height() <= last {
        let height = auditor.next_height();
        let (block, certificate) = node.block(height).await?.with_context(|| format!("the node has no block {height}"))?;
        if let Some(answer) = step(&mut auditor, &block, &certificate, wanted)? {
            return Ok(answer);
        }
    }
    match wanted.height {
        Some(height) => bail!("the node is at height {last}; there is no block {height} yet"),
        None => bail!("the order has not left the book by block {last}; name a block with --height"),
    }
}

/// The answer if this is the block, else one block on.
fn step(auditor: &mut Auditor, block: &Block, certificate: &Certificate, wanted: Wanted) -> Result<Option<ExplainAnswer>> {
    let height = block.header.height;
    let executed = auditor.check(block, certificate)?;
    let is_end = |event: &Event| matches!(event, Event::OrderEnded { order, .. } if *order == wanted.order);
    let is_meant = wanted.height.map_or_else(|| executed.events.iter().any(is_end), |meant| meant == height);
    if !is_meant {
        auditor.accept(block, executed)?;
        return Ok(None);
    }
    let explained = auditor.ledger().explain(block, wanted.order, wanted.limit)?;
    let explained = explained.with_context(|| format!("order {} was not in the book in block {height}", wanted.order))?;
    Ok(Some(ExplainAnswer::of(wanted.order, &explained)))
}
