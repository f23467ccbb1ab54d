//! `leg start`: a node.

use super::passphrase::PassphraseArguments;
use crate::home::Home;
use crate::signals::asked_to_stop;
use anyhow::{Context, Result, bail};
use clap::Args;
use leg_genesis::Genesis;
use leg_ledger::execute::Rules;
use leg_ledger::signature::PublicKey;
use leg_node::chain::Founding;
use leg_node::keys::NodeKeys;
use leg_node::node::{Node, Setup};
use leg_node::telemetry::start_log;
use std::path::PathBuf;

/// Which node.
#[derive(Debug, Args)]
pub struct StartArguments {
    /// Home folder of the node.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Runs it until Ctrl-C or SIGTERM.
pub async fn run(arguments: StartArguments, rules: Rules) -> Result<()> {
    let home = Home::at(&arguments.home);
    let genesis = home.load_genesis()?;
    let passphrase = arguments.passphrase.read()?;
    let founding = Founding { chain: genesis.chain_id(), state: genesis.state() };
    let advice = || format!("`leg init --home {}` makes what a node needs", home.path().display());
    let setup = Setup::load(home.of_node(), founding, rules, passphrase.as_ref()).with_context(advice)?;
    start_log(&setup.config.log)?;
    check_keys(&genesis, &setup.keys)?;
    let node = Node::start(setup).await.context("the node did not start")?;
    let shutdown = node.shutdown();
    tokio::spawn(async move {
        match asked_to_stop().await {
            Ok(()) => shutdown.request(),
            Err(error) => shutdown.fatal(format!("{error:#}")),
        }
    });
    node.run().await.context("the node stopped because of a failure")
}

/// A founder's keys must stand in the genesis as they are here. Who founded nothing (a later member, an observer of its own) is let through: the
/// registry of the chain says who it is.
fn check_keys(genesis: &Genesis, keys: &NodeKeys) -> Result<()> {
    let known = |key: &PublicKey| {
        let owner = genesis.members().iter().find(|m| m.member.keys.all().iter().any(|(_, k)| k == key));
        owner.map(|m| m.member.id)
    };
    let ours = [keys.operator.as_ref(), keys.meter.as_ref(), keys.consensus.as_ref(), Some(&keys.network)];
    let mut members: Vec<_> = ours.into_iter().flatten().filter_map(|key| known(&key.public())).collect();
    members.dedup();
    if members.len() > 1 {
        bail!("the keys of this home belong to several founders of the genesis: {members:?}; a node has the keys of one member");
    }
    Ok(())
}
