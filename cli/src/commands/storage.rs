//! `leg storage`: files under storage contracts, through a node's API; the node encrypts, announces and keeps the keys.

use super::node::NodeArguments;
use crate::client::HttpNode;
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Through which node, and what.
#[derive(Debug, Args)]
pub struct StorageArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    command: StorageCommand,
}

#[derive(Debug, Subcommand)]
enum StorageCommand {
    /// Upload a file and buy storage for it.
    Put(PutArguments),
    /// Read a stored file back from its seller, verified and decrypted.
    Get {
        /// The contract, or its bid.
        id: String,
        /// Where to write it; a file that exists is not replaced.
        #[arg(long, short)]
        output: PathBuf,
    },
    /// List the running contracts of this hub.
    List,
    /// Show a contract.
    Show {
        /// The contract, or its bid.
        id: String,
    },
    /// End a contract: at once before its content is stored, else with the running month.
    End {
        /// The contract.
        id: String,
    },
}

/// A file and on what terms it is to be stored.
#[derive(Debug, Args)]
struct PutArguments {
    /// The file.
    file: PathBuf,
    /// Calendar months.
    #[arg(long)]
    months: u32,
    /// How it will be read: hot or cold.
    #[arg(long, default_value = "cold", value_parser = ["hot", "cold"])]
    tier: String,
    /// GB that are reserved; what the file needs if absent.
    #[arg(long, value_name = "GB")]
    size_gb: Option<String>,
    /// The most that it may cost, CHF per GB and month; a tenth above the reference price if absent.
    #[arg(long, value_name = "CHF")]
    max_price: Option<String>,
    /// Copies at sellers of different owners.
    #[arg(long)]
    replicas: Option<u8>,
    /// A retry with the same key buys once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
struct Uploaded {
    content: String,
}

impl PutArguments {
    fn wish(&self, content: String) -> Value {
        let mut wish = Map::new();
        let given = [("sizeGb", &self.size_gb), ("maxPricePerGbMonth", &self.max_price)];
        wish.extend(given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into()))));
        wish.extend(self.replicas.map(|replicas| ("replicas".to_owned(), replicas.into())));
        wish.insert("content".into(), content.into());
        wish.insert("tier".into(), self.tier.clone().into());
        wish.insert("months".into(), self.months.into());
        wish.into()
    }

    async fn put(&self, node: &HttpNode) -> Result<Value> {
        let uploaded: Uploaded = node.upload("/api/storage/content", &self.file).await?;
        // The root is computed here as well: what was uploaded is what is in the file.
        let (file, told) = (self.file.clone(), uploaded.content.clone());
        let root = tokio::task::spawn_blocking(move || root_of(&file)).await.context("hashing the file")??;
        ensure!(root == told, "the node received other bytes than are in {}: root {told}, not {root}", self.file.display());
        node.post("/api/storage", &self.wish(uploaded.content), self.idempotency_key.as_deref()).await
    }
}

fn root_of(file: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let opened = std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    hasher.update_reader(opened).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Does it and prints what the node answers.
pub async fn run(arguments: StorageArguments) -> Result<()> {
    let node = arguments.node.client()?;
    let answer: Value = match &arguments.command {
        StorageCommand::Put(put) => put.put(&node).await?,
        StorageCommand::Get { id, output } => {
            let bytes = node.download(&format!("/api/storage/{id}/content"), output).await?;
            println!("{bytes} bytes in {}", output.display());
            return Ok(());
        }
        StorageCommand::List => {
            let answer: Value = node.get("/api/storage").await?;
            println!("{}", table(&answer)?);
            return Ok(());
        }
        StorageCommand::Show { id } => node.get(&format!("/api/storage/{id}")).await?,
        StorageCommand::End { id } => node.delete(&format!("/api/storage/{id}")).await?,
    };
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

fn table(answer: &Value) -> Result<Table> {
    let contracts = answer["contracts"].as_array().context("the node answered without contracts")?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["contract", "buyer", "seller", "status", "GB", "CHF per GB-month", "month", "of", "missed in a row"]);
    let fields = ["storageId", "buyer", "seller", "status", "quantityGb", "pricePerGbMonth", "month", "months", "missedInRow"];
    for contract in contracts {
        let text = |field: &str| match &contract[field] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        table.add_row(fields.map(text));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        put: PutArguments,
    }

    #[test]
    fn a_wish_has_what_was_given_and_nothing_else() {
        let wish = |line: &str| Line::parse_from(line.split_whitespace()).put.wish("ab".into());
        assert_eq!(wish("put file --months 12"), json!({"content": "ab", "tier": "cold", "months": 12}));
        let all = wish("put file --months 3 --tier hot --size-gb 5 --max-price 0.05 --replicas 2");
        let want = json!({"content": "ab", "tier": "hot", "months": 3, "sizeGb": "5", "maxPricePerGbMonth": "0.05", "replicas": 2});
        assert_eq!(all, want);
    }

    #[test]
    fn the_list_has_a_row_for_each_contract() {
        let answer =
            json!({"contracts": [{"storageId": "aa", "buyer": "hub-01", "status": "stored", "quantityGb": 100, "month": 1, "months": 12}]});
        let text = table(&answer).unwrap().to_string();
        assert!(text.contains("hub-01") && text.contains("stored") && text.contains("100"), "{text}");
        assert!(table(&json!({})).is_err());
    }
}
