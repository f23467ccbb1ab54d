//! What a node is started from: its home folder and the network's founding state.

use crate::chain::Founding;
use crate::config::{Config, ConfigError};
use crate::keys::{ConsensusKeys, KeyError, NodeKeys, Passphrase, read_token};
use leg_ledger::execute::{Recovery, Rules};
use std::path::{Path, PathBuf};

/// Names within a home folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home folder at `path`.
    pub fn new(path: &Path) -> Self {
        Home(path.to_owned())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The network's genesis document.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("genesis.json")
    }

    /// The node's configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    /// The key folder.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The API's bearer token.
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }
}

/// Why a node cannot be set up from its home folder.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key or the token.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A recovery needs a newer program.
    #[error("recovery at height {}: this program does not know protocol version {}; install one that does", .0.height, .0.version.get())]
    Recovery(Recovery),
}

/// Everything that a node is started from.
pub struct Setup {
    /// Settings.
    pub config: Config,
    /// The data folder.
    pub data: PathBuf,
    /// What the network begins with.
    pub founding: Founding,
    /// The protocol versions that the program knows, with the recoveries of the configuration.
    pub rules: Rules,
    /// Keys.
    pub keys: NodeKeys,
    /// Where consensus keys are looked up when the committee names another.
    pub consensus_keys: ConsensusKeys,
    /// The API's bearer token.
    pub token: String,
}

impl Setup {
    /// Reads settings, keys and token from a home folder. The founding state comes from the genesis document, which the caller reads; `known`
    /// are the protocol versions that the program knows.
    ///
    /// # Errors
    /// [`SetupError`], naming the file and the field.
    pub fn load(home: &Home, founding: Founding, known: Rules, passphrase: Option<&Passphrase>) -> Result<Self, SetupError> {
        let config = Config::load(&home.config())?;
        let unknown = config.recovery.iter().map(|r| r.recovery()).find(|r| !known.knows(r.version));
        if let Some(recovery) = unknown {
            return Err(SetupError::Recovery(recovery));
        }
        let rules = config.recovery.iter().fold(known, |rules, r| rules.with_recovery(r.recovery()));
        let keys = NodeKeys::load(&home.keys(), passphrase)?;
        let consensus_keys = ConsensusKeys::new(&home.keys(), passphrase.cloned(), keys.consensus.iter().cloned().collect());
        let token = read_token(&home.token())?;
        let data = home.path().join(&config.storage.folder);
        Ok(Setup { config, data, founding, rules, keys, consensus_keys, token })
    }

    pub(super) fn database(&self) -> PathBuf {
        self.data.join("db")
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.data.join("wal")
    }

    pub(super) fn content(&self) -> PathBuf {
        self.data.join("content")
    }

    pub(super) fn guard(&self) -> PathBuf {
        self.data.join("guard")
    }
}
