//! `leg init`: the home folder of a node.

use super::keys::generate;
use super::passphrase::PassphraseArguments;
use crate::home::{Home, KEY_FILES, load_genesis};
use anyhow::{Context, Result};
use clap::Args;
use leg_ledger::member::KeyRole;
use leg_node::config::Config;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How the node is to run.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Home folder to make.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The network's genesis document; it can be put into the folder later as well.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Address of the swarm to listen on, a multiaddress.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// A node to stay connected with: a multiaddress that ends with /p2p/ and the node's id.
    #[arg(long, value_name = "ADDRESS")]
    peer: Vec<String>,
    /// Address of the HTTP API.
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<SocketAddr>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Makes what is missing and keeps what is there, so that it can be run twice.
pub fn run(arguments: &InitArguments) -> Result<()> {
    let home = Home::at(&arguments.home);
    let genesis = arguments.genesis.as_ref().map(|path| load_genesis(path)).transpose()?;
    let roles: Vec<KeyRole> = KEY_FILES.iter().map(|(role, _)| *role).collect();
    generate(&home, &roles, arguments.passphrase.read()?.as_ref())?;
    home.create_token()?;
    write_config(&home, arguments)?;
    if let Some(genesis) = genesis {
        std::fs::write(home.genesis(), genesis.to_json()).with_context(|| format!("cannot write {}", home.genesis().display()))?;
        println!("network    {} {}", genesis.name(), genesis.chain_id());
    } else if !home.genesis().exists() {
        println!("put the network's genesis document to {}, then start the node", home.genesis().display());
        return Ok(());
    }
    println!("start the node with `leg start --home {}`", home.path().display());
    Ok(())
}

fn write_config(home: &Home, arguments: &InitArguments) -> Result<()> {
    if home.config().exists() {
        println!("kept {}", home.config().display());
        return Ok(());
    }
    let mut config = Config::default();
    if !arguments.listen.is_empty() {
        config.network.listen.clone_from(&arguments.listen);
    }
    config.network.peers.clone_from(&arguments.peer);
    if let Some(address) = arguments.api {
        config.api.listen = address;
    }
    config.check()?;
    std::fs::write(home.config(), config.to_toml()).with_context(|| format!("cannot write {}", home.config().display()))
}
