//! What a person types. One command a file; each has its arguments and a `run`.

mod bench;
mod devnet;
pub mod explain;
mod genesis;
mod governance;
mod init;
mod keys;
mod node;
mod order;
mod passphrase;
pub mod proof;
mod start;
mod storage;

pub use devnet::DevnetArguments;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use leg_ledger::execute::Rules;
use std::future::Future;

/// A market and ledger for local energy communities: compute, heat and energy between buildings.
#[derive(Debug, Parser)]
#[command(name = "leg", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, show, encrypt and decrypt the keys of a hub.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Make the home folder of a node.
    Init(init::InitArguments),
    /// Build and check what a network agrees on before its first block.
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    /// Run a node.
    Start(start::StartArguments),
    /// Place, list and cancel orders through a node.
    Order(order::OrderArguments),
    /// Tell what a block did with an order and why, by replaying the chain.
    Explain(explain::ExplainArguments),
    /// Store files at other hubs, read them back, list contracts.
    Storage(storage::StorageArguments),
    /// Propose changes, vote on them, list proposals.
    Governance(governance::GovernanceArguments),
    /// Run a whole network on this machine and replay a real Swiss week.
    Devnet(Box<devnet::DevnetArguments>),
    /// Measure what this program reaches on this machine, beside what the machine allows.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Runs what was asked for, by the protocol versions in `rules` that the program knows.
///
/// # Errors
/// What failed, with what to do next.
pub fn run(arguments: Arguments, rules: Rules) -> Result<()> {
    match arguments.command {
        Command::Keys(command) => keys::run(command),
        Command::Init(arguments) => init::run(&arguments),
        Command::Genesis(command) => genesis::run(command),
        Command::Start(arguments) => block_on(start::run(arguments, rules)),
        Command::Order(arguments) => block_on(order::run(arguments)),
        Command::Explain(arguments) => block_on(explain::run(arguments)),
        Command::Storage(arguments) => block_on(storage::run(arguments)),
        Command::Governance(arguments) => block_on(governance::run(arguments)),
        Command::Devnet(arguments) => block_on(devnet::run(*arguments)),
        Command::Bench(command) => bench::run(command),
    }
}

fn block_on(job: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the system offers no runtime")?;
    runtime.block_on(job)
}
