//! The consensus keys of a node while it runs: those that it started with, and what its key folder holds when the committee names another.

use super::{CONSENSUS_FILE, KeyError, NEXT_CONSENSUS_FILE, Passphrase, read_key};
use leg_consensus::ports::KeySource;
use leg_ledger::signature::{PublicKey, SecretKey};
use std::fmt;
use std::path::{Path, PathBuf};

/// Finds the secret half of the key that a seat names.
///
/// A rotation goes: write `consensus.next.key`, have the vote, and when it is in force move the file to `consensus.key`. The node reads the
/// folder once for each new key that the committee names, so none of these steps needs a restart.
#[derive(Clone)]
pub struct ConsensusKeys {
    folder: PathBuf,
    passphrase: Option<Passphrase>,
    known: Vec<SecretKey>,
}

impl ConsensusKeys {
    /// The keys that are known, and the folder in which others are looked up.
    pub fn new(folder: &Path, passphrase: Option<Passphrase>, known: Vec<SecretKey>) -> Self {
        ConsensusKeys { folder: folder.to_owned(), passphrase, known }
    }

    fn read(&self) -> Vec<SecretKey> {
        let files = [CONSENSUS_FILE, NEXT_CONSENSUS_FILE].map(|name| self.folder.join(name));
        let read = files.iter().filter_map(|path| match read_key(path, self.passphrase.as_ref()) {
            Ok(key) => Some(key),
            Err(KeyError::Missing(_)) => None,
            Err(error) => {
                tracing::error!(%error, "a consensus key cannot be used");
                None
            }
        });
        read.collect()
    }
}

impl KeySource for ConsensusKeys {
    fn find(&mut self, public: &PublicKey) -> Option<SecretKey> {
        if let Some(known) = self.known.find(public) {
            return Some(known);
        }
        let mut read = self.read();
        let found = read.find(public);
        if found.is_some() {
            self.known = read;
        }
        found
    }
}

impl fmt::Debug for ConsensusKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsensusKeys").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_key;
    use super::*;

    #[test]
    fn a_key_that_is_written_while_the_node_runs_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let key = |seed: u8| SecretKey::from_bytes(&[seed; 32]);
        let mut keys = ConsensusKeys::new(folder.path(), None, vec![key(1)]);
        assert!(keys.find(&key(1).public()).is_some(), "no file is needed for what is known");
        assert!(keys.find(&key(2).public()).is_none());
        write_key(&folder.path().join(NEXT_CONSENSUS_FILE), &key(2), None).unwrap();
        assert_eq!(keys.find(&key(2).public()).map(|k| k.public()), Some(key(2).public()));
        std::fs::rename(folder.path().join(NEXT_CONSENSUS_FILE), folder.path().join(CONSENSUS_FILE)).unwrap();
        assert!(keys.find(&key(2).public()).is_some());
        assert!(!format!("{keys:?}").contains(&hex::encode([2; 32])));
    }
}
