//! The home folder of a node.
//!
//! ```text
//! genesis.json   what the network agreed on
//! node.toml      how this node runs
//! token          bearer token of the API, mode 0600
//! keys/          operator.key meter.key consensus.key network.key, mode 0600
//! data/          blocks, state, write-ahead log, sign guard
//! ```

use anyhow::{Context, Result, bail};
use leg_genesis::Genesis;
use leg_ledger::member::KeyRole;
use leg_ledger::signature::SecretKey;
use leg_node::config::Config;
use leg_node::keys::{CONSENSUS_FILE, METER_FILE, NETWORK_FILE, OPERATOR_FILE};
use rand::RngCore;
use rand::rngs::OsRng;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Every role with its key file, in the order in which people read them.
pub const KEY_FILES: [(KeyRole, &str); 4] = [
    (KeyRole::Operator, OPERATOR_FILE),
    (KeyRole::Meter, METER_FILE),
    (KeyRole::Consensus, CONSENSUS_FILE),
    (KeyRole::Network, NETWORK_FILE),
];

/// A home folder, as [`leg_node::node::Home`] lays it out, and how it is made.
#[derive(Clone, Debug)]
pub struct Home(leg_node::node::Home);

impl Home {
    /// The folder at a path, which need not exist yet.
    pub fn at(path: &Path) -> Self {
        Home(leg_node::node::Home::new(path))
    }

    /// As the node sees it.
    pub fn of_node(&self) -> &leg_node::node::Home {
        &self.0
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes the folder and its key folder, readable by their owner alone.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn create(&self) -> Result<()> {
        for folder in [self.path().to_owned(), self.keys()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(())
    }

    /// The genesis document.
    pub fn genesis(&self) -> PathBuf {
        self.0.genesis()
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.0.config()
    }

    /// The API's token.
    pub fn token(&self) -> PathBuf {
        self.0.token()
    }

    /// The folder of the keys.
    pub fn keys(&self) -> PathBuf {
        self.0.keys()
    }

    /// Reads and checks the genesis.
    ///
    /// # Errors
    /// It is missing or not a genesis.
    pub fn load_genesis(&self) -> Result<Genesis> {
        load_genesis(&self.genesis())
    }

    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// It is missing or has a field that is wrong.
    pub fn load_config(&self) -> Result<Config> {
        Config::load(&self.config()).with_context(|| format!("make one with `leg init --home {}`", self.path().display()))
    }

    /// Reads the token.
    ///
    /// # Errors
    /// It is missing or empty.
    pub fn load_token(&self) -> Result<String> {
        read_token(&self.token())
    }

    /// Writes a new random token where there is none.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn create_token(&self) -> Result<()> {
        if self.token().exists() {
            return Ok(());
        }
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        write_private(&self.token(), &format!("{}\n", hex::encode(bytes)))
    }
}

/// Reads and checks a genesis document.
///
/// # Errors
/// It is missing, or a field is wrong.
pub fn load_genesis(path: &Path) -> Result<Genesis> {
    let missing = || format!("no genesis at {}; ask the founders for the document, or make one with `leg genesis`", path.display());
    let text = fs::read_to_string(path).with_context(missing)?;
    Genesis::from_json(&text).with_context(|| path.display().to_string())
}

/// Reads a token file.
///
/// # Errors
/// It is missing or empty.
pub fn read_token(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("no token at {}; it is in the home folder of the node", path.display()))?;
    match text.trim() {
        "" => bail!("{} is empty", path.display()),
        token => Ok(token.to_owned()),
    }
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// It exists, or the system does not let it.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.sync_all().with_context(failed)
}

/// A new secret key from the system's source of randomness.
pub fn random_key() -> SecretKey {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    SecretKey::from_bytes(&bytes)
}
