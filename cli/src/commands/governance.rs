//! `leg governance`: proposals and votes through a node's API, signed by the node with its hub's key.

use super::node::NodeArguments;
use crate::client::HttpNode;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use leg_ledger::transaction::Change;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Through which node, and what.
#[derive(Debug, Args)]
pub struct GovernanceArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    command: GovernanceCommand,
}

#[derive(Debug, Subcommand)]
enum GovernanceCommand {
    /// Propose a change; this hub must sit in the committee.
    Propose(ProposeArguments),
    /// Vote on a proposal, once.
    Vote {
        /// The proposal.
        id: String,
        /// Vote against it.
        #[arg(long)]
        against: bool,
    },
    /// Take back a proposal of this hub that is open.
    Withdraw {
        /// The proposal.
        id: String,
    },
    /// List proposals that are open or wait for their height.
    List,
    /// Show one of them.
    Show {
        /// The proposal.
        id: String,
    },
    /// Show that this hub's node follows the chain, before it is voted into the committee.
    Heartbeat,
    /// Show who decides blocks.
    Committee,
}

/// A change with its times.
#[derive(Debug, Args)]
struct ProposeArguments {
    /// The change as JSON, such as '{"parameter": {"parameter": "fee", "value": 300}}'.
    #[arg(long, value_name = "JSON", value_parser = parse_change, required_unless_present = "file")]
    change: Option<Change>,
    /// File with the change, as `leg keys join` and `leg keys successor` print it.
    #[arg(long, value_name = "FILE", conflicts_with = "change")]
    file: Option<PathBuf>,
    /// Votes count before this time (RFC 3339, market time).
    #[arg(long)]
    deadline: String,
    /// First height at which the change is in force.
    #[arg(long, value_name = "HEIGHT")]
    activation: u64,
}

fn parse_change(text: &str) -> Result<Change, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl ProposeArguments {
    fn body(&self) -> Result<Value> {
        let change = match (&self.change, &self.file) {
            (Some(change), _) => change.clone(),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                serde_json::from_str(&text).with_context(|| format!("{} holds no change", path.display()))?
            }
            (None, None) => anyhow::bail!("say what is to change: --change JSON or --file FILE"),
        };
        Ok(json!({ "change": change, "deadline": self.deadline, "activationHeight": self.activation }))
    }
}

/// Runs a command.
pub async fn run(arguments: GovernanceArguments) -> Result<()> {
    let node = arguments.node.client()?;
    let proposals = "/api/governance/proposals";
    let answer: Value = match arguments.command {
        GovernanceCommand::Propose(propose) => node.post(proposals, &propose.body()?, None).await?,
        GovernanceCommand::Vote { id, against } => {
            node.post("/api/governance/votes", &json!({ "proposalId": id, "approve": !against }), None).await?
        }
        GovernanceCommand::Withdraw { id } => node.delete(&format!("{proposals}/{id}")).await?,
        GovernanceCommand::List => return print_proposals(&node).await,
        GovernanceCommand::Show { id } => node.get(&format!("{proposals}/{id}")).await?,
        GovernanceCommand::Heartbeat => node.post("/api/heartbeats", &json!({}), None).await?,
        GovernanceCommand::Committee => node.get("/api/governance/committee").await?,
    };
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

async fn print_proposals(node: &HttpNode) -> Result<()> {
    let answer: Value = node.get("/api/governance/proposals").await?;
    let proposals = answer.get("proposals").and_then(Value::as_array).context("the node answered without proposals")?;
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_header(["proposal", "by", "status", "change", "yes", "no", "of", "deadline", "height"]);
    for proposal in proposals {
        let text = |name: &str| match proposal.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => list.len().to_string(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let names = ["proposalId", "proposer", "status", "change", "yes", "no", "entitled", "deadline", "activationHeight"];
        table.add_row(names.iter().map(|name| text(name)));
    }
    println!("{table}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        propose: ProposeArguments,
    }

    #[test]
    fn a_change_is_checked_before_it_is_sent() {
        let line = ["x", "--deadline", "2026-12-01T00:00:00Z", "--activation", "900", "--change"];
        let parse = |change: &str| Only::try_parse_from(line.iter().copied().chain([change]));
        let body = parse(r#"{"parameter": {"parameter": "fee", "value": 300}}"#).unwrap().propose.body().unwrap();
        let want = json!({
            "change": { "parameter": { "parameter": "fee", "value": 300 } },
            "deadline": "2026-12-01T00:00:00Z", "activationHeight": 900,
        });
        assert_eq!(body, want);
        assert!(parse(r#"{"parameter": {"parameter": "fees", "value": 300}}"#).is_err());
        assert!(Only::try_parse_from(&line[..5]).is_err(), "without a change");
    }

    #[test]
    fn every_kind_of_change_can_be_typed() {
        let table = [
            r#"{"basePrice": {"resource": "compute", "base": 200000}}"#,
            r#"{"priceRule": {"resource": "energy", "rule": "seller"}}"#,
            r#"{"status": {"member": "hub-05", "status": "suspended"}}"#,
            r#"{"role": {"member": "hub-05", "role": "customer"}}"#,
            r#"{"capacity": {"member": "hub-05", "capacity": {"computeWatts": 1, "storageGb": 2, "solarPeakWatts": 3, "heatFactor": 9000, "machines": 0}}}"#,
            r#"{"reopen": {"resource": "compute"}}"#,
            r#"{"committee": {"members": ["hub-01", "hub-02", "hub-03", "hub-05"]}}"#,
            r#"{"version": {"version": 2}}"#,
        ];
        for text in table {
            let change = parse_change(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again: Value = serde_json::to_value(&change).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
        }
    }
}
