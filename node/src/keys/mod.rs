//! The secret keys of a hub, in files that only their owner can read.
//!
//! ```text
//! keys/operator.key   signs orders and everything else that the hub decides
//! keys/meter.key      signs readings and completions
//! keys/consensus.key  signs votes; only of hubs that may sit in the committee
//! keys/consensus.next.key   the consensus key that is to take over; read when the committee names it, without a restart
//! keys/network.key    identifies the node in the swarm
//! ```
//!
//! A file holds 64 hexadecimal digits and a line end, or the same encrypted with a pass-phrase in the age format (scrypt). Its mode MUST be
//! 0600 or stricter: a key that others can read is refused, not used.

mod consensus;
mod error;
mod file;

pub use consensus::ConsensusKeys;
pub use error::KeyError;
pub use file::{Passphrase, read_key, read_token, write_key};

use leg_ledger::signature::SecretKey;
use std::path::Path;

/// File names in the key folder.
pub const OPERATOR_FILE: &str = "operator.key";
/// See [`OPERATOR_FILE`].
pub const METER_FILE: &str = "meter.key";
/// See [`OPERATOR_FILE`].
pub const CONSENSUS_FILE: &str = "consensus.key";
/// The successor of [`CONSENSUS_FILE`], from before the vote on it until it has taken over.
pub const NEXT_CONSENSUS_FILE: &str = "consensus.next.key";
/// See [`OPERATOR_FILE`].
pub const NETWORK_FILE: &str = "network.key";

/// The keys that a node runs with.
#[derive(Clone, Debug)]
pub struct NodeKeys {
    /// Signs what the hub decides; a node without it serves reads and transactions that were signed elsewhere.
    pub operator: Option<SecretKey>,
    /// Signs readings.
    pub meter: Option<SecretKey>,
    /// Signs votes; a node without it follows.
    pub consensus: Option<SecretKey>,
    /// Identifies the node.
    pub network: SecretKey,
}

impl NodeKeys {
    /// Reads the keys in `folder`; only that of the network is required.
    ///
    /// # Errors
    /// [`KeyError`], naming the file.
    pub fn load(folder: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeyError> {
        let optional = |name: &str| match read_key(&folder.join(name), passphrase) {
            Ok(key) => Ok(Some(key)),
            Err(KeyError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(NodeKeys {
            operator: optional(OPERATOR_FILE)?,
            meter: optional(METER_FILE)?,
            consensus: optional(CONSENSUS_FILE)?,
            network: read_key(&folder.join(NETWORK_FILE), passphrase)?,
        })
    }
}

#[cfg(test)]
mod tests;
