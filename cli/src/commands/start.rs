//! `leg start`: a node.

use super::passphrase::PassphraseArguments;
use anyhow::{Result, bail};
use clap::Args;
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
pub async fn run(arguments: StartArguments) -> Result<()> {
    let _ = (arguments.home, arguments.passphrase.read()?);
    bail!("not yet")
}
