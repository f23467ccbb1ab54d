//! `leg genesis`: what a network agrees on before its first block.

use crate::home::load_genesis;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use leg_genesis::{DevnetSpec, Genesis, MemberDocument, first_network};
use leg_node::clock::SystemClock;
use std::path::{Path, PathBuf};

/// What to do with a genesis.
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Check a document; prints what it says in short.
    Check {
        /// The document.
        file: PathBuf,
    },
    /// Print the chain id of a document: the hash that every signature of the network carries.
    Hash {
        /// The document.
        file: PathBuf,
    },
    /// Build the document of a first network from its members' entries (see `leg keys member`).
    Build(BuildArguments),
    /// Build the document of a development network; all its keys follow from the seed.
    Devnet(DevnetPresetArguments),
}

/// A first network.
#[derive(Debug, Args)]
pub struct BuildArguments {
    /// Name of the network.
    #[arg(long)]
    name: String,
    /// A member's entry; every hub with a consensus key decides. At least four hubs.
    #[arg(long, value_name = "FILE", required = true)]
    member: Vec<PathBuf>,
    /// Genesis time, Unix milliseconds; now if absent.
    #[arg(long, value_name = "MS")]
    origin_ms: Option<u64>,
    /// Where to write it; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A development network.
#[derive(Debug, Args)]
pub struct DevnetPresetArguments {
    /// Everybody who knows it has all keys.
    #[arg(long, default_value = "leg devnet")]
    seed: String,
    /// Market milliseconds in a millisecond; 900 is a slot a second.
    #[arg(long, default_value_t = 900)]
    scale: u32,
    /// Hubs in the committee.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Genesis time, Unix milliseconds; now if absent.
    #[arg(long, value_name = "MS")]
    origin_ms: Option<u64>,
    /// Where to write it; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs a command.
pub fn run(command: GenesisCommand) -> Result<()> {
    let now = || SystemClock.now().ms();
    match command {
        GenesisCommand::Check { file } => {
            describe(&load_genesis(&file)?);
            Ok(())
        }
        GenesisCommand::Hash { file } => {
            println!("{}", load_genesis(&file)?.chain_id());
            Ok(())
        }
        GenesisCommand::Build(arguments) => {
            let mut members = Vec::with_capacity(arguments.member.len());
            for path in &arguments.member {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                members.push(MemberDocument::from_json(&text).with_context(|| path.display().to_string())?);
            }
            let genesis = first_network(&arguments.name, arguments.origin_ms.unwrap_or_else(now), members)?;
            write(&genesis, arguments.out.as_deref())
        }
        GenesisCommand::Devnet(arguments) => {
            let origin_ms = arguments.origin_ms.unwrap_or_else(now);
            let spec = DevnetSpec { scale: arguments.scale, committee: arguments.nodes, ..DevnetSpec::new(&arguments.seed, origin_ms) };
            write(&spec.build()?.0, arguments.out.as_deref())
        }
    }
}

fn write(genesis: &Genesis, out: Option<&Path>) -> Result<()> {
    let Some(path) = out else {
        println!("{}", genesis.to_json());
        return Ok(());
    };
    std::fs::write(path, genesis.to_json()).with_context(|| format!("cannot write {}", path.display()))?;
    describe(genesis);
    Ok(())
}

fn describe(genesis: &Genesis) {
    let deposited: u64 = genesis.members().iter().map(|m| m.balance.get()).sum();
    println!("name       {}", genesis.name());
    println!("chain id   {}", genesis.chain_id());
    println!("origin     {} ms, {} market ms in a millisecond", genesis.clock().origin.ms(), genesis.clock().scale);
    println!("members    {}", genesis.members().len());
    println!("committee  {}", genesis.committee().members().iter().map(|m| m.member.to_string()).collect::<Vec<_>>().join(" "));
    println!("deposited  CHF {}", leg_ledger::amount::MicroChf::new(deposited));
}
