//! Changes of the registry that a hub hands in for a vote, with proof that it has the secret half of each key.

use crate::home::{Home, KEY_FILES, random_key};
use anyhow::{Context, Result};
use leg_ledger::governance::possession_message;
use leg_ledger::ids::MemberId;
use leg_ledger::member::{KeyRole, Member};
use leg_ledger::signature::SecretKey;
use leg_ledger::transaction::{Change, KeyChange, NewMember, ProvenKey};
use leg_node::keys::{KeyError, NEXT_CONSENSUS_FILE, Passphrase, read_key, write_key};

/// A key with its proof.
pub fn proven(member: MemberId, role: KeyRole, secret: &SecretKey) -> ProvenKey {
    let key = secret.public();
    ProvenKey { key, possession: secret.sign(&possession_message(member, role, &key)) }
}

/// The change by which an entry, whose keys are in `home`, joins the registry.
///
/// # Errors
/// A key cannot be read.
pub fn join(home: &Home, entry: &Member, passphrase: Option<&Passphrase>) -> Result<Change> {
    let prove = |role: KeyRole| -> Result<ProvenKey> {
        let file = KEY_FILES.iter().find(|(r, _)| *r == role).map_or("", |(_, file)| *file);
        let secret = read_key(&home.keys().join(file), passphrase)?;
        Ok(proven(entry.id, role, &secret))
    };
    let keys = &entry.keys;
    let new = NewMember {
        id: entry.id,
        owner: entry.owner,
        name: entry.name.clone(),
        role: entry.role,
        location: entry.location.clone(),
        capacity: entry.capacity,
        operator: prove(KeyRole::Operator)?,
        meter: keys.meter.map(|_| prove(KeyRole::Meter)).transpose()?,
        consensus: keys.consensus.map(|_| prove(KeyRole::Consensus)).transpose()?,
        network: keys.network.iter().map(|_| prove(KeyRole::Network)).collect::<Result<_>>()?,
    };
    Ok(Change::Join(Box::new(new)))
}

/// Makes the successor of a consensus key, if there is none yet, and the change by which it takes over.
///
/// # Errors
/// The file cannot be written or read.
pub fn successor(home: &Home, member: MemberId, passphrase: Option<&Passphrase>) -> Result<Change> {
    let path = home.keys().join(NEXT_CONSENSUS_FILE);
    match write_key(&path, &random_key(), passphrase) {
        Ok(()) | Err(KeyError::Exists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let secret = read_key(&path, passphrase).with_context(|| format!("cannot use {}", path.display()))?;
    let consensus = Some(proven(member, KeyRole::Consensus, &secret));
    Ok(Change::Keys(Box::new(KeyChange { member, operator: None, meter: None, consensus, network: None })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_made_once_and_proves_itself() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        home.create().unwrap();
        let member = MemberId::parse("hub-02").unwrap();
        let change = successor(&home, member, None).unwrap();
        assert_eq!(successor(&home, member, None).unwrap(), change, "a second call keeps the key");
        let Change::Keys(keys) = change else { panic!("another change") };
        let proven = keys.consensus.unwrap();
        let message = possession_message(member, KeyRole::Consensus, &proven.key);
        assert!(proven.key.verify(&message, &proven.possession).is_ok());
    }
}
