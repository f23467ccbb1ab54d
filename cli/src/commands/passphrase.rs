//! Where a pass-phrase comes from: never from the command line, which other users of the machine can read.

use anyhow::{Context, Result, bail};
use clap::Args;
use leg_node::keys::Passphrase;
use std::path::PathBuf;

/// Environment variable with the pass-phrase.
const VARIABLE: &str = "LEG_PASSPHRASE";

/// Where to take the pass-phrase of encrypted keys from.
#[derive(Debug, Args)]
pub struct PassphraseArguments {
    /// File whose first line is the pass-phrase of encrypted keys; else the environment variable LEG_PASSPHRASE, if it is set.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    #[cfg(test)]
    pub fn from_file(file: Option<&std::path::Path>) -> Self {
        PassphraseArguments { passphrase_file: file.map(ToOwned::to_owned) }
    }

    /// The pass-phrase, if one was given.
    ///
    /// # Errors
    /// The file cannot be read or is empty.
    pub fn read(&self) -> Result<Option<Passphrase>> {
        let text = match &self.passphrase_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the pass-phrase in {}", path.display()))?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            None => match std::env::var(VARIABLE) {
                Ok(text) => text,
                Err(_) => return Ok(None),
            },
        };
        if text.is_empty() {
            bail!("the pass-phrase is empty");
        }
        Ok(Some(Passphrase::new(text)))
    }

    /// The pass-phrase, which is needed.
    ///
    /// # Errors
    /// None was given.
    pub fn require(&self) -> Result<Passphrase> {
        self.read()?.with_context(|| format!("give the pass-phrase with --passphrase-file or in {VARIABLE}"))
    }
}
