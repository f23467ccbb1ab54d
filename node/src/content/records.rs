//! What the buyer's node has to remember: for each bid, which content it is for and with which key it is encrypted.
//!
//! One file a bid, canonical bytes, readable for the node's user only. A record is durable before its bid is sent. Losing a record loses
//! its content: nobody else has the key.

use super::cipher::ReplicaKey;
use super::error::ContentError;
use leg_ledger::codec;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, OrderId};
use leg_ledger::transaction::StorageManifest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Most bytes of a record.
const MAX_RECORD: usize = 1_024;

/// A replica that this node's member buys storage for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its bid.
    pub order: OrderId,
    /// Root of the content before encryption.
    pub plain: Hash,
    /// What is announced for it.
    pub manifest: StorageManifest,
    /// Its key.
    pub key: ReplicaKey,
    /// Height at which it was made.
    pub height: Height,
}

/// The records of one node. Calls that change them block on the disk.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
    records: Mutex<BTreeMap<OrderId, Record>>,
}

impl Records {
    /// Reads the folder, making it where it is missing.
    ///
    /// # Errors
    /// [`ContentError::Io`], and [`ContentError::Record`] for a damaged one.
    pub fn open(folder: &Path) -> Result<Self, ContentError> {
        let failed = |cause| ContentError::io(folder, cause);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|kind| kind != "record") {
                continue;
            }
            let bytes = fs::read(&path).map_err(|cause| ContentError::io(&path, cause))?;
            let record: Record = codec::decode(&bytes, MAX_RECORD).map_err(|_| ContentError::Record { path: path.clone() })?;
            records.insert(record.order, record);
        }
        Ok(Records { folder: folder.to_owned(), records: Mutex::new(records) })
    }

    /// Keeps a record durably.
    ///
    /// # Errors
    /// [`ContentError::Io`]; its bid MUST NOT be sent then.
    pub fn insert(&self, record: Record) -> Result<(), ContentError> {
        let path = self.folder.join(format!("{}.record", record.order));
        let new = path.with_extension("new");
        let failed = |cause| ContentError::io(&path, cause);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(&codec::encode(&record)).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)?;
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(record.order, record);
        Ok(())
    }

    /// The record of a bid.
    pub fn get(&self, order: OrderId) -> Option<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(&order).cloned()
    }

    /// Every record.
    pub fn all(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Forgets the record of a bid.
    ///
    /// # Errors
    /// [`ContentError::Io`].
    pub fn remove(&self, order: OrderId) -> Result<(), ContentError> {
        let path = self.folder.join(format!("{order}.record"));
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(ContentError::io(&path, cause)),
            _ => {}
        }
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(&order);
        Ok(())
    }
}
